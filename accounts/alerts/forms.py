"""What is typed about alerts and letters."""

from django import forms

from ..models import LetterKind, User, WritingHours
from .handing import others
from .wanting import unwanted_by

CLOCK = forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


class HandForm(forms.Form):
    """To whom an alert goes, and what they should know."""

    to = forms.ModelChoiceField(User.objects.none(), label="To", empty_label="Choose a colleague")
    note = forms.CharField(max_length=500, required=False, label="What they should know")

    def __init__(self, *args, user, offered=(), **kwargs):
        super().__init__(*args, **kwargs)
        to = self.fields["to"]
        to.queryset = others(user)
        to.choices = [("", to.empty_label), *((each.pk, called(each)) for each in offered)]


def called(taker: User) -> str:
    """One of `handing.takers` as they are offered."""
    return f"{taker}, who answers for it" if taker.answers else str(taker)


class HoursForm(forms.ModelForm):
    """A person's own hours."""

    class Meta:
        model = WritingHours
        fields = [
            "routine",
            "routine_at",
            "weekly_on",
            "quiet_from_at",
            "quiet_to_at",
            "time_zone",
        ]
        labels = {"routine_at": "At", "weekly_on": "Once a week, on"}
        widgets = {"routine_at": CLOCK, "quiet_from_at": CLOCK, "quiet_to_at": CLOCK}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        user = self.instance.user
        self.kinds = LetterKind.for_role(user.role)
        off = unwanted_by([user.pk])[user.pk]
        for kind in self.kinds:
            self.fields[f"wants_{kind}"] = forms.BooleanField(
                label=kind.label, help_text=kind.says, required=False, initial=kind not in off
            )

    @property
    def kind_fields(self):
        """The kinds, each to be had or not."""
        return [self[f"wants_{kind}"] for kind in self.kinds]

    @property
    def hour_fields(self):
        return [self[name] for name in self.Meta.fields]

    @property
    def wanted(self) -> list[LetterKind]:
        """The kinds that were ticked."""
        return [kind for kind in self.kinds if self.cleaned_data[f"wants_{kind}"]]
