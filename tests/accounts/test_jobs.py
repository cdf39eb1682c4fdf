"""Jobs: one deed on many sheets of an event, in sets; stopped, killed and gone on with."""

import signal
import threading
from datetime import date

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, connection, connections, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Flag, Job, JobSheet, SheetChange, SheetDeed
from accounts.sheets import deciding, jobs
from accounts.sheets.planning import planned
from footprints.alone import alone
from footprints.models import Outcome, Reorganisation
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, JULY_2020, Case, held_on, rows
from tests.accounts.test_sheets_killed import (
    COMMITTED,
    Statements,
    committed,
    killed_in_a_process,
)

__all__ = ["committed"]

Deed, State = Job.Deed, Job.State


def many(number=4, **fields):
    """So many plans over the two CCGs of one event."""
    first = Case(**fields)
    return [first, *(Case(of=first) for _ in range(number - 1))]


def ask(deed, cases, by):
    return jobs.ask(cases[0].event, deed, [case.flag.pk for case in cases], by=by)


def do(deed, cases, by, *, size=2):
    """Ask for the job, and do it in sets of two."""
    job = ask(deed, cases, by)
    jobs.work(job, on=APRIL_2020, size=size)
    return job


def lines(job):
    """What became of each sheet, by its flag."""
    return dict(job.lines.values_list("flag", "state"))


def said(job, case):
    return job.lines.get(flag=case.flag).says


def prepared_anew(case):
    """Somebody takes the sheet back, decides otherwise, and prepares it again."""
    deciding.take_back(case.flag, by=case.planner)
    case.choose(Outcome.CARRY, territory=case.homes[1])
    case.prepare()


@pytest.fixture
def cases(db):
    return many()


# --- The whole way -----------------------------------------------------------------------------


def test_sheets_go_the_whole_way_together_and_back(cases):
    before = [rows(case.plan) for case in cases]
    planner, manager = cases[0].planner, cases[0].manager
    alone_of = [planned(case.sheet).fingerprint for case in cases]

    for deed, by in (("prepare", planner), ("approve", manager), ("apply", manager)):
        job = do(deed, cases, by)
        assert (job.state, job.done, job.total) == (State.DONE, 4, 4)
        assert set(lines(job).values()) == {JobSheet.State.DONE}

    assert [case.sheet.fingerprint for case in cases] == alone_of
    assert {case.sheet.state for case in cases} == {"applied"}
    # Two CCGs end in each plan, and the two practices of each begin.
    assert [line.rows for line in job.lines.all()] == [6] * 4
    assert said(job, cases[0]) == "two assignments end, 4 begin"
    deeds = SheetDeed.objects.filter(sheet__flag=cases[3].flag).values_list("deed", "by")
    assert list(deeds) == [
        ("prepared", planner.pk),
        ("approved", manager.pk),
        ("applied", manager.pk),
    ]

    job = do("undo", cases, manager)
    assert [rows(case.plan) for case in cases] == before
    assert said(job, cases[0]) == "four rows go, 2 as before"
    assert not Flag.objects.exclude(resolved_at=None).exists()


def test_a_sheet_prepared_together_is_the_one_that_is_prepared_alone(cases):
    case, names = cases[0], ("fingerprint", "changes", "is_four_eyed", "state")
    do("prepare", cases, case.planner)
    together = [getattr(case.sheet, name) for name in names]
    deciding.take_back(case.flag, by=case.planner)

    case.prepare()

    assert [getattr(case.sheet, name) for name in names] == together
    assert len(together[1]) == 6


def test_as_many_queries_for_many_sheets_as_for_few(cases):
    counted = {}
    for some in (cases[:1], cases[1:]):
        for deed, by in (("prepare", some[0].planner), ("approve", some[0].manager)):
            job = ask(deed, some, by)
            statements = Statements()
            with connection.execute_wrapper(statements):
                jobs.work(job, on=APRIL_2020)
            counted.setdefault(deed, []).append(statements.done)

    assert all(few == many for few, many in counted.values()), counted


# --- What is refused, a line each --------------------------------------------------------------


def test_what_is_not_ready_is_refused_by_the_sheets_own_rules_and_holds_up_nobody(cases):
    own, moved, undecided, ready = cases
    undecided.choose(Outcome.HOLD, until_on=JULY_2020)
    manager, planner = own.manager, own.planner
    lost = Case(practices=0)
    lost_flag = factories.flag(lost.plan, reorganisation=own.event)

    # Nothing of the event touches the plan of another one.
    job = jobs.ask(own.event, "prepare", [lost_flag.pk, ready.flag.pk], by=planner)
    jobs.work(job, on=APRIL_2020)
    assert job.lines.get(flag=lost_flag).says.startswith("There is nothing to change")
    assert lines(job)[ready.flag.pk] == "done"

    # What oneself prepared a colleague approves; what moved since is prepared again.
    do("prepare", [own], manager)
    do("prepare", [moved], planner)
    moved.plan.assignments.filter(organisation=moved.olds[0]).update(territory=moved.homes[1])
    job = do("approve", cases, manager)
    assert said(job, own) == "You prepared this sheet: a colleague approves it."
    assert said(job, moved).startswith("The plan or the event has moved since")
    assert "it is being decided on" in said(job, undecided)
    assert [case.sheet.state for case in cases] == [
        *("prepared", "prepared", "deciding", "approved"),
    ]

    # What is not approved is not applied.
    job = do("apply", cases, manager)
    assert lines(job) == {
        own.flag.pk: "refused",
        moved.flag.pk: "refused",
        undecided.flag.pk: "refused",
        ready.flag.pk: "done",
    }
    assert {case.sheet.state for case in cases} == {"prepared", "deciding", "applied"}
    assert not SheetChange.objects.exclude(sheet=ready.sheet).exists()


def test_what_was_prepared_anew_since_it_was_asked_for_is_not_approved(cases):
    do("prepare", cases, cases[0].planner)
    job = ask("approve", cases, cases[0].manager)
    prepared_anew(cases[1])

    jobs.work(job, on=APRIL_2020)

    assert said(job, cases[1]).startswith("It was prepared anew since you asked")
    states = [case.sheet.state for case in cases]
    assert states == ["approved", "prepared", "approved", "approved"]


def test_rows_that_need_a_word_are_named(db):
    case = Case(practices=0)

    job = do("prepare", [case], case.planner)

    assert said(job, case) == f"Still to be decided: {case.new.code}."
    assert case.sheet.state == "deciding"


def test_one_person_alone_may_approve_where_the_company_says_so(cases, settings):
    settings.FOUR_EYES = False
    do("prepare", cases, cases[0].planner)

    job = do("approve", cases, cases[0].planner)

    assert set(lines(job).values()) == {"done"}


def test_what_is_frozen_or_not_in_law_is_not_applied(cases):
    frozen, free = cases[:2]
    factories.freeze(team=frozen.plan.team, opened_on=date(2020, 5, 1), closed_on=JULY_2020)
    for case in (frozen, free):
        case.approve()
    job = ask("apply", [frozen, free], frozen.manager)
    jobs.work(job, on=date(2020, 5, 1))
    assert said(job, frozen).endswith("before 1 July 2020: the sheet is applied then.")
    assert lines(job)[free.flag.pk] == "done"

    Reorganisation.objects.filter(pk=free.event.pk).update(state="proposed")
    job = do("undo", [free], free.manager)
    free.approve()
    job = do("apply", [free], free.manager)
    assert said(job, free).startswith("The event is not in law")


def test_an_undo_keeps_to_a_freeze_but_for_a_manager_who_says_why_it_cannot_wait(cases):
    frozen, free = cases[:2]
    for case in (frozen, free):
        case.apply()
    factories.freeze(team=frozen.plan.team, opened_on=date(2020, 5, 1), closed_on=JULY_2020)
    on = date(2020, 5, 1)

    def undo(some, by, despite=""):
        flags = [case.flag.pk for case in some]
        job = jobs.ask(frozen.event, "undo", flags, by=by, despite=despite)
        jobs.work(job, on=on)
        return job

    job = undo([frozen, free], frozen.manager)
    assert lines(job) == {frozen.flag.pk: "refused", free.flag.pk: "done"}
    assert "before 1 July 2020: undo it then" in said(job, frozen)
    assert set(lines(undo([frozen], frozen.planner, "It is wrong.")).values()) == {"refused"}
    assert frozen.sheet.state == "applied"

    job = undo([frozen], frozen.manager, "It is wrong.")
    assert lines(job) == {frozen.flag.pk: "done"}
    assert frozen.sheet.state == "deciding"
    assert frozen.sheet.deeds.last().says.endswith("It is wrong.")


def test_what_is_applied_already_is_no_reason_to_worry_and_what_never_was_is_not_undone(cases):
    cases[0].apply()

    job = do("apply", cases[:2], cases[0].manager)
    assert said(job, cases[0]) == "It was applied already."
    assert lines(job) == {cases[0].flag.pk: "done", cases[1].flag.pk: "refused"}
    assert sum(line.rows for line in job.lines.all()) == 0

    job = do("undo", cases[:2], cases[0].manager)
    assert lines(job) == {cases[0].flag.pk: "done", cases[1].flag.pk: "refused"}
    assert said(job, cases[1]) == "The sheet is not applied: there is nothing to undo."


def test_what_people_changed_since_is_kept_and_said(cases):
    case = cases[0]
    case.apply()
    practice = case.practices[0][0]
    case.plan.assignments.filter(organisation=practice).update(territory=case.homes[1])

    job = do("undo", cases[:1], case.manager)

    assert "kept as somebody changed" in said(job, case)
    assert held_on(case.plan, APRIL_2020)[practice.code] == case.homes[1].code


def test_one_that_the_database_refuses_holds_up_nobody(cases):
    for case in cases:
        case.approve()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'not in this plan' USING ERRCODE = 'check_violation';
            END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON accounts_assignment FOR EACH ROW
            WHEN (OLD.plan_id = {cases[1].plan.pk}) EXECUTE FUNCTION refuse()
            """
        )

    job = do("apply", cases, cases[0].manager, size=4)

    assert (job.state, job.done) == (State.DONE, 4)
    assert said(job, cases[1]) == "The database refuses it: not in this plan"
    states = [case.sheet.state for case in cases]
    assert states == ["applied", "approved", "applied", "applied"]


# --- Who may, and when -------------------------------------------------------------------------


def test_one_job_at_a_time_of_an_event(cases):
    first = ask("prepare", cases[:2], cases[0].planner)

    with pytest.raises(jobs.UnderWay, match="has a job under way") as refused:
        ask("prepare", cases[2:], cases[0].manager)
    assert refused.value.job == first
    with pytest.raises(jobs.TooLate):
        jobs.go_on(first, by=cases[0].planner)

    another = Case()  # of another event
    assert ask("prepare", [another], another.planner).state == State.WAITING
    jobs.work(first, on=APRIL_2020)
    assert ask("prepare", cases[2:], cases[0].manager).state == State.WAITING


def test_a_job_of_a_walled_team_is_not_named_to_others(cases):
    walled, outside = cases[0].plan.team, cases[0].planner
    walled.is_walled = True
    walled.save()
    inside = factories.user(role="planner", team=walled)

    with pytest.raises(jobs.Nothing):
        ask("prepare", cases[:1], outside)
    job = ask("prepare", cases[:1], inside)
    assert Job.objects.visible_to(inside).get() == job
    assert not Job.objects.visible_to(outside).exists()
    with pytest.raises(jobs.UnderWay, match="A job is under way") as refused:
        ask("prepare", cases[1:], outside)
    assert refused.value.job is None


@pytest.mark.parametrize("role", ["field", "steward"])
def test_jobs_are_for_those_who_plan(cases, role):
    ask("prepare", cases, cases[0].planner)

    assert not Job.objects.visible_to(factories.user(role=role)).exists()


def test_flags_of_other_events_and_no_flags_are_passed_over(cases):
    other = Case()
    planner = cases[0].planner

    with pytest.raises(jobs.Nothing):
        jobs.ask(cases[0].event, "apply", [other.flag.pk], by=planner)
    job = jobs.ask(cases[0].event, "apply", [other.flag.pk, cases[0].flag.pk], by=planner)
    assert list(lines(job)) == [cases[0].flag.pk]


# --- Stopped, failed, killed -------------------------------------------------------------------


def in_a_thread(deed):
    """Do it on a connection of its own, and wait for it."""

    def there():
        try:
            deed()
        finally:
            connections.close_all()

    thread = threading.Thread(target=there)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


class AfterTheFirst:
    """Something happens once, right after a statement: while a set is written, not committed."""

    def __init__(self, statement, deed):
        self.statement, self.deed = statement, deed

    def __call__(self, execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql == self.statement and self.deed:
            deed, self.deed = self.deed, None
            in_a_thread(deed)
        return result


def test_a_job_that_waits_is_stopped_at_once_and_another_person_goes_on_with_it(cases):
    do("prepare", cases, cases[0].planner)
    job = ask("approve", cases, cases[0].planner)
    jobs.stop(job, by=cases[0].manager)

    assert (job.state, job.stopped_by, job.done) == (State.STOPPED, cases[0].manager, 0)
    tasks.do_job(job.pk)  # its message comes all the same
    assert {case.sheet.state for case in cases} == {"prepared"}

    rest = jobs.go_on(job, by=cases[0].manager)
    jobs.work(rest, on=APRIL_2020)
    assert (rest.state, rest.by, rest.goes_on_with) == (State.DONE, cases[0].manager, job)
    assert {case.sheet.approved_by for case in cases} == {cases[0].manager}
    with pytest.raises(jobs.TooLate, match="gone on with it already"):
        jobs.go_on(job, by=cases[0].planner)
    with pytest.raises(jobs.Nothing):
        jobs.go_on(rest, by=cases[0].planner)
    with pytest.raises(jobs.TooLate):
        jobs.stop(rest, by=cases[0].planner)


def test_going_on_tries_what_was_refused_again(cases):
    do("prepare", cases, cases[0].planner)
    job = do("approve", cases, cases[0].planner)
    assert set(lines(job).values()) == {"refused"}

    rest = jobs.go_on(job, by=cases[0].manager)
    jobs.work(rest, on=APRIL_2020)

    assert set(lines(rest).values()) == {"done"}


@COMMITTED
def test_stopping_takes_effect_between_two_sets(committed):
    cases = many(5)
    for case in cases:
        case.approve()
    manager = cases[0].manager
    job = ask("apply", cases, manager)

    def press_stop():
        """While the first set is written and not committed."""
        jobs.stop(Job.objects.get(pk=job.pk), by=manager)
        assert Job.objects.get(pk=job.pk).state == State.STOPPING

    with connection.execute_wrapper(AfterTheFirst(jobs.WRITE, press_stop)):
        jobs.work(job, on=APRIL_2020, size=2)

    assert (job.state, job.done) == (State.STOPPED, 2)
    assert sorted(lines(job).values()) == ["done"] * 2 + ["waiting"] * 3
    states = [case.sheet.state for case in cases]
    assert states == ["applied"] * 2 + ["approved"] * 3

    rest = jobs.go_on(job, by=manager)
    jobs.work(rest, on=APRIL_2020, size=2)
    assert (rest.state, rest.total) == (State.DONE, 3)
    assert {case.sheet.state for case in cases} == {"applied"}


@COMMITTED
def test_two_workers_share_a_job_and_the_last_to_leave_ends_it(committed):
    cases = many(5)
    for case in cases:
        case.approve()
    job = ask("apply", cases, cases[0].manager)

    def in_the_other_lane():
        beside = Job.objects.get(pk=job.pk)
        jobs.work(beside, on=APRIL_2020, size=2, lane=1)
        # Its own three are done; the first two are not, and not this worker's to wait for.
        assert (beside.state, beside.done) == (State.WORKING, 3)
        assert sorted(lines(beside).values()) == ["done"] * 3 + ["waiting"] * 2

    with connection.execute_wrapper(AfterTheFirst(jobs.WRITE, in_the_other_lane)):
        jobs.work(job, on=APRIL_2020, size=2, lane=0)

    assert (job.state, job.done) == (State.DONE, 5)
    assert {case.sheet.state for case in cases} == {"applied"}
    assert SheetDeed.objects.filter(deed="applied").count() == 5
    assert SheetChange.objects.count() == 6 * 5


@COMMITTED
def test_a_job_is_stopped_once_both_workers_have_left_it(committed):
    cases = many(6)
    job = ask("prepare", cases, cases[0].planner)

    def stop_in_the_other_lane():
        beside = Job.objects.get(pk=job.pk)

        def stop():
            jobs.stop(Job.objects.get(pk=job.pk), by=cases[0].manager)

        with connection.execute_wrapper(AfterTheFirst(jobs.WRITE, stop)):
            jobs.work(beside, on=APRIL_2020, size=2, lane=1)
        assert (beside.state, beside.done) == (State.STOPPING, 2)

    with connection.execute_wrapper(AfterTheFirst(jobs.WRITE, stop_in_the_other_lane)):
        jobs.work(job, on=APRIL_2020, size=2, lane=0)

    assert (job.state, job.done) == (State.STOPPED, 4)


@COMMITTED
def test_what_two_workers_come_to_one_by_one_is_done_once(committed):
    cases = many(4)
    for case in cases:
        case.approve()
    job = ask("apply", cases, cases[0].manager)
    refused = []

    def fail_once(job, lines, on):
        if not refused:
            refused.append(lines)
            raise IntegrityError("the set as a whole")
        deal_with(job, lines, on)

    deal_with, jobs._deal_with = jobs._deal_with, fail_once
    beside = AfterTheFirst(
        jobs.WRITE,
        lambda: jobs.work(Job.objects.get(pk=job.pk), on=APRIL_2020, size=4, lane=1),
    )
    try:
        with connection.execute_wrapper(beside):
            jobs.work(job, on=APRIL_2020, size=4)
    finally:
        jobs._deal_with = deal_with

    assert (job.state, job.done) == (State.DONE, 4)
    assert SheetDeed.objects.filter(deed="applied").count() == 4


def test_a_long_job_is_worth_two_workers_and_a_short_one_one(cases):
    job = ask("prepare", cases, cases[0].planner)

    assert list(jobs.lanes(job)) == [0]
    assert list(jobs.lanes(job, size=2)) == [0, 1]
    assert list(jobs.lanes(job, size=1)) == [0, 1]


@COMMITTED
def test_a_job_whose_workers_are_killed_goes_on_and_does_nothing_twice(committed):
    cases = many(6)
    for case in cases:
        case.approve()
    job = ask("apply", cases, cases[0].manager)

    def go():
        jobs.work(Job.objects.get(pk=job.pk), on=APRIL_2020, size=2)

    counted = Statements()
    with connection.execute_wrapper(counted), transaction.atomic():
        go()
        transaction.set_rollback(True)
    one_set = counted.done // 3
    kills = 0
    for at in (one_set // 2, one_set + 3, one_set + 5, one_set - 1):
        kills += killed_in_a_process(go, at) == signal.SIGKILL

        done = job.lines.filter(state="done")
        applied = [case.flag.pk for case in cases if case.sheet.state == "applied"]
        assert sorted(done.values_list("flag", flat=True)) == sorted(applied)
        assert Job.objects.get(pk=job.pk).done == len(applied)
        assert SheetChange.objects.count() == 6 * len(applied)

    assert kills >= 3
    tasks.resume_jobs()  # as the clock does
    job.refresh_from_db()
    assert (job.state, job.done) == (State.DONE, 6)
    assert SheetDeed.objects.filter(deed="applied").count() == 6
    tasks.do_job(job.pk)  # delivered again
    assert SheetDeed.objects.filter(deed="applied").count() == 6


@COMMITTED
def test_a_set_that_ends_each_worker_ends_the_job(committed):
    cases = many(2)
    job = ask("prepare", cases, cases[0].planner)

    def go():
        jobs.work(Job.objects.get(pk=job.pk), on=APRIL_2020)

    for _ in range(jobs.TRIES):
        assert killed_in_a_process(go, 15) == signal.SIGKILL
    go()

    job.refresh_from_db()
    assert (job.state, job.done) == (State.FAILED, 0)
    assert "none came back" in job.error
    rest = jobs.go_on(job, by=cases[0].planner)
    jobs.work(rest, on=APRIL_2020)
    assert rest.state == State.DONE


def test_where_a_worker_is_at_it_another_does_nothing(cases):
    job = ask("prepare", cases, cases[0].planner)

    with alone(jobs.LOCK + job.pk * jobs.LANES):
        jobs.work(job, on=APRIL_2020)
        assert (Job.objects.get(pk=job.pk).state, job.done) == (State.WAITING, 0)

    jobs.work(job, on=APRIL_2020)
    assert job.state == State.DONE


def test_a_job_of_a_lost_worker_that_somebody_stopped_is_over(cases):
    job = ask("prepare", cases, cases[0].planner)
    Job.objects.filter(pk=job.pk).update(state="working", began_at=now())  # and was killed

    jobs.stop(job, by=cases[0].planner)

    assert job.state == State.STOPPED


def test_a_job_whose_worker_was_lost_while_it_was_to_stop_is_stopped_by_the_clock(cases):
    job = ask("prepare", cases, cases[0].planner)
    Job.objects.filter(pk=job.pk).update(
        state="stopping", stopped_by=cases[0].planner, began_at=now()
    )

    tasks.resume_jobs()

    job.refresh_from_db()
    assert (job.state, job.done) == (State.STOPPED, 0)


# --- What the database keeps -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"done": 5}, "job_done_within_total"),
        ({"ended_at": "2026-11-22T00:00Z"}, "job_ended_once_over"),
        ({"state": "working"}, "job_began_before_work"),
        ({"state": "stopped", "ended_at": "2026-11-22T00:00Z"}, "job_stopped_by_somebody"),
        ({"error": "It broke."}, "job_says_why_it_failed"),
    ],
)
def test_a_job_that_cannot_be_is_refused(cases, fields, constraint):
    job = ask("prepare", cases, cases[0].planner)

    with pytest.raises(IntegrityError, match=constraint):
        Job.objects.filter(pk=job.pk).update(**fields)


def test_two_jobs_under_way_of_one_event_cannot_be(cases):
    job = ask("prepare", cases, cases[0].planner)
    job.pk = None

    with pytest.raises(IntegrityError, match="job_one_at_a_time_an_event"):
        job.save()


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"says": "Done."}, "jobsheet_says_what_became_of_it"),
        ({"state": "done"}, "jobsheet_says_what_became_of_it"),
        ({"rows": 3}, "jobsheet_written_once_done"),
    ],
)
def test_a_line_that_cannot_be_is_refused(cases, fields, constraint):
    job = ask("prepare", cases, cases[0].planner)

    with pytest.raises(IntegrityError, match=constraint):
        job.lines.update(**fields)


def test_a_sheet_is_in_a_job_once(cases):
    job = ask("prepare", cases, cases[0].planner)

    with pytest.raises(IntegrityError, match="jobsheet_once_a_job"):
        JobSheet.objects.create(job=job, flag=cases[0].flag)


def test_whoever_asked_for_a_job_stays(cases):
    job = ask("prepare", cases, cases[0].planner)

    with pytest.raises(Exception, match="protected"):
        get_user_model().objects.get(pk=job.by_id).delete()
