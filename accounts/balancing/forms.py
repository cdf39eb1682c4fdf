"""What a planner asks of the solver."""

import re

from django import forms

from footprints.models import Kind, Organisation
from footprints.tiles import places_on

from ..forms import DAY, day_of
from ..models import Measure, Suggestion, Territory
from ..territories.reading import PlanOnDay
from .dealing import kinds_of, leaves

CODES = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"})


class Weight(forms.FloatField):
    """A slider from 0 to 5; 1 as a rule."""

    widget = forms.NumberInput(attrs={"type": "range", "step": "0.5", "list": "weights"})

    def __init__(self, **kwargs):
        super().__init__(min_value=0, max_value=5, initial=1, **kwargs)


class SuggestionForm(forms.Form):
    """What is to be even, and how much few changes and short ways count."""

    kind = forms.ModelChoiceField(
        Kind.objects.none(),
        label="Deal",
        empty_label=None,
        help_text="One kind at a time. Units of the others stay, and count for who has them.",
    )
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

    units = forms.CharField(
        label="Units that stay where they are",
        required=False,
        help_text="Codes, however they are parted: 91Q, 92A.",
        widget=CODES,
    )
    bases = forms.CharField(
        label="Home bases",
        required=False,
        help_text="One a line: a territory’s code, then that of the body where it has its base: "
        "T07 91Q. Its patch is drawn round there. The others lie where they do now.",
        widget=CODES,
    )

    def __init__(self, *args, plan, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        kinds = kinds_of(PlanOnDay(plan, user, self.initial.get("from_on") or plan.opened_on))
        self.fields["kind"].queryset = Kind.objects.filter(pk__in=[kind.pk for kind in kinds])
        if len(kinds) < 2:
            del self.fields["kind"]
        else:
            self.initial.setdefault("kind", kinds[0].pk)
        self.fields["measure"].queryset = Measure.objects.visible_to(user)
        self.fields["locked"].queryset = Territory.objects.filter(pk__in=leaves(plan)).order_by(
            "position", "code"
        )

    def clean_from_on(self):
        return day_of(self.plan, self.cleaned_data["from_on"])

    def clean_units(self):
        """The units that were written, as keys; none of them is without a territory."""
        codes = list(dict.fromkeys(re.split(r"[\s,;]+", self.cleaned_data["units"].strip())))
        if codes == [""]:
            return []
        held = self.plan.assignments.filter(organisation__code__in=[c.upper() for c in codes])
        found = dict(held.on(self._day).values_list("organisation__code", "organisation"))
        unknown = [code for code in codes if code.upper() not in found]
        if unknown:
            shown = ", ".join(unknown[:20]) + ("…" if len(unknown) > 20 else "")
            raise forms.ValidationError(f"No unit that the plan has on that day: {shown}.")
        return sorted(set(found.values()))

    def clean_bases(self):
        """{territory: body}, as keys; each body lies somewhere known."""
        lines = [line.rsplit(None, 1) for line in self.cleaned_data["bases"].splitlines()]
        lines = [line for line in lines if line]
        territories = {each.code: each.pk for each in self.fields["locked"].queryset}
        codes = {line[1].upper() for line in lines if len(line) == 2}
        bodies = dict(Organisation.objects.with_codes(codes).values_list("code", "pk"))
        placed, found = places_on(bodies.values(), self._day), {}
        for line in lines:
            if len(line) < 2:
                raise forms.ValidationError(f"Write a territory and a body: {line[0]} has one.")
            territory, body = territories.get(line[0]), bodies.get(line[1].upper())
            if territory is None:
                raise forms.ValidationError(f"No territory that holds units: {line[0]}.")
            if body not in placed:
                raise forms.ValidationError(f"Nobody knows where this is: {line[1]}.")
            if territory in found:
                raise forms.ValidationError(f"{line[0]} has two bases.")
            found[territory] = body
        return found

    @property
    def _day(self):
        """The day asked about, as far as it was understood."""
        return self.cleaned_data.get("from_on") or self.plan.opened_on

    def clean(self):
        cleaned = super().clean()
        if cleaned.get("evens") != Suggestion.Evens.MEASURE:
            cleaned["measure"] = None
        elif not cleaned.get("measure"):
            self.add_error("measure", "Say which measure is to be even.")
        return cleaned
