"""What may be searched on the lists of our side."""

import django_filters
from django.contrib.contenttypes.models import ContentType
from django.db.models import Exists, OuterRef, Q

from footprints.lists import PartsFilter, WordsFilter
from footprints.models import Reorganisation, Weight
from stakeholders.models import Post

from .models import AccountLead, CoverageRole, Flag, Job, JobSheet, Team, TerritoryPlan, User
from .sheets.of_event import STATES, ready_for

NONE, CLOSED = "none", "closed"


class PlanFilter(django_filters.FilterSet):
    q = PartsFilter("name brands", label="Name or brand")
    team = django_filters.ModelChoiceFilter(queryset=Team.objects.none(), empty_label="Every team")
    state = django_filters.ChoiceFilter(
        choices=TerritoryPlan.State.choices, empty_label="Every state"
    )
    role = django_filters.ChoiceFilter(
        label="Covers as", choices=CoverageRole.choices, empty_label="Every role"
    )
    line = django_filters.ChoiceFilter(
        label="Copies",
        method="in_line",
        choices=[("copies", "Copies of another"), ("own", "No copies")],
        empty_label="Copies or not",
    )

    def in_line(self, plans, name, value):
        return plans.filter(copied_from__isnull=value == "own")

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        teams = Team.objects.filter(plans__in=TerritoryPlan.objects.visible_to(request.user))
        self.filters["team"].queryset = teams.distinct()


class UnitFilter(django_filters.FilterSet):
    """The units of one plan on one day, a `PlanOnDay`."""

    q = WordsFilter(name="name", code="code")
    territory = django_filters.ChoiceFilter(
        label="Territory", method="in_territory", empty_label="Any"
    )
    kind = django_filters.ChoiceFilter(
        label="Kind", field_name="kind_code", empty_label="Every kind"
    )

    def __init__(self, data, queryset, *, request, on_day, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        self.on_day = on_day
        choices = [(str(t.pk), str(t)) for t in on_day.territories]
        if on_day.gaps:
            choices.insert(0, (NONE, "No territory"))
        if on_day.closed:
            choices.insert(0, (CLOSED, "Closed by this day"))
        self.filters["territory"].extra["choices"] = choices
        if len(on_day.kinds) > 1:
            self.filters["kind"].extra["choices"] = [(kind.pk, kind.name) for kind in on_day.kinds]
        else:
            del self.filters["kind"]

    def in_territory(self, units, name, value):
        if value == NONE:
            return units.filter(pk__in=self.on_day.gaps)
        if value == CLOSED:
            return units.filter(kind_code="")
        held = self.on_day.held.items()
        return units.filter(pk__in=[key for key, t in held if str(t.pk) == value])


class FlagFilter(django_filters.FilterSet):
    q = PartsFilter("reorganisation__title", label="Reorganisation")
    weight = django_filters.ChoiceFilter(choices=Weight.choices, empty_label="Every weight")
    plan = django_filters.ChoiceFilter(label="Plan", method="in_plan", empty_label="Every plan")
    state = django_filters.ChoiceFilter(
        label="State of the event",
        field_name="reorganisation__state",
        choices=Reorganisation.State.choices,
        empty_label="Every state",
    )
    dealt_with = django_filters.ChoiceFilter(
        label="Dealt with",
        method="dealt",
        choices=[("no", "Still open"), ("yes", "Dealt with")],
        empty_label="Either",
    )

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        plans = TerritoryPlan.objects.visible_to(request.user).order_by("name")
        self.filters["plan"].extra["choices"] = list(plans.values_list("pk", "name"))

    def in_plan(self, flags, name, value):
        kinds = ContentType.objects.get_for_models(TerritoryPlan, AccountLead)
        leads = AccountLead.objects.filter(plan=value)
        return flags.filter(
            Q(content_type=kinds[TerritoryPlan], object_id=value)
            | Q(content_type=kinds[AccountLead], object_id__in=leads.values("pk"))
        )

    def dealt(self, flags, name, value):
        return flags.open() if value == "no" else flags.exclude(resolved_at=None)


class EventSheetFilter(django_filters.FilterSet):
    """The sheets of one event, as `sheets.of_event.sheets_of` finds them."""

    q = PartsFilter("plan_name", label="Plan")
    state = django_filters.ChoiceFilter(
        label="Sheet",
        method="in_state",
        choices=[*STATES.items(), ("colleague", "Prepared, by a colleague")],
        empty_label="In every state",
    )
    weight = django_filters.ChoiceFilter(
        label="Asks", choices=Weight.choices, empty_label="Anything"
    )
    team = django_filters.ModelChoiceFilter(
        label="Team", queryset=Team.objects.none(), method="of_team", empty_label="Every team"
    )
    owner = django_filters.ModelChoiceFilter(queryset=User.objects.none(), empty_label="Anybody")

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        plans = queryset.order_by().values("object_id")
        self.filters["team"].queryset = Team.objects.filter(plans__in=plans).distinct()
        owners = queryset.order_by().values("owner")
        self.filters["owner"].queryset = User.objects.filter(pk__in=owners)

    def in_state(self, flags, name, value):
        if value == "colleague":
            return ready_for(Job.Deed.APPROVE, flags, self.request.user)
        return flags.filter(sheet_state=value)

    def of_team(self, flags, name, team):
        return flags.filter(object_id__in=team.plans.values("pk"))


class JobSheetFilter(django_filters.FilterSet):
    q = PartsFilter("plan_name says", label="Plan or reason")
    state = django_filters.ChoiceFilter(
        label="What became of it", choices=JobSheet.State.choices, empty_label="Whatever"
    )


class PostFlagFilter(django_filters.FilterSet):
    q = PartsFilter("role holder reorganisation__title", codes="code", label="Post, code or event")
    weight = django_filters.ChoiceFilter(choices=Weight.choices, empty_label="Every weight")
    dealt_with = django_filters.ChoiceFilter(
        label="Dealt with",
        method="dealt",
        choices=[("no", "Still open"), ("yes", "Dealt with")],
        empty_label="Either",
    )
    event = django_filters.ChoiceFilter(
        label="Reorganisation", field_name="reorganisation__slug", empty_label="Every one"
    )

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        posts = Flag.objects.filter(
            content_type=ContentType.objects.get_for_model(Post), reorganisation=OuterRef("pk")
        )
        events = Reorganisation.objects.filter(Exists(posts)).order_by("-effective_on", "title")
        self.filters["event"].extra["choices"] = list(events.values_list("slug", "title"))

    def dealt(self, flags, name, value):
        return flags.open() if value == "no" else flags.exclude(resolved_at=None)


class LetterFilter(django_filters.FilterSet):
    q = PartsFilter("subject person__first_name person__last_name", label="Subject or person")
    sent = django_filters.ChoiceFilter(
        label="Sent",
        method="was_sent",
        choices=[("yes", "Sent"), ("no", "Waiting")],
        empty_label="Either",
    )

    def was_sent(self, letters, name, value):
        return letters.unsent() if value == "no" else letters.exclude(sent_at=None)
