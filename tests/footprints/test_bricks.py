"""A data supplier's bricks in the register: what a file says, may not say, and ends."""

from datetime import date

import pytest

from footprints.models import Organisation, Proposal, Relationship, Reorganisation, Version
from footprints.services.receiving import CannotApply, preview_report
from footprints.services.releases import undo_release
from footprints.tiles import map_of, places_on
from tests import factories as make
from tests.footprints.test_receiving import practices, receive, take_in

DAY = date(2026, 11, 1)
LATER = date(2027, 2, 1)
HEADER = "Brick code,Brick name,Practice code,Location code\n"
LEEDS, WAKEFIELD = "15F", "03R"


@pytest.fixture(autouse=True)
def _register(register, tmp_path, settings):
    """Files of a test are kept apart, and go with it."""
    reports = {**settings.STORAGES["reports"], "OPTIONS": {"location": tmp_path / "reports"}}
    settings.STORAGES = {**settings.STORAGES, "reports": reports}


@pytest.fixture
def surgeries(_register):
    """Three practices of Leeds and one of Wakefield, by code."""
    places = dict.fromkeys(["B86001", "B86002", "B86003"], LEEDS) | {"B87001": WAKEFIELD}
    for code, location in places.items():
        practice = make.body(code, kind_code="practice", name=f"Surgery {code}")
        parent = Organisation.objects.get(code=location)
        make.relationship(child=practice, parent=parent, opened_on=date(2020, 4, 1))


def bricks(*rows: str) -> bytes:
    return (HEADER + "".join(f"{row}\n" for row in rows)).encode()


def keys(*codes):
    return [Organisation.objects.get(code=code).pk for code in codes]


def held(day=DAY, **lookups) -> set[tuple[str, str, str]]:
    """(child, type, parent) of what hangs on a brick on the day."""
    rows = Relationship.objects.now().on(day).filter(**lookups)
    of_bricks = Version.objects.filter(kind="brick").values("organisation")
    found = rows.filter(parent__in=of_bricks) | rows.filter(child__in=of_bricks)
    return set(found.values_list("child__code", "type", "parent__code"))


def live(day=DAY) -> dict[str, str]:
    rows = Version.objects.now().on(day).filter(kind="brick")
    return dict(rows.values_list("organisation__code", "name"))


def said(release) -> list[tuple]:
    return list(release.findings.order_by("line", "topic").values_list("line", "topic", "text"))


NORTH = ("LS01,Leeds North,B86001,15F", "LS01,Leeds North,B86002,15F")
SOUTH = ("LS02,Leeds South,B86003,",)


@pytest.mark.usefixtures("surgeries")
def test_bricks_live_and_hold_their_practices():
    release = take_in(bricks(*NORTH, *SOUTH), about_on=DAY)

    assert live() == {"LS01": "Leeds North", "LS02": "Leeds South"}
    assert held() == {
        ("B86001", "member_of", "LS01"),
        ("B86002", "member_of", "LS01"),
        ("B86003", "member_of", "LS02"),
        ("LS01", "lies_in", "15F"),
    }
    assert said(release) == []


def test_a_file_without_days_asks_for_its_day():
    report = preview_report(receive(bricks(*NORTH)))

    assert (report.state, report.error) == (
        "refused",
        "Nothing in the file says which day it tells of: please say it.",
    )


def test_a_file_that_names_no_brick_is_refused_and_ends_none():
    take_in(bricks("LS09,Leeds Infirmary,,15F"), about_on=DAY)

    with pytest.raises(CannotApply, match="names no brick"):
        take_in(bricks(), about_on=LATER)

    assert live(LATER) == {"LS09": "Leeds Infirmary"}


@pytest.mark.usefixtures("surgeries")
def test_what_a_later_file_no_longer_names_is_gone():
    first = take_in(bricks(*NORTH, *SOUTH), about_on=DAY)
    second = take_in(bricks("LS03,Leeds Centre,B86003,", *NORTH[:1]), about_on=LATER)

    assert live() == {"LS01": "Leeds North", "LS02": "Leeds South"}
    assert live(LATER) == {"LS01": "Leeds North", "LS03": "Leeds Centre"}
    assert held(LATER) == {
        ("B86001", "member_of", "LS01"),
        ("B86003", "member_of", "LS03"),
        ("LS01", "lies_in", "15F"),
    }
    assert ("B86002", "member_of", "LS01") in held()
    assert said(second) == [
        (
            None,
            "no longer named",
            "LS02 was named by this source before, and is missing now: taken as closed",
        )
    ]
    undo_release(second)
    assert live(LATER) == {"LS01": "Leeds North", "LS02": "Leeds South"}
    assert ("B86002", "member_of", "LS01") in held(LATER)

    undo_release(first)
    assert live(LATER) == {}
    assert held(LATER) == set()


@pytest.mark.usefixtures("surgeries")
def test_how_a_supplier_draws_its_bricks_anew_is_no_news_of_the_nhs():
    """Practices that all left one PCN for another would make a proposal."""
    before = Reorganisation.objects.count(), Proposal.objects.count()
    for code, location, day in (("LS01", LEEDS, DAY), ("LS02", WAKEFIELD, LATER)):
        rows = (
            f"{code},Leeds,{practice},{location}" for practice in "B86001 B86002 B86003".split()
        )
        take_in(bricks(*rows), about_on=day)

    assert (Reorganisation.objects.count(), Proposal.objects.count()) == before


@pytest.mark.usefixtures("surgeries")
def test_what_stands_in_a_line_that_cannot_be_read_is_not_gone():
    take_in(bricks(*NORTH, *SOUTH), about_on=DAY)
    take_in(bricks(*NORTH, "LS02,,B86003,"), about_on=LATER)

    assert live(LATER) == {"LS01": "Leeds North", "LS02": "Leeds South"}
    assert ("B86003", "member_of", "LS02") in held(LATER)


@pytest.mark.usefixtures("surgeries")
def test_a_body_of_the_nhs_is_never_made_a_brick():
    release = take_in(
        bricks("15F,Leeds,,", "B86002,Moor Lane,B86003,15F", *NORTH[:1]), about_on=DAY
    )

    assert live() == {"LS01": "Leeds North"}
    assert held() == {("B86001", "member_of", "LS01"), ("LS01", "lies_in", "15F")}
    now = Version.objects.now().on(DAY).filter(organisation__code__in=["15F", "B86002"])
    assert set(now.values_list("kind", flat=True)) == {"sub_icb", "practice"}
    assert (
        Relationship.objects.now()
        .on(DAY)
        .filter(child__code="B86002", type="part_of", parent__code="15F")
    )
    topics = [(line, topic) for line, topic, _ in said(release)]
    assert topics == [
        (2, "code of another body"),
        (3, "code of another body"),
        (3, "parent of another kind"),
    ]
    assert said(release)[1][2] == (
        "B86002 belongs to Surgery B86002 (Practice) in the register: it is not taken for "
        "Moor Lane (Supplier brick)"
    )


def test_a_practice_of_a_later_report_does_not_take_the_code_of_a_brick():
    take_in(bricks("G99001,Medway Towns,,"), about_on=date(2020, 4, 1))

    release = take_in(practices({"code": "G99001"}, {"code": "G99002"}), about_on=date(2020, 5, 1))

    assert live(DAY) == {"G99001": "Medway Towns"}
    assert [topic for _, topic, _ in said(release)] == ["code of another body"]
    assert not Relationship.objects.filter(child__code="G99001").exists()
    assert not Organisation.objects.get(code="G99001").identifiers.exists()
    assert Relationship.objects.filter(child__code="G99002").exists()


@pytest.mark.usefixtures("surgeries")
def test_what_is_no_practice_is_in_no_brick():
    release = take_in(
        bricks(
            "LS01,Leeds North,QWO,15F", "LS01,Leeds North,X99999,15F", "LS02,South,B86001,B86002"
        ),
        about_on=DAY,
    )

    assert held() == {("LS01", "lies_in", "15F"), ("B86001", "member_of", "LS02")}
    assert said(release) == [
        (2, "child of another kind", "QWO was never the kind of body that is in such as LS01"),
        (3, "unknown organisation", "X99999 is not in the register, so it is placed nowhere"),
        (
            4,
            "parent of another kind",
            "B86002, where LS02 is, was never the kind of body that has such members",
        ),
    ]


def test_a_practice_that_comes_to_be_known_later_is_in_its_brick():
    take_in(bricks("ME01,Medway,G99001,"), about_on=date(2020, 5, 1))
    assert held() == set()

    take_in(practices({"code": "G99001"}), about_on=date(2020, 6, 1))

    assert held() == {("G99001", "member_of", "ME01")}


@pytest.mark.usefixtures("surgeries")
def test_a_brick_stands_where_it_lies_else_amid_its_practices_else_nowhere():
    take_in(
        bricks(
            "B1,Of Leeds,B86001,15F",
            "B2,Of two,B86002,",
            "B2,Of two,B87001,",
            "B3,Of nobody,,",
        ),
        about_on=DAY,
    )

    tiles = map_of(DAY, ["brick"])
    leeds, wakefield = (places_on(keys(code), DAY).popitem()[1] for code in (LEEDS, WAKEFIELD))

    assert {tile.code for tile in tiles.tiles} == {"B1", "B2"}
    assert [unit[1] for unit in tiles.unplaced] == ["B3"]
    of_leeds, of_two = keys("B1", "B2")
    found = places_on([of_leeds, of_two], DAY)
    assert found[of_leeds] == leeds
    assert found[of_two] == pytest.approx(
        tuple((one + other) / 2 for one, other in zip(leeds, wakefield, strict=True))
    )
