"""What a person types on a decision sheet."""

from django import forms

from footprints.models import Outcome
from footprints.written import day_in_full

from ..models import CoverageRole, Sheet, Territory, User
from .deciding import Choice, Undecidable, colleagues, refuse_days
from .leads import Proposal
from .planning import Row

DEFAULT = "default"
DAY = forms.DateInput(attrs={"type": "date"})


class CommentForm(forms.Form):
    """What somebody says about a row."""

    text = forms.CharField(
        label="Say something",
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write something first."},
    )


class DespiteForm(forms.Form):
    """Why something is done within a freeze all the same."""

    despite = forms.CharField(
        label="Why it cannot wait",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It is kept in the sheet's history, with your name.",
        error_messages={"required": "Say why it cannot wait."},
    )


class DecisionForm(forms.Form):
    """What becomes of one row, and why."""

    outcome = forms.ChoiceField(label="What becomes of it", widget=forms.RadioSelect)
    territory = forms.ModelChoiceField(
        Territory.objects.none(),
        label="The territory that takes the whole",
        required=False,
        empty_label="None chosen",
    )
    lead = forms.ModelChoiceField(
        Territory.objects.none(),
        label="Account lead",
        required=False,
        empty_label="Nobody yet",
    )
    until_on = forms.DateField(
        label="Held until",
        required=False,
        widget=DAY,
        help_text="On this day it is to be decided again.",
    )
    reason = forms.CharField(
        label="Why", required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2})
    )
    assigned_to = forms.ModelChoiceField(
        User.objects.none(), label="Ask a colleague", required=False, empty_label="Nobody"
    )
    # When the decision that the page shows was made: an answer to an older page is refused.
    seen_at = forms.DateTimeField(required=False, widget=forms.HiddenInput)

    def __init__(self, data=None, *, row: Row, plan: int, proposal: Proposal | None = None):
        """``proposal``: the lead that the page proposes, if any."""
        self.row = row
        decision = row.decision
        super().__init__(
            data,
            initial={
                "outcome": (decision and decision.outcome) or DEFAULT,
                "territory": decision and decision.territory_id,
                "lead": decision and decision.lead_id,
                "until_on": decision and decision.until_on,
                "reason": decision.reason if decision else "",
                "assigned_to": decision and decision.assigned_to_id,
                "seen_at": decision and decision.at.isoformat(),
            },
        )
        self.fields["outcome"].choices = choices_of(row)
        self.fields["territory"].queryset = Territory.objects.filter(plan=plan).order_by(
            "position", "code"
        )
        self.fields["assigned_to"].queryset = colleagues(plan)
        self.fields["lead"].queryset = self.fields["territory"].queryset
        if proposal:
            said = f"Proposed: {proposal.territory}. {proposal.why} Everybody keeps their "
            self.fields["lead"].help_text = f"{said}{row.level}."
        owned = row.role == CoverageRole.OWNER
        if not (owned and row.is_conflict and row.can_keep_the_line):
            del self.fields["lead"]
        if row.is_line:
            del self.fields["territory"]

    @property
    def choice(self) -> Choice:
        """What was typed, of a valid form."""
        given = dict(self.cleaned_data)
        given.pop("seen_at")
        if given["outcome"] == DEFAULT:
            given["outcome"] = ""
        if (given["outcome"] or self.row.default) != Outcome.KEEP_THE_LINE:
            given["lead"] = None  # as it stood there before the row was decided otherwise
        return Choice(*self.row.key, **given)


def choices_of(row: Row) -> list[tuple[str, str]]:
    """What may become of a row, the default first."""
    found = [(DEFAULT, f"As by default: {row.default_words.lower()}")]
    if not row.is_line:
        found.append((Outcome.CARRY, "One territory takes the whole"))
        if row.level and row.can_keep_the_line and row.default != Outcome.KEEP_THE_LINE:
            found.append(
                (Outcome.KEEP_THE_LINE, f"Keep the line: {row.level} stay where they are")
            )
    found.append((Outcome.HOLD, "Hold today's patch until a day"))
    if not row.is_line:
        found.append((Outcome.CLOSE, "Let it go: nobody of this plan takes it"))
    return found


class DaysForm(forms.ModelForm):
    """Our day, the first month of data, the credit day. The legal day is the event's."""

    class Meta:
        model = Sheet
        fields = ["align_on", "data_on", "credit_on"]
        labels = {"align_on": "Our day", "data_on": "First data", "credit_on": "Credit"}
        widgets = dict.fromkeys(fields, DAY)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        by_default = self.instance.default_days
        for name, said in zip(
            self.fields, (by_default.ours, by_default.data, by_default.credit), strict=True
        ):
            day = day_in_full(said.on) if said.on else "not known"
            self.fields[name].help_text = f"Empty: {day}. {said.why}"

    def clean_align_on(self):
        return self._possible("align_on")

    def clean_data_on(self):
        return self._possible("data_on")

    def _possible(self, name):
        days = {"align_on": None, "data_on": None, name: self.cleaned_data[name]}
        try:
            refuse_days(self.instance, **days)
        except Undecidable as error:
            raise forms.ValidationError(str(error)) from None
        return self.cleaned_data[name]


class BulkForm(forms.Form):
    """One thing to do to every ticked row."""

    deed = forms.ChoiceField(
        choices=[
            ("default", "Accept the default"),
            ("lead", "Accept the account lead"),
            ("people", "The whole to whoever has most people"),
            ("hold", "Hold until …"),
            ("ask", "Ask …"),
        ]
    )
    until_on = forms.DateField(required=False, widget=DAY)
    assigned_to = forms.ModelChoiceField(User.objects.none(), required=False)

    def __init__(self, *args, plan: int, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["assigned_to"].queryset = colleagues(plan)
        self.fields["assigned_to"].empty_label = "a colleague"

    def clean(self):
        cleaned = super().clean()
        wanted = {"hold": "until_on", "ask": "assigned_to"}.get(cleaned.get("deed"))
        if wanted and not cleaned.get(wanted):
            says = "until which day" if wanted == "until_on" else "whom to ask"
            raise forms.ValidationError(f"Say {says}.")
        return cleaned
