"""What the lists of the register may be narrowed by."""

from functools import cached_property
from math import inf

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, Subquery

from . import created
from .lists import PartsFilter, WordsFilter
from .models import (
    Finding,
    Kind,
    LeadProvider,
    Organisation,
    Proposal,
    Release,
    Reorganisation,
    Report,
    Succession,
    Version,
)
from .models.reorganisations import Move
from .narrowing import Within
from .searching.matching import MANY, matches


class TickField(forms.BooleanField):
    """A box that asks for something when ticked, and for nothing when not."""

    def clean(self, value):
        return super().clean(value) or None


class TickFilter(django_filters.Filter):
    field_class = TickField

    def __init__(self, *args, **kwargs):
        super().__init__(*args, widget=forms.CheckboxInput, **kwargs)


class CodeField(forms.CharField):
    """The code of an organisation, cleaned to capitals; refuses one that the register lacks.

    `check` of False leaves that to a filter set that looks the body up anyway.
    """

    def __init__(self, *args, check=True, **kwargs):
        self.check = check
        super().__init__(*args, **kwargs)

    def clean(self, value):
        code = super().clean(value).replace("\x00", "").upper()
        if self.check and code and not Organisation.objects.filter(code=code).exists():
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
    """Kinds and families are chosen in the legend above the list, so they need no box here.

    Words, codes and what lies within a body are looked up first: what is found is named by its
    key where it is little, and otherwise asked of each row, since a list walked in its order then
    meets fifty soon. `are_few` says which. Left to one statement the planner walks the whole list
    for a rare name, and sorts the whole list for a common one.
    """

    q = django_filters.CharFilter(label="Name or code", max_length=100, widget=forms.SearchInput())
    within = CodeFilter(label="Within (code)", check=False)
    kind = django_filters.MultipleChoiceFilter(
        choices=[], widget=forms.MultipleHiddenInput, distinct=False
    )
    family = django_filters.ChoiceFilter(choices=Kind.Family.choices, widget=forms.HiddenInput)
    legal = TickFilter(label="Only legal bodies")

    class Meta:
        model = Version
        fields = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # One query for both: every page of the register asks for them.
        newest = Release.objects.order_by("-pk").values("pk")[:1]
        self.kinds = list(Kind.objects.annotate(newest_release=Subquery(newest)))
        choices = [(kind.code, kind.plural) for kind in self.kinds]
        self.filters["kind"].extra["choices"] = choices
        self.matches = None

    @property
    def newest_release(self):
        """The key of the newest release: what is counted holds until there is another."""
        return self.kinds[0].newest_release if self.kinds else None

    @cached_property
    def below(self):
        """What lies within the body asked for; None where none is."""
        code = self.form.cleaned_data.get("within")
        as_at = self.request.as_at
        if not code:
            return None
        return Within.find(code, as_at.day, as_at.release, self.newest_release)

    def is_valid(self):
        if not super().is_valid():
            return False
        if self.below and self.below.root is None and not self.form.errors.get("within"):
            code = self.form.cleaned_data["within"]
            self.form.add_error("within", f"No organisation has the code {code}.")
        return not self.form.errors

    @property
    def kinds_asked(self):
        """The codes of the kinds that pass the choices of kind, family and legal bodies, in order
        of the list; None where every kind does."""
        asked = self.form.cleaned_data
        if not (asked.get("kind") or asked.get("family") or asked.get("legal")):
            return None
        return [
            kind.code
            for kind in self.kinds
            if (not asked.get("kind") or kind.code in asked["kind"])
            and (not asked.get("family") or kind.family == asked["family"])
            and (not asked.get("legal") or kind.is_legal_body)
        ]

    @property
    def named(self):
        """The number of keys that name what passes, of versions or bodies; infinite where it was
        not looked up and so is asked of each row."""
        looked_up = [self.matches and self.matches.keys, self.below and self.below.keys]
        return min((len(keys) for keys in looked_up if keys is not None), default=inf)

    @property
    def are_few(self):
        """Whether what passes was looked up and named by key."""
        return self.named < inf

    @property
    def are_of_kinds(self):
        """Whether nothing but the kind decides: then the census knows how many they are."""
        return self.matches is None and self.below is None

    def filter_queryset(self, versions):
        versions = self.of_any_kind(versions)
        kinds = self.kinds_asked
        return versions if kinds is None else versions.filter(kind__in=kinds)

    def of_any_kind(self, versions):
        """Return the versions that pass every filter but those of kinds."""
        text = self.form.cleaned_data.get("q")
        if text and text.strip():
            if self.matches is None:
                self.matches = matches(text, most=MANY, kinds=self.kinds_asked)
            versions = self.matches.within(versions)
        if self.below is None:
            return versions
        are_named = self.matches is not None and self.matches.keys is not None
        return self.below.among(versions, are_named=are_named)


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
            | created.of_body(body, release)
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
    q = PartsFilter(
        "collaborative_name provider_name service_line",
        codes="provider__code",
        label="Name, code or service",
    )
    evidence = django_filters.ChoiceFilter(
        choices=LeadProvider.Evidence.choices, empty_label="Stated or inferred"
    )


class ReportFilter(django_filters.FilterSet):
    q = WordsFilter(name="name", label="Words of the file name")
    state = django_filters.ChoiceFilter(choices=Report.State.choices, empty_label="Any state")
    via = django_filters.ChoiceFilter(
        choices=Report.Via.choices, empty_label="However it came", label="How it came"
    )

    class Meta:
        model = Report
        fields = []


class ProposalFilter(django_filters.FilterSet):
    q = WordsFilter(name="title", label="Words of the title")
    state = django_filters.ChoiceFilter(choices=Proposal.State.choices, empty_label="Any state")
    kind = django_filters.ChoiceFilter(choices=Reorganisation.Kind.choices, empty_label="Any kind")

    class Meta:
        model = Proposal
        fields = []
