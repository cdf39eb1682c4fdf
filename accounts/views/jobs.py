"""All sheets of one event: where each stands, a deed on many of them, the jobs that do it."""

import hashlib
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import OuterRef, Subquery
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from footprints.lists import Action, ListView
from footprints.models import Reorganisation

from .. import tasks
from ..filters import EventSheetFilter, JobSheetFilter
from ..models import Flag, Freeze, Job, JobSheet, TerritoryPlan, User
from ..sheets import jobs
from ..sheets.ahead import foresee_undo
from ..sheets.forms import DespiteForm
from ..sheets.of_event import (
    STATES,
    lend_sheets,
    prepared_changes,
    ready_for,
    sheets_of,
    state_counts,
)
from ..sheets.undoing import may_within_a_freeze
from ..tables import EventSheetTable, JobSheetTable

A_WORKER_COMES = timedelta(minutes=2)  # then somebody should see whether there is one
A_FEW = 10  # sheets that are prepared or approved while the page waits
JOBS_SHOWN = 8
NAMED = 8  # sheets that are named before something is done to them

# Deed → its name on a button, what the sheets then are, its icon; in the order of their doing.
DEEDS = {
    Job.Deed.PREPARE: ("Prepare", "prepared", "clipboard-check"),
    Job.Deed.APPROVE: ("Approve", "approved", "check2"),
    Job.Deed.APPLY: ("Apply", "applied", "check2-all"),
    Job.Deed.UNDO: ("Undo", "undone", "arrow-counterclockwise"),
}


def who_plans(user: User) -> None:
    """Raise Http404 for everybody else: sheets are worked by planners and managers."""
    if user.role not in User.Role.planning():
        raise Http404("Sheets are worked by planners and managers.")


def jobs_of(event: Reorganisation, user: User):
    """The event's jobs that the user may see, the newest first."""
    return event.jobs.visible_to(user).select_related("by", "stopped_by", "event").order_by("-pk")


class EventSheets(ListView):
    """The sheets of one event: how far each is, and the next deed for many at once."""

    template_name = "accounts/jobs/sheets.html"
    model = Flag
    table_class = EventSheetTable
    filterset_class = EventSheetFilter
    noun = ("sheet", "sheets")
    count_limit = 10_000
    depends_on_day = False
    default_sort = "plan"
    empty_title = "It touches none of your plans"
    empty_text = "When the event touches a plan, the plan's decision sheet is listed here."

    def dispatch(self, request, *args, slug, **kwargs):
        if request.user.is_authenticated:
            who_plans(request.user)
            self.event = get_object_or_404(Reorganisation, slug=slug)
        return super().dispatch(request, *args, **kwargs)

    @property
    def title(self):
        return f"Sheets: {self.event.title}"

    def get_queryset(self):
        return sheets_of(self.event, self.request.user)

    def get_table(self, records):
        lend_sheets(records)
        return super().get_table(records)

    def get_bulk_actions(self):
        return [
            Action(f"{says}…", address_of(self.event, deed), icon)
            for deed, (says, _, icon) in DEEDS.items()
        ]

    def get_context_data(self, **kwargs):
        user, event = self.request.user, self.event
        flags = self.get_queryset()
        counts = state_counts(flags)
        to_approve = counts["prepared"] and ready_for(Job.Deed.APPROVE, flags, user).count()
        steps = zip(
            DEEDS.items(),
            STATES.items(),
            [counts["deciding"], to_approve, counts["approved"], counts["applied"]],
            strict=True,
        )
        found = list(jobs_of(event, user)[:JOBS_SHOWN])
        return super().get_context_data(
            event=event,
            steps=[
                {
                    "deed": deed,
                    "says": says,
                    "icon": icon,
                    "state": state,
                    "label": label,
                    "count": counts[state],
                    "ready": ready,
                    "address": f"{address_of(event, deed)}?state="
                    + ("colleague" if deed == Job.Deed.APPROVE else state),
                    "shows": self.address(state=state),
                    "is_shown": self.request.GET.get("state") == state,
                }
                for (deed, (says, _, icon)), (state, label), ready in steps
            ],
            jobs=[Told(job, user) for job in found],
            is_fetched="HX-Request" in self.request.headers,
            bulk_fields="accounts/jobs/_all.html",
            filters=self.request.GET.urlencode(),
            is_more=not self.page.is_only,
            **kwargs,
        )


def address_of(event: Reorganisation, deed: Job.Deed) -> str:
    return reverse("accounts:sheets_together", args=[event.slug, deed.value])


class Told:
    """A job as one reader may see it: the sheets of plans that they may open, and no others."""

    def __init__(self, job: Job, user: User):
        self.job = job
        flags = Flag.objects.on_plans().visible_to(user)
        self.lines = job.lines.filter(flag__in=flags.values("pk"))
        self.done, self.refused, self.waiting, self.rows = jobs.tally(self.lines)
        self.total = self.done + self.refused + self.waiting
        self.dealt_with = self.done + self.refused
        self.left = self.waiting + self.refused
        self.says, self.became, _ = DEEDS[Job.Deed(job.deed)]
        self.writes = job.deed in (Job.Deed.APPLY, Job.Deed.UNDO)

    @property
    def in_words(self) -> str:
        """What is done: "312 of 315 sheets applied, 3 refused"; in digits, to be compared."""
        done = (
            f"{self.done:,} of {self.total:,} sheet{'s' if self.total > 1 else ''} {self.became}"
        )
        refused = f", {self.refused:,} refused" if self.refused else ""
        waiting = f", {self.waiting:,} not come to" if self.waiting else ""
        return done + refused + ("" if self.job.is_under_way else waiting)


# --- One deed on many sheets: a look at what it would do, then the job ---------------------------


@login_required
def sheets_together(request, slug, deed):
    """What the deed would do to the ticked sheets, or to all that match; and to have it done."""
    who_plans(request.user)
    event = get_object_or_404(Reorganisation, slug=slug)
    if deed not in Job.Deed.values:
        raise Http404(f"Nothing is called «{deed}».")
    deed = Job.Deed(deed)
    chosen = Chosen(request, event, deed)
    form = DespiteForm(request.POST if "seen" in request.POST else None)
    form.fields["despite"].required = False
    if "seen" in request.POST and chosen.keys:
        if request.POST["seen"] == chosen.fingerprint:
            despite = form.cleaned_data["despite"] if form.is_valid() else ""
            return _ask(request, event, deed, chosen.keys, despite)
        messages.warning(request, "The sheets are others by now, or stand otherwise: look again.")
    ready = ready_for(deed, chosen.flags, request.user)
    number = ready.count()
    is_undo = deed == Job.Deed.UNDO
    says, became, icon = DEEDS[deed]
    today = request.as_at.today
    frozen = Freeze.objects.filter(
        opened_on__lte=today,
        closed_on__gt=today,
        team__plans__in=ready.order_by().values("object_id"),
    )
    context = {
        "event": event,
        "deed": deed,
        "says": says,
        "became": became,
        "icon": icon,
        "chosen": chosen,
        "ready": number,
        "others": len(chosen.keys) - number,
        "states": [
            (STATES[state].lower(), number)
            for state, number in state_counts(chosen.flags).items()
            if number
        ],
        "named": chosen.flags.order_by("plan_name", "pk")[:NAMED],
        "besides": max(0, len(chosen.keys) - NAMED),
        "changes": prepared_changes(ready) if deed in ("approve", "apply") else 0,
        "foreseen": foresee_undo(chosen.keys) if is_undo else None,
        "is_frozen": is_undo and frozen.exists(),
        "form": form if is_undo and may_within_a_freeze(request.user) else None,
        "address": address_of(event, deed),
    }
    return render(request, "accounts/jobs/together.html", context)


class Chosen:
    """The sheets that somebody ticked; or all that match the filters, and are ready."""

    def __init__(self, request, event: Reorganisation, deed: Job.Deed):
        self.rows = [row for row in request.POST.getlist("row") if row.isdecimal()][:1_000]
        self.is_all = "all" in request.POST or not self.rows
        found = sheets_of(event, request.user)
        self.filters = ""
        if self.is_all:
            asked = QueryDict(request.POST.get("filters", request.GET.urlencode()))
            self.filters, self.rows = asked.urlencode(), []
            matching = EventSheetFilter(asked, found, request=request)
            found = matching.qs if matching.is_valid() else found.none()
            found = ready_for(deed, found, request.user)
        else:
            found = found.filter(pk__in=[int(row) for row in self.rows if len(row) < 19])
        # With the fingerprint of each as it was prepared, so that no other is approved.
        self.stands = sorted(found.order_by().values_list("pk", "sheet__fingerprint"))
        self.keys = [key for key, _ in self.stands]
        # By key: what is asked of the chosen does not ask for their filters again.
        self.flags = sheets_of(event, request.user).filter(pk__in=self.keys)

    @property
    def fingerprint(self) -> str:
        """Of which sheets they are and how each stands: a page that showed others is noticed."""
        return hashlib.sha256(repr(self.stands).encode()).hexdigest()[:32]


def _ask(request, event, deed, keys, despite):
    try:
        job = jobs.ask(event, deed, keys, by=request.user, despite=despite)
    except jobs.JobError as refusal:
        _refuse(request, refusal)
        return redirect("accounts:event_sheets", event.slug)
    return _started(request, job)


def _started(request, job):
    is_quick = job.deed in (Job.Deed.PREPARE, Job.Deed.APPROVE) and job.total <= A_FEW
    if is_quick:
        jobs.work(job, on=request.as_at.today)
    else:
        tasks.start(job)
    return redirect(job)


def _refuse(request, refusal):
    if isinstance(refusal, jobs.UnderWay) and refusal.job:
        link = format_html(' <a href="{}">See it</a>', refusal.job.get_absolute_url())
        messages.error(request, format_html("{}{}", str(refusal), link))
    else:
        messages.error(request, str(refusal))


# --- One job -----------------------------------------------------------------------------------


class JobPage(ListView):
    """One job: how far it is; once it is over, what became of each sheet."""

    template_name = "accounts/jobs/job.html"
    model = JobSheet
    table_class = JobSheetTable
    filterset_class = JobSheetFilter
    noun = ("sheet", "sheets")
    count_limit = 10_000
    depends_on_day = False
    default_sort = "state"

    def dispatch(self, request, *args, pk, **kwargs):
        if request.user.is_authenticated:
            who_plans(request.user)
            self.told = Told(job_of(request, pk), request.user)
        return super().dispatch(request, *args, **kwargs)

    @property
    def title(self):
        return f"{self.told.says}: {self.told.job.event.title}"

    def get_queryset(self):
        plan = TerritoryPlan.objects.filter(pk=OuterRef("flag__object_id"))
        return self.told.lines.annotate(plan_name=Subquery(plan.values("name")[:1]))

    def get_table_kwargs(self):
        return {"writes": self.told.writes}

    def get_context_data(self, **kwargs):
        job = self.told.job
        waits = job.state == Job.State.WAITING
        return super().get_context_data(
            job=job,
            told=self.told,
            event=job.event,
            is_waiting_long=waits and job.asked_at < now() - A_WORKER_COMES,
            gone_on_with=Job.objects.filter(goes_on_with=job).select_related("by").first(),
            **kwargs,
        )


def job_of(request, pk) -> Job:
    found = Job.objects.visible_to(request.user)
    people = ("by", "stopped_by", "event", "goes_on_with")
    return get_object_or_404(found.select_related(*people), pk=pk)


@login_required
@require_POST
def stop_job(request, pk):
    job = job_of(request, pk)
    try:
        jobs.stop(job, by=request.user)
    except jobs.TooLate as late:
        messages.info(request, str(late))
    return redirect(job)


@login_required
@require_POST
def go_on(request, pk):
    job = job_of(request, pk)
    try:
        rest = jobs.go_on(job, by=request.user)
    except jobs.JobError as refusal:
        _refuse(request, refusal)
    else:
        return _started(request, rest)
    return redirect(job)
