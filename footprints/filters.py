"""What the lists of the register may be narrowed by."""

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q

from .lists import WordsFilter
from .models import (
    Finding,
    Kind,
    LeadProvider,
    Organisation,
    Reorganisation,
    Report,
    Succession,
    Version,
)
from .models.reorganisations import Move
from .within import bodies_within


class TickField(forms.BooleanField):
    """A box that asks for something when ticked, and for nothing when not."""

    def clean(self, value):
        return super().clean(value) or None


class TickFilter(django_filters.Filter):
    field_class = TickField

    def __init__(self, *args, **kwargs):
        super().__init__(*args, widget=forms.CheckboxInput, **kwargs)


class CodeField(forms.CharField):
    """The code of an organisation, cleaned to capitals; refuses one that the register lacks."""

    def clean(self, value):
        code = super().clean(value).replace("\x00", "").upper()
        if code and not Organisation.objects.filter(code=code).exists():
            raise forms.ValidationError(f"No organisation has the code {code}.")
        return code


class CodeFilter(django_filters.Filter):
    field_class = CodeField

    def __init__(self, *args, **kwargs):
        widget = forms.TextInput(
            attrs={"size": 10, "autocomplete": "off", "spellcheck": "false", "class": "code"}
        )
        super().__init__(*args, widget=widget, max_length=20, **kwargs)


class DayFilter(django_filters.DateFilter):
    def __init__(self, *args, **kwargs):
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(*args, widget=widget, input_formats=["%Y-%m-%d"], **kwargs)


class OrganisationFilter(django_filters.FilterSet):
    """Kinds and families are chosen in the legend above the list, so they need no box here."""

    q = WordsFilter(name="name", code="organisation__code")
    within = CodeFilter(method="filter_within", label="Within (code)")
    kind = django_filters.MultipleChoiceFilter(
        choices=[], widget=forms.MultipleHiddenInput, distinct=False
    )
    family = django_filters.ChoiceFilter(
        field_name="kind__family", choices=Kind.Family.choices, widget=forms.HiddenInput
    )
    legal = TickFilter(method="filter_legal", label="Only legal bodies")

    class Meta:
        model = Version
        fields = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.kinds = list(Kind.objects.all())
        choices = [(kind.code, kind.plural) for kind in self.kinds]
        self.filters["kind"].extra["choices"] = choices

    def filter_within(self, versions, name, code):
        as_at = self.request.as_at
        return versions.filter(organisation__in=bodies_within(code, as_at.day, as_at.release))

    def filter_legal(self, versions, name, value):
        return versions.filter(kind__is_legal_body=True)


class ReorganisationFilter(django_filters.FilterSet):
    q = WordsFilter(name="title", label="Words of the title")
    body = CodeFilter(method="filter_body", label="Touches (code)")
    kind = django_filters.ChoiceFilter(choices=Reorganisation.Kind.choices, empty_label="Any kind")
    state = django_filters.ChoiceFilter(
        choices=Reorganisation.State.choices, empty_label="Any state"
    )
    since = DayFilter(field_name="effective_on", lookup_expr="gte", label="Takes effect from")
    until = DayFilter(field_name="effective_on", lookup_expr="lte", label="to")

    class Meta:
        model = Reorganisation
        fields = []

    def filter_body(self, events, name, code):
        release = self.request.as_at.release
        body = Organisation.objects.filter(code=code).values("pk")
        event = OuterRef("pk")
        return events.filter(
            Exists(
                Succession.objects.known(release).filter(
                    Q(predecessor__in=body) | Q(successor__in=body), reorganisation=event
                )
            )
            | Exists(
                Move.objects.known(release).filter(
                    Q(child__in=body) | Q(from_parent__in=body) | Q(to_parent__in=body),
                    reorganisation=event,
                )
            )
        )


class FindingFilter(django_filters.FilterSet):
    topic = django_filters.ChoiceFilter(label="Topic", empty_label="Any topic", choices=[])
    severity = django_filters.ChoiceFilter(
        choices=Finding.Severity.choices, empty_label="Any", label="What"
    )
    q = WordsFilter(name="text", code="code", label="Code or words")

    class Meta:
        model = Finding
        fields = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        topics = self.queryset.order_by("topic").values_list("topic", flat=True).distinct()
        self.filters["topic"].extra["choices"] = [(topic, topic.capitalize()) for topic in topics]


class LeadProviderFilter(django_filters.FilterSet):
    q = django_filters.CharFilter(label="Name, code or service", method="words", max_length=100)
    evidence = django_filters.ChoiceFilter(
        choices=LeadProvider.Evidence.choices, empty_label="Stated or inferred"
    )

    def words(self, leads, name, value):
        # Some tens of rows: no index is needed for words in the middle.
        for word in value.replace("\x00", "").split():
            leads = leads.filter(
                Q(collaborative_name__icontains=word)
                | Q(provider_name__icontains=word)
                | Q(provider__code__istartswith=word)
                | Q(service_line__icontains=word)
            )
        return leads


class ReportFilter(django_filters.FilterSet):
    q = WordsFilter(name="name", label="Words of the file name")
    state = django_filters.ChoiceFilter(choices=Report.State.choices, empty_label="Any state")
    via = django_filters.ChoiceFilter(
        choices=Report.Via.choices, empty_label="However it came", label="How it came"
    )

    class Meta:
        model = Report
        fields = []
