"""Scenarios: what a plan would be after an event that may never come."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Min
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints.lists import Action, ListView
from footprints.models import Reorganisation
from footprints.names import count

from ..models import Scenario, TerritoryPlan
from ..scenarios import making
from ..scenarios.comparing import compare
from ..scenarios.forms import ScenarioForm, events_to_plan_on, may_come, plans_to_draft
from ..scenarios.resting import moved, snapshots
from ..tables import ScenarioTable
from ..territories.plans import may_change, may_plan

MOST_BESIDE = 6  # columns of a comparison that still fit a screen


def _refuse_the_field(user):
    if not may_plan(user):
        raise PermissionDenied


def _seen(user):
    return Scenario.objects.visible_to(user).select_related(
        "event", "plan__team", "draft", "made_by", "refreshed_by"
    )


class ScenarioList(ListView):
    title = "Scenarios"
    lead = "Drafts of plans as they would be after an event that may never come."
    model = Scenario
    table_class = ScenarioTable
    default_sort = "-made_at"
    depends_on_day = False
    noun = ("scenario", "scenarios")
    empty_title = "No scenario yet"
    empty_text = (
        "What if two clusters merge on 1 April 2027? A scenario is a draft of a plan as it would "
        "be then, which you may change; it says when the event it rests on moves."
    )

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            _refuse_the_field(request.user)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self):
        return _seen(self.request.user)

    def get_actions(self):
        return [Action("Ask what if", reverse("accounts:make_scenario"), "signpost-split")]

    def get_table(self, records):
        records = list(records)
        current = snapshots({scenario.event for scenario in records})
        for scenario in records:
            scenario.moved = moved(scenario, current[scenario.event_id])
        return super().get_table(records)

    def get_context_data(self, **kwargs):
        self.empty_action = self.get_actions()[0]
        return super().get_context_data(**kwargs)


class ScenarioPage(LoginRequiredMixin, TemplateView):
    """One scenario: whether it still stands; beside the plan and the event's other scenarios."""

    template_name = "accounts/scenarios/scenario.html"

    def get_context_data(self, pk, **kwargs):
        user = self.request.user
        _refuse_the_field(user)
        scenario = get_object_or_404(_seen(user), pk=pk)
        event = scenario.event
        others = _seen(user).filter(event=event, plan=scenario.plan).exclude(pk=scenario.pk)
        others = others.exclude(draft__state__in=TerritoryPlan.State.put_away())
        beside = [scenario, *others[: MOST_BESIDE - 1]]
        rows = making.planned(making.default_sheet(event, scenario.plan)).rows
        return super().get_context_data(
            scenario=scenario,
            event=event,
            plan=scenario.plan,
            draft=scenario.draft,
            moved=moved(scenario),
            has_moved_on=scenario.rests_on["state"] != event.state,
            was_state=Reorganisation.State(scenario.rests_on["state"]).label,
            plan_moved=scenario.plan.revision != scenario.plan_revision,
            comparison=compare(event, scenario.plan, beside),
            changes=len(making.hand_changes(scenario)),
            undecided=[row for row in rows if row.is_undecided],
            may_change=may_change(scenario.draft, user),
            is_dropped=event.state in Reorganisation.State.dropped(),
            **kwargs,
        )


@login_required
def make_scenario(request):
    """The form, and the scenario that it makes; `?event=` and `?plan=` choose for the reader."""
    _refuse_the_field(request.user)
    today = request.as_at.today
    events = events_to_plan_on(today)
    event = events.filter(slug=request.GET.get("event", "")).first()
    plan = request.GET.get("plan", "")
    plan = plans_to_draft(request.user).filter(pk=plan).first() if plan.isdecimal() else None
    named = f"{plan.name if plan else 'What'} if {event.title}" if event else ""
    form = ScenarioForm(
        request.POST or None,
        user=request.user,
        today=today,
        initial={"event": event, "plan": plan, "name": named[:120]},
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = making.make_scenario(
                data["event"], data["plan"], name=data["name"], note=data["note"], by=request.user
            )
        except making.ScenarioError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Here is the plan as it would be. Change it as you like.")
            return redirect(request.as_at.keep(made.get_absolute_url()))
    context = {
        "form": form,
        "title": "What if?",
        "verb": "Draft it",
        "back": event or reverse("accounts:scenarios"),
    }
    return render(request, "accounts/plans/form.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def refresh_scenario(request, pk):
    """Make the draft again on the event as it stands now."""
    _refuse_the_field(request.user)
    scenario = get_object_or_404(_seen(request.user), pk=pk)
    if not may_change(scenario.draft, request.user):
        raise PermissionDenied
    kept = len(making.hand_changes(scenario))
    try:
        scenario = making.refresh(scenario, by=request.user)
    except making.ScenarioError as error:
        messages.error(request, str(error))
    else:
        lost = len(scenario.lost)
        says = "Refreshed: it rests on the event as it stands now."
        if kept - lost:
            says += f" {count(kept - lost, 'change', 'changes').capitalize()} of yours kept."
        if lost:
            says += f" {count(lost, 'change', 'changes').capitalize()} could not be: see below."
        messages.success(request, says)
    return redirect(request.as_at.keep(scenario.get_absolute_url()))


def event_panel(request, event) -> str:
    """The scenarios that rest on an event, and the way to a new one; nothing for the field."""
    if not may_plan(request.user):
        return ""
    scenarios = list(_seen(request.user).filter(event=event).order_by("plan__name", "pk"))
    is_open = may_come(event, request.as_at.today)
    if not (scenarios or is_open):
        return ""
    context = {"event": event, "scenarios": scenarios, "is_open": is_open}
    return render_to_string("accounts/scenarios/_panel.html", context, request)


def board_lines(request, events) -> dict[int, str]:
    """Of each card: how many scenarios of the reader's rest on its event, and the way to them or
    to the first; nothing for the field. One query for the board."""
    if not may_plan(request.user):
        return {}
    rest = Scenario.objects.visible_to(request.user).filter(event__in=events).order_by()
    found = {
        row["event"]: row for row in rest.values("event").annotate(n=Count("pk"), first=Min("pk"))
    }
    lines = {}
    for event in events:
        row, is_open = found.get(event.pk), may_come(event, request.as_at.today)
        if row or is_open:
            context = {"event": event, "rest": row, "is_open": is_open}
            lines[event.pk] = render_to_string("accounts/scenarios/_card.html", context, request)
    return lines
