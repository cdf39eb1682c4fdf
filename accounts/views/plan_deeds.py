"""The deeds on what a plan holds: its settings, its territories, its units, who works them."""

from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from footprints.models import Organisation
from footprints.names import count, listed
from footprints.written import day_in_full, day_in_short, period

from ..forms import AssignForm, FreeForm
from ..models import RosterEntry, TerritoryPlan
from ..services.flags import raise_flags
from ..territories import plans, roster
from ..territories.forms import LeavingForm, PlanForm, RosterForm, TerritoryForm


def planned(view):
    """A door for those who plan, that says why a plan cannot take what they ask for."""

    @login_required
    @wraps(view)
    def door(request, *args, **kwargs):
        if not plans.may_plan(request.user):
            raise PermissionDenied("Planners and managers draw plans.")
        try:
            return view(request, *args, **kwargs)
        except plans.PlanError as error:
            messages.error(request, str(error))
            return redirect(request.as_at.keep(_where(request, **kwargs)))

    return door


def _where(request, pk, plan=None, **others):
    if plan:
        return reverse("accounts:territory", args=[plan, pk])
    return reverse("accounts:plan", args=[pk])


def _plan(request, pk):
    """The plan, where the user sees it; a PlanError where it stands as it is."""
    plan = get_object_or_404(TerritoryPlan.objects.visible_to(request.user), pk=pk)
    if not plans.may_change(plan, request.user):
        raise plans.Standing(plan)
    return plan


def _territory(request, plan, pk):
    return get_object_or_404(_plan(request, plan).territories.select_related("plan"), pk=pk)


def back_to(request, thing):
    """To the thing's page, on the day that was shown."""
    return redirect(request.as_at.keep(thing.get_absolute_url()))


def ask(request, form, *, title, verb, back):
    """The form on a page of its own, with what is wrong and all that was typed."""
    context = {"form": form, "title": title, "verb": verb, "back": back}
    return render(request, "accounts/plans/form.html", context, status=422 if form.errors else 200)


# --- The plan itself ----------------------------------------------------------------------------


@planned
def make_plan(request):
    form = PlanForm(
        request.POST or None, by=request.user, initial={"opened_on": request.as_at.day}
    )
    if request.method == "POST" and form.is_valid():
        plan = plans.make_plan(**form.cleaned_data, by=request.user)
        messages.success(request, f"{plan} is made. Add its territories, then assign units.")
        return back_to(request, plan)
    plans_page = reverse("accounts:plans")
    return ask(request, form, title="Make an empty plan", verb="Make the plan", back=plans_page)


@planned
def plan_settings(request, pk):
    plan = _plan(request, pk)
    form = PlanForm(request.POST or None, by=request.user, instance=_plan(request, pk))
    if request.method == "POST" and form.is_valid():
        plans.edit_plan(plan, **form.cleaned_data, by=request.user)
        raise_flags()
        return back_to(request, plan)
    return ask(request, form, title=f"Settings of {plan}", verb="Keep", back=plan)


# --- Its territories ----------------------------------------------------------------------------


@planned
def add_territory(request, pk):
    plan = _plan(request, pk)
    form = TerritoryForm(request.POST or None, plan=plan)
    if request.method == "POST" and form.is_valid():
        try:
            added = plans.add_territory(plan, **form.cleaned_data, by=request.user)
        except plans.CodeTaken as error:
            form.add_error("code", str(error))
        else:
            messages.success(request, f"Territory {added} is added; it has no units yet.")
            return back_to(request, plan)
    return ask(request, form, title="Add a territory", verb="Add", back=plan)


@planned
def territory_settings(request, plan, pk):
    territory = _territory(request, plan, pk)
    form = TerritoryForm(
        request.POST or None,
        plan=territory.plan,
        instance=_territory(request, plan, pk),
    )
    if request.method == "POST" and form.is_valid():
        try:
            plans.edit_territory(territory, **form.cleaned_data, by=request.user)
        except plans.CodeTaken as error:
            form.add_error("code", str(error))
        except plans.UnderItself as error:
            form.add_error("parent", str(error))
        else:
            return back_to(request, territory)
    return ask(request, form, title=f"Settings of {territory}", verb="Keep", back=territory)


@planned
@require_POST
def remove_territory(request, plan, pk):
    territory = _territory(request, plan, pk)
    plans.remove_territory(territory, by=request.user)
    messages.success(request, f"Territory {territory.code} is gone; it never held a unit.")
    return back_to(request, territory.plan)


# --- Its units ----------------------------------------------------------------------------------


@planned
@require_POST
def assign(request, pk):
    """Assign the ticked rows, or the codes typed, to a territory from a day on."""
    plan = _plan(request, pk)
    data = request.POST.copy()
    if request.POST.getlist("row"):
        data["codes"] = " ".join(request.POST.getlist("row"))
    form = AssignForm(data, plan=plan)
    if form.is_valid():
        territory, day = form.cleaned_data["territory"], form.cleaned_data["opened_on"]
        done = plans.assign_units(plan, territory, form.units, opened_on=day, by=request.user)
        raise_flags()
        messages.success(request, _assigned(done, territory, day))
        return back_to(request, plan)
    return ask(request, form, title="Assign units", verb="Assign", back=plan)


def _assigned(done, territory, day):
    if not done.changed:
        return f"Nothing to change: {territory.code} has them already on {day_in_full(day)}."
    parts = []
    if done.moved:
        parts.append(f"{done.moved} came from another territory")
    if done.added and done.moved:
        parts.append(f"{done.added} had none")
    if done.already:
        parts.append(f"{done.already} more were there already")
    whole = (
        f"{count(done.changed, 'unit', 'units').capitalize()} "
        f"{'belongs' if done.changed == 1 else 'belong'} to {territory} from {day_in_short(day)}"
    )
    return f"{whole}: {listed(parts)}." if parts else f"{whole}."


@planned
@require_POST
def free(request, pk):
    """Take the ticked rows out of their territories from a day on."""
    plan = _plan(request, pk)
    data = {
        "codes": " ".join(request.POST.getlist("row")),
        "closed_on": request.POST.get("opened_on", ""),  # the bar has one day for both deeds
    }
    form = FreeForm(data, plan=plan)
    if not form.is_valid():
        return ask(request, form, title="Free units", verb="Free", back=plan)
    day = form.cleaned_data["closed_on"]
    units = Organisation.objects.with_codes(form.cleaned_data["codes"].split())
    freed = plans.unassign_units(plan, units, closed_on=day, by=request.user)
    raise_flags()
    messages.success(
        request,
        f"{count(freed, 'unit', 'units').capitalize()} without a territory "
        f"from {day_in_short(day)}.",
    )
    return back_to(request, plan)


# --- Who works it -------------------------------------------------------------------------------


@planned
def put_on_roster(request, plan, pk):
    territory = _territory(request, plan, pk)
    day = territory.plan.day_for(request.as_at.day)
    form = RosterForm(request.POST or None, plan=territory.plan, initial={"opened_on": day})
    if request.method == "POST" and form.is_valid():
        try:
            entry = roster.put_on_roster(territory, **form.cleaned_data, by=request.user)
        except plans.PlanError as error:
            form.add_error(None, str(error))
        else:
            raise_flags()
            messages.success(request, _works(entry))
            return back_to(request, territory)
    title = f"Who works {territory}"
    return ask(request, form, title=title, verb="Put on the roster", back=territory)


def _works(entry):
    """What the roster says now, with what surprises of it."""
    days = period(entry.opened_on, entry.closed_on)
    said = [f"{entry} is {entry.get_role_display().lower()} of {entry.territory}: {days}."]
    if vacant := roster.vacant_from(entry):
        said.append(f"Vacant from {day_in_full(vacant)}.")
    if (fte := roster.most_owned(entry)) > 1:
        said.append(f"{entry} now has {f'{fte:.2f}'.removesuffix('0')} FTE in this plan.")
    return " ".join(said)


@planned
def leave_territory(request, plan, pk, entry):
    """Give somebody on the roster another last day."""
    territory = _territory(request, plan, pk)
    entry = get_object_or_404(RosterEntry.objects.filter(territory=territory), pk=entry)
    entry.territory = territory
    initial = {"closed_on": entry.closed_on or territory.plan.day_for(request.as_at.day)}
    form = LeavingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        day = form.cleaned_data["closed_on"]
        try:
            left = roster.take_off_roster(entry, closed_on=day, by=request.user)
        except plans.PlanError as error:
            form.add_error("closed_on", str(error))
        else:
            raise_flags()
            never = f"{entry} never worked {territory}."
            messages.success(request, _works(left) if left else never)
            return back_to(request, territory)
    title = f"{entry}, {entry.get_role_display().lower()} of {territory}"
    return ask(request, form, title=title, verb="Keep", back=territory)
