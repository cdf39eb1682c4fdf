"""Pages of those who look after Waymark: the schedules, their runs, long jobs, how it is."""

from celery import current_app
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST
from django.views.generic import FormView, TemplateView
from django_celery_beat.models import PeriodicTask

from footprints.lists import Action, ListView

from . import health, long_jobs, running
from .forms import ScheduleForm
from .lists import RunFilter, RunTable
from .models import Run
from .schedules import as_they_stand, never_laid_down

RUNS_SHOWN = 10


def for_staff(user) -> None:
    """Raise PermissionDenied for whoever does not look after Waymark."""
    if not user.is_staff:
        raise PermissionDenied("Schedules and jobs are looked after by administrators.")


class StaffOnly(LoginRequiredMixin):
    """A page for administrators and data stewards: others are told so."""

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            for_staff(request.user)
        return super().dispatch(request, *args, **kwargs)


def deed(view):
    """A POST of those who look after Waymark."""

    @require_POST
    @login_required
    def answered(request, *args, **kwargs):
        for_staff(request.user)
        return view(request, *args, **kwargs)

    return answered


# --- Schedules ----------------------------------------------------------------------------------


class ScheduleList(StaffOnly, TemplateView):
    """Every schedule: when it runs, what for, how its last run went, and when the next is."""

    template_name = "clock/schedules.html"

    def get_context_data(self, **kwargs):
        found = as_they_stand(now())
        return super().get_context_data(
            schedules=found,
            absent=list(never_laid_down(found)),
            wrong=[each for each in found if each.is_missed],
            **kwargs,
        )


class SchedulePage(StaffOnly, FormView):
    """One schedule: its last runs, and when it is to run."""

    template_name = "clock/schedule.html"
    form_class = ScheduleForm

    def dispatch(self, request, *args, pk, **kwargs):
        self.schedule = next((each for each in as_they_stand(now()) if each.row.pk == pk), None)
        if self.schedule is None:
            if request.user.is_authenticated:
                for_staff(request.user)
            raise Http404("No such schedule.")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self):
        return {**super().get_form_kwargs(), "row": self.schedule.row}

    def form_valid(self, form):
        given = form.cleaned_data
        try:
            changed = running.change_schedule(
                self.schedule.row,
                by=self.request.user,
                seen=given["seen"],
                is_on=given["is_on"],
                **form.kind,
            )
        except running.ClockError as refusal:
            form.add_error(None, str(refusal))
            return self.form_invalid(form)
        if changed:
            messages.success(self.request, "Saved. The clock goes by it within five seconds.")
        else:
            messages.info(self.request, "Nothing was changed.")
        return redirect("clock:schedule", self.schedule.row.pk)

    def get_context_data(self, **kwargs):
        at = self.schedule.at
        runs = Run.objects.filter(schedule=self.schedule.name).with_fate(at=at)
        return super().get_context_data(
            schedule=self.schedule,
            runs=runs.select_related("asked_by")[:RUNS_SHOWN],
            is_moving=runs.filter(fate__in=Run.State.under_way()).exists(),
            is_as_installed=running.is_as_installed(self.schedule.row),
            **kwargs,
        )


@deed
def run_now(request, pk):
    """Have a worker run it now."""
    row = get_object_or_404(PeriodicTask, pk=pk)
    try:
        running.run_now(row, by=request.user)
    except running.ClockError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Asked for: a worker takes it up as soon as one is free.")
    return redirect("clock:schedule", row.pk)


@deed
def as_installed(request, pk):
    """Have it run again when the settings say."""
    row = get_object_or_404(PeriodicTask, pk=pk)
    if not running.is_as_installed(row):
        running.as_installed(row, by=request.user)
        messages.success(request, "It runs again when Waymark itself says.")
    return redirect("clock:schedule", row.pk)


@deed
def stop_run(request, pk):
    """Stop a run that waits or is at work."""
    run = get_object_or_404(Run, pk=pk)
    try:
        messages.success(request, running.stop_run(run, by=request.user))
    except running.ClockError as refusal:
        messages.error(request, str(refusal))
    row = PeriodicTask.objects.filter(name=run.schedule).first()
    return redirect("clock:schedule", row.pk) if row else redirect("clock:runs")


# --- Runs ---------------------------------------------------------------------------------------


class RunList(StaffOnly, ListView):
    """What the clock and people had done, the newest first."""

    title = "Runs"
    lead = (
        "What the clock and people had done. Runs that found nothing to do are one row; those "
        "that did something or failed are kept for 30 days."
    )
    model = Run
    table_class = RunTable
    filterset_class = RunFilter
    default_sort = "-began"
    noun = ("run", "runs")
    count_limit = 10_000
    depends_on_day = False
    empty_title = "Nothing has run yet"
    empty_text = "Once the clock and a worker are up, what they do is listed here."

    def get_queryset(self):
        return Run.objects.with_fate(at=now()).select_related("asked_by")

    def get_table_kwargs(self):
        return {"schedules": as_they_stand(now())}

    def get_actions(self):
        return [Action("Schedules", reverse("clock:schedules"), "clock")]


# --- Long jobs ----------------------------------------------------------------------------------


class LongJobList(StaffOnly, TemplateView):
    """Long work that people asked for, with how far it is."""

    template_name = "clock/jobs.html"

    def get_context_data(self, **kwargs):
        found = long_jobs.long_jobs(self.request.user, at=now())
        return super().get_context_data(
            jobs=found, is_moving=any(job.is_moving for job in found), **kwargs
        )


@deed
def job_deed(request, kind, pk, what):
    """Stop a long job, or have it tried again."""
    if kind not in long_jobs.KINDS:
        raise Http404
    do = getattr(long_jobs.KINDS[kind], what)
    try:
        do(pk, request.user)
    except ObjectDoesNotExist:
        raise Http404 from None
    except long_jobs.CannotDo as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, "Stopped." if what == "stop" else "Asked for again.")
    return redirect("clock:jobs")


# --- Health -------------------------------------------------------------------------------------


class HealthPage(StaffOnly, TemplateView):
    """What ``/healthz`` tells machines, for people; and which workers answer."""

    template_name = "clock/health.html"

    def get_context_data(self, **kwargs):
        found = as_they_stand(now())
        parts = health.ask_parts()
        return super().get_context_data(
            parts=[(name.capitalize(), says == "ok", says) for name, says in parts.items()],
            workers=_workers() if parts["broker"] == "ok" else None,
            schedules=found,
            absent=list(never_laid_down(found)),
            address=self.request.build_absolute_uri(reverse("healthz_jobs")),
            **kwargs,
        )


def _workers() -> list[str] | None:
    """The names of the workers that answer within half a second; None where none can be asked."""
    try:
        answers = current_app.control.ping(timeout=0.5)
    except Exception:  # whatever went wrong, the answer is that nobody answers
        return None
    return sorted(name for answer in answers for name in answer)
