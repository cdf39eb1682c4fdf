"""What a report's claims make of the register: each rule, and what stands against it."""

from datetime import date

import pytest
from django.db.models import Value
from django.db.models.functions import Concat

from footprints.models import Identifier, Organisation, Relationship, Release, Version
from footprints.reports import Authority, BadLine, Bond, Doubt, Label, Life, Passing, Record
from footprints.reports.claims import Absence
from footprints.reports.slots import COMMISSIONER, PCN, PCN_LOCATION
from footprints.services.entries import enter_fact
from footprints.services.merging import merge, staging
from footprints.services.releases import RECORDED, content, undo_release

AUTHORITY = Authority(
    lives=frozenset({"practice", "pcn"}),
    slots=(COMMISSIONER, PCN),
    schemes=frozenset({"postcode"}),
)
SPRING, AUTUMN, WINTER = date(2030, 4, 1), date(2030, 10, 1), date(2031, 1, 1)
OPENED = date(1974, 4, 1)


@pytest.fixture(autouse=True)
def _register(register):
    """Every report here tells of days after the bundled facts were published."""


def tell(*claims, day=SPRING, source="made", authority=AUTHORITY):
    return merge(claims, source=source, title=f"Made {day}", authority=authority, day=day)


def practice(name="THE SURGERY", code="X99001", opened_on=OPENED, closed_on=None, **more):
    return Life(1, code, more.pop("kind", "practice"), name, opened_on, closed_on, **more)


def bond(parent, opened_on=None, closed_on=None, child="X99001", slot="commissioner"):
    return Bond(1, slot, child, parent, opened_on, closed_on)


def lives(code="X99001"):
    rows = Version.objects.now().filter(organisation__code=code).order_by("opened_on")
    return [(row.name, row.opened_on, row.closed_on) for row in rows]


def places(code="X99001", **lookups):
    rows = Relationship.objects.now().filter(child__code=code, **lookups)
    rows = rows.order_by("opened_on", "parent__code")
    return [(row.parent.code, row.opened_on, row.closed_on) for row in rows]


def postcodes(code="X99001"):
    rows = Identifier.objects.now().filter(organisation__code=code, scheme="postcode")
    return [(row.value, row.opened_on, row.closed_on) for row in rows.order_by("closed_on")]


def said(release, severity="anomaly"):
    return sorted((f.topic, f.code) for f in release.findings.filter(severity=severity))


def known_now():
    return {
        model: sorted(model.objects.now().values_list(*content(model)), key=repr)
        for model in RECORDED
    }


def test_a_body_that_is_new_is_opened():
    merged = tell(practice())

    assert merged.opened == ["X99001"]
    assert lives() == [("THE SURGERY", OPENED, None)]
    assert merged.release.kind == Release.Kind.FILE
    assert merged.release.published_on == SPRING


def test_what_is_held_already_is_not_written_again():
    tell(practice(), bond("91Q", OPENED), Label(1, "X99001", "postcode", "ME1 1AA"))
    before = known_now()
    rows = Version.objects.count(), Relationship.objects.count(), Identifier.objects.count()

    again = tell(
        practice(), bond("91Q", OPENED), Label(1, "X99001", "postcode", "ME1 1AA"), day=AUTUMN
    )

    assert again.opened == []
    assert known_now() == before
    assert rows == (
        Version.objects.count(),
        Relationship.objects.count(),
        Identifier.objects.count(),
    )


def test_a_new_name_begins_on_the_reports_day_and_the_old_one_stays_for_the_days_before():
    tell(practice("OLD"))

    tell(practice("NEW"), day=AUTUMN)

    assert lives() == [("OLD", OPENED, AUTUMN), ("NEW", AUTUMN, None)]


def test_a_change_of_kind_whose_day_is_stated_begins_on_that_day():
    tell(practice("OLD"))

    tell(practice("NEW", kind="pcn", since=date(2030, 6, 1)), day=AUTUMN)

    assert lives() == [("OLD", OPENED, date(2030, 6, 1)), ("NEW", date(2030, 6, 1), None)]


def test_a_new_name_is_not_older_than_the_report_because_its_kind_is():
    tell(practice("OLD", since=date(2026, 12, 1)))

    tell(practice("NEW", since=date(2026, 12, 1)), day=AUTUMN)

    assert lives() == [("OLD", date(2026, 12, 1), AUTUMN), ("NEW", AUTUMN, None)]


def test_the_same_name_in_other_letters_is_no_news():
    tell(practice("The Surgery"))

    tell(practice("THE SURGERY"), day=AUTUMN)

    assert lives() == [("The Surgery", OPENED, None)]


def test_a_body_that_closes_closes_and_one_that_closed_before_keeps_its_name():
    tell(practice("OLD"))
    closed_on = date(2030, 7, 1)

    tell(practice("WHATEVER IT IS CALLED NOW", closed_on=closed_on), day=AUTUMN)

    assert lives() == [("OLD", OPENED, closed_on)]


def test_a_body_that_was_closed_by_mistake_is_open_again():
    tell(practice(closed_on=date(2030, 3, 1)))

    tell(practice(), day=AUTUMN)

    assert lives() == [("THE SURGERY", OPENED, None)]


def test_a_body_that_opens_anew_has_a_second_life():
    tell(practice(closed_on=date(2020, 3, 1)))

    tell(practice(opened_on=date(2030, 9, 1)), day=AUTUMN)

    assert lives() == [
        ("THE SURGERY", OPENED, date(2020, 3, 1)),
        ("THE SURGERY", date(2030, 9, 1), None),
    ]


def test_a_source_corrects_its_own_first_day_and_no_other_sources():
    tell(practice())

    other = tell(practice(opened_on=date(1980, 1, 1)), day=AUTUMN, source="other")
    assert lives() == [("THE SURGERY", OPENED, None)]
    assert said(other.release) == [("operational day differs from the legal one", "X99001")]

    tell(practice(opened_on=date(1980, 1, 1)), day=WINTER)
    assert lives() == [("THE SURGERY", date(1980, 1, 1), None)]


def test_what_a_person_entered_stands_and_the_difference_is_shown(django_user_model):
    tell(practice("OLD"))
    held = Version.objects.now().get(organisation__code="X99001")
    steward = django_user_model.objects.create_user("x", password="x")
    corrected = Version(
        organisation=held.organisation, kind=held.kind, name="BY HAND", opened_on=OPENED
    )
    enter_fact(corrected, by=steward, replaces=held)

    merged = tell(practice("NEW"), day=AUTUMN)

    assert lives() == [("BY HAND", OPENED, None)]
    assert said(merged.release) == [("the register holds otherwise", "X99001")]


def test_older_news_than_the_register_holds_changes_nothing_and_is_shown():
    # U00070 is in the bundled facts, whose news is of November 2026.
    before = known_now()

    merged = tell(
        Life(1, "U00070", "pcn", "ANOTHER NAME", date(2019, 7, 1), date(2022, 1, 1)),
        Bond(2, "pcn location", "U00070", "91Q", date(2019, 7, 1)),
        day=date(2022, 6, 1),
        authority=Authority(
            lives=frozenset({"pcn"}),
            slots=(PCN_LOCATION,),
        ),
    )

    assert known_now() == before
    topics = {topic for topic, _ in said(merged.release)}
    assert "the register holds otherwise" in topics


def test_a_place_with_its_days_ends_the_place_before_it():
    tell(practice(), bond("00C", date(2013, 4, 1)))

    tell(practice(), bond("16C", date(2020, 4, 1)), day=AUTUMN)

    assert places() == [
        ("00C", date(2013, 4, 1), date(2020, 4, 1)),
        ("16C", date(2020, 4, 1), None),
    ]


def test_a_place_without_its_first_day_begins_on_the_reports_day_where_it_is_new():
    tell(practice(), bond("00C", date(2013, 4, 1)))

    tell(bond("16C"), day=AUTUMN)

    assert places() == [("00C", date(2013, 4, 1), AUTUMN), ("16C", AUTUMN, None)]


def test_a_place_without_its_first_day_confirms_what_is_held():
    tell(practice(), bond("00C", date(2013, 4, 1)))

    tell(bond("00C"), day=AUTUMN)

    assert places() == [("00C", date(2013, 4, 1), None)]


def test_a_place_whose_days_are_stated_anew_replaces_what_was_seen():
    tell(practice(), bond("16C"))

    tell(bond("16C", date(2020, 4, 1), date(2030, 9, 1)), day=AUTUMN)

    assert places() == [("16C", date(2020, 4, 1), date(2030, 9, 1))]


def test_two_places_at_once_in_one_report_both_stand_and_are_an_anomaly():
    tell(practice())

    merged = tell(
        bond("U00070", OPENED, slot="pcn"), bond("U00147", OPENED, slot="pcn"), day=AUTUMN
    )

    assert places(type="member_of") == [("U00070", OPENED, None), ("U00147", OPENED, None)]
    assert ("practice in two PCNs", "X99001") in said(merged.release)


def test_places_of_another_sort_are_left_alone():
    tell(practice(), bond("16C", OPENED), bond("U00070", OPENED, slot="pcn"))

    tell(bond("U00147", AUTUMN, slot="pcn"), day=AUTUMN)

    assert places(type="part_of") == [("16C", OPENED, None)]
    assert places(type="member_of") == [("U00070", OPENED, AUTUMN), ("U00147", AUTUMN, None)]


def test_a_line_without_a_body_to_stand_on_is_not_placed():
    merged = tell(
        practice(),
        bond("12G", OPENED),
        bond("16C", OPENED, child="X99999"),
        bond("X99001", OPENED),
        bond("U00070", OPENED),
        Label(5, "X99998", "postcode", "ME1 1AA"),
        BadLine(6, "'20301301' is no date", "X99997"),
        practice("AGAIN"),
        practice("NO CODE", code="X" * 30),
        practice("A NAME " * 40, code="X99995"),
        practice("ENDS FIRST", code="X99996", closed_on=date(1970, 1, 1)),
    )

    assert places() == []
    assert not Organisation.objects.filter(code__in=["X99999", "X99998", "X99996"]).exists()
    assert said(merged.release, "unplaced") == [
        ("line that could not be read", "X99995"),
        ("line that could not be read", "X99996"),
        ("line that could not be read", "X99997"),
        ("line that could not be read", "X" * 20),
        ("parent of another kind", "U00070"),
        ("self-link", "X99001"),
        ("unknown organisation", "12G"),
        ("unknown organisation", "X99998"),
        ("unknown organisation", "X99999"),
    ]


def test_a_postcode_holds_for_the_days_before_until_another_one_is_seen():
    tell(practice(), Label(1, "X99001", "postcode", "ME1 1AA"))
    assert postcodes() == [("ME1 1AA", None, None)]

    tell(Label(1, "X99001", "postcode", "ME2 2BB"), day=AUTUMN)
    assert postcodes() == [("ME1 1AA", None, AUTUMN), ("ME2 2BB", AUTUMN, None)]


def test_a_report_that_is_taken_in_parts_says_the_same(monkeypatch):
    """Each list of claims is written before the next one is read."""
    claims = [
        # Before its body, which comes in another part; and twice, as a line may be.
        Label(1, "X99009", "postcode", "ME1 1AZ"),
        Label(1, "X99099", "postcode", "ME1 1AY"),
    ]
    for line in range(1, 10):
        code = f"X9900{line}"
        claims += [
            Life(line, code, "practice", f"SURGERY {line}", OPENED),
            Bond(line, "commissioner", code, "91Q", OPENED),
            Label(line, code, "postcode", f"ME1 {line}AA"),
        ]
    claims += [
        Life(20, "X99001", "practice", "ANOTHER NAME", OPENED),
        Label(20, "X99001", "postcode", "ME1 1AX"),
        Record(21, "X99098", OPENED),
    ]

    def told():
        merged = tell(*claims)
        rows = [
            (row.line, row.severity, row.topic, row.code, row.text)
            for row in merged.release.findings.all()
        ]
        return merged, known_now(), sorted(rows), dict(merged.read)

    whole, facts, findings, read = told()
    codes = dict(Organisation.objects.values_list("pk", "code"))
    undo_release(whole.release)
    Organisation.objects.filter(code__startswith="X990").update(code=Concat("code", Value("Z")))
    monkeypatch.setattr(staging, "BATCH", 1)
    monkeypatch.setattr(staging, "TOGETHER", 2)

    parts, facts_of_parts, findings_of_parts, read_of_parts = told()

    assert [row[1:4] for row in findings] == [
        ("unplaced", "unknown organisation", "X99099"),
        ("unplaced", "named twice", "X99001"),
        ("unplaced", "unknown organisation", "X99098"),
    ]
    assert findings_of_parts == findings
    assert read_of_parts == read
    assert sorted(parts.opened) == sorted(whole.opened) == [f"X9900{n}" for n in range(1, 10)]
    codes_of_parts = dict(Organisation.objects.values_list("pk", "code"))
    for model, named in ((Version, "organisation_id"), (Identifier, "organisation_id")):
        at = content(model).index(named)

        def by_code(rows, codes, at=at):
            return sorted(((codes[row[at]], *row[:at], *row[at + 1 :]) for row in rows), key=repr)

        assert by_code(facts_of_parts[model], codes_of_parts) == by_code(facts[model], codes)
    assert postcodes("X99009") == [("ME1 1AZ", None, None)]
    assert lives("X99001") == [("SURGERY 1", OPENED, None)]
    assert places("X99004") == [("91Q", OPENED, None)]


def test_a_record_outside_the_reports_authority_is_compared_and_never_written():
    before = known_now()

    merged = tell(
        Record(1, "13T", date(2014, 11, 26)),
        Record(2, "99999", None),
        Life(3, "00C", "ccg", "ANY NAME", date(2013, 4, 1), date(2020, 6, 1)),
    )

    assert known_now() == before
    assert said(merged.release) == [
        ("operational day differs from the legal one", "00C"),
        ("operational day differs from the legal one", "13T"),
    ]
    assert said(merged.release, "unplaced") == [("unknown organisation", "99999")]


def test_doubts_of_the_reader_are_kept_and_successions_handed_on():
    passing = Passing(3, "00C", "16C", date(2020, 4, 1))

    merged = tell(practice(), Doubt(2, "filler date", "opened in 1900", "X99001"), passing)

    assert said(merged.release) == [("filler date", "X99001")]
    assert merged.passings == [("00C", "16C", date(2020, 4, 1))]
    assert merged.read == {"life": 1, "doubt": 1, "passing": 1, "lines": 3}


def test_a_body_the_source_no_longer_names_is_shown_and_stays_open():
    tell(practice(), practice(code="X99002"))

    merged = tell(practice(), day=AUTUMN)

    assert lives("X99002") == [("THE SURGERY", OPENED, None)]
    assert said(merged.release) == [("no longer named", "X99002")]


def test_a_body_is_closed_where_absence_means_that_it_is_gone():
    gone = Authority(lives=AUTHORITY.lives, absence=Absence.GONE)
    tell(practice(), practice(code="X99002"), authority=gone)

    tell(practice(), day=AUTUMN, authority=gone)

    assert lives("X99002") == [("THE SURGERY", OPENED, AUTUMN)]
    assert lives() == [("THE SURGERY", OPENED, None)]


def test_a_commissioner_that_loses_its_last_practice_is_an_anomaly():
    tell(practice(), bond("X99900", OPENED, slot="pcn"), practice(code="X99900", kind="pcn"))

    merged = tell(bond("U00070", AUTUMN, slot="pcn"), day=AUTUMN)

    assert ("open without live members", "X99900") in said(merged.release)


def test_undoing_reports_in_reverse_restores_what_was_known():
    states = [known_now()]
    releases = []
    for day, claims in (
        (SPRING, [practice("OLD"), bond("00C", OPENED), Label(1, "X99001", "postcode", "A1 1AA")]),
        (AUTUMN, [practice("NEW"), bond("16C"), Label(1, "X99001", "postcode", "B1 1BB")]),
        (WINTER, [practice("NEW", closed_on=WINTER), bond("16C", AUTUMN, WINTER)]),
    ):
        releases.append(tell(*claims, day=day).release)
        states.append(known_now())

    for release, before, after in zip(
        reversed(releases), reversed(states[:-1]), reversed(states[1:]), strict=True
    ):
        assert known_now() == after
        undo_release(release)
        assert known_now() == before
