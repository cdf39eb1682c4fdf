"""Decision sheets: what they plan, who may do what, and that applying and undoing are exact."""

import threading
import time
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Assignment, Decision, Flag, Sheet, SheetChange, SheetDeed
from accounts.services.flags import raise_flags
from accounts.sheets import applying, deciding, rehearsing, undoing
from accounts.sheets.deciding import Choice
from accounts.sheets.planning import planned, planned_of
from footprints.models import Outcome, Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import tick

APRIL_2020 = date(2020, 4, 1)
JULY_2020 = date(2020, 7, 1)
MARCH_2020 = date(2020, 3, 31)


def rows(plan):
    """Every assignment of the plan, with its key."""
    return set(
        Assignment.objects.filter(plan=plan).values_list(
            "pk", "territory", "organisation", "role", "opened_on", "closed_on"
        )
    )


def held_on(plan, day):
    """``{code: territory code}`` of the owner's units on that day."""
    return dict(
        Assignment.objects.filter(plan=plan, role="owner")
        .on(day)
        .values_list("organisation__code", "territory__code")
    )


class Case:
    """A plan over two CCGs that merge on 1 April 2020, with practices below them."""

    def __init__(self, territories=2, practices=2, *, of=None):
        self.planner = factories.user(role="planner")
        self.manager = factories.user(role="manager")
        if of:
            self.share(of)
            return
        self.event = factories.reorganisation(effective_on=APRIL_2020)
        self.plan = factories.plan(opened_on=date(2019, 4, 1))
        self.homes = [factories.territory(plan=self.plan) for _ in range(territories)]
        self.new = factories.body(opened_on=APRIL_2020)
        self.olds, self.practices = [], []
        for number in range(2):
            old = factories.body(closed_on=APRIL_2020)
            factories.succession(
                reorganisation=self.event, predecessor=old, successor=self.new, share=1
            )
            home = self.homes[number % territories]
            factories.assignment(territory=home, organisation=old, opened_on=self.plan.opened_on)
            self.olds.append(old)
            below = [factories.body(kind_code="practice") for _ in range(practices)]
            for practice in below:
                factories.relationship(child=practice, parent=old, closed_on=APRIL_2020)
                factories.relationship(child=practice, parent=self.new, opened_on=APRIL_2020)
            self.practices.append(below)
        self.flag = factories.flag(self.plan, reorganisation=self.event, weight=3)

    def share(self, other):
        """Another plan over the bodies of another case."""
        self.event, self.new, self.olds = other.event, other.new, other.olds
        self.practices = other.practices
        self.plan = factories.plan(opened_on=other.plan.opened_on)
        self.homes = [factories.territory(plan=self.plan) for _ in other.homes]
        for number, old in enumerate(self.olds):
            home = self.homes[number % len(self.homes)]
            factories.assignment(territory=home, organisation=old, opened_on=self.plan.opened_on)
        self.flag = factories.flag(self.plan, reorganisation=self.event, weight=3)

    @property
    def sheet(self):
        return deciding.sheet_of(self.flag)

    def choose(self, outcome="", body=None, **fields):
        choice = Choice((body or self.new).pk, "owner", outcome, **fields)
        return deciding.decide(self.flag, [choice], by=self.planner)

    def prepare(self):
        seen = planned(self.sheet).fingerprint
        return deciding.prepare(self.flag, by=self.planner, seen=seen)

    def approve(self):
        self.prepare()
        return deciding.approve(self.flag, by=self.manager)

    def apply(self):
        self.approve()
        return applying.apply_sheet(self.flag, by=self.manager)


@pytest.fixture
def case(db):
    return Case()


# --- What it plans -----------------------------------------------------------------------------


def test_two_territories_that_meet_keep_their_practices(case):
    (row,) = planned(case.sheet).rows
    assert (row.outcome, row.is_undecided) == (Outcome.KEEP_THE_LINE, False)
    assert "practices" in row.why

    case.apply()

    first, second = case.homes
    expected = {practice.code: first.code for practice in case.practices[0]}
    expected |= {practice.code: second.code for practice in case.practices[1]}
    assert held_on(case.plan, APRIL_2020) == expected
    assert held_on(case.plan, MARCH_2020) == {
        old.code: home.code for old, home in zip(case.olds, case.homes, strict=True)
    }


def test_without_finer_units_a_conflict_is_held_until_somebody_says(db):
    case = Case(practices=0)
    (row,) = planned(case.sheet).rows

    assert (row.outcome, row.is_undecided) == (Outcome.HOLD, True)
    assert planned(case.sheet).closings == []
    with pytest.raises(deciding.Undecided, match=case.new.code):
        case.prepare()


def test_one_territory_carries_the_successor(db):
    case = Case(territories=1)
    (row,) = planned(case.sheet).rows
    assert row.outcome == Outcome.CARRY

    case.apply()

    assert held_on(case.plan, APRIL_2020) == {case.new.code: case.homes[0].code}


def test_what_nobody_holds_is_brought_in(db):
    case = Case(territories=1)
    case.plan.assignments.filter(organisation=case.olds[1]).delete()

    (row,) = planned(case.sheet).rows

    assert row.outcome == Outcome.BRING_IN
    assert case.olds[1].code in row.why
    assert [opening.unit for opening in planned(case.sheet).openings] == [case.new.pk]


def test_the_whole_goes_to_a_territory_by_hand(case):
    case.choose(Outcome.CARRY, territory=case.homes[1], reason="She knows them.")

    case.apply()

    assert held_on(case.plan, APRIL_2020) == {case.new.code: case.homes[1].code}


def test_a_survivor_stays_where_it_is_and_nothing_is_written_for_it(db):
    event = factories.reorganisation(effective_on=APRIL_2020)
    plan = factories.plan(opened_on=date(2019, 4, 1))
    home = factories.territory(plan=plan)
    old, survivor = factories.body(closed_on=APRIL_2020), factories.body()
    factories.succession(reorganisation=event, predecessor=old, successor=survivor, share=1)
    for unit in (old, survivor):
        factories.assignment(territory=home, organisation=unit, opened_on=plan.opened_on)

    found = planned(Sheet(flag=factories.flag(plan, reorganisation=event)))

    assert ([one.unit for one in found.closings], found.openings) == ([old.pk], [])


def retract(facts):
    facts.update(retracted_by=factories.release())


def split(practices=True):
    """One CCG in T1 splits between two successors; into one of them comes another, of T2."""
    case = Case(practices=2 if practices else 0)
    other = factories.body(opened_on=APRIL_2020)
    first = case.olds[0]
    factories.succession(reorganisation=case.event, predecessor=first, successor=other, share=0.5)
    return case, other, first


def test_the_practices_of_a_split_follow_their_named_successor(db):
    case, other, _ = split()
    goes, stays = case.practices[0]
    retract(goes.parent_relationships.filter(parent=case.new))
    factories.relationship(child=goes, parent=other, opened_on=APRIL_2020)

    case.apply()

    assert held_on(case.plan, APRIL_2020) == {
        other.code: case.homes[0].code,  # nobody else comes into it: carried whole
        stays.code: case.homes[0].code,
        **{practice.code: case.homes[1].code for practice in case.practices[1]},
    }


def test_by_moves_where_the_event_is_only_proposed(db):
    case, other, first = split()
    for practice, parent in zip(case.practices[0], [other, case.new], strict=True):
        retract(practice.parent_relationships.all())
        factories.relationship(child=practice, parent=first)
        factories.move(
            reorganisation=case.event, child=practice, from_parent=first, to_parent=parent
        )

    row = planned(case.sheet).row(case.new.pk, "owner")

    assert row.outcome == Outcome.KEEP_THE_LINE
    assert row.lines[first.pk] == [case.practices[0][1].pk]


def test_a_split_of_which_nobody_knows_the_ways_is_held_whole(db):
    case, *_ = split(practices=False)

    found = planned(case.sheet)

    assert {row.outcome for row in found.rows} == {Outcome.HOLD, Outcome.CARRY}
    assert found.closings == []  # the old code stays while one of its successors is held


def test_a_unit_that_ends_without_successor_closes(db):
    event = factories.reorganisation(effective_on=APRIL_2020)
    closing = factories.succession(
        reorganisation=event, predecessor=factories.body(closed_on=APRIL_2020), successor=None
    ).predecessor
    plan = factories.plan(opened_on=date(2019, 4, 1))
    row = factories.assignment(
        territory=factories.territory(plan=plan), organisation=closing, opened_on=plan.opened_on
    )

    found = planned(Sheet(flag=factories.flag(plan, reorganisation=event)))

    assert [one.assignment for one in found.closings] == [row.pk]


def test_finer_units_with_a_territory_of_their_own_keep_it(case):
    named = case.practices[0][0]
    factories.assignment(
        territory=case.homes[1], organisation=named, opened_on=case.plan.opened_on
    )

    case.apply()

    assert held_on(case.plan, APRIL_2020)[named.code] == case.homes[1].code


def test_our_day_is_later_than_the_legal_day(case):
    deciding.set_days(case.flag, align_on=JULY_2020, data_on=None, credit_on=None, by=case.planner)

    case.apply()

    assert set(held_on(case.plan, JULY_2020 - timedelta(days=1))) == {o.code for o in case.olds}
    assert case.new.code not in held_on(case.plan, JULY_2020)
    assert len(held_on(case.plan, JULY_2020)) == 4
    assert case.sheet.counts_from == JULY_2020
    assert planned(case.sheet).listing == []


def test_a_row_to_begin_later_on_a_closed_code_never_comes_to_be_and_comes_back(case):
    held = case.plan.assignments.get(organisation=case.olds[0])
    Assignment.objects.filter(pk=held.pk).update(closed_on=JULY_2020)
    factories.assignment(territory=case.homes[1], organisation=case.olds[0], opened_on=JULY_2020)
    before = rows(case.plan)

    case.apply()
    assert not case.plan.assignments.filter(opened_on=JULY_2020).exists()
    undoing.undo_sheet(case.flag, by=case.planner)

    assert rows(case.plan) == before


# --- Who may, and when -------------------------------------------------------------------------


def test_the_one_who_prepared_it_does_not_approve(case):
    case.prepare()

    with pytest.raises(deciding.SamePerson):
        deciding.approve(case.flag, by=case.planner)

    assert case.sheet.state == "prepared"


def test_one_person_alone_may_where_the_company_says_so(case, settings):
    settings.FOUR_EYES = False
    case.prepare()

    assert deciding.approve(case.flag, by=case.planner).state == "approved"


def test_the_database_refuses_the_same_person_too(case):
    case.prepare()

    with pytest.raises(IntegrityError, match="approved_by_another"), transaction.atomic():
        Sheet.objects.update(approved_by=case.planner, approved_at=now())


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"approved_at": now()}, "approved_by_somebody"),
        ({"fingerprint": "x"}, "prepared_on_changes"),
        ({"applied_at": now()}, "applied_once_approved"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(case, fields, constraint):
    deciding.decide(case.flag, [], by=case.planner)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Sheet.objects.update(**fields)


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"outcome": "hold"}, "holds_until_a_day"),
        ({"outcome": "close", "until_on": JULY_2020}, "holds_until_a_day"),
        ({"outcome": ""}, "says_something"),
    ],
)
def test_a_decision_that_cannot_be_is_refused(case, fields, constraint):
    case.choose(Outcome.CLOSE)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Decision.objects.update(**fields)


def test_data_that_moved_since_it_was_prepared_are_shown_and_approval_is_asked_again(case):
    case.prepare()
    Assignment.objects.filter(organisation=case.olds[0]).update(territory=case.homes[1])

    with pytest.raises(deciding.Moved) as moved:
        deciding.approve(case.flag, by=case.manager)

    # All of it sits in T2 now: it carries, and no practice changes hands.
    assert {change[0] for change in moved.value.gone} == {"close", "open"}
    assert [c[2] for c in moved.value.new if c[0] == "open"] == [case.new.pk]


def test_data_that_moved_since_it_was_approved_hold_the_apply_and_nothing_is_written(case):
    case.approve()
    case.plan.assignments.filter(organisation=case.olds[0]).delete()
    before = rows(case.plan)

    with pytest.raises(deciding.Moved):
        applying.apply_sheet(case.flag, by=case.manager)

    assert (rows(case.plan), case.sheet.state) == (before, "approved")


def test_an_answer_to_a_page_that_shows_an_older_decision_is_refused(case):
    case.choose(Outcome.CLOSE)
    choice = Choice(case.new.pk, "owner", Outcome.CARRY, territory=case.homes[0])

    with pytest.raises(deciding.Stale, match="meanwhile"):
        deciding.decide(case.flag, [choice], by=case.manager, seen_at=None)

    assert Decision.objects.get().outcome == Outcome.CLOSE


def test_nothing_is_decided_on_a_sheet_that_was_prepared_until_it_is_taken_back(case):
    case.prepare()
    with pytest.raises(deciding.Stale, match="take it back"):
        case.choose(Outcome.CLOSE)

    deciding.take_back(case.flag, by=case.manager)

    assert case.choose(Outcome.CLOSE) == 1


def test_a_tab_that_shows_other_changes_does_not_prepare(case):
    seen = planned(case.sheet).fingerprint
    case.choose(Outcome.CLOSE)

    with pytest.raises(deciding.Stale, match="look again"):
        deciding.prepare(case.flag, by=case.planner, seen=seen)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"outcome": "carry"}, "which territory"),
        ({"outcome": "hold"}, "until which day"),
        ({"outcome": "hold", "until_on": APRIL_2020}, "a day after"),
        ({"outcome": "reverify"}, "cannot be decided so"),
    ],
)
def test_a_choice_that_a_row_cannot_take_is_refused(case, choice, says):
    with pytest.raises(deciding.Undecidable, match=says):
        case.choose(**choice)

    assert not Decision.objects.exists()


def test_only_what_departs_from_the_default_is_stored(case):
    case.choose(Outcome.KEEP_THE_LINE)
    assert not Decision.objects.exists()

    case.choose(Outcome.CLOSE)
    case.choose("")
    assert not Decision.objects.exists()

    case.choose(assigned_to=case.manager)
    assert planned(case.sheet).rows[0].departs is False


def test_an_event_that_is_only_proposed_is_not_applied(case):
    case.approve()
    Reorganisation.objects.filter(pk=case.event.pk).update(state="proposed")

    with pytest.raises(applying.NotDecided):
        applying.apply_sheet(case.flag, by=case.manager)

    assert tick(JULY_2020)["applied"] == 0


# --- Apply and undo ----------------------------------------------------------------------------


def test_what_was_approved_is_what_is_applied_once(case):
    case.approve()
    preview = planned(case.sheet).listing

    done = applying.apply_sheet(case.flag, by=case.manager)
    after = rows(case.plan)

    assert done.listing == preview
    assert SheetChange.objects.count() == len(preview)
    assert applying.apply_sheet(case.flag, by=case.manager) is None
    assert rows(case.plan) == after


def test_undo_restores_every_row_with_its_key(case):
    before = rows(case.plan)
    case.apply()
    raise_flags()
    assert Flag.objects.get(pk=case.flag.pk).resolved_at

    preview = undoing.preview_undo(case.flag, by=case.planner)
    assert rows(case.plan) != before
    done = undoing.undo_sheet(case.flag, by=case.planner)

    assert (len(preview.deleted), len(preview.restored)) == (4, 2)
    assert (len(done.deleted), len(done.restored), done.kept) == (4, 2, [])
    assert rows(case.plan) == before
    assert case.sheet.state == "deciding"
    raise_flags()
    flag = Flag.objects.get(pk=case.flag.pk)
    assert (flag.resolved_at, flag.lapsed_at) == (None, None)
    with pytest.raises(deciding.Stale):
        undoing.undo_sheet(case.flag, by=case.planner)


def test_what_was_changed_by_hand_since_is_kept_and_named(case):
    before = rows(case.plan)
    case.apply()
    mine = case.practices[0][0]
    Assignment.objects.filter(organisation=mine).update(territory=case.homes[1])

    done = undoing.undo_sheet(case.flag, by=case.planner)

    assert [change.organisation for change in done.kept] == [mine]
    kept = Assignment.objects.get(organisation=mine)
    assert rows(case.plan) - before == {
        (kept.pk, case.homes[1].pk, mine.pk, "owner", APRIL_2020, None)
    }


def test_unless_everything_is_to_go_back(case):
    before = rows(case.plan)
    case.apply()
    case.plan.assignments.filter(organisation=case.practices[0][0]).update(territory=case.homes[1])
    case.plan.assignments.filter(organisation=case.olds[0]).delete()
    in_the_way = factories.assignment(
        territory=case.homes[0], organisation=case.olds[0], opened_on=JULY_2020
    )

    assert undoing.preview_undo(case.flag, by=case.planner).kept
    done = undoing.undo_sheet(case.flag, by=case.planner, everything=True)

    assert done.in_the_way == [in_the_way]
    assert rows(case.plan) == before


def test_a_row_in_the_way_of_one_to_be_restored_is_left(case):
    case.apply()
    by_hand = factories.assignment(
        territory=case.homes[1], organisation=case.olds[0], opened_on=JULY_2020
    )

    done = undoing.undo_sheet(case.flag, by=case.planner)

    assert [change.organisation for change in done.kept] == [case.olds[0]]
    assert Assignment.objects.filter(pk=by_hand.pk).exists()


def test_what_is_held_changes_nothing_until_its_day_then_it_is_due_again(case):
    case.choose(Outcome.HOLD, until_on=JULY_2020)
    before = rows(case.plan)
    case.apply()
    assert rows(case.plan) == before
    assert not Flag.objects.get(pk=case.flag.pk).resolved_at

    assert tick(JULY_2020 - timedelta(days=1))["released"] == 0
    assert tick(JULY_2020)["released"] == 1
    assert case.sheet.state == "deciding"
    assert planned(case.sheet).rows[0].outcome == Outcome.KEEP_THE_LINE


def test_the_clock_applies_what_is_due_and_one_that_is_not_ready_holds_up_nobody(db):
    ready, moved, early = Case(), Case(), Case()
    deciding.set_days(
        early.flag, align_on=JULY_2020, data_on=None, credit_on=None, by=early.planner
    )
    for case in (moved, ready, early):
        case.approve()
    moved.plan.assignments.filter(organisation=moved.olds[0]).delete()

    assert tick(MARCH_2020)["applied"] == 0
    done = tick(APRIL_2020)

    assert (done["applied"], done["unready"]) == (1, 1)
    states = [case.sheet.state for case in (ready, moved, early)]
    assert states == ["applied", "approved", "approved"]


def test_what_is_unready_is_not_worked_out_again_until_something_is_another(db, monkeypatch):
    case = Case()
    case.approve()
    case.plan.assignments.filter(organisation=case.olds[0]).update(territory=case.homes[1])
    asked = []
    monkeypatch.setattr(
        applying, "planned_of", lambda sheets: asked.append(len(sheets)) or planned_of(sheets)
    )

    assert tick(APRIL_2020)["unready"] == 1
    assert tick(APRIL_2020)["unready"] == 0
    assert asked == [1]

    # Somebody puts it back: it is what was approved again.
    case.plan.assignments.filter(organisation=case.olds[0]).update(territory=case.homes[0])
    case.plan.__class__.objects.filter(pk=case.plan.pk).revise()
    assert tick(APRIL_2020)["applied"] == 1


@pytest.mark.parametrize("what", ["day", "event", "release"])
def test_a_new_day_a_moved_event_and_a_release_are_reasons_to_look_again(case, what):
    case.approve()
    case.plan.assignments.filter(organisation=case.olds[0]).delete()
    day = APRIL_2020
    assert tick(day)["unready"] == 1

    if what == "day":
        day += timedelta(days=1)
    elif what == "event":
        Reorganisation.objects.filter(pk=case.event.pk).revise()
    else:
        factories.release()

    assert tick(day)["unready"] == 1


def test_sheets_of_one_event_are_applied_and_undone_together_each_by_its_own_approval(db):
    first = Case()
    plans = [Case(of=first) for _ in range(3)]
    cases = [first, *plans]
    before = [rows(case.plan) for case in cases]
    for case in cases[:3]:
        case.approve()
    cases[1].plan.assignments.filter(organisation=first.olds[0]).delete()
    before[1] = rows(cases[1].plan)

    done = applying.apply_sheets([case.flag.pk for case in cases], by=first.manager)

    assert set(done.done) == {cases[0].flag.pk, cases[2].flag.pk}
    assert {type(why) for why in done.refused.values()} == {deciding.Moved}
    assert [rows(case.plan) == was for case, was in zip(cases, before, strict=True)] == [
        False,
        True,
        False,
        True,
    ]
    assert [len(held_on(cases[n].plan, APRIL_2020)) for n in (0, 2)] == [4, 4]

    undone = undoing.undo_sheets([case.flag.pk for case in cases], by=first.planner)

    assert set(undone) == set(done.done)
    assert [rows(case.plan) for case in cases] == before


def test_the_clocks_task_applies_what_is_due_today(case):
    case.approve()

    tasks.apply_due()
    assert case.sheet.state == "applied"
    tasks.apply_due()
    assert SheetDeed.objects.filter(deed="applied").count() == 1
    assert case.sheet.applied_by is None
    assert Flag.objects.get(pk=case.flag.pk).resolved_by == case.manager


def test_a_rehearsal_writes_nothing(case):
    case.approve()
    before = rows(case.plan)

    applying.rehearse_sheet(case.flag)

    assert (rows(case.plan), case.sheet.state) == (before, "approved")


def test_only_touched_rows_change(case):
    witness = factories.assignment(territory=case.homes[0], opened_on=case.plan.opened_on)

    case.apply()

    assert not SheetChange.objects.filter(assignment=witness.pk).exists()
    assert set(SheetChange.objects.values_list("deed", flat=True)) == {"opened", "closed"}


def test_the_worst_day_is_applied_and_undone(register):
    plan = plan_of_2020(territories=12)
    raise_flags()
    before = rows(plan)
    planner, manager = plan.owner, factories.user(role="manager")
    flags = list(Flag.objects.on_plans().filter(object_id=plan.pk, lapsed_at=None))
    closed = conflicts = 0
    for flag in flags:
        sheet = deciding.sheet_of(flag)
        choices = [
            Choice(row.body.key, row.role, Outcome.CARRY, territory=row.territories[0])
            for row in planned(sheet).undecided
        ]
        conflicts += len(choices)
        deciding.decide(flag, choices, by=planner)
        seen = planned(sheet := deciding.sheet_of(flag))
        if not seen.listing:
            continue
        deciding.prepare(flag, by=planner, seen=seen.fingerprint)
        deciding.approve(flag, by=manager)
        closed += sum(c.on == APRIL_2020 for c in seen.closings)

    applied = tick(APRIL_2020)

    assert (applied["unready"], closed) == (0, 74)
    assert conflicts > 3
    assert len(held_on(plan, MARCH_2020)) == 191
    assert len(held_on(plan, APRIL_2020)) == 135  # CCGs from 1 April 2020
    for sheet in Sheet.objects.filter(applied_at__isnull=False).order_by("-pk"):
        undoing.undo_sheet(sheet.flag, by=planner)
    assert rows(plan) == before


@pytest.mark.parametrize("units", [1, 12])
def test_a_plan_of_many_units_asks_the_database_as_often_as_one_of_few(
    db, units, django_assert_num_queries
):
    case = Case(practices=units)

    with django_assert_num_queries(QUERIES):
        planned(case.sheet)


QUERIES = 17


@pytest.mark.django_db(transaction=True)
def test_of_two_that_apply_at_once_one_does(register):
    case = Case()
    case.approve()
    start, answers = threading.Barrier(2), []

    def go():
        try:
            start.wait(10)
            answers.append(applying.apply_sheet(case.flag, by=case.manager))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answer is None for answer in answers) == [False, True]
    assert len(held_on(case.plan, APRIL_2020)) == 4
    assert SheetChange.objects.count() == 6


@pytest.mark.django_db(transaction=True)
def test_a_preview_does_not_wait_long_for_whoever_changes_the_plan(register):
    case = Case()
    case.apply()
    held, free = threading.Event(), threading.Event()

    def hold():
        try:
            with transaction.atomic():
                case.plan.__class__.objects.filter(pk=case.plan.pk).revise()
                held.set()
                free.wait(30)
        finally:
            connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(10)
        with pytest.raises(rehearsing.Busy):
            undoing.preview_undo(case.flag, by=case.planner)
    finally:
        free.set()
        thread.join(30)

    assert len(undoing.preview_undo(case.flag, by=case.planner).deleted) == 4


@pytest.mark.django_db(transaction=True)
def test_an_apply_waits_for_an_edit_and_then_finds_that_the_data_moved(register):
    case = Case()
    case.approve()
    held, answers = threading.Event(), []

    def edit():
        try:
            with transaction.atomic():
                case.plan.__class__.objects.filter(pk=case.plan.pk).revise()
                held.set()
                time.sleep(1)
                Assignment.objects.filter(organisation=case.olds[0]).delete()
        finally:
            connections.close_all()

    thread = threading.Thread(target=edit)
    thread.start()
    assert held.wait(10)
    try:
        applying.apply_sheet(case.flag, by=case.manager)
    except deciding.Moved as moved:
        answers.append(moved)
    thread.join(30)

    assert len(answers) == 1
    assert not SheetChange.objects.exists()
