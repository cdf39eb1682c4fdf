"""What a scenario is made of: an event, a plan, a name."""

from datetime import date

from django import forms

from footprints.models import Reorganisation

from ..models import Scenario, TerritoryPlan, User
from ..territories.plans import plans_changeable_by


def events_to_plan_on(today: date):
    """Events that may come: standing, and not in effect yet."""
    events = Reorganisation.objects.standing().filter(effective_on__gt=today)
    return events.exclude(state=Reorganisation.State.EFFECTIVE).order_by("effective_on", "title")


def may_come(event: Reorganisation, today: date) -> bool:
    """Whether it is one of them."""
    state = Reorganisation.State
    never = {*state.dropped(), state.EFFECTIVE}
    return event.state not in never and event.effective_on > today


def plans_to_draft(user: User):
    """Plans of which the user may make a draft; a draft of a draft would rest on nothing."""
    return plans_changeable_by(user).filter(scenario=None).order_by("-opened_on", "name", "pk")


class ScenarioForm(forms.ModelForm):
    name = forms.CharField(
        max_length=TerritoryPlan._meta.get_field("name").max_length,
        help_text="As your colleagues will find it among the plans.",
    )

    class Meta:
        model = Scenario
        fields = ["event", "plan", "name", "note"]
        widgets = {"note": forms.Textarea(attrs={"rows": 3})}
        labels = {"event": "What if", "plan": "In which plan"}

    def __init__(self, *args, user, today, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["event"].queryset = events_to_plan_on(today)
        self.fields["event"].empty_label = "Choose an event"
        self.fields["plan"].queryset = plans_to_draft(user)
        self.fields["plan"].empty_label = "Choose a plan"
