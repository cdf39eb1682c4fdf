"""The list of challenges: who says what of which unit, and what came of it."""

import django_filters
import django_tables2 as tables
from django.db.models import Case, Value, When
from django.db.models.functions import Lower

from footprints.lists import CodeColumn, ListTable, PartsFilter
from footprints.written import day_in_short

from ..models import Challenge, TerritoryPlan


class ChallengeTable(ListTable):
    """Challenges with `unit_name`, the name of the unit on the day."""

    unit = tables.Column(accessor="unit_name", verbose_name="Unit", linkify=True)
    code = CodeColumn(accessor="organisation__code")
    asks = tables.Column(verbose_name="It should", orderable=False, empty_values=())
    reason = tables.Column(verbose_name="Why")
    plan = tables.Column(accessor="plan__name")
    by = tables.Column(verbose_name="Who")
    at = tables.Column(verbose_name="When")
    state = tables.Column()

    sorts = {
        # What waits for an answer first, the oldest of it first.
        "state": (Case(When(state="open", then=Value(0)), default=Value(1)), "pk"),
        "at": ("at", "pk"),
        "code": ("organisation__code", "pk"),
        "plan": (Lower("plan__name"), "pk"),
    }
    card = ("unit", "reason", "state")
    optional = ("plan", "by", "at")

    def render_reason(self, value):
        return value if len(value) <= 120 else f"{value[:119]}…"

    def render_at(self, value):
        return day_in_short(value.date())


class ChallengeFilter(django_filters.FilterSet):
    q = PartsFilter(
        "reason territory__code territory__name by__last_name",
        codes="organisation__code",
        label="Unit's code, patch or reason",
    )
    state = django_filters.ChoiceFilter(choices=Challenge.State.choices, empty_label="Every state")
    plan = django_filters.ModelChoiceFilter(
        queryset=TerritoryPlan.objects.none(), empty_label="Every plan"
    )

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        plans = TerritoryPlan.objects.filter(challenges__in=queryset.order_by().values("pk"))
        self.filters["plan"].queryset = plans.distinct().order_by("name", "pk")
