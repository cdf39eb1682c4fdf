"""Recording an event by hand: every kind, what is refused and why, and that it can be undone."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from footprints.drafts import SHAPES, Draft, Evidence, NewBody
from footprints.models import (
    Move,
    Organisation,
    Relationship,
    Release,
    Reorganisation,
    Version,
)
from footprints.services.recording import (
    CannotRecord,
    RegisterBusy,
    headline,
    record_event,
    rehearse,
)
from footprints.services.releases import REGISTER_LOCK, undo_release
from tests import factories

Kind, State = Reorganisation.Kind, Reorganisation.State
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY = date(2027, 4, 1)
SAID = Evidence(source="https://example.org/board", said_by="The board", reason="Minutes, item 4.")


@pytest.fixture
def steward(empty_register):
    for code in ("icb", "practice", "sub_icb"):
        factories.kind(code, name=code.upper(), plural=f"{code.upper()}s")
    return factories.user(role="steward")


@pytest.fixture
def bodies(steward):
    """AAA to DDD live; OLD closed in 2022; NEW opens on the day."""
    made = {
        code: factories.body(code, kind_code="icb", name=code)
        for code in "AAA BBB CCC DDD".split()
    }
    made["OLD"] = factories.body("OLD", kind_code="icb", name="OLD", closed_on=date(2022, 7, 1))
    made["NEW"] = factories.body("NEW", kind_code="icb", name="NEW", opened_on=DAY)
    return made


def draft(kind, before="", after="", **fields) -> Draft:
    return Draft(
        kind=kind,
        effective_on=fields.pop("effective_on", DAY),
        before=tuple(before.split()),
        after=tuple(after.split()),
        evidence=SAID,
        **fields,
    )


def new(name="North", kind="icb", key="new1"):
    return (NewBody(key, name, kind),)


def ways(event):
    return [
        (row.predecessor.code, row.successor and row.successor.code, row.share)
        for row in event.successions.now().order_by("pk")
    ]


def refused(given, steward) -> list[str]:
    before = (Release.objects.count(), Organisation.objects.count())
    with pytest.raises(CannotRecord) as refusal:
        record_event(given, by=steward, at=AT)
    assert (Release.objects.count(), Organisation.objects.count()) == before
    return [problem.text for problem in refusal.value.problems]


# --- What is recorded ---------------------------------------------------------------------------


def test_a_merger_opens_a_provisional_body_and_its_children_move_along(bodies, steward):
    practice = factories.body("P1", kind_code="practice", name="P1")
    gone = factories.body("P2", kind_code="practice", name="P2", closed_on=date(2020, 1, 1))
    for child in (practice, gone):
        factories.relationship(child=child, parent=bodies["AAA"], opened_on=None)

    event = record_event(
        draft(Kind.MERGER, "AAA BBB", new_bodies=new("NHS North ICB")), by=steward, at=AT
    )

    north = Organisation.objects.get(is_provisional=True)
    version = Version.objects.now().get(organisation=north)
    assert (north.code, version.name, version.kind_id) == ("P-AAA-BBB", "NHS North ICB", "icb")
    assert (version.opened_on, version.closed_on) == (DAY, None)
    assert ways(event) == [("AAA", "P-AAA-BBB", 1), ("BBB", "P-AAA-BBB", 1)]
    assert [(m.child.code, m.to_parent.code) for m in event.moves.now()] == [("P1", "P-AAA-BBB")]
    assert event.title == "North: two ICBs merge"
    assert Relationship.objects.now().count() == 2  # the day itself has not come
    step = event.steps.get()
    assert (step.state, step.effective_on, step.said_by) == ("rumoured", DAY, "The board")
    assert (step.source, step.reason) == ("https://example.org/board", "Minutes, item 4.")
    assert step.release.kind == Release.Kind.EVENT


def test_a_recorded_event_is_undone_as_its_release(bodies, steward, register_says):
    before = register_says()
    event = record_event(draft(Kind.MERGER, "AAA BBB", new_bodies=new()), by=steward, at=AT)

    undo_release(event.steps.get().release, by=steward)

    event.refresh_from_db()
    assert register_says() == before
    assert event.state == State.SUPERSEDED
    assert event.steps.last().reason == "Its recording was undone."
    again = record_event(draft(Kind.MERGER, "AAA BBB", new_bodies=new()), by=steward, at=AT)
    assert again.slug != event.slug


def test_a_merger_into_a_survivor_may_name_the_survivor_on_both_sides(bodies, steward):
    event = record_event(draft(Kind.ABSORPTION, "AAA BBB", "AAA"), by=steward, at=AT)

    assert ways(event) == [("BBB", "AAA", 1)]
    assert event.title == "BBB joins AAA"


def test_a_split_takes_shares_that_sum_to_one_or_none_at_all(bodies, steward):
    shares = {("AAA", "BBB"): Decimal("0.41"), ("AAA", "new1"): Decimal("0.59")}
    given = draft(Kind.SPLIT, "AAA", "BBB", new_bodies=new(), shares=shares)

    event = record_event(given, by=steward, at=AT)

    assert ways(event) == [("AAA", "BBB", Decimal("0.41")), ("AAA", "P-AAA", Decimal("0.59"))]
    unknown = record_event(draft(Kind.SPLIT, "CCC", "BBB DDD"), by=steward, at=AT)
    assert [share for *_, share in ways(unknown)] == [None, None]


def test_a_regrouping_goes_many_to_many_by_the_ways_that_are_named(bodies, steward):
    given = draft(
        Kind.REGROUPING,
        "AAA BBB",
        "CCC NEW",
        passes=frozenset([("AAA", "CCC"), ("AAA", "NEW"), ("BBB", "NEW")]),
        shares={("AAA", "CCC"): Decimal("0.25"), ("AAA", "NEW"): Decimal("0.75")},
    )

    event = record_event(given, by=steward, at=AT)

    assert ways(event) == [
        ("AAA", "CCC", Decimal("0.25")),
        ("AAA", "NEW", Decimal("0.75")),
        ("BBB", "NEW", 1),
    ]


@pytest.fixture
def members(bodies):
    """AAA holds the location LOC with two practices, and a PCN with one of these and a third."""
    made = {"LOC": factories.body("LOC", kind_code="sub_icb", name="LOC")}
    for code, kind in (("P1", "practice"), ("P2", "practice"), ("P3", "practice"), ("N1", "pcn")):
        made[code] = factories.body(code, kind_code=kind, name=code)
    for child, parent, type in (
        ("LOC", bodies["AAA"], "part_of"),
        ("P1", made["LOC"], "part_of"),
        ("P2", made["LOC"], "part_of"),
        ("P2", made["N1"], "member_of"),
        ("P3", made["N1"], "member_of"),
        ("N1", bodies["AAA"], "member_of"),
    ):
        factories.relationship(child=made.get(child), parent=parent, type=type)
    return made


def test_a_split_names_the_members_that_go_to_each_successor(bodies, members, steward):
    given = draft(
        Kind.SPLIT,
        "AAA",
        "BBB",
        new_bodies=new("East"),
        named=(("P1", "BBB"), ("P2", "new1"), ("N1", "new1")),
    )

    event = record_event(given, by=steward, at=AT)

    # A practice lies in the board through its location; the PCN is a member of it itself.
    assert sorted(
        (move.child.code, move.type, move.from_parent.code, move.to_parent.code)
        for move in event.moves.now()
    ) == [
        ("N1", "member_of", "AAA", "P-AAA"),
        ("P1", "part_of", "AAA", "BBB"),
        ("P2", "part_of", "AAA", "P-AAA"),
    ]
    assert Relationship.objects.now().count() == 6  # the day itself has not come
    undo_release(event.steps.get().release)
    assert not event.moves.now().exists()


def test_members_of_a_regrouping_go_where_their_own_body_goes(bodies, members, steward):
    ways_named = frozenset([("AAA", "CCC"), ("AAA", "DDD"), ("BBB", "DDD")])
    outside = factories.body("P9", kind_code="practice", name="P9")
    factories.relationship(child=outside, parent=bodies["BBB"])

    event = record_event(
        draft(Kind.REGROUPING, "AAA BBB", "CCC DDD", passes=ways_named, named=(("P1", "CCC"),)),
        by=steward,
        at=AT,
    )

    found = {(move.child.code, move.to_parent.code) for move in event.moves.now()}
    assert found == {("P1", "CCC"), ("P9", "DDD")}, "BBB goes whole, and its practice with it"


@pytest.mark.parametrize(
    ("named", "answer"),
    [
        ([("P1", "CCC"), ("P1", "DDD")], "P1 goes to one body after, not to several."),
        ([("ZZZZ", "CCC")], "No organisation has the code ZZZZ."),
        ([("EEE", "CCC")], "EEE (EEE) lies in none of the bodies before on the day before."),
        ([("AAA", "CCC")], "AAA (AAA) closes in this event itself: it goes nowhere as a member."),
        ([("P9", "CCC")], "P9 (P9) lies in a body that does not go to where it is named."),
    ],
)
def test_members_that_cannot_go_there_are_refused_in_words(
    bodies, members, steward, named, answer
):
    factories.body("EEE", kind_code="practice", name="EEE")
    factories.relationship(
        child=factories.body("P9", kind_code="practice", name="P9"), parent=bodies["BBB"]
    )
    ways_named = frozenset([("AAA", "CCC"), ("AAA", "DDD"), ("BBB", "DDD")])

    found = refused(
        draft(Kind.REGROUPING, "AAA BBB", "CCC DDD", passes=ways_named, named=tuple(named)),
        steward,
    )

    assert answer in found


def test_members_and_services_are_transferred_while_both_bodies_go_on(bodies, steward):
    member = factories.body("P1", kind_code="practice", name="P1")
    factories.relationship(child=member, parent=bodies["AAA"], type="member_of")

    moved = record_event(
        draft(Kind.TRANSFER_OF_MEMBERS, "AAA", "BBB", members=("P1",)), by=steward, at=AT
    )
    services = record_event(
        draft(Kind.TRANSFER_OF_SERVICES, "AAA", "BBB", services="Dentistry"), by=steward, at=AT
    )

    move = Move.objects.now().get(reorganisation=moved)
    assert (move.child, move.type) == (member, "member_of")
    assert ways(moved) == []
    row = services.successions.now().get()
    assert (row.passes, row.note, row.share) == ("functions", "Services: Dentistry", None)
    assert {touch.change for touch in services.touches.all()} == {"hands_over", "receives"}


def test_a_rename_keeps_the_code_and_touches_nothing_of_ours(bodies, steward):
    event = record_event(draft(Kind.RENAME, "AAA", name="NHS Essex ICB"), by=steward, at=AT)

    row = event.successions.now().get()
    assert (row.predecessor_id, row.becomes_id, row.becomes_name) == (
        row.successor_id,
        "icb",
        "NHS Essex ICB",
    )
    assert [touch.change for touch in event.touches.all()] == ["renamed"]


def test_nature_changes_bodies_close_open_and_cluster(bodies, steward):
    changed = record_event(
        draft(Kind.CHANGE_OF_NATURE, "AAA", becomes="sub_icb"), by=steward, at=AT
    )
    closed = record_event(draft(Kind.ABOLITION, "BBB"), by=steward, at=AT)
    made = record_event(draft(Kind.CREATION, new_bodies=new("NHS South ICB")), by=steward, at=AT)
    shared = record_event(
        draft(Kind.CLUSTER, "CCC DDD", new_bodies=new("Both")), by=steward, at=AT
    )

    assert [touch.change for touch in changed.touches.all()] == ["changes_nature"]
    assert ways(closed) == [("BBB", None, None)]
    assert ways(made) == []
    assert Organisation.objects.filter(code="P-NEW", is_provisional=True).exists()
    assert len(ways(shared)) == 2
    assert set(SHAPES) == set(Kind)


def test_two_new_bodies_get_a_code_each(bodies, steward):
    pair = (NewBody("new1", "East", "icb"), NewBody("new2", "West", "icb"))

    event = record_event(draft(Kind.SPLIT, "AAA", new_bodies=pair), by=steward, at=AT)

    assert [new for _, new, _ in ways(event)] == ["P-AAA", "P-AAA-2"]


def test_a_rehearsal_is_the_deed_and_leaves_no_trace(bodies, steward, whole_database):
    before = whole_database()
    given = draft(Kind.MERGER, "AAA BBB", new_bodies=new())

    seen = rehearse(given, lambda event: (event.title, ways(event)), by=steward, at=AT)

    assert whole_database() == before
    event = record_event(given, by=steward, at=AT)
    assert seen == (event.title, ways(event)) == (headline(given), ways(event))


def test_a_rehearsal_does_not_wait_long_while_somebody_writes_to_the_register(bodies, steward):
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [REGISTER_LOCK])
        with pytest.raises(RegisterBusy, match="look again"):
            rehearse(draft(Kind.ABOLITION, "AAA"), ways, by=steward, at=AT)
    finally:
        other.close()

    assert rehearse(draft(Kind.ABOLITION, "AAA"), ways, by=steward, at=AT)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


# --- What is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (draft(Kind.MERGER, "AAA", new_bodies=new()), "pick 2 bodies or more before"),
        (draft(Kind.MERGER, "AAA BBB"), "pick one body after"),
        (draft(Kind.ABSORPTION, "AAA", new_bodies=new()), "what takes over exists already"),
        (draft(Kind.SPLIT, "AAA BBB", "CCC DDD"), "there is one body before, not 2"),
        (draft(Kind.SPLIT, "AAA", "AAA BBB"), "AAA stands before and after"),
        (draft(Kind.MERGER, "AAA BBB", "CCC"), "this is a merger into a survivor"),
        (draft(Kind.ABSORPTION, "AAA", "NEW"), "this is a merger into a new body"),
        (draft(Kind.ABOLITION, "NOPE"), "No organisation has the code NOPE"),
        (
            draft(Kind.ABOLITION, "OLD"),
            "OLD (OLD) closed on 30 June 2022: it does not exist before",
        ),
        (
            draft(Kind.SPLIT, "AAA", "BBB OLD"),
            "OLD (OLD) closed on 30 June 2022: it does not exist on",
        ),
        (draft(Kind.ABSORPTION, "NEW", "AAA"), "NEW (NEW) does not open until 1 April 2027"),
        (
            draft(Kind.SPLIT, "AAA", "BBB NEW", effective_on=date(2027, 3, 31)),
            "does not open until",
        ),
        (draft(Kind.TRANSFER_OF_MEMBERS, "AAA", "BBB"), "Name the members"),
        (draft(Kind.TRANSFER_OF_MEMBERS, "AAA", "BBB", members=("CCC",)), "is no member of AAA"),
        (draft(Kind.TRANSFER_OF_SERVICES, "AAA", "BBB"), "Name the services"),
        (draft(Kind.RENAME, "AAA"), "Say what it is called"),
        (draft(Kind.RENAME, "AAA", name="AAA"), "is called so already"),
        (draft(Kind.CHANGE_OF_NATURE, "AAA"), "what kind of body it becomes"),
        (draft(Kind.CHANGE_OF_NATURE, "AAA", becomes="icb"), "is a ICB already"),
        (draft(Kind.CREATION, after="AAA"), "has no code in the register yet"),
        (draft(Kind.MERGER, "AAA BBB", new_bodies=new(kind="none")), "no kind of body “none”"),
        (draft(Kind.MERGER, "AAA BBB", new_bodies=new(name="")), "needs a name and a kind"),
        (draft(Kind.ABOLITION, "AAA", state=State.EFFECTIVE), "applying it makes it effective"),
        (replace(draft(Kind.ABOLITION, "AAA"), evidence=Evidence()), "Say where it comes from"),
        (draft(Kind.REGROUPING, "AAA BBB", "CCC DDD"), "Say to which body AAA goes"),
    ],
)
def test_bad_input_is_answered_in_words(bodies, steward, given, answer):
    assert answer in " ".join(refused(given, steward))


@pytest.mark.parametrize(
    ("parts", "answer"),
    [
        (("0.41", "0.58"), "The shares of AAA sum to 99%, not to 100%"),
        (("0.6", "0.6"), "sum to 120%"),
        (("0.333333", "0.666666"), "sum to 99.9999%"),
        (("1", None), "all known or none is: 1 of 2 is missing"),
        (("0", "1"), "more than 0%"),
    ],
)
def test_shares_that_do_not_sum_are_refused(bodies, steward, parts, answer):
    shares = {
        ("AAA", code): Decimal(part)
        for code, part in zip(("BBB", "CCC"), parts, strict=True)
        if part
    }

    assert answer in " ".join(refused(draft(Kind.SPLIT, "AAA", "BBB CCC", shares=shares), steward))


def test_a_body_closes_once_and_the_other_event_is_named(bodies, steward):
    other = record_event(draft(Kind.MERGER, "AAA BBB", new_bodies=new()), by=steward, at=AT)
    rival = draft(Kind.ABOLITION, "AAA", effective_on=date(2028, 4, 1))

    (problem,) = _problems(rival, steward)

    assert "AAA (AAA) already closes on 1 April 2027 by another event (rumoured)" in problem.text
    assert (problem.event, problem.yields) == (other, True)
    event = record_event(replace(rival, supersedes=(other.slug,)), by=steward, at=AT)
    other.refresh_from_db()
    assert other.state == State.SUPERSEDED
    assert other.steps.last().reason == f"Superseded by “{event}” ({event.slug})."


def test_a_decided_event_is_not_superseded(bodies, steward):
    other = record_event(draft(Kind.ABOLITION, "AAA", state=State.IN_LAW), by=steward, at=AT)
    rival = draft(Kind.ABOLITION, "AAA", effective_on=date(2028, 4, 1))

    (problem,) = _problems(rival, steward)

    assert not problem.yields
    assert "undone" in " ".join(refused(replace(rival, supersedes=(other.slug,)), steward))


def _problems(given, steward):
    with pytest.raises(CannotRecord) as refusal:
        record_event(given, by=steward, at=AT)
    return refusal.value.problems


def test_nothing_is_recorded_in_a_past_that_is_applied(bodies, steward):
    applied = factories.reorganisation(effective_on=date(2022, 7, 1), kind=Kind.CHANGE_OF_NATURE)
    factories.succession(
        reorganisation=applied,
        predecessor=bodies["AAA"],
        successor=bodies["AAA"],
        becomes=factories.kind("icb"),
    )
    given = draft(Kind.ABOLITION, "AAA", effective_on=date(2021, 4, 1))

    (problem,) = _problems(given, steward)

    assert "is applied already: nothing is recorded before it" in problem.text
    assert problem.event == applied
    record_event(replace(given, effective_on=DAY), by=steward, at=AT)


def test_what_another_event_closes_by_then_does_not_take_over(bodies, steward):
    other = record_event(draft(Kind.ABOLITION, "BBB"), by=steward, at=AT)
    given = draft(Kind.ABSORPTION, "AAA", "BBB")

    (problem,) = _problems(given, steward)

    assert "it cannot take over on 1 April 2027" in problem.text
    assert problem.event == other
    record_event(replace(given, effective_on=date(2027, 3, 31)), by=steward, at=AT)


def test_half_of_another_event_is_not_undone_by_an_event(bodies, steward):
    """AAA and BBB go into CCC; then CCC would be split to give AAA its area back."""
    other = record_event(draft(Kind.ABSORPTION, "AAA BBB", "CCC"), by=steward, at=AT)
    back = draft(Kind.SPLIT, "CCC", "AAA DDD", effective_on=date(2028, 4, 1))

    problems = _problems(back, steward)

    assert any("undoes a part of it" in p.text and p.event == other for p in problems)
