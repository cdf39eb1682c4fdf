"""The flow of successions: what it draws, how wide, and that nothing lies on anything else."""

from datetime import date
from itertools import combinations

import pytest

from footprints import timeline
from footprints.lives import Lives
from footprints.models import Organisation, Reorganisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")


def picture_of(code):
    key = Organisation.objects.get(code=code).pk
    flows = timeline.flows_of(key)
    keys = {key, *(r.predecessor_id for r in flows), *(r.successor_id for r in flows)}
    return timeline.draw(flows, Lives(keys), {key})


def picture_of_event(event):
    rows = list(event.successions.now().select_related("reorganisation"))
    keys = {*(r.predecessor_id for r in rows), *(r.successor_id for r in rows)}
    return timeline.draw(rows, Lives(keys))


def overlap(one, other):
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height - 0.01
        and other.y < one.y + one.height - 0.01
    )


def test_eight_predecessors_flow_into_one_and_its_change_of_nature_follows():
    picture = picture_of("91Q")

    assert [mark.label for mark in picture.marks] == ["1 Apr 2020", "1 Jul 2022"]
    first = [box for box in picture.boxes if box.x < 10]
    assert {box.code for box in first} == set("09C 09E 09J 09W 10A 10D 10E 99J".split())
    merged, location = sorted((b for b in picture.boxes if b.code == "91Q"), key=lambda b: b.x)
    assert (merged.kind, location.kind) == ("CCG", "Sub-ICB location")
    assert merged.height == pytest.approx(sum(box.height for box in first))
    assert [box.code for box in picture.boxes if not box.is_subject and box.x > 300] == ["QKS"]
    assert [band.css for band in picture.bands if "functions" in band.css] == [
        "flow-functions flow-decided"
    ]


def test_a_split_three_ways_is_as_wide_as_its_shares():
    picture = picture_of("QNQ")

    assert {band.label for band in picture.bands if band.label} == {"59%", "23%", "18%"}
    says = [band.says for band in picture.bands]
    assert "QNQ → S0E4D: 59%, 1 April 2026" in says


def test_a_single_predecessor_is_drawn_and_a_body_without_any_is_not():
    old, new = (
        factories.body("ZZA", closed_on=factories.DAY),
        factories.body("ZZB", opened_on=factories.DAY),
    )
    factories.succession(predecessor=old, successor=new, share=1)

    assert [box.code for box in picture_of("ZZB").boxes] == ["ZZA", "ZZB"]
    factories.body("ZZC")
    assert picture_of("ZZC") is None


def test_a_closure_without_a_successor_has_no_picture():
    body = factories.body("ZZA", closed_on=factories.DAY)
    factories.succession(predecessor=body, successor=None)

    assert picture_of("ZZA") is None


def test_what_is_not_decided_is_dashed_and_what_is_dropped_is_left_out():
    picture = picture_of("QHL")

    assert [band.css for band in picture.bands if "undecided" in band.css] == ["flow-undecided"]
    assert [box.code for box in picture.boxes if box.is_provisional] == ["P-QHL-QUA"]

    Reorganisation.objects.filter(slug="p-qhl-qua-2027-04-01").update(state="rejected")

    assert not [box for box in picture_of("QHL").boxes if box.is_provisional]


def test_a_survivor_goes_on_beside_what_it_gains():
    picture = picture_of("QRL")

    boxes = sorted((box for box in picture.boxes if box.code == "QRL"), key=lambda box: box.x)
    assert len(boxes) == 3
    assert boxes[2].height > boxes[1].height


def test_unknown_shares_are_drawn_in_equal_parts_and_marked():
    picture = picture_of_event(
        Reorganisation.objects.get(successions__predecessor__code="QMM", effective_on="2026-04-01")
    )

    unknown = [band for band in picture.bands if "flow-unknown" in band.css]
    assert [band.label for band in unknown] == ["?"] * 4


def test_no_box_lies_on_another_in_any_event():
    for event in Reorganisation.objects.all():
        picture = picture_of_event(event)
        if picture is None:
            continue
        assert not [
            (one.code, other.code)
            for one, other in combinations(picture.boxes, 2)
            if overlap(one, other)
        ], event.slug
        assert all(box.x >= 0 and box.x + box.width <= picture.width for box in picture.boxes)
        assert all(box.y >= 0 and box.y + box.height <= picture.height for box in picture.boxes)


def merger_of(number, *, day=factories.DAY, code="ZN"):
    """So many bodies that merge into one; return the one."""
    new = factories.body(code, opened_on=day)
    event = factories.reorganisation(effective_on=day)
    release = factories.release()
    for n in range(number):
        old = factories.body(f"{code}{n:03}", closed_on=day, asserted_by=release)
        factories.succession(
            reorganisation=event, predecessor=old, successor=new, share=1, asserted_by=release
        )
    return new


def test_thirty_predecessors_stand_in_one_line_each_and_nothing_overlaps():
    merger_of(30)

    picture = picture_of("ZN")

    assert len(picture.boxes) == 31
    assert all(box.is_dense for box in picture.boxes)
    assert picture.height < 30 * 30
    assert picture.folded == 0
    assert not [pair for pair in combinations(picture.boxes, 2) if overlap(*pair)]
    first = picture.boxes[0]
    assert first.code_y == first.name_y
    assert first.name_x > first.text_x


def test_more_than_can_be_told_apart_are_folded_and_named_in_the_title():
    merger_of(60)

    picture = picture_of("ZN")

    (fold,) = [box for box in picture.boxes if box.folded]
    assert (fold.code, fold.folded, fold.address) == ("+24", 24, "")
    assert "ZN059" in fold.says
    assert picture.folded == 24
    assert len(picture.boxes) == 36 + 1 + 1
    assert not [pair for pair in combinations(picture.boxes, 2) if overlap(*pair)]


def test_a_flow_keeps_the_nearest_of_very_many():
    new = merger_of(timeline.MOST + 20)
    factories.succession(
        reorganisation=factories.reorganisation(effective_on=date(2010, 4, 1)),
        predecessor=factories.body("ZFAR", opened_on=None, closed_on=date(2010, 4, 1)),
        successor=Organisation.objects.get(code="ZN000"),
        share=1,
    )

    flow = timeline.flows_of(new.pk)

    assert flow.is_cut
    assert len(flow.rows) == timeline.MOST + 1
    assert {row.successor_id for row in flow} == {new.pk}


def test_a_chain_over_three_reorganisations_fits_the_page():
    days = [date(2015, 4, 1), date(2018, 4, 1), date(2021, 4, 1)]
    bodies = [
        factories.body(f"ZC{n}", opened_on=opened_on, closed_on=closed_on)
        for n, (opened_on, closed_on) in enumerate(
            zip([date(2013, 4, 1), *days], [*days, None], strict=True)
        )
    ]
    for day, old, new in zip(days, bodies, bodies[1:], strict=False):
        factories.succession(
            reorganisation=factories.reorganisation(effective_on=day),
            predecessor=old,
            successor=new,
            share=1,
        )

    picture = picture_of("ZC1")

    assert [box.code for box in sorted(picture.boxes, key=lambda box: box.x)] == [
        "ZC0",
        "ZC1",
        "ZC2",
        "ZC3",
    ]
    assert picture.width <= 826


def test_what_came_into_a_body_after_it_gave_a_part_away_never_reached_there():
    first, second = date(2018, 4, 1), date(2021, 4, 1)
    giver = factories.body("ZG")
    taker = factories.body("ZT", opened_on=first)
    factories.succession(
        reorganisation=factories.reorganisation(effective_on=first),
        predecessor=giver,
        successor=taker,
        share="0.25",
    )
    factories.succession(
        reorganisation=factories.reorganisation(effective_on=second),
        predecessor=factories.body("ZL", closed_on=second),
        successor=giver,
        share=1,
    )

    assert "ZL" not in {box.code for box in picture_of("ZT").boxes}
    assert "ZL" in {box.code for box in picture_of("ZG").boxes}


def test_a_circle_of_successions_ends():
    one, two = factories.body("Z1"), factories.body("Z2")
    event = factories.reorganisation()
    factories.succession(reorganisation=event, predecessor=one, successor=two, share="0.5")
    factories.succession(reorganisation=event, predecessor=two, successor=one, share="0.5")

    assert len(timeline.flows_of(one.pk).rows) == 2
    assert picture_of("Z1") is not None


def test_an_unknown_share_is_hatched_and_said():
    old = factories.body("ZZA", closed_on=factories.DAY)
    event = factories.reorganisation(kind="split")
    for code in ("ZZB", "ZZC"):
        factories.succession(
            reorganisation=event,
            predecessor=old,
            successor=factories.body(code, opened_on=factories.DAY),
            share=None,
        )

    picture = picture_of("ZZA")

    assert picture.has_unknown
    assert all(band.is_hatched for band in picture.bands)
    assert {band.label for band in picture.bands} == {"?"}
