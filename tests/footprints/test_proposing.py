"""What members that moved suggest: made-up bodies, and a split like Frimley's."""

from datetime import date
from decimal import Decimal

import pytest

from footprints.models import Organisation, Relationship, Reorganisation
from footprints.proposing import evaluate, evidence, of_passings, suggest
from tests import factories as make
from tests.footprints import practices
from tests.footprints.practices import BEFORE, DAY, LONG_AGO, Register


@pytest.fixture
def register_of_ccgs(empty_register):
    return Register()


def told(**options):
    """What is suggested, in short: kind, day, pairs of codes, confidence."""
    codes = dict(Organisation.objects.values_list("pk", "code"))
    return [
        (s.kind, s.day, {(codes[old], codes[new]) for old, new in s.pairs}, s.confidence)
        for s in suggest(**options)
    ]


def only(**options):
    (suggestion,) = suggest(**options)
    return suggestion


# --- What a movement amounts to -----------------------------------------------------------------


def test_two_that_close_and_whose_members_sit_in_a_new_one_merged(register_of_ccgs):
    nhs = register_of_ccgs
    one, two = nhs.body("ONE", closed_on=DAY), nhs.body("TWO", closed_on=DAY)
    new = nhs.body("NEW", opened_on=DAY)
    members = [*nhs.join(one, 4), *nhs.join(two, 6)]
    nhs.move(members, new, published_on=date(2020, 6, 1), joined_on=DAY)

    assert told() == [("merger", DAY, {("ONE", "NEW"), ("TWO", "NEW")}, Decimal(1))]
    assert only().title == "NEW CCG: two CCGs merge"


def test_one_that_closes_into_one_that_lived_is_absorbed(register_of_ccgs):
    nhs = register_of_ccgs
    old, survivor = nhs.body("OLD", closed_on=DAY), nhs.body("LIV")
    nhs.join(survivor, 20)
    nhs.move(nhs.join(old, 4), survivor, date(2020, 6, 1))

    # Its last day alone tells the day: the file says nothing of it.
    assert told() == [("absorption", DAY, {("OLD", "LIV")}, Decimal("0.8"))]


def test_one_whose_members_sit_in_one_new_body_was_given_another_code(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    nhs.move(nhs.join(old, 5), new)

    assert told() == [("rename", DAY, {("OLD", "NEW")}, Decimal(1))]
    assert only().title == "OLD CCG is NEW from now on"


def test_one_whose_members_part_was_split_by_the_members_that_went_each_way(register_of_ccgs):
    nhs = register_of_ccgs
    old = nhs.body("OLD", closed_on=DAY)
    east, west = nhs.body("EST", opened_on=DAY), nhs.body("WST", opened_on=DAY)
    members = nhs.join(old, 10)
    nhs.move(members[:7], east)
    nhs.move(members[7:], west)

    split = only()
    (passage,) = split.passages

    assert (split.kind, split.title) == ("split", "OLD CCG splits in two")
    assert [(went.new, passage.share(went)) for went in passage.went] == [
        (east.pk, Decimal("0.7")),
        (west.pk, Decimal("0.3")),
    ]
    assert {passage.people_share(went) for went in passage.went} == {None}


def test_shares_by_people_where_all_the_members_were_counted(register_of_ccgs):
    nhs = register_of_ccgs
    old = nhs.body("OLD", kind="icb", closed_on=DAY)
    east, west = (nhs.body(c, kind="icb", opened_on=DAY) for c in ("EST", "WST"))
    one, two, three = nhs.join(old, 3, kind="sub_icb")
    for member, people in ((one, 100), (two, 300), (three, 600)):
        make.population(organisation=member, people=people, boundary_on=BEFORE)
        make.population(organisation=member, people=7, boundary_on=DAY)  # on the new boundary
    nhs.move([one, two], east)
    nhs.move([three], west)

    (passage,) = only().passages

    assert {w.new: passage.people_share(w) for w in passage.went} == {
        east.pk: Decimal("0.4"),
        west.pk: Decimal("0.6"),
    }


def test_a_body_that_nobody_closed_has_emptied(register_of_ccgs):
    nhs = register_of_ccgs
    old, survivor = nhs.body("OLD"), nhs.body("LIV")
    members = nhs.join(old, 10)
    nhs.move(members[:8], survivor, date(2022, 1, 1))

    suggestion = only()
    (passage,) = suggestion.passages

    assert (suggestion.kind, passage.how) == ("absorption", "emptied")
    # Nothing tells the day: they were seen there on the day of a file.
    assert suggestion.day == date(2022, 1, 1)
    assert (passage.day.told_by, passage.day.seen_on) == ((), BEFORE)
    assert suggestion.confidence == Decimal("0.480")  # 8 of 10 × 0.6
    (entry,) = evidence.written([suggestion])[suggestion.slug]
    assert evidence.the_day(entry) == (
        "the day itself is not known: between 1 December 2019 and 1 January 2022."
    )


def test_two_bodies_of_one_name_are_told_apart_by_their_codes(register_of_ccgs):
    nhs = register_of_ccgs
    old, other = (nhs.body(code, name="NHS Humber CCG") for code in ("OLD", "OTH"))
    nhs.move(nhs.join(old, 20)[:5], other, date(2021, 7, 1), joined_on=DAY)

    assert only().title == "5 practices move from Humber OLD to Humber OTH"


def test_a_body_that_others_join_later_has_not_emptied(register_of_ccgs):
    nhs = register_of_ccgs
    old, survivor = nhs.body("OLD"), nhs.body("LIV")
    nhs.move(nhs.join(old, 10)[:8], survivor, date(2022, 1, 1))
    nhs.join(old, 1, opened_on=date(2022, 6, 1))

    assert told()[0][0] == "transfer_of_members"


def test_a_body_that_goes_on_without_a_real_part_transferred_members(register_of_ccgs):
    nhs = register_of_ccgs
    old, other = nhs.body("OLD"), nhs.body("OTH")
    nhs.move(nhs.join(old, 20)[:5], other, date(2021, 7, 1), joined_on=DAY)

    suggestion = only()
    (passage,) = suggestion.passages

    assert (suggestion.kind, suggestion.day) == ("transfer_of_members", DAY)
    assert suggestion.title == "5 practices move from OLD to OTH"
    assert passage.how == "parted"
    assert passage.share(passage.went[0]) == Decimal("0.25")
    assert not passage.ended


@pytest.mark.parametrize(("number", "of"), [(2, 10), (3, 31), (1, 4)])
def test_single_members_that_move_are_no_event(register_of_ccgs, number, of):
    nhs = register_of_ccgs
    old, other = nhs.body("OLD"), nhs.body("OTH")
    nhs.move(nhs.join(old, of)[:number], other)

    assert told() == []


def test_a_stray_of_a_body_that_closes_is_no_successor(register_of_ccgs):
    nhs = register_of_ccgs
    old, other = nhs.body("OLD", closed_on=DAY), nhs.body("OTH")
    new = nhs.body("NEW", opened_on=DAY)
    members = nhs.join(old, 20)
    nhs.move(members[:19], new)
    nhs.move(members[19:], other)

    suggestion = only()

    assert [went.new for went in suggestion.passages[0].went] == [new.pk]
    assert suggestion.confidence == Decimal("0.950")  # 19 of 20 went where it says
    assert [member.key for member in suggestion.passages[0].strays] == [members[19].pk]


def test_members_that_close_with_their_body_lower_the_confidence(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    members = nhs.join(old, 10)
    nhs.move(members[:6], new)

    assert told()[0][3] == Decimal("0.600")
    assert len(only().passages[0].lost) == 4


def test_a_closure_of_which_hardly_anything_is_known_is_not_suggested(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    nhs.move(nhs.join(old, 10)[:1], new)

    assert told() == []


def test_days_that_contradict_each_other_lower_the_confidence(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=date(2021, 4, 1))
    nhs.move(nhs.join(old, 5), new, date(2022, 1, 1))

    assert (told()[0][1], told()[0][3]) == (DAY, Decimal("0.500"))


def test_members_that_leave_within_a_month_left_together(register_of_ccgs):
    """Files name the first day, the last, or the day of the month's report."""
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    members = nhs.join(old, 9)
    for number, day in enumerate([date(2020, 3, 31), DAY, date(2020, 4, 20)]):
        nhs.move(members[number::3], new, date(2020, 6, 1), joined_on=day)

    ((kind, day, pairs, confidence),) = told()

    assert (kind, day, pairs, confidence) == ("rename", DAY, {("OLD", "NEW")}, Decimal(1))


# --- What is no reorganisation, or is known ----------------------------------------------------


def test_a_kept_code_that_only_changes_its_kind_is_not_suggested(register_of_ccgs):
    nhs = register_of_ccgs
    body = nhs.body("OLD", closed_on=DAY)
    make.version(body, kind_code="sub_icb", name="NHS OLD ICB", opened_on=DAY)
    members = nhs.join(body, 5)
    nhs.move(members, body)  # the record of each is renewed

    assert told() == []


def test_a_record_that_is_renewed_is_no_move(register_of_ccgs):
    nhs = register_of_ccgs
    body = nhs.body("OLD")
    members = nhs.join(body, 5)
    nhs.move(members, None)
    for member in members:
        make.relationship(child=member, parent=body, opened_on=DAY)

    assert told() == []


def test_where_a_trust_sits_says_nothing_of_an_area(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = (
        nhs.body(c, kind="icb", **d) for c, d in (("OLD", {"closed_on": DAY}), ("NEW", {}))
    )
    nhs.move(nhs.join(old, 5, kind="trust", type="member_of"), new)

    assert told() == []


def test_practices_tell_where_their_pcn_went(register_of_ccgs):
    """They are members of a PCN, and of its own family."""
    nhs = register_of_ccgs
    old = nhs.body("U1", kind="pcn", closed_on=DAY)
    new = nhs.body("U2", kind="pcn", opened_on=DAY)
    nhs.move(nhs.join(old, 4, type="member_of"), new)

    assert told() == [("rename", DAY, {("U1", "U2")}, Decimal(1))]


@pytest.mark.parametrize("state", Reorganisation.State.values)
def test_what_an_event_says_already_is_not_suggested(register_of_ccgs, state):
    """Decided or not; one that was rejected says nothing."""
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    nhs.move(nhs.join(old, 5), new, date(2022, 1, 1))
    event = make.reorganisation(state=state, effective_on=DAY)
    make.succession(reorganisation=event, predecessor=old, successor=new)

    dropped = state in Reorganisation.State.dropped()
    assert bool(told()) == dropped
    assert bool(told(withheld=True)) or state in ("rumoured", "proposed", "approved")


def test_an_event_of_another_time_says_nothing_of_this_one(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    nhs.move(nhs.join(old, 5), new)
    event = make.reorganisation(effective_on=date(2016, 4, 1))
    make.succession(reorganisation=event, predecessor=old, successor=nhs.body("OTH"), share="0.1")

    assert len(told()) == 1


def test_members_that_a_recorded_event_moved_are_not_suggested(register_of_ccgs):
    nhs = register_of_ccgs
    old, other = nhs.body("OLD"), nhs.body("OTH")
    members = nhs.join(old, 10)[:5]
    nhs.move(members, other)
    event = make.reorganisation(effective_on=DAY, kind="transfer_of_members")
    make.move(reorganisation=event, child=members[0], from_parent=old, to_parent=other)

    assert told() == []


def test_a_window_takes_the_days_on_which_members_left(register_of_ccgs):
    nhs = register_of_ccgs
    old, new = nhs.body("OLD", closed_on=DAY), nhs.body("NEW", opened_on=DAY)
    nhs.move(nhs.join(old, 5), new)

    assert len(told(since=DAY, until=DAY)) == 1
    assert told(until=date(2020, 3, 31)) == []
    assert told(since=date(2020, 4, 2)) == []


def test_only_what_a_release_touched_may_be_asked_about(register_of_ccgs):
    nhs = register_of_ccgs
    releases = {}
    for letter in "AB":
        old = nhs.body(f"OLD{letter}", closed_on=DAY)
        new = nhs.body(f"NEW{letter}", opened_on=DAY)
        releases[letter] = nhs.move(nhs.join(old, 5), new)

    assert len(told()) == 2
    ((_, _, pairs, _),) = told(release=releases["B"].pk)
    assert pairs == {("OLDB", "NEWB")}


def test_a_suggestion_of_the_finer_tells_of_the_wider(register_of_ccgs):
    """Practices say that two locations became one; so where their ICBs' parts are, is known."""
    nhs = register_of_ccgs
    icb, grown = nhs.body("QA", kind="icb", closed_on=DAY), nhs.body("QB", kind="icb")
    old = nhs.body("OLD", kind="sub_icb", closed_on=DAY)
    new = nhs.body("NEW", kind="sub_icb", opened_on=DAY)
    make.relationship(child=old, parent=icb, opened_on=LONG_AGO, closed_on=DAY)
    make.relationship(child=new, parent=grown, opened_on=DAY)
    nhs.move(nhs.join(old, 5), new)

    suggestion = only()

    assert told()[0][2] == {("OLD", "NEW"), ("QA", "QB")}  # one stroke: a part goes with its whole
    assert suggestion.kind == "absorption"


# --- What reports state -------------------------------------------------------------------------


def test_successions_that_reports_state_become_events(register_of_ccgs):
    nhs = register_of_ccgs
    for code in ("ONE", "TWO", "REC"):
        nhs.body(code, closed_on=DAY)
    new = nhs.body("NEW", opened_on=DAY)
    make.succession(
        reorganisation=make.reorganisation(effective_on=DAY),
        predecessor=Organisation.objects.get(code="REC"),
        successor=new,
    )
    practice, heir = make.body("P1", kind_code="practice"), make.body("P2", kind_code="practice")
    pairs = [
        ("ONE", "NEW", DAY),
        ("TWO", "NEW", DAY),
        ("REC", "NEW", DAY),  # recorded
        ("X1X1X", "NEW", DAY),  # of no code that is known
        ("NEW", "NEW", DAY),  # of itself
        (practice.code, heir.code, DAY),  # no area, no legal body
    ]

    (event,) = of_passings(pairs)

    codes = dict(Organisation.objects.values_list("pk", "code"))
    assert {(codes[a], codes[b]) for a, b in event.pairs} == {("ONE", "NEW"), ("TWO", "NEW")}
    assert (event.kind, event.day, event.confidence) == ("merger", DAY, Decimal("0.9"))
    assert set(event.pairs.values()) == {None}


def test_a_trust_is_no_area_but_a_legal_body(register_of_ccgs):
    one, two = (register_of_ccgs.body(code, kind="trust") for code in ("RA1", "RA2"))

    (event,) = of_passings([(one.code, two.code, DAY)])

    assert event.kind == "absorption"


# --- A split like Frimley's ---------------------------------------------------------------------

FRIMLEY = {"U2G6B": 41, "D9Y0V": 14, "92A": 11}
APRIL_2026 = date(2026, 4, 1)


@pytest.fixture
def frimley(register, shared):
    """The practices of Frimley's location in November 2025; a made file moves them in April."""
    path = shared / "ods" / "epraccur_2025-11.csv"
    practices.load_epraccur(path, date(2025, 11, 28), within="D4U1Y")
    open_ones = Relationship.objects.now().filter(
        parent__code="D4U1Y", closed_on=None, child__versions__kind="practice"
    )
    codes = iter(sorted(open_ones.values_list("child__code", flat=True)))
    to = {next(codes): new for new, number in FRIMLEY.items() for _ in range(number)}
    practices.move(to, APRIL_2026)
    return to


def test_a_split_like_that_of_frimley_is_recovered_with_its_shares(frimley):
    found = evaluate(since=date(2026, 1, 1), until=APRIL_2026)

    assert (found.precision, found.recall, found.misdated) == (1, 1, [])
    assert (found.event_precision, found.event_recall) == (1, 1)
    event = next(s for s in found.suggestions if "s0e4d" in s.slug)
    assert event.title.startswith("Thames Valley, and Surrey and Sussex: four ICBs regroup; ")
    split = next(p for p in event.passages if p.kind == "practice")
    assert [int(went.weight) for went in split.went] == [41, 14, 11]
    assert [round(split.share(went), 3) for went in split.went] == [
        Decimal("0.621"),
        Decimal("0.212"),
        Decimal("0.167"),
    ]
    assert split.total == 68  # two went nowhere
    assert len(split.lost) == 2
    assert [split.people_share(went) for went in split.went] == [None] * 3  # nobody counted them


def test_what_became_of_its_location_tells_where_the_icb_went(frimley):
    """QNQ had one location, which was split: its parts tell the shares of the ICB."""
    event = next(
        s
        for s in evaluate(since=date(2026, 1, 1), until=APRIL_2026).suggestions
        if "s0e4d" in s.slug
    )

    icb = next(p for p in event.passages if p.kind == "sub_icb" and len(p.went) == 3)

    assert [round(icb.share(went), 3) for went in icb.went] == [
        Decimal("0.621"),
        Decimal("0.212"),
        Decimal("0.167"),
    ]
    assert icb.coverage == 1
