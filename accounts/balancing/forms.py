"""What a planner asks of the solver."""

from django import forms

from ..forms import DAY, day_of
from ..models import Measure, Suggestion, Territory
from .dealing import leaves


class Weight(forms.FloatField):
    """A slider from 0 to 5; 1 as a rule."""

    widget = forms.NumberInput(attrs={"type": "range", "step": "0.5", "list": "weights"})

    def __init__(self, **kwargs):
        super().__init__(min_value=0, max_value=5, initial=1, **kwargs)


class SuggestionForm(forms.Form):
    """What is to be even, and how much few changes and short ways count."""

    evens = forms.ChoiceField(label="Make even", choices=Suggestion.Evens.choices)
    measure = forms.ModelChoiceField(
        Measure.objects.none(),
        required=False,
        empty_label="None",
        help_text="Only where a measure is to be even.",
    )
    still = Weight(
        label="Few changes",
        help_text="Left: who has what now counts little. Right: as few units as can be move.",
    )
    compact = Weight(
        label="Short ways",
        help_text="Left: patches may sprawl. Right: every unit near the middle of its patch.",
    )
    from_on = forms.DateField(label="From", widget=DAY)
    locked = forms.ModelMultipleChoiceField(
        Territory.objects.none(),
        label="Keep as they are",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args, plan, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        self.fields["measure"].queryset = Measure.objects.visible_to(user)
        self.fields["locked"].queryset = Territory.objects.filter(pk__in=leaves(plan)).order_by(
            "position", "code"
        )

    def clean_from_on(self):
        return day_of(self.plan, self.cleaned_data["from_on"])

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("evens") != Suggestion.Evens.MEASURE:
            cleaned["measure"] = None
        elif not cleaned.get("measure"):
            self.add_error("measure", "Say which measure is to be even.")
        return cleaned
