"""What a person types to bring a measure."""

from django import forms

from footprints.uploads import too_large

from ..forms import DAY, PastedForm
from ..models import Measure
from ..territories.alignment import Unreadable
from ..territories.plans import teams_open_to
from . import reading


class MeasureForm(PastedForm, forms.ModelForm):
    """Figures, pasted or in a file, and what they count."""

    roles = reading.ROLES
    accept = ".xlsx,.xlsm,.csv,.tsv,.txt,text/csv,text/plain"
    kinds_of_file = "XLSX, CSV, TSV or semicolons; up to 15 MB."
    nothing_given = "Paste lines of a code and an amount, or choose a file."

    add_up = forms.BooleanField(
        label="Add the lines of one code up",
        required=False,
        help_text="A line a month or a product. Else a code twice is told, and the first stands.",
    )
    may_be_negative = forms.BooleanField(
        label="Some may be below nothing, as returns are", required=False
    )

    class Meta:
        model = Measure
        fields = ["name", "unit", "team", "source", "counted_on", "days_each"]
        widgets = {"counted_on": DAY}
        labels = {"team": "Whose it is"}

    def __init__(self, *args, by, today, **kwargs):
        super().__init__(*args, **kwargs)
        self.by, self.today = by, today
        self.fields["team"].queryset = teams_open_to(by)
        self.fields["team"].empty_label = "Everybody’s"
        self.fields["team"].help_text = "A walled team’s own is seen by its members alone."
        self.initial.setdefault("team", by.team_id)
        self.fields["days_each"].widget.attrs["step"] = "any"

    def clean_name(self):
        return " ".join(self.cleaned_data["name"].split())

    def clean_counted_on(self):
        day = self.cleaned_data["counted_on"]
        if day > self.today:
            raise forms.ValidationError("That day has not come: nothing was counted on it.")
        return day

    def clean_days_each(self):
        days = self.cleaned_data["days_each"]
        if days is not None and days < 0:
            raise forms.ValidationError("Days cannot be fewer than none.")
        return days

    def clean(self):
        if self.files_dropped:
            self.add_error("file", "The file is far larger than can be read.")
        return super().clean()

    files_dropped = False

    def _get_validation_exclusions(self):
        """A name again replaces what stands under it, and the preview says so: without the team
        the constraint of one name a team is not asked."""
        return super()._get_validation_exclusions() | {"team"}

    def text_of(self, upload):
        if upload.size > reading.MOST_BYTES:
            raise Unreadable(reading.too_big(upload.size))
        return reading.text_of(upload.read(), name=upload.name)

    def dropped(self, request):
        """Say so where the file of this request was larger than any may be."""
        self.files_dropped = bool(too_large(request))
        return self

    @property
    def about(self):
        """The fields that say what it is."""
        names = ["name", "unit", "source", "counted_on", "days_each", "team"]
        return [self[name] for name in names]

    @property
    def how(self):
        """The two boxes that say how lines are read."""
        return [self["add_up"], self["may_be_negative"]]

    @property
    def kept(self) -> dict:
        """What is kept with the figures."""
        names = ["name", "unit", "team", "source", "counted_on", "days_each"]
        return {name: self.cleaned_data[name] for name in names}
