"""What a person types about a plan, its territories, and who works them."""

from django import forms
from django.db.models import Q
from django.db.models.functions import Lower

from footprints.dated import LastDayField
from footprints.models import Kind
from footprints.written import day_in_full

from ..forms import DAY, day_of
from ..models import Nation, RosterEntry, RosterRole, Territory, TerritoryPlan, User
from .colours import PALETTE
from .plans import teams_open_to

State = TerritoryPlan.State


class PlanForm(forms.ModelForm):
    """A new plan, or other settings for one. An active one keeps its role and first day."""

    nations = forms.MultipleChoiceField(
        choices=Nation.choices,
        initial=[Nation.ENGLAND.value],
        widget=forms.CheckboxSelectMultiple,
        help_text="Gaps are looked for in these.",
    )

    class Meta:
        model = TerritoryPlan
        fields = [
            "name",
            "team",
            "brands",
            "role",
            "kinds",
            "nations",
            "opened_on",
            "closed_on",
            "replaces",
            "activates_on",
        ]
        field_classes = {"closed_on": LastDayField}
        widgets = {"opened_on": DAY, "activates_on": DAY, "kinds": forms.CheckboxSelectMultiple}
        labels = {
            "opened_on": "First day",
            "closed_on": "Last day",
            "replaces": "Takes the place of",
        }
        help_texts = {
            "name": "As your colleagues call it: “Primary care 2027/28”.",
            "closed_on": "Leave it empty while the plan goes on.",
            "replaces": "The active plan that this one supersedes; nothing of it is lost.",
            "kinds": "Every body of these kinds should have a territory; whatever has none is a "
            "gap. None: as the plan has them.",
        }

    def __init__(self, *args, by, **kwargs):
        super().__init__(*args, **kwargs)
        plan = self.instance
        self.fields["kinds"].queryset = Kind.objects.filter(is_unit=True).order_by("tier", "name")
        self.fields["replaces"].empty_label = "None"
        self.fields["replaces"].queryset = (
            TerritoryPlan.objects.visible_to(by)
            .filter(Q(state=State.ACTIVE) | Q(pk=plan.replaces_id))
            .exclude(pk=plan.pk)
            .order_by("name")
        )
        if plan.pk:
            self.fields["replaces"].queryset = self.fields["replaces"].queryset.filter(
                team=plan.team_id
            )
            del self.fields["team"]
        else:
            self.fields["team"].queryset = teams_open_to(by)
            self.fields["team"].empty_label = None if by.team_id else "Choose a team"
            self.initial.setdefault("team", by.team_id)
        if plan.state == State.ACTIVE:
            for name in ("role", "opened_on", "replaces", "activates_on"):
                del self.fields[name]

    def clean(self):
        cleaned = super().clean()
        first, active = cleaned.get("opened_on"), cleaned.get("activates_on")
        if first and active and active < first:
            self.add_error(
                "activates_on",
                f"The plan holds from {day_in_full(first)}: it cannot be active before.",
            )
        other = cleaned.get("replaces")
        if other and (team := cleaned.get("team")) and other.team_id != team.pk:
            self.add_error("replaces", f"{other} is of another team.")
        elif other and (role := cleaned.get("role")) and other.role != role:
            self.add_error(
                "replaces",
                f"{other} covers as {other.get_role_display().lower()}: a plan of another role "
                "stands beside it. Choose none.",
            )
        return cleaned


class TerritoryForm(forms.ModelForm):
    """A territory's code, name and the rest. The code's uniqueness is the constraint's to say."""

    colour = forms.ChoiceField(
        required=False, choices=[("", "By its place"), *((k, v[0]) for k, v in PALETTE.items())]
    )

    class Meta:
        model = Territory
        fields = ["code", "name", "parent", "position", "colour", "capacity", "notes"]
        widgets = {
            "code": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "notes": forms.Textarea(attrs={"rows": 3}),
            "capacity": forms.NumberInput(attrs={"min": "0", "step": "0.5"}),
        }
        labels = {"parent": "Under"}
        help_texts = {
            "name": "Empty: the same as the code.",
            "parent": "A nation or a region of the plan, drawn as a territory of its own.",
            "position": "Where it stands among the others; 0 comes first.",
        }

    def __init__(self, *args, plan, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        here = self.instance
        parent = self.fields["parent"]
        parent.empty_label = "Nothing: it stands by itself"
        parent.queryset = plan.territories.exclude(pk=here.pk).order_by("position", "code")
        if here.colour and here.colour not in PALETTE:
            self.fields["colour"].choices += [(here.colour, here.colour)]
        if not here.pk:
            self.fields["position"].required = False
            self.fields["position"].help_text = "Empty: at the end."
            self.initial["position"] = None


class RosterForm(forms.ModelForm):
    """Who works a territory from a day on: a colleague who signs in, or just a name."""

    hands_over_until = LastDayField(
        label="Whoever worked it hands over until",
        required=False,
        help_text="Their last day beside the new owner. Empty: they leave the day before.",
    )

    class Meta:
        model = RosterEntry
        fields = ["user", "name", "role", "opened_on", "closed_on", "fte", "is_agency"]
        field_classes = {"closed_on": LastDayField}
        widgets = {
            "opened_on": DAY,
            "fte": forms.NumberInput(attrs={"min": "0.05", "max": "1", "step": "0.05"}),
        }
        labels = {"user": "Colleague", "opened_on": "From", "closed_on": "Last day"}
        help_texts = {
            "name": "Where they do not sign in here.",
            "closed_on": "Empty: until somebody follows.",
        }

    def __init__(self, *args, plan, **kwargs):
        super().__init__(*args, **kwargs)
        self.plan = plan
        self.fields["opened_on"].required = True
        self.fields["user"].empty_label = "Somebody else…"
        self.fields["user"].queryset = User.objects.filter(is_active=True).order_by(
            Lower("last_name"), Lower("first_name"), "pk"
        )

    def clean_opened_on(self):
        return day_of(self.plan, self.cleaned_data["opened_on"])

    def clean(self):
        cleaned = super().clean()
        cleaned["name"] = (cleaned.get("name") or "").strip()
        if not cleaned.get("user") and not cleaned["name"]:
            self.add_error("user", "Choose a colleague, or write a name below.")
        if cleaned.get("hands_over_until") and cleaned.get("role") != RosterRole.OWNER:
            self.add_error("hands_over_until", "A new owner is handed over to; nobody else.")
        return cleaned


class LeavingForm(forms.Form):
    """The last day of somebody on a roster."""

    closed_on = LastDayField(
        label="Last day", help_text="A day before the first: they never worked it."
    )


class NoteForm(forms.Form):
    """A step of a plan's way, with a word to it or none."""

    reason = forms.CharField(
        label="A word to it",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class ReasonForm(forms.Form):
    """A step that needs a reason."""

    reason = forms.CharField(
        label="What should be different",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say what should be different: the planner reads it."},
    )


class DayForm(forms.Form):
    """The day on which a plan becomes active by the clock."""

    activates_on = forms.DateField(
        label="Becomes active on",
        required=False,
        widget=DAY,
        help_text="By the clock, on that morning. Empty: when somebody says so.",
        error_messages={"invalid": "Write the day it becomes active as 2027-04-01, or none."},
    )


__all__ = [
    "DayForm",
    "LeavingForm",
    "NoteForm",
    "PlanForm",
    "ReasonForm",
    "RosterForm",
    "TerritoryForm",
]
