"""A plan's way: its deeds, a copy of it, and its history."""

from itertools import chain

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import F, Value
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints.written import day_in_full

from ..models import TerritoryPlan
from ..services.flags import raise_flags
from ..sheets import reached
from ..territories import lifecycle, plans
from ..territories.copying import copy_plan
from ..territories.forms import DayForm, NoteForm, ReasonForm
from ..territories.history import lines_of, name_units
from .plan_deeds import planned

SHOWN = 200  # steps and changes on one page of the history


def _submit(plan, request, given):
    lifecycle.submit(plan, on=request.as_at.today, by=request.user, reason=given["reason"])
    return f"{plan} is submitted. A manager approves it, or sends it back."


def _approve(plan, request, given):
    day, seen = given["activates_on"], _seen(request)
    lifecycle.approve(plan, on=request.as_at.today, activates_on=day, by=request.user, seen=seen)
    return f"{plan} is approved. {_when(day)}"


def _confirm(plan, request, given):
    lifecycle.confirm(plan, by=request.user, seen=_seen(request))
    return f"{plan} is approved as it is now."


def _seen(request) -> int | None:
    """The revision that the page showed; None where it said none."""
    seen = request.POST.get("seen", "")
    return int(seen) if seen.isdecimal() else None


def _schedule(plan, request, given):
    day = given["activates_on"]
    lifecycle.schedule(plan, on=request.as_at.today, activates_on=day, by=request.user)
    return _when(day)


def _when(day):
    return f"It becomes active on {day_in_full(day)}." if day else "Somebody makes it active."


def _send_back(plan, request, given):
    lifecycle.send_back(plan, by=request.user, reason=given["reason"])
    return f"{plan} is a draft again."


def _activate(plan, request, given):
    before = lifecycle.activate(plan, on=request.as_at.today, by=request.user)
    if before is None:
        return f"{plan} is active."
    return f"{plan} is active in place of {before}, of which nothing is lost."


def _bring_back(plan, request, given):
    after = lifecycle.bring_back(plan, on=request.as_at.today, by=request.user)
    return f"{plan} is active again{f'; {after} is approved, and waits' if after else ''}."


def _reopen(plan, request, given):
    lifecycle.reopen(plan, by=request.user, reason=given["reason"])
    return f"{plan} is a draft again."


def _archive(plan, request, given):
    lifecycle.archive(plan, by=request.user, reason=given["reason"])
    return f"{plan} is archived; everything of it can still be read."


# Deed in the address → (what it does, the form of what it asks for).
DEEDS = {
    "submit": (_submit, NoteForm),
    "approve": (_approve, DayForm),
    "confirm": (_confirm, NoteForm),
    "schedule": (_schedule, DayForm),
    "send-back": (_send_back, ReasonForm),
    "activate": (_activate, NoteForm),
    "bring-back": (_bring_back, NoteForm),
    "reopen": (_reopen, NoteForm),
    "archive": (_archive, NoteForm),
}


@planned
@require_POST
def plan_deed(request, pk, deed):
    """Do a deed of its way to the plan; what stands against it is said on the plan's page."""
    if deed not in DEEDS:
        raise Http404(f"Nobody can {deed} a plan.")
    plan = get_object_or_404(TerritoryPlan.objects.visible_to(request.user), pk=pk)
    if not lifecycle.may_ever(deed.replace("-", "_"), plan, request.user):
        raise PermissionDenied("A manager does that.")
    do, form_class = DEEDS[deed]
    form = form_class(request.POST)
    if not form.is_valid():
        raise plans.PlanError(" ".join(chain.from_iterable(form.errors.values())))
    messages.success(request, do(plan, request, form.cleaned_data))
    raise_flags()
    return redirect(request.as_at.keep(plan.get_absolute_url()))


@planned
@require_POST
def copy(request, pk):
    """A draft of the plan as it is from the day shown on."""
    plan = get_object_or_404(TerritoryPlan.objects.visible_to(request.user), pk=pk)
    made = copy_plan(plan, opened_on=plan.day_for(request.as_at.day), by=request.user)
    raise_flags()
    messages.success(
        request,
        f"{made} is a draft of {plan} from {day_in_full(made.opened_on)} on. "
        "Nothing of the original changes.",
    )
    return redirect(request.as_at.keep(made.get_absolute_url()))


class PlanHistory(TemplateView):
    """The steps and the changes of a plan in time, and the reorganisations that came to it."""

    template_name = "accounts/plans/history.html"

    @classmethod
    def as_view(cls, **kwargs):
        return login_required(super().as_view(**kwargs))

    def get_context_data(self, pk, **kwargs):
        user = self.request.user
        plan = get_object_or_404(TerritoryPlan.objects.visible_to(user), pk=pk)
        if not plans.may_plan(user):
            raise PermissionDenied("Planners and managers see how a plan came to be.")
        until = parse_datetime(self.request.GET.get("until", ""))
        steps, changes, reached_by = plan.steps.all(), lines_of(plan), reached.deeds_on(plan)
        if until:
            steps, changes = steps.filter(at__lt=until), changes.filter(at__lt=until)
            reached_by = reached_by.filter(at__lt=until)
        steps = steps.select_related("by").order_by("-at", "-pk")[: SHOWN + 1]
        changes = list(
            changes.annotate(deed=Value(""), reason=F("says")).order_by("-at", "-pk")[: SHOWN + 1]
        )
        name_units(changes)
        told = sorted(
            chain(steps, changes, reached_by[: SHOWN + 1]),
            # What came of a reorganisation has no revision of its own.
            key=lambda one: (one.at, getattr(one, "revision", 0)),
            reverse=True,
        )
        return super().get_context_data(
            plan=plan,
            told=told[:SHOWN],
            earlier=told[SHOWN - 1].at.isoformat() if len(told) > SHOWN else "",
            until=until,
            **kwargs,
        )
