"""What a planner asks of the solver."""

from django import forms

from ..models import Measure, Suggestion, Territory


class Weight(forms.FloatField):
    """A slider from 0 to 5; 1 as a rule."""

    widget = forms.NumberInput(attrs={"type": "range", "step": "0.5", "list": "weights"})

    def __init__(self, **kwargs):
        super().__init__(min_value=0, max_value=5, initial=1, **kwargs)


class SuggestionForm(forms.ModelForm):
    """What is to be even, and how much few changes and short ways count."""

    still = Weight(
        label="Few changes",
        help_text="Left: who has what now counts little. Right: as few units as can be move.",
    )
    compact = Weight(
        label="Short ways",
        help_text="Left: patches may sprawl. Right: every unit near the middle of its patch.",
    )
    locked = forms.ModelMultipleChoiceField(
        Territory.objects.none(),
        label="Keep as they are",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = Suggestion
        fields = ["evens", "measure", "still", "compact", "from_on"]
        widgets = {
            "from_on": forms.DateInput(attrs={"type": "date"}),
        }
        help_texts = {
            "measure": "Only where a measure is to be even.",
        }

    def __init__(self, *args, plan, user, homes, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        self.fields["measure"].queryset = Measure.objects.visible_to(user)
        self.fields["measure"].empty_label = "None"
        self.fields["locked"].queryset = Territory.objects.filter(pk__in=homes).order_by(
            "position", "code"
        )

    def clean_from_on(self):
        day = self.cleaned_data["from_on"]
        if self.plan.day_for(day) != day:
            raise forms.ValidationError("The plan does not hold on this day.")
        return day

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("evens") == Suggestion.Evens.MEASURE and not cleaned.get("measure"):
            self.add_error("measure", "Say which measure is to be even.")
        if cleaned.get("evens") != Suggestion.Evens.MEASURE:
            cleaned["measure"] = None
        return cleaned

    def _post_clean(self):
        """The model's own checks come with `ask`: the form has no plan to show them."""
