"""The doors of territory plans: the list of them, a plan, a territory."""

from django.db.models import CharField, Count, Exists, F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property

from footprints.lists import Action, ListView
from footprints.models import Organisation, Version
from footprints.shapes import NEWEST

from ..challenges.deeds import is_open_to_it
from ..filters import PlanFilter, UnitFilter
from ..forms import AssignForm
from ..models import Assignment, RosterEntry, Territory, TerritoryPlan, User
from ..overview import days_of_plan
from ..sheets import reached
from ..tables import PlanTable, UnitTable
from ..territories import lifecycle, plans
from ..territories.forms import DayForm, NoteForm, ReasonForm
from ..territories.line import active_in_line
from ..territories.reading import PlanOnDay
from .plan_map import MapOfPlan


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
        mine = held
        if self.request.user.role == User.Role.FIELD:
            # Of a plan that others may open they may see all: to ask for each of its territories
            # took 40 s with 10,000 plans.
            mine = held.filter(territory__in=Territory.objects.visible_to(self.request.user))
        return (
            TerritoryPlan.objects.visible_to(self.request.user)
            .select_related("team", "owner", "copied_from")
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


class UnitsPage(MapOfPlan, ListView):
    """A page of units of one plan, on the day the page shows."""

    model = Organisation
    table_class = UnitTable
    filterset_class = UnitFilter
    noun = ("unit", "units")
    default_sort = "territory"

    @cached_property
    def plan(self):
        asked = TerritoryPlan.kinds.through.objects.filter(territoryplan=OuterRef("pk"))
        found = (
            TerritoryPlan.objects.visible_to(self.request.user)
            .annotate(asks_for_kinds=Exists(asked), **NEWEST, **self.with_measures)
            .select_related("team", "owner", "scenario__event", "copied_from", "replaces")
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

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            plan=self.plan,
            on_day=self.on_day,
            may_change=self.may_change,
            **self.map_context(),
            bulk_fields="accounts/plans/_bulk_fields.html",
            is_piece=self.is_piece,
            other_day=self.on_day.day != self.as_at.day,
            **kwargs,
        )


class PlanPage(UnitsPage):
    """A plan on a day: its territories beside the map, then every unit and every gap."""

    template_name = "accounts/plans/plan.html"
    shades = True
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
        fills = self.picture.fills if self.picture and not self.shading else {}
        return super().get_context_data(
            flag_days=days_of_plan(self.request.user, self.plan, today=self.as_at.today),
            territory_rows=[(row, fills.get(row.territory.pk)) for row in self.on_day.tree],
            has_tree=any(row.depth for row in self.on_day.rows),
            may_plan=plans.may_plan(self.request.user),
            way=self.way(),
            note_form=NoteForm(auto_id="note_%s"),
            most=max((row.people or 0 for row in self.on_day.rows), default=0),
            gaps=gaps,
            gaps_address=self.address(territory="none"),
            closed_address=self.address(territory="closed"),
            assign_form=AssignForm(
                plan=self.plan, territories=self.on_day.territories, initial={"opened_on": day}
            ),
            **kwargs,
        )

    def way(self):
        """What the page says of the plan's way, to those who plan, and lets them do."""
        plan, user, today = self.plan, self.request.user, self.as_at.today
        state = TerritoryPlan.State
        may = {deed: lifecycle.may_do(deed, plan, user) for deed in lifecycle.WAYS}
        if plan.state == state.ACTIVE or not plans.may_plan(user):
            return {"may": may}
        other = plan.replaces
        if plan.state == state.SUPERSEDED or (other and other.state != state.ACTIVE):
            other = active_in_line(plan)
        awaits_another = lifecycle.awaits_another(plan, user)
        may["approve"] &= not awaits_another
        may["confirm"] &= not awaits_another
        day = plan.activates_on or (plan.opened_on if plan.opened_on > today else None)
        return {
            "may": may,
            "is_told": True,
            "step": plan.steps.select_related("by").last(),
            "other": other,
            "reached": reached.since_it_stands(plan),
            "obstacles": lifecycle.obstacles(plan, today) if may["submit"] else [],
            "awaits_another": awaits_another,
            "can_begin": plan.opened_on <= today,
            "reason": ReasonForm(auto_id="back_%s"),
            "day": DayForm(auto_id="day_%s", initial={"activates_on": day}),
        }


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
    def export_name(self):
        return f"{self.plan.name} {self.territory.code} units"

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
        rows, parent = self.on_day.tree, self.territory.parent_id
        here = next(i for i, row in enumerate(rows) if row.territory == self.territory)
        roster = RosterEntry.objects.filter(territory=self.territory).select_related("user")
        may_remove = self.may_change and not plans.is_used(self.territory)
        return super().get_context_data(
            territory=self.territory,
            row=rows[here],
            before=rows[here - 1].territory if here else None,
            after=rows[here + 1].territory if here + 1 < len(rows) else None,
            roster=roster.order_by(F("opened_on").desc(nulls_last=True), "role", "pk"),
            parent=next((t.territory for t in rows if t.territory.pk == parent), None),
            under=[
                row for row in self.on_day.tree if row.territory.parent_id == self.territory.pk
            ],
            may_remove=may_remove,
            goes_with=plans.goes_with(self.territory) if may_remove else [],
            may_challenge=self.may_challenge,
            **kwargs,
        )
