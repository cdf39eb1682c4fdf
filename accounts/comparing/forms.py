"""Which two sides to compare."""

from django import forms

from ..models import TerritoryPlan, User
from .sides import Side, what_is

DAY = forms.DateInput(attrs={"type": "date"})


class CompareForm(forms.Form):
    """Two plans, each on a day; an empty day is the one shown, or the plan's nearest to it."""

    a = forms.ModelChoiceField(
        TerritoryPlan.objects.none(), label="What is", empty_label="Choose a plan"
    )
    on_a = forms.DateField(label="On the day", required=False, widget=DAY)
    b = forms.ModelChoiceField(
        TerritoryPlan.objects.none(), label="What would be", empty_label="Choose a plan"
    )
    on_b = forms.DateField(label="On the day", required=False, widget=DAY)

    def __init__(self, data, *, user: User):
        plans = TerritoryPlan.objects.visible_to(user).select_related("team")
        chosen = data.copy()
        if chosen.get("b", "").isdecimal() and not chosen.get("a"):
            plan = plans.filter(pk=chosen["b"]).first()
            before = plan and what_is(plan, user)
            if before:
                chosen["a"] = str(before.pk)
        asked = bool(chosen.get("a") and chosen.get("b"))
        initial = {name: chosen.get(name) for name in ("a", "b", "on_a", "on_b")}
        super().__init__(chosen if asked else None, initial=initial)
        for name in ("a", "b"):
            self.fields[name].queryset = plans
            self.fields[name].label_from_instance = _called

    def sides(self, day) -> tuple[Side, Side]:
        """The two sides chosen. ``day`` is the day shown: what is stands on the day of what would
        be, so that the days of the year alone make no difference."""
        data = self.cleaned_data
        on_b = data["b"].day_for(data["on_b"] or day)
        on_a = data["a"].day_for(data["on_a"] or on_b)
        return Side(data["a"], on_a), Side(data["b"], on_b)


def _called(plan: TerritoryPlan) -> str:
    return f"{plan.name} · {plan.team} · {plan.get_state_display().lower()}"
