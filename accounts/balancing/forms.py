"""What a planner asks of the solver."""

import re
from collections.abc import Iterator

from django import forms
from django.forms.boundfield import BoundField, BoundWidget

from footprints.models import Kind, Version

from ..forms import DAY, day_of
from ..models import Measure, Suggestion, Territory
from ..territories.reading import PlanOnDay
from .bases import NotABase, bases
from .dealing import kinds_of, leaves

LISTED = 400  # units to choose a base from: of more, nobody finds one in a list
CODES = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"})


class Weight(forms.FloatField):
    """A slider from 0 to 5; 1 as a rule."""

    widget = forms.NumberInput(attrs={"type": "range", "step": "0.5", "list": "weights"})

    def __init__(self, **kwargs):
        super().__init__(min_value=0, max_value=5, initial=1, **kwargs)


class _Base(forms.TextInput):
    """A code or a postcode; the page has a list of units to choose from."""

    def __init__(self, label: str):
        quiet = {"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        super().__init__(attrs={"list": "bodies", "aria-label": label, "size": 9, **quiet})


def _bodies(on_day: PlanOnDay) -> list[tuple[str, str]]:
    """The plan's units to choose a base from, code and name, where a list of them is of use."""
    if len(on_day.shown) > LISTED:
        return []
    live = Version.objects.now().on(on_day.day).filter(organisation__in=on_day.shown)
    return list(live.order_by("organisation__code").values_list("organisation__code", "name"))


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
        Territory.objects.none(), required=False, widget=forms.CheckboxSelectMultiple
    )
    units = forms.CharField(
        label="Units that stay where they are",
        required=False,
        help_text="Codes, however they are parted: 91Q, 92A.",
        widget=CODES,
    )

    def __init__(self, *args, plan, user, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        on_day = PlanOnDay(plan, user, self.initial.get("from_on") or plan.opened_on)
        kinds = kinds_of(on_day)
        self.fields["kind"].queryset = Kind.objects.filter(pk__in=[kind.pk for kind in kinds])
        if len(kinds) < 2:
            del self.fields["kind"]
        else:
            self.initial.setdefault("kind", kinds[0].pk)
        self.fields["measure"].queryset = Measure.objects.visible_to(user)
        found = Territory.objects.filter(pk__in=leaves(plan)).order_by("position", "code")
        self.fields["locked"].queryset = found
        self.territories = {territory.pk: territory for territory in found}
        for key, territory in self.territories.items():
            label = f"Home base of {territory}"
            self.fields[f"base_{key}"] = forms.CharField(
                label=label, required=False, max_length=20, widget=_Base(label)
            )
        self.bodies = _bodies(on_day)

    @property
    def patches(self) -> Iterator[tuple[Territory, BoundWidget, BoundField]]:
        """Each territory with whether it stays as it is, and its home base."""
        for territory, stays in zip(self.territories.values(), self["locked"], strict=True):
            yield territory, stays, self[f"base_{territory.pk}"]

    @property
    def plain_fields(self) -> list[BoundField]:
        """What is asked of every suggestion."""
        return [field for field in self.visible_fields() if field.name not in self._kept]

    @property
    def keeps(self) -> bool:
        """Whether anything is said of what stays, and of bases."""
        return any(self[name].value() for name in self._kept)

    @property
    def _kept(self):
        return {"units", "locked", *(f"base_{key}" for key in self.territories)}

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
        cleaned["bases"] = self._bases(cleaned)
        return cleaned

    def _bases(self, cleaned) -> dict[int, int]:
        """{territory: body}, as keys."""
        said = {key: cleaned.get(f"base_{key}", "").strip() for key in self.territories}
        said = {key: text for key, text in said.items() if text}
        known, found = bases(set(said.values()), self._day), {}
        for key, text in said.items():
            if isinstance(known[text], NotABase):
                self.add_error(f"base_{key}", str(known[text]))
            else:
                found[key] = known[text]
        return found
