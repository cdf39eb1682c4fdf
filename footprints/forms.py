"""What a person types on the pages of the register."""

from django import forms

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


class ReportForm(forms.Form):
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
    about_on = forms.DateField(
        label="Tells of",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="The day as of which the report was made. Left empty, it is the newest day in "
        "the file. Older news never overwrites newer.",
    )

    def __init__(self, *args, request=None, **kwargs):
        """`request` knows which files were too large to be kept."""
        super().__init__(*args, **kwargs)
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
