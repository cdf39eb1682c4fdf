"""What a person says of a unit, and what a manager answers."""

from django import forms

from footprints.models import Organisation

from ..models import Challenge, Territory

ANOTHER = "another"


class ChallengeForm(forms.Form):
    """A unit of the patch, or another one; where it should be; why."""

    unit = forms.ChoiceField(label="Which unit")
    code = forms.CharField(
        label="Code of the other unit",
        max_length=20,
        required=False,
        help_text="Only for a unit that is not in the patch, and should be.",
    )
    wanted = forms.ModelChoiceField(
        Territory.objects.none(),
        label="Where it should go",
        required=False,
        empty_label="Out of this patch: the manager says where to",
    )
    reason = forms.CharField(
        label="Why", max_length=2000, widget=forms.Textarea(attrs={"rows": 4, "autofocus": True})
    )

    def __init__(self, *args, territory, units, others, **kwargs):
        """``units`` are (code, name) of the patch; ``others`` the territories one may name."""
        super().__init__(*args, **kwargs)
        self.territory = territory
        self.fields["unit"].choices = [
            *((code, f"{code} {name}") for code, name in units),
            (ANOTHER, "Another one, which should be in this patch…"),
        ]
        self.fields["wanted"].queryset = others
        if not others:
            del self.fields["wanted"]

    def clean(self):
        cleaned = super().clean()
        is_another = cleaned.get("unit") == ANOTHER
        code = (cleaned.get("code" if is_another else "unit") or "").strip().upper()
        self.unit = Organisation.objects.filter(code=code).first()
        if is_another and not code:
            self.add_error("code", "Write the code of the unit that should come here.")
        elif is_another and self.unit is None:
            self.add_error("code", f"The register has no body {code}.")
        if is_another:
            cleaned["wanted"] = self.territory
        return cleaned


class AnswerForm(forms.Form):
    """Where the unit goes, if anywhere, and what whoever challenged it reads."""

    to = forms.ModelChoiceField(
        Territory.objects.none(), label="Put it into", required=False, empty_label="Choose…"
    )
    from_on = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    answer = forms.CharField(
        label="Answer",
        max_length=2000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed to refuse.",
    )

    def __init__(self, *args, challenge: Challenge, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = challenge.plan.territories.order_by("position", "code")
