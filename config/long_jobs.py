"""Long work that people asked for, of every kind: how far it is, stopping it, trying it again.

Each kind has rows, pages and services of its own; here they stand together for whoever looks
after Waymark. A kind is one of ``KINDS``: what it has found, and how one is stopped and tried
again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from accounts import tasks as accounts_tasks
from accounts.balancing import asking
from accounts.models import Job, Suggestion
from accounts.sheets import jobs
from footprints import tasks as footprints_tasks
from footprints.models import Report
from footprints.services import taking_in
from footprints.services.receiving import CannotApply, discard_report
from footprints.views.stewards import PERMISSION

SHOWN = timedelta(days=30)  # of those that did not end well
MOST = 50  # of each kind


@dataclass(frozen=True)
class LongJob:
    """One of them. ``url`` is empty where the reader may not open it."""

    kind: str
    pk: int
    what: str
    title: str
    url: str
    by: str
    asked_at: datetime
    state: str
    is_moving: bool
    done: int = 0
    total: int = 0
    unit: str = ""
    error: str = ""
    may_stop: bool = False
    may_retry: bool = False

    @property
    def has_failed(self) -> bool:
        return bool(self.error)


class CannotDo(Exception):
    """What cannot be done about one, in the reader's words."""


class SheetJobs:
    """A deed on many decision sheets of one event."""

    key = "sheets"

    def found(self, user, at):
        bad = Q(state__in=[Job.State.FAILED, Job.State.STOPPED], ended_at__gt=at - SHOWN)
        rows = Job.objects.filter(Q(state__in=Job.State.under_way()) | bad, gone_on_with=None)
        rows = list(rows.select_related("event", "by").order_by("-pk")[:MOST])
        open_to = set(
            Job.objects.visible_to(user)
            .filter(pk__in=[row.pk for row in rows])
            .values_list("pk", flat=True)
        )
        for row in rows:
            yield LongJob(
                kind=self.key,
                pk=row.pk,
                what=f"{row.get_deed_display()} sheets",
                title=row.event.title,
                url=row.get_absolute_url() if row.pk in open_to else "",
                by=str(row.by),
                asked_at=row.asked_at,
                state=row.get_state_display(),
                is_moving=row.is_under_way,
                done=row.done,
                total=row.total,
                unit="sheets",
                error=row.error,
                may_stop=row.state in (Job.State.WAITING, Job.State.WORKING),
                # The rest is asked for by whoever may open the sheets.
                may_retry=not row.is_under_way and row.pk in open_to,
            )

    def stop(self, pk, user):
        try:
            jobs.stop(Job.objects.get(pk=pk), by=user)
        except jobs.JobError as refusal:
            raise CannotDo(str(refusal)) from refusal

    def again(self, pk, user):
        try:
            rest = jobs.go_on(Job.objects.visible_to(user).get(pk=pk), by=user)
        except jobs.JobError as refusal:
            raise CannotDo(str(refusal)) from refusal
        accounts_tasks.start(rest)


class Suggestions:
    """Territories that the solver works out. What came of one is its plan's business."""

    key = "suggestions"

    def found(self, user, at):
        bad = Q(state=Suggestion.State.FAILED, ended_at__gt=at - SHOWN)
        moving = Suggestion.State.under_way()
        rows = Suggestion.objects.filter(Q(state__in=moving) | bad)
        rows = list(
            rows.defer("found", "told").select_related("plan", "by").order_by("-pk")[:MOST]
        )
        open_to = set(
            Suggestion.objects.visible_to(user)
            .filter(pk__in=[row.pk for row in rows])
            .values_list("pk", flat=True)
        )
        for row in rows:
            is_open, is_moving = row.pk in open_to, row.state in moving
            yield LongJob(
                kind=self.key,
                pk=row.pk,
                what="Suggest territories",
                title=row.plan.name if is_open else "A plan",
                url=row.get_absolute_url() if is_open else "",
                by=str(row.by),
                asked_at=row.asked_at,
                state=row.get_state_display(),
                is_moving=is_moving,
                done=row.percent,
                total=100,
                unit="%",
                error=row.error,
                may_stop=is_moving,
            )

    def stop(self, pk, user):
        try:
            asking.stop(Suggestion.objects.get(pk=pk), by=user)
        except asking.SuggestionError as refusal:
            raise CannotDo(str(refusal)) from refusal

    def again(self, pk, user):
        raise CannotDo("A suggestion is asked for again on the page of its plan.")


class Reports:
    """Reports of the NHS that are read or applied; stewards stop and read them again."""

    key = "reports"

    def found(self, user, at):
        state = Report.State
        moving = [state.RECEIVED, state.READING, state.APPLYING]
        bad = Q(state=state.REFUSED, received_at__gt=at - SHOWN)
        rows = Report.objects.filter(Q(state__in=moving) | bad).defer("preview")
        is_steward = user.has_perm(PERMISSION)
        for row in rows.select_related("by").order_by("-pk")[:MOST]:
            is_moving = row.state in moving
            yield LongJob(
                kind=self.key,
                pk=row.pk,
                what="Apply a report" if row.state == state.APPLYING else "Read a report",
                title=row.title or row.name,
                url=row.get_absolute_url(),
                by=str(row.by) if row.by else f"nobody: {row.get_via_display()}",
                asked_at=row.received_at,
                state=row.doing or row.get_state_display(),
                is_moving=is_moving,
                done=row.done,
                total=row.total,
                error=row.error if row.state == state.REFUSED else "",
                may_stop=is_moving and is_steward,
                may_retry=row.state == state.REFUSED and is_steward,
            )

    def stop(self, pk, user):
        report = self._of_steward(pk, user)
        try:
            if report.state == Report.State.APPLYING:
                taking_in.stop_applying(report, by=user)
            else:
                discard_report(report, by=user)
        except (taking_in.TooLate, CannotApply) as late:
            raise CannotDo(str(late)) from late

    def again(self, pk, user):
        report = self._of_steward(pk, user)
        try:
            taking_in.read_again(report, by=user)
        except taking_in.TooLate as late:
            raise CannotDo(str(late)) from late
        footprints_tasks.take_in.soon(report.pk)

    def _of_steward(self, pk, user):
        if not user.has_perm(PERMISSION):
            raise CannotDo("Reports are stopped and read again by data stewards.")
        return Report.objects.get(pk=pk)


KINDS = {kind.key: kind for kind in (SheetJobs(), Suggestions(), Reports())}


def long_jobs(user, *, at: datetime) -> list[LongJob]:
    """Those under way, and those of the last 30 days that did not end well; the newest first."""
    found = [job for kind in KINDS.values() for job in kind.found(user, at)]
    return sorted(found, key=lambda job: (not job.is_moving, -job.asked_at.timestamp()))
