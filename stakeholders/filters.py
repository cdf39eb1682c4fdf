"""What the list of people may be narrowed by."""

import django_filters
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower

from footprints.lists import WordsFilter
from footprints.models import Kind, Version
from footprints.within import bodies_within

WIDEST_TIERS = 2  # regions, systems, health boards: few enough to be a choice


class NameFilter(WordsFilter):
    """People each word of whose name starts with a word typed; `relation` leads to the person."""

    def __init__(self, *args, relation="person__", **kwargs):
        super().__init__(*args, name="_person_name", label="Name", **kwargs)
        self.relation = relation

    def filter(self, queryset, value):
        given_name, family_name = (f"{self.relation}{n}_name" for n in ("given", "family"))
        named = queryset.alias(_person_name=Concat(given_name, Value(" "), family_name))
        return super().filter(named, value)


class PeopleFilter(django_filters.FilterSet):
    """Narrows tenures: by the person, the role, and the body, as the body was on the day shown."""

    q = NameFilter()
    role = WordsFilter(name="post__role", label="Role")
    within = django_filters.ChoiceFilter(
        label="In or below", empty_label="Anywhere", method="filter_within"
    )
    kind = django_filters.ModelChoiceFilter(
        label="Kind of body",
        empty_label="Any kind",
        queryset=Kind.objects.all(),
        method="filter_kind",
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters["within"].extra["choices"] = self._footprints()

    def filter_within(self, tenures, name, code):
        as_at = self.request.as_at
        return tenures.filter(post__organisation__in=bodies_within(code, as_at.day, as_at.release))

    def filter_kind(self, tenures, name, kind):
        of_kind = self._versions().filter(kind=kind)
        return tenures.filter(post__organisation__in=of_kind.values("organisation"))

    def _versions(self):
        as_at = self.request.as_at
        return Version.objects.known(as_at.release).on(as_at.day)

    def _footprints(self):
        """(kind, [(code, name)…]) of the widest footprints, and of the one that was asked for."""
        asked = self.data.get("within", "")
        rows = (
            self._versions()
            .filter(
                Q(kind__tier__lte=WIDEST_TIERS, kind__is_footprint=True)
                | Q(organisation__code=asked)
            )
            .decided()
            .order_by("kind__tier", "kind__plural", Lower("name"))
            .values_list("kind__plural", "organisation__code", "name")
        )
        groups = {}
        for plural, code, name in rows:
            groups.setdefault(plural, []).append((code, f"{name} ({code})"))
        if asked and not any(code == asked for group in groups.values() for code, _ in group):
            groups["Not there on this day"] = [(asked, asked)]
        return list(groups.items())
