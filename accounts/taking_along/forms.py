"""What somebody asks a file for: which plans, which period."""

from django import forms

from ..models import TerritoryPlan
from .ours import MOST_PLANS

LONGEST = 10  # years: what a credit dispute may reach back to


class Plans(forms.ModelMultipleChoiceField):
    """Some of the plans that the reader may see."""

    widget = forms.CheckboxSelectMultiple
    default_error_messages = {
        "invalid_choice": "%(value)s is not a plan that you may see.",
        "invalid_pk_value": "%(pk)s is not a plan.",
    }

    def clean(self, value):
        plans = super().clean(value)
        if len(plans) > MOST_PLANS:
            raise forms.ValidationError(f"Choose {MOST_PLANS} plans at most.")
        return plans


class CrosswalkForm(forms.Form):
    """Which plans' territories stand beside the practices; none: the register's columns alone."""

    plan = Plans(queryset=TerritoryPlan.objects.none(), required=False, label="Our territories in")

    def __init__(self, *args, plans, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["plan"].queryset = TerritoryPlan.objects.filter(
            pk__in=[plan.pk for plan in plans]
        ).order_by("name", "pk")


class LedgerForm(forms.Form):
    since = forms.DateField(label="First day", widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="Last day", widget=forms.DateInput(attrs={"type": "date"}))
    plan = Plans(queryset=TerritoryPlan.objects.none(), label="Plans")

    def __init__(self, *args, user, **kwargs):
        super().__init__(*args, **kwargs)
        plans = TerritoryPlan.objects.visible_to(user)
        self.fields["plan"].queryset = plans.order_by("-opened_on", "name", "pk")

    def clean(self):
        data = super().clean()
        since, until = data.get("since"), data.get("until")
        if since and until and until < since:
            self.add_error("until", "The last day lies before the first.")
        elif since and until and until.year - since.year > LONGEST:
            self.add_error("until", f"Ask for {LONGEST} years at most.")
        return data
