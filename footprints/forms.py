"""What a person types on the pages of the register."""

from django import forms

from .as_at import FIRST_DAY, LAST_DAY
from .reports.limits import UPLOAD
from .uploads import too_large

MEGABYTES = f"{UPLOAD // 2**20:,} MB"


class SeveralFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """One file or several; cleaned to a list. An empty one is refused, by its name."""

    widget = SeveralFiles

    def clean(self, value, initial=None):
        files = value if isinstance(value, list | tuple) else [value]
        return [super(FilesField, self).clean(file, initial) for file in files or [None]]


class DayToldForm(forms.Form):
    """The day that a report tells of, where somebody knows it better."""

    about_on = forms.DateField(
        label="Tells of",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The day as of which the report was made. Left empty, it is the newest day in "
        "the file. Older news never overwrites newer.",
    )


class ReportForm(DayToldForm):
    """Reports to drop in, and the day they tell of where somebody knows it better."""

    files = FilesField(
        label="Files",
        max_length=200,
        help_text="CSV, workbook, XML or JSON, as published; zipped or not. What each one is, is "
        f"told by its content, whatever it is called. Up to {MEGABYTES} each.",
        error_messages={
            "required": "Choose a file, or drop one here.",
            "empty": "An empty file says nothing: choose another.",
        },
    )

    def __init__(self, *args, request=None, **kwargs):
        """`request` knows which files were too large to be kept."""
        super().__init__(*args, **kwargs)
        self.order_fields(["files"])
        self.dropped = too_large(request) if request else []

    def clean(self):
        cleaned = super().clean()
        for name in self.dropped:
            self.errors.pop("files", None) if not cleaned.get("files") else None
            self.add_error("files", f"{name} is larger than {MEGABYTES}: no report is.")
        return cleaned


class DismissForm(forms.Form):
    """Why a proposal is no reorganisation."""

    reason = forms.CharField(
        label="Why it is none",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: whoever meets the same evidence again will ask."},
    )


DAY = {"type": "date"}


class SaidForm(forms.Form):
    """Who said so, where and when, and why: of a move of an event."""

    reason = forms.CharField(
        label="Reason", max_length=1000, required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    source = forms.CharField(label="Link or document", max_length=500, required=False)
    said_by = forms.CharField(label="Who said so", max_length=200, required=False)
    on = forms.DateField(
        label="Day of the source", required=False, widget=forms.DateInput(attrs=DAY)
    )
    seen = forms.IntegerField(widget=forms.HiddenInput)

    def said(self) -> dict:
        """The fields as the services take them."""
        return dict(self.cleaned_data)


class MoveForm(SaidForm):
    """To which state an event moves."""

    to = forms.ChoiceField(label="Becomes")

    field_order = ["to", "reason"]

    def __init__(self, *args, moves, needs_reason=False, **kwargs):
        """``moves``: the states to choose from; ``needs_reason``: that move is none without."""
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = needs_reason
        self.fields["reason"].error_messages = {
            "required": "Say why: whoever looks for the event next will ask."
        }
        self.fields["to"].choices = [(state, state.label) for state in moves]


class MoveDateForm(SaidForm):
    """On which day an event takes effect instead."""

    to = forms.DateField(label="Takes effect on", widget=forms.DateInput(attrs=DAY))

    field_order = ["to", "reason"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = True
        self.fields["reason"].error_messages = {
            "required": "Say why the day moves: plans rest on it."
        }

    def clean_to(self):
        day = self.cleaned_data["to"]
        if not FIRST_DAY <= day <= LAST_DAY:
            raise forms.ValidationError("That day lies outside what is planned.")
        return day
