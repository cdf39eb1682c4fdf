"""What a load file needs that only the customer knows."""

import re

from django import forms

from .contents import Contents
from .salesforce import keys
from .veeva import UnitsAs

ID = re.compile(r"[a-zA-Z0-9]{15}(?:[a-zA-Z0-9]{3})?")
MOST = 20_000  # lines of Ids
NAMED = 3


class IdField(forms.CharField):
    """A Salesforce Id: 15 letters and digits, or 18."""

    def clean(self, value):
        value = super().clean(value)
        if value and not ID.fullmatch(value):
            raise forms.ValidationError(
                "An Id of Salesforce has 15 or 18 letters and digits, as 0MIxx0000004C92."
            )
        return value


class SalesforceForm(forms.Form):
    """The Ids of the customer's organisation, and of what is there already."""

    model = IdField(label="Id of the territory model", help_text="Territory2ModelId")
    kind = IdField(label="Id of the territory type", help_text="Territory2TypeId")
    ids = forms.CharField(
        label="Ids that are known",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false"}),
        help_text=(
            "A line each: the territory’s DeveloperName, the unit’s code or the user’s e-mail "
            "address, then its Id. Load Territory2 first; its success file has the Ids of the "
            "territories."
        ),
    )

    def __init__(self, *args, contents: Contents, **kwargs):
        super().__init__(*args, **kwargs)
        self.contents = contents

    def clean_ids(self) -> dict[str, str]:
        """Key, without capitals → Id. Refuses a line that is no pair, a key that the plan does not
        have and one that has two Ids."""
        found, wrong, strange = {}, [], []
        known = keys(self.contents)
        lines = self.cleaned_data["ids"].splitlines()
        if len(lines) > MOST:
            raise forms.ValidationError(f"At most {MOST:,} lines.")
        for number, line in enumerate(lines, start=1):
            cells = [cell.strip().strip('"') for cell in re.split(r"[\t,;]", line.strip())]
            if cells == [""]:
                continue
            if len(cells) != 2 or not ID.fullmatch(cells[1]):
                if number > 1:  # the first may be the heads
                    wrong.append(number)
                continue
            key = cells[0].casefold()
            if key not in known:
                strange.append(cells[0])
            elif found.setdefault(key, cells[1]) != cells[1]:
                raise forms.ValidationError(f"{cells[0]} has two Ids.")
        if wrong:
            said = ", ".join(map(str, wrong[:NAMED])) + (" …" if len(wrong) > NAMED else "")
            raise forms.ValidationError(f"No key with its Id in line {said}.")
        if strange:
            said = ", ".join(strange[:NAMED]) + (" …" if len(strange) > NAMED else "")
            raise forms.ValidationError(f"The plan has no {said} on this day.")
        return found

    @property
    def wanting(self) -> int:
        """How many keys of the plan have no Id yet: their cells hold the key."""
        return len(keys(self.contents) - self.cleaned_data["ids"].keys())


class VeevaForm(forms.Form):
    """What Align asks of a record and a plan does not know."""

    units_as = forms.ChoiceField(
        label="Units are", choices=UnitsAs.choices, initial=UnitsAs.BY_KIND
    )
    field_force = forms.CharField(
        label="Field force", required=False, max_length=80, help_text="Its External ID."
    )
    country = forms.CharField(
        label="Country", required=False, max_length=80, help_text="Its External ID."
    )
    open_ended = forms.DateField(
        label="Last day of what goes on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text="Where the plan has no last day. Leave it empty for none.",
    )

    def __init__(self, *args, contents: Contents, **kwargs):
        super().__init__(*args, **kwargs)
        self.contents = contents

    def clean_open_ended(self):
        day = self.cleaned_data["open_ended"]
        if day and day < self.contents.day:
            raise forms.ValidationError("This lies before the day of the files.")
        return day
