"""An event through its states, and to another day: what is allowed, logged and refused."""

from datetime import UTC, date, datetime

import pytest

from footprints.drafts import RECORDABLE, Draft, Evidence, NewBody
from footprints.models import Release, Reorganisation, Step, Version
from footprints.services.dating import move_date
from footprints.services.declaring import (
    MOVES,
    CannotMove,
    Stale,
    add_step,
    move_event,
    needs_reason,
)
from footprints.services.recording import record_event
from footprints.services.releases import undo_release
from tests import factories

Kind, State = Reorganisation.Kind, Reorganisation.State
AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
DAY, LATER = date(2027, 4, 1), date(2027, 10, 1)
ON = date(2026, 11, 20)


@pytest.fixture
def steward(empty_register):
    factories.kind("icb", name="ICB", plural="ICBs")
    return factories.user(role="steward")


@pytest.fixture
def bodies(steward):
    return {code: factories.body(code, kind_code="icb", name=code) for code in ("AAA", "BBB")}


@pytest.fixture
def event(bodies, steward):
    """AAA and BBB would merge into a new body on 1 April 2027."""
    return record_event(
        Draft(
            kind=Kind.MERGER,
            effective_on=DAY,
            before=("AAA", "BBB"),
            new_bodies=(NewBody("new1", "North", "icb"),),
            evidence=Evidence(said_by="The board"),
        ),
        by=steward,
        at=AT,
    )


def move(event, to, steward, *, reason="Because.", at=AT, **fields):
    step = move_event(event, to, on=ON, reason=reason, by=steward, at=at, **fields)
    event.refresh_from_db()
    return step


def set_state(event, state):
    Reorganisation.objects.filter(pk=event.pk).update(state=state)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("to", State)
def test_an_event_goes_where_the_table_says_and_nowhere_else(event, steward, before, to):
    set_state(event, before)
    late = datetime(2027, 4, 2, 9, tzinfo=UTC)

    if to in MOVES[before]:
        move(event, to, steward, at=late)
        assert event.state == to
    else:
        with pytest.raises(CannotMove, match="does not become"):
            move(event, to, steward, at=late)


def test_the_table_says_what_the_field_does():
    assert set(MOVES) == set(State)
    assert MOVES[State.EFFECTIVE] == MOVES[State.SUPERSEDED] == ()
    assert {State.RUMOURED, State.PROPOSED} <= set(MOVES[State.REJECTED])
    for state in (State.RUMOURED, State.PROPOSED, State.APPROVED, State.IN_LAW):
        assert set(State.dropped()) <= set(MOVES[state])
    assert State.EFFECTIVE not in {s for b, to in MOVES.items() if b != State.IN_LAW for s in to}


def test_a_move_is_logged_with_who_said_so_and_renews_the_event(event, steward):
    revision = event.revision

    step = move(
        event, State.APPROVED, steward, source="https://example.org", said_by="The Minister"
    )

    assert (step.state, step.on, step.source) == ("approved", ON, "https://example.org")
    assert (step.said_by, step.reason, step.by, step.at) == (
        "The Minister",
        "Because.",
        steward,
        AT,
    )
    assert event.revision == revision + 1
    assert event.steps.count() == 2


@pytest.mark.parametrize(
    ("before", "to"),
    [
        (State.PROPOSED, State.REJECTED),
        (State.APPROVED, State.PAUSED),
        (State.IN_LAW, State.SUPERSEDED),
        (State.REJECTED, State.PROPOSED),
        (State.APPROVED, State.PROPOSED),
    ],
)
def test_to_drop_to_revive_and_to_step_back_need_a_reason(event, steward, before, to):
    set_state(event, before)

    with pytest.raises(CannotMove, match="Say why"):
        move(event, to, steward, reason="  ")

    assert needs_reason(before, to)
    assert not needs_reason(State.RUMOURED, State.APPROVED)
    assert event.steps.count() == 1


def test_an_event_is_effective_from_its_day_on(event, steward):
    set_state(event, State.IN_LAW)

    with pytest.raises(CannotMove, match="It takes effect on 1 April 2027"):
        move(event, State.EFFECTIVE, steward, at=datetime(2027, 3, 31, 22, 59, tzinfo=UTC))

    # Midnight in London: summer time began on the last Sunday of March.
    move(event, State.EFFECTIVE, steward, at=datetime(2027, 3, 31, 23, 0, tzinfo=UTC))
    assert event.state == State.EFFECTIVE


def test_a_stale_tab_moves_nothing(event, steward):
    seen = event.revision
    move(event, State.PROPOSED, steward, seen=seen)

    with pytest.raises(Stale, match="changed meanwhile: it is proposed, for 1 April 2027"):
        move(event, State.REJECTED, steward, seen=seen)
    with pytest.raises(Stale):
        move_date(event, LATER, reason="Later.", by=steward, at=AT, seen=seen)

    event.refresh_from_db()
    assert event.state == State.PROPOSED


def test_an_event_is_not_revived_while_another_closes_the_same_body(event, bodies, steward):
    move(event, State.REJECTED, steward)
    rival = record_event(
        Draft(
            kind=Kind.ABOLITION,
            effective_on=LATER,
            before=("AAA",),
            evidence=Evidence(said_by="The board"),
        ),
        by=steward,
        at=AT,
    )

    with pytest.raises(CannotMove, match="already closes on 1 October 2027") as refusal:
        move(event, State.PROPOSED, steward)

    assert refusal.value.event == rival
    move(rival, State.REJECTED, steward)
    move(event, State.PROPOSED, steward)


# --- Its day ------------------------------------------------------------------------------------


def lives(event):
    new = event.successions.now().first().successor
    return [v.opened_on for v in Version.objects.now().filter(organisation=new)]


def test_moving_the_day_moves_what_would_open_and_is_logged(event, steward):
    revision = event.revision

    step = move_date(
        event, LATER, reason="No time.", on=ON, said_by="The board", by=steward, at=AT
    )

    event.refresh_from_db()
    assert (event.effective_on, lives(event)) == (LATER, [LATER])
    assert event.revision == revision + 1
    assert (step.effective_on, step.state) == (LATER, "rumoured")
    assert step.reason == "From 1 April 2027 to 1 October 2027: No time."
    assert step.release.kind == Release.Kind.EVENT


def test_moving_the_day_is_undone_with_its_release(event, steward, register_says):
    before = register_says()
    step = move_date(event, LATER, reason="No time.", by=steward, at=AT)

    undo_release(step.release, by=steward)

    event.refresh_from_db()
    assert register_says() == before
    assert (event.effective_on, event.state) == (DAY, State.RUMOURED)
    assert event.steps.last().reason == "Moving its day was undone: it is 1 April 2027 again."
    undo_release(event.steps.first().release, by=steward)
    event.refresh_from_db()
    assert event.state == State.SUPERSEDED


def test_the_day_of_a_bundled_event_moves_too_and_back(register):
    steward = factories.user(role="steward")
    event = Reorganisation.objects.get(slug="p-qhl-qua-2027-04-01")

    step = move_date(event, LATER, reason="No time.", by=steward, at=AT)

    assert lives(event) == [LATER]
    undo_release(step.release, by=steward)
    event.refresh_from_db()
    assert (event.effective_on, lives(event)) == (DAY, [DAY])


@pytest.mark.parametrize("reason", ["", " "])
def test_a_day_does_not_move_without_a_reason(event, steward, reason):
    with pytest.raises(CannotMove, match="Say why"):
        move_date(event, LATER, reason=reason, by=steward, at=AT)


def test_a_day_that_is_past_or_the_same_does_not_move(event, steward):
    with pytest.raises(CannotMove, match="as it is"):
        move_date(event, DAY, reason="No time.", by=steward, at=AT)
    set_state(event, State.EFFECTIVE)
    with pytest.raises(CannotMove, match="is applied: undo it first"):
        move_date(event, LATER, reason="No time.", by=steward, at=AT)


def test_a_day_does_not_move_to_where_a_body_does_not_live(event, bodies, steward):
    with pytest.raises(CannotMove, match="does not open until 1 April 2013"):
        move_date(event, date(2010, 4, 1), reason="Earlier.", by=steward, at=AT)

    assert lives(event) == [DAY]


def test_a_day_does_not_move_past_an_event_that_needs_what_it_opens(event, steward):
    new = event.successions.now().first().successor
    factories.succession(
        reorganisation=factories.reorganisation(effective_on=date(2027, 7, 1), state="proposed"),
        predecessor=new,
    )

    with pytest.raises(CannotMove, match="part of another event on 1 July 2027"):
        move_date(event, LATER, reason="No time.", by=steward, at=AT)
    move_date(event, date(2027, 6, 1), reason="No time.", by=steward, at=AT)


# --- Undoing what superseded it, and steps by hand ---------------------------------------------


def rival_of(event, steward, kind=Kind.ABOLITION, **fields):
    return record_event(
        Draft(
            kind=kind,
            effective_on=LATER,
            before=("AAA",),
            evidence=Evidence(said_by="The board"),
            supersedes=(event.slug,),
            **fields,
        ),
        by=steward,
        at=AT,
    )


def test_what_was_superseded_stands_again_once_the_other_recording_is_undone(event, steward):
    move(event, State.APPROVED, steward)
    rival = rival_of(event, steward)
    event.refresh_from_db()
    assert event.state == State.SUPERSEDED
    revision = event.revision

    undo_release(rival.steps.first().release, by=steward)

    event.refresh_from_db()
    rival.refresh_from_db()
    assert (event.state, rival.state) == (State.APPROVED, State.SUPERSEDED)
    assert event.steps.last().reason == (
        "The event that stood instead of it was undone: it is approved again."
    )
    assert event.revision == revision + 1, "its flags come back"
    undo_release(event.steps.first().release, by=steward)


def test_it_stays_superseded_while_a_third_event_closes_the_same_body(event, steward):
    rival = rival_of(event, steward)
    third = rival_of(rival, steward)

    undo_release(rival.steps.first().release, by=steward)

    event.refresh_from_db()
    assert event.state == State.SUPERSEDED
    assert "it stays superseded. AAA (AAA) already closes on 1 October 2027" in (
        event.steps.last().reason
    )
    third.refresh_from_db()
    assert third.state == State.RUMOURED


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("to", State)
def test_a_step_filled_in_by_hand_keeps_to_the_same_table(event, steward, before, to):
    set_state(event, before)
    event.refresh_from_db()
    step = Step(
        reorganisation=event, state=to, reason="Seen.", at=datetime(2027, 4, 2, tzinfo=UTC)
    )

    if to == before or to in MOVES[before]:
        add_step(step, by=steward)
        assert (step.by, event.steps.count()) == (steward, 2)
    else:
        with pytest.raises(CannotMove, match="does not become"):
            add_step(step, by=steward)
    event.refresh_from_db()
    assert event.state == (to if step.pk else before)


@pytest.mark.parametrize("state", State)
def test_an_event_begins_as_what_is_to_come_or_as_what_took_effect(steward, state):
    event = factories.reorganisation(effective_on=DAY, state="rumoured")
    step = Step(reorganisation=event, state=state, at=AT)

    if state in RECORDABLE:
        add_step(step, by=steward, is_first=True)
    else:
        with pytest.raises(CannotMove, match=r"does not begin|It takes effect on 1 April 2027"):
            add_step(step, by=steward, is_first=True)
