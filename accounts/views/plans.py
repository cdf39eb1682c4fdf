"""The doors of territory plans: a list, a plan, a territory, the deeds, and the way in."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import CharField, Count, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints.as_at import presets
from footprints.lists import Action, ListView
from footprints.models import Organisation, Version
from footprints.names import count, listed
from footprints.written import day_in_full, day_in_short

from ..challenges.deeds import is_open_to_it
from ..filters import PlanFilter, UnitFilter
from ..forms import (
    AlignmentForm,
    AssignForm,
    FreeForm,
    OwnerForm,
    PlanForm,
    PlanNameForm,
    TerritoryForm,
)
from ..models import Assignment, CoverageRole, Flag, RosterEntry, Territory, TerritoryPlan
from ..overview import days_of_plan
from ..services.flags import raise_flags
from ..tables import PlanTable, UnitTable
from ..territories import alignment, plans
from ..territories.pictures import squares_as_svg
from ..territories.reading import PlanOnDay
from ..territories.resolving import better_day, recognises, resolve

SHOWN = 1000  # lines of each sort on the preview; more are counted


class PlanList(ListView):
    title = "Plans"
    lead = "Which team covers what, from which day. A reorganisation flags the plans it touches."
    model = TerritoryPlan
    table_class = PlanTable
    filterset_class = PlanFilter
    template_name = "accounts/plans/plans.html"
    default_sort = "-opened_on"
    noun = ("plan", "plans")
    empty_title = "No plans yet"
    empty_text = (
        "Bring your alignment in: a list of code, territory and owner. Codes of any year since "
        "2013 are followed to the bodies of today, and what is coming is flagged at once."
    )

    def get_queryset(self):
        held = Assignment.objects.on(self.as_at.day).filter(plan=OuterRef("pk"))
        drawn = Territory.objects.visible_to(self.request.user).filter(plan=OuterRef("pk"))
        mine = held.filter(territory__in=Territory.objects.visible_to(self.request.user))
        return (
            TerritoryPlan.objects.visible_to(self.request.user)
            .select_related("team", "owner")
            .annotate(territory_count=_number(drawn, "plan"), unit_count=_number(mine, "plan"))
        )

    def get_actions(self):
        if not plans.may_plan(self.request.user):
            return []
        return [
            Action("Bring your alignment in", reverse("accounts:alignment"), "box-arrow-in-down"),
            Action("Make an empty plan", reverse("accounts:make_plan")),
            Action("Scenarios", reverse("accounts:scenarios"), "signpost-split"),
            Action("Challenges", reverse("accounts:challenges")),
            Action("Teams", reverse("accounts:teams")),
            Action("Measures", reverse("accounts:measures")),
        ]

    def get_context_data(self, **kwargs):
        if plans.may_plan(self.request.user):
            self.empty_action = self.get_actions()[0]
        else:
            self.empty_title = "No plan has a territory of yours"
            self.empty_text = "A planner puts you on a territory's roster; its plan is then here."
        return super().get_context_data(**kwargs)


def _number(rows, by):
    """How many of the rows there are for each outer row, 0 where none."""
    counted = rows.order_by().values(by).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), Value(0))


class UnitsPage(ListView):
    """A page of units of one plan, on the day the page shows."""

    model = Organisation
    table_class = UnitTable
    filterset_class = UnitFilter
    noun = ("unit", "units")
    default_sort = "territory"

    @cached_property
    def plan(self):
        found = TerritoryPlan.objects.visible_to(self.request.user).select_related(
            "team", "owner", "scenario__event"
        )
        return get_object_or_404(found, pk=self.kwargs["plan_pk"])

    @cached_property
    def may_change(self):
        return plans.may_change(self.plan, self.request.user)

    @cached_property
    def on_day(self):
        return PlanOnDay(self.plan, self.request.user, self.as_at.day, self.as_at.release)

    def units(self):
        """The keys of the organisations listed."""
        return self.on_day.shown

    def get_queryset(self):
        versions = Version.objects.known(self.as_at.release).filter(organisation=OuterRef("pk"))
        live = versions.on(self.on_day.day)
        last = versions.order_by(F("opened_on").desc(nulls_last=True))
        ours = Assignment.objects.filter(plan=self.plan, organisation=OuterRef("pk")).on(
            self.on_day.day
        )
        since = ours.order_by("role").values("opened_on")[:1]
        return Organisation.objects.filter(pk__in=self.units()).annotate(
            name=Coalesce(
                Subquery(live.values("name")[:1]), Subquery(last.values("name")[:1]), "code"
            ),
            kind_code=Coalesce(
                Subquery(live.values("kind")[:1]), Value(""), output_field=CharField()
            ),
            since=Subquery(since),
            since_or_never=Coalesce(Subquery(since), Value(self.as_at.today.max)),
            territory_position=Subquery(ours.order_by("role").values("territory__position")[:1]),
        )

    def get_filtered(self):
        queryset = self.get_queryset()
        filterset = self.filterset_class(
            self.request.GET, queryset, request=self.request, on_day=self.on_day
        )
        return filterset, filterset.qs if filterset.is_valid() else queryset.none()

    def get_table_kwargs(self):
        return {"on_day": self.on_day, "selectable": self.may_change}

    def get_bulk_actions(self):
        if not self.may_change:
            return []
        return [
            Action("Assign", reverse("accounts:assign", args=[self.plan.pk]), "check2"),
            Action("Free", reverse("accounts:free", args=[self.plan.pk])),
        ]

    @property
    def export_name(self):
        return f"{self.plan.name} units"

    @property
    def shown_day(self):
        return self.on_day.day

    @cached_property
    def is_piece(self):
        """Whether htmx asks for the list alone, so that the map need not be drawn again."""
        return bool(self.request.htmx) and not self.request.htmx.history_restore_request

    @cached_property
    def map_kind(self):
        """The kind of unit that the map shows: as the address says, else the one most used."""
        kinds = self.on_day.kinds
        asked = self.request.GET.get("map")
        return next((kind for kind in kinds if kind.pk == asked), kinds[0] if kinds else None)

    @cached_property
    def picture(self):
        """The map, where there is any unit to draw."""
        return self.map_kind and self.on_day.picture(self.map_kind, self.highlighted)

    @property
    def squares(self):
        """The squares of the map: a territory's lead to it, a gap to where it is assigned."""
        keep = self.as_at.keep
        plan = self.plan.get_absolute_url()
        addresses = {t.pk: keep(t.get_absolute_url()) for t in self.on_day.territories}

        def address(square):
            if square.territory:
                return addresses[square.territory.pk]
            if square.fill == "free" and self.may_change:
                return keep(f"{plan}?q={square.code}#list")
            return None

        return squares_as_svg(self.picture.squares, address) if self.picture else ""

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            plan=self.plan,
            on_day=self.on_day,
            may_change=self.may_change,
            map_kind=self.map_kind,
            map_addresses=[(other, self.address(map=other.pk)) for other in self.on_day.kinds],
            picture=None if self.is_piece else self.picture,
            squares="" if self.is_piece else self.squares,
            bulk_fields="accounts/plans/_bulk_fields.html",
            is_piece=self.is_piece,
            other_day=self.on_day.day != self.as_at.day,
            **kwargs,
        )

    highlighted = None


class PlanPage(UnitsPage):
    """A plan on a day: its territories beside the map, then every unit and every gap."""

    template_name = "accounts/plans/plan.html"
    empty_title = "No units yet"
    empty_text = "Assign a unit by its code, or bring a whole alignment in."

    @property
    def title(self):
        return self.plan.name

    def get_context_data(self, **kwargs):
        if self.is_piece:
            return super().get_context_data(**kwargs)
        day = self.on_day.day
        gaps = len(self.on_day.gaps)
        fills = self.picture.fills if self.picture else {}
        return super().get_context_data(
            flag_days=days_of_plan(self.request.user, self.plan, today=self.as_at.today),
            territory_rows=[(row, fills.get(row.territory.pk)) for row in self.on_day.rows],
            may_revive=plans.may_plan(self.request.user),
            most=max((row.people or 0 for row in self.on_day.rows), default=0),
            gaps=gaps,
            gaps_address=self.address(territory="none"),
            closed_address=self.address(territory="closed"),
            assign_form=AssignForm(
                plan=self.plan, territories=self.on_day.territories, initial={"opened_on": day}
            ),
            territory_form=TerritoryForm(),
            name_form=PlanNameForm(instance=self.plan),
            states=[s for s in TerritoryPlan.State if s != self.plan.state],
            **kwargs,
        )


class TerritoryPage(UnitsPage):
    """One territory on a day: its units, who works it, where it lies."""

    template_name = "accounts/plans/territory.html"
    empty_title = "No units on this day"
    empty_text = "Assign some on the plan's page, or show another day."

    @cached_property
    def territory(self):
        found = Territory.objects.visible_to(self.request.user).filter(plan=self.plan)
        return get_object_or_404(found, pk=self.kwargs["pk"])

    @property
    def highlighted(self):
        return self.territory

    @property
    def title(self):
        return str(self.territory)

    def units(self):
        here = self.territory  # asked for first: one that is not the user's is not found
        return {key for key, territory in self.on_day.held.items() if territory == here}

    def get_table_kwargs(self):
        challenged = self.territory if self.may_challenge else None
        return {**super().get_table_kwargs(), "shows_territory": False, "challenged": challenged}

    @property
    def may_challenge(self):
        """Whoever draws the plan changes it; anybody else says what they think of it."""
        return is_open_to_it(self.plan) and not plans.may_plan(self.request.user)

    def get_filtered(self):
        filterset, queryset = super().get_filtered()
        filterset.form.fields.pop("territory", None)
        return filterset, queryset

    def get_context_data(self, **kwargs):
        if self.is_piece:
            return super().get_context_data(territory=self.territory, **kwargs)
        rows = self.on_day.rows
        here = next(i for i, row in enumerate(rows) if row.territory == self.territory)
        roster = RosterEntry.objects.filter(territory=self.territory).select_related("user")
        return super().get_context_data(
            territory=self.territory,
            row=rows[here],
            before=rows[here - 1].territory if here else None,
            after=rows[here + 1].territory if here + 1 < len(rows) else None,
            roster=roster.order_by(F("opened_on").desc(nulls_last=True), "role", "pk"),
            owner_form=OwnerForm(plan=self.plan, initial={"opened_on": self.on_day.day}),
            territory_form=TerritoryForm(instance=self.territory),
            owner_role=CoverageRole.OWNER,
            may_remove=self.may_change and not plans.is_used(self.territory),
            may_challenge=self.may_challenge,
            **kwargs,
        )


# --- Deeds ------------------------------------------------------------------------------------


def _plan(request, pk):
    return get_object_or_404(plans.plans_changeable_by(request.user), pk=pk)


def _territory(request, plan, pk):
    found = plans.territories_changeable_by(request.user).select_related("plan")
    return get_object_or_404(found, plan=plan, pk=pk)


def _back(request, thing):
    """To the thing's page, on the day that was shown."""
    return redirect(request.as_at.keep(thing.get_absolute_url()))


def _ask_again(request, form, *, title, verb, back):
    """The form on a page of its own, with what is wrong and all that was typed."""
    context = {"form": form, "title": title, "verb": verb, "back": back}
    return render(request, "accounts/plans/form.html", context, status=422)


@login_required
def make_plan(request):
    if not plans.may_plan(request.user):
        raise Http404("Only planners and managers make plans.")
    form = PlanForm(
        request.POST or None, by=request.user, initial={"opened_on": request.as_at.day}
    )
    if request.method == "POST" and form.is_valid():
        plan = plans.make_plan(**form.cleaned_data, by=request.user)
        messages.success(request, f"{plan} is made. Add its territories, then assign units.")
        return _back(request, plan)
    context = {
        "form": form,
        "title": "Make an empty plan",
        "verb": "Make the plan",
        "back": reverse("accounts:plans"),
    }
    return render(request, "accounts/plans/form.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def rename_plan(request, pk):
    plan = _plan(request, pk)
    form = PlanNameForm(request.POST, instance=plan)
    if not form.is_valid():
        return _ask_again(request, form, title="Rename the plan", verb="Rename", back=plan)
    plans.rename_plan(plan, **form.cleaned_data, by=request.user)
    return _back(request, plan)


@login_required
@require_POST
def set_state(request, pk):
    # An archived plan is changed by this one deed: it may be taken out again.
    found = TerritoryPlan.objects.visible_to(request.user)
    plan = get_object_or_404(found if plans.may_plan(request.user) else found.none(), pk=pk)
    state = request.POST.get("state")
    if state not in TerritoryPlan.State:
        raise Http404(f"No plan is {state}.")
    plans.set_state(plan, state, by=request.user)
    raise_flags()
    messages.success(request, f"{plan} is now {TerritoryPlan.State(state).label.lower()}.")
    return _back(request, plan)


@login_required
@require_POST
def add_territory(request, pk):
    plan = _plan(request, pk)
    form = TerritoryForm(request.POST)
    if form.is_valid():
        try:
            added = plans.add_territory(plan, **form.cleaned_data, by=request.user)
        except plans.CodeTaken as error:
            form.add_error("code", str(error))
        else:
            messages.success(request, f"Territory {added} is added; it has no units yet.")
            return _back(request, plan)
    return _ask_again(request, form, title="Add a territory", verb="Add", back=plan)


@login_required
@require_POST
def rename_territory(request, plan, pk):
    territory = _territory(request, plan, pk)
    form = TerritoryForm(request.POST, instance=territory)
    if form.is_valid():
        try:
            plans.rename_territory(territory, **form.cleaned_data, by=request.user)
        except plans.CodeTaken as error:
            form.add_error("code", str(error))
        else:
            return _back(request, territory)
    return _ask_again(request, form, title="Rename the territory", verb="Rename", back=territory)


@login_required
@require_POST
def remove_territory(request, plan, pk):
    territory = _territory(request, plan, pk)
    try:
        plans.remove_territory(territory, by=request.user)
    except plans.StillInUse as error:
        messages.error(request, str(error))
        return _back(request, territory)
    messages.success(request, f"Territory {territory.code} is gone; it never held a unit.")
    return _back(request, territory.plan)


@login_required
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
        return _back(request, plan)
    return _ask_again(request, form, title="Assign units", verb="Assign", back=plan)


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


@login_required
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
        return _ask_again(request, form, title="Free units", verb="Free", back=plan)
    day = form.cleaned_data["closed_on"]
    units = Organisation.objects.with_codes(form.cleaned_data["codes"].split())
    freed = plans.unassign_units(plan, units, closed_on=day, by=request.user)
    raise_flags()
    messages.success(
        request,
        f"{count(freed, 'unit', 'units').capitalize()} without a territory "
        f"from {day_in_short(day)}.",
    )
    return _back(request, plan)


@login_required
@require_POST
def put_on_roster(request, plan, pk):
    territory = _territory(request, plan, pk)
    form = OwnerForm(request.POST, plan=territory.plan)
    if form.is_valid():
        data = form.cleaned_data
        entry = plans.put_on_roster(
            territory,
            user=data["user"],
            name=data["name"].strip(),
            role=data["role"],
            opened_on=data["opened_on"],
            by=request.user,
        )
        raise_flags()
        role = entry.get_role_display().lower()
        messages.success(
            request, f"{entry} is {role} of {territory} from {day_in_short(entry.opened_on)}."
        )
        return _back(request, territory)
    return _ask_again(
        request, form, title=f"Who works {territory}", verb="Put on the roster", back=territory
    )


@login_required
@require_POST
def leave_vacant(request, plan, pk):
    territory = _territory(request, plan, pk)
    day = territory.plan.day_for(request.as_at.day)
    if plans.leave_vacant(territory, closed_on=day, by=request.user):
        raise_flags()
        messages.success(request, f"{territory} is vacant from {day_in_short(day)}.")
    return _back(request, territory)


# --- An own alignment in ------------------------------------------------------------------------


class BringIn(LoginRequiredMixin, TemplateView):
    """Paste or choose, preview, make: one address, and the text never leaves the form."""

    template_name = "accounts/plans/bring_in.html"

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated and not plans.may_plan(request.user):
            raise Http404("Only planners and managers bring an alignment in.")
        return super().dispatch(request, *args, **kwargs)

    def get(self, request):
        form = AlignmentForm(by=request.user, initial={"opened_on": request.as_at.day})
        return self.render_to_response({"form": form})

    def post(self, request):
        given = request.POST
        if "as_of" in given:  # the day that suits the codes better, taken as the first day
            given = given.copy()
            given["opened_on"] = given["as_of"]
        form = AlignmentForm(given, request.FILES, by=request.user)
        if "back" in request.POST:  # to the form, with all that was typed
            form = AlignmentForm(initial=request.POST.dict(), by=request.user)
            return self.render_to_response({"form": form})
        if not form.is_valid():
            return self.answer(form)
        data = form.cleaned_data
        try:
            read = alignment.read(data["text"], recognises=recognises, columns=form.columns)
        except alignment.Unreadable as error:
            form.add_error("text" if not data.get("file") else "file", str(error))
            return self.answer(form)
        resolution = resolve(read.lines, data["opened_on"], choices=form.choices)
        left_out = len(read.bad) + len(resolution.unresolved)
        left_out += sum(len(conflict.lines) for conflict in resolution.conflicts)
        if "make" in request.POST and resolution.resolved:
            if not left_out or data["leave_out"]:
                return self.make(form, resolution, left_out)
            form.add_error("leave_out", "Tick this, or put the lines right and check again.")
        return self.answer(form, read=read, resolution=resolution, left_out=left_out)

    def make(self, form, resolution, left_out):
        data = form.cleaned_data
        plan = plans.make_plan_of(
            resolution.resolved,
            name=data["name"],
            team=data["team"],
            opened_on=data["opened_on"],
            by=self.request.user,
        )
        raise_flags()
        flags = Flag.objects.on_plans().open().filter(object_id=plan.pk).count()
        units = count(resolution.units, "unit", "units")
        territories = count(resolution.territories, "territory", "territories")
        said = [f"{plan} is made: {units} in {territories}."]
        if left_out:
            said.append(f"{count(left_out, 'line', 'lines').capitalize()} left out.")
        if flags:
            said.append(f"{count(flags, 'flag', 'flags').capitalize()} raised: see below.")
        messages.success(self.request, " ".join(said))
        return redirect(plan)

    def answer(self, form, *, read=None, resolution=None, left_out=0):
        """The form with its errors, or the preview with the form folded up."""
        if form.is_bound and form.cleaned_data.get("text") and form.files:
            # What stood in a file stands in the form now: the file itself cannot be sent again.
            form.data = form.data.copy()
            form.data["text"] = form.cleaned_data["text"]
        context = {"form": form, "shown": SHOWN}
        if read is not None:
            context |= {
                "read": read,
                "resolution": resolution,
                "better_day": better_day(read.lines, resolution.day, presets()),
                "left_out": left_out,
                "roles": [
                    (role, says, read.columns.get(role))
                    for role, says in (
                        ("unit", "Unit"),
                        ("name", "Name beside it"),
                        ("territory", "Territory"),
                        ("territory_name", "Territory's name"),
                        ("owner", "Owner"),
                    )
                ],
                "heads": list(enumerate(read.heads)),
                "choices": form.choices,
                "line_count": len(read.lines) + len(read.bad),
                "whole": 1,  # the share of an old body that went to its one successor
                "unresolved_rows": resolution.unresolved[:SHOWN],
                "conflict_rows": resolution.conflicts[:SHOWN],
                "bad_rows": read.bad[:SHOWN],
                "changed_rows": resolution.changed[:SHOWN],
                "plain_rows": resolution.plain[:SHOWN],
            }
        return self.render_to_response(context, status=422 if form.errors else 200)
