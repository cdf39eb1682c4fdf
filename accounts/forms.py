"""What a person types on the pages of our side."""

import re

from django import forms
from django.db.models.functions import Lower

from footprints.dated import LastDayField
from footprints.written import period

from .models import (
    DataSupplier,
    Freeze,
    Team,
    Territory,
    User,
)
from .territories import alignment
from .territories.plans import teams_open_to
from .territories.reading import units_called

DAY = forms.DateInput(attrs={"type": "date"})
MOST_CODES = 5000  # in one go through a form; more come in as an alignment


class TeamForm(forms.ModelForm):
    """A team's name and its calendar, but for the freezes. Who is walled, the admin says."""

    class Meta:
        model = Team
        fields = ["name", "cycle_months", "cycle_on", "supplier", "credit"]
        widgets = {"cycle_on": DAY}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["supplier"].empty_label = "Nobody"
        self.fields["cycle_months"].choices = [("", "No cycles"), *Team.Cycle.choices]


class FreezeForm(forms.ModelForm):
    """A while in which nothing of the team changes; people name its last day."""

    class Meta:
        model = Freeze
        fields = ["opened_on", "closed_on", "reason"]
        widgets = {"opened_on": DAY}
        field_classes = {"closed_on": LastDayField}
        labels = {"opened_on": "First day", "closed_on": "Last day", "reason": "Why"}


class FreezeForms(forms.BaseInlineFormSet):
    """Those that are known, each to be taken away, and room for two more."""

    def add_fields(self, form, index):
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Take away"


FreezeFormSet = forms.inlineformset_factory(
    Team, Freeze, form=FreezeForm, formset=FreezeForms, extra=2, can_delete_extra=False
)


class DataSupplierForm(forms.ModelForm):
    """Who sends us data, and how late new codes come in them."""

    class Meta:
        model = DataSupplier
        fields = ["name", "lag_months"]


class TaskForm(forms.Form):
    """Whose a task of an event is, and whether it is done."""

    owner = forms.ModelChoiceField(
        User.objects.none(), label="Whose it is", required=False, empty_label="Nobody's yet"
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    is_done = forms.BooleanField(label="It is done", required=False)

    def __init__(self, data=None, *, due, may_give):
        """``may_give``: whether it may be given to somebody else."""
        initial = {"owner": due.owner, "note": due.note, "is_done": due.is_done}
        super().__init__(data, initial=initial)
        self.fields["owner"].queryset = User.objects.filter(is_active=True).order_by(
            Lower("last_name"), Lower("first_name"), "pk"
        )
        if not may_give:
            del self.fields["owner"]


class AssignForm(forms.Form):
    """Units, by code, to one territory of the plan from a day on."""

    codes = forms.CharField(
        label="Units",
        help_text="One code or several: 91Q, 92A. They must live on the first day.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocomplete": "off"}),
    )
    territory = forms.ModelChoiceField(Territory.objects.none(), empty_label="Choose a territory")
    opened_on = forms.DateField(label="From", widget=DAY)

    def __init__(self, *args, plan, territories=None, **kwargs):
        """`territories` are those to choose from, where the page has them already."""
        super().__init__(*args, **kwargs)
        self.plan = plan
        field = self.fields["territory"]
        field.queryset = plan.territories.order_by("position", "code")
        if territories is not None:
            field.widget.choices = [("", field.empty_label), *((t.pk, t) for t in territories)]

    def clean_opened_on(self):
        return day_of(self.plan, self.cleaned_data["opened_on"])

    def clean(self):
        cleaned = super().clean()
        if "codes" in cleaned and "opened_on" in cleaned:
            self.units = _units(self, cleaned["codes"], cleaned["opened_on"])
        return cleaned


class FreeForm(forms.Form):
    """Units, by code, to no territory from a day on. They need not live any more."""

    codes = forms.CharField(widget=forms.HiddenInput)
    closed_on = forms.DateField(label="From", widget=DAY)

    def __init__(self, *args, plan, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan

    def clean_closed_on(self):
        return day_of(self.plan, self.cleaned_data["closed_on"])


class PastedForm(forms.Form):
    """Lines that are pasted, or a file of them; `text` has either once the form is clean."""

    text = forms.CharField(
        label="Paste it here",
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 12, "spellcheck": "false", "autocomplete": "off", "class": "code-text"}
        ),
    )
    file = forms.FileField(
        label="or choose a file",
        required=False,
        allow_empty_file=True,  # an empty file gets our own words
    )
    leave_out = forms.BooleanField(label="Leave out the rest", required=False)

    roles: tuple[str, ...] = ()  # of the columns that somebody may put right
    accept = ".csv,.tsv,.txt,text/csv,text/plain"
    kinds_of_file = ""
    nothing_given = ""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = self.kinds_of_file
        self.fields["file"].widget.attrs["accept"] = self.accept

    def clean(self):
        """Put the text of a file where the pasted text stands, so that neither is lost."""
        cleaned = super().clean()
        upload = cleaned.get("file")
        if upload:
            try:
                cleaned["text"] = self.text_of(upload)
            except alignment.Unreadable as error:
                self.add_error("file", f"{upload.name}: {error}")
        elif "file" not in self.errors and not (cleaned.get("text") or "").strip():
            self.add_error("text", self.nothing_given)
        return cleaned

    def text_of(self, upload) -> str:
        """The lines of a file. Raises Unreadable."""
        raise NotImplementedError

    @property
    def either(self):
        """The two fields of which one is enough."""
        return [self["text"], self["file"]]

    @property
    def columns(self) -> dict[str, int]:
        """The columns as somebody put them right: role → column from 0."""
        chosen = {role: self.data.get(f"column-{role}", "") for role in self.roles}
        return {role: int(text) for role, text in chosen.items() if re.fullmatch(r"\d{1,3}", text)}


class AlignmentForm(PastedForm):
    """An alignment to bring in: pasted, or a file; the plan it becomes."""

    roles = alignment.ROLES
    kinds_of_file = (
        "CSV, TSV or semicolons, in UTF-8; up to 10 MB. Not a workbook: copy its cells."
    )
    nothing_given = "Paste lines of unit, territory and owner, or choose a file."

    name = forms.CharField(label="Name of the plan", max_length=120)
    team = forms.ModelChoiceField(None, empty_label="Choose a team")
    opened_on = forms.DateField(
        label="First day of the plan",
        widget=DAY,
        help_text="Codes are followed to what lives on this day; the plan is flagged for every "
        "reorganisation after it.",
    )

    def __init__(self, *args, by, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams_open_to(by)
        self.initial.setdefault("team", by.team_id)

    def text_of(self, upload):
        if upload.size > alignment.MOST_BYTES:
            raise alignment.Unreadable(alignment.too_big(upload.size))
        if not upload.size:
            raise alignment.Unreadable("The file is empty. Choose another, or paste its lines.")
        return alignment.decoded(upload.read(), name=upload.name)

    @property
    def choices(self) -> dict[int, str]:
        """What somebody chose for lines that may mean several units: line number → code."""
        return {
            int(name.removeprefix("choice-")): value
            for name, value in self.data.items()
            if re.fullmatch(r"choice-\d{1,6}", name) and value
        }


def day_of(plan, day):
    """The day; refused where the plan does not hold on it."""
    if plan.day_for(day) != day:
        raise forms.ValidationError(
            f"{plan} does not hold on that day. It holds {period(plan.opened_on, plan.closed_on)}."
        )
    return day


def _units(form, text, day):
    codes = list(dict.fromkeys(re.split(r"[\s,;]+", text.strip())))
    if len(codes) > MOST_CODES:
        form.add_error("codes", f"{MOST_CODES:,} codes are the most at once.")
        return []
    units, unknown = units_called(codes, day)
    if unknown:
        shown = ", ".join(unknown[:20]) + ("…" if len(unknown) > 20 else "")
        form.add_error("codes", f"No unit that lives on that day: {shown}.")
    return units
