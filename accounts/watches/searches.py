"""Watched searches: what the register's list was narrowed by, and which bodies it finds."""

from collections.abc import Iterable
from datetime import date
from types import SimpleNamespace

from django.http import QueryDict

from footprints.filters import OrganisationFilter
from footprints.models import Kind, Organisation, Version
from footprints.names import inline

ASKED = ("q", "within", "kind", "family", "legal")


def words_of(query: str | QueryDict) -> str:
    """What of an address is a search of the register's list, in one order; "" for all of it."""
    given = QueryDict(query) if isinstance(query, str) else query
    kept = QueryDict(mutable=True)
    for name in ASKED:
        values = [" ".join(value.replace("\x00", " ").split()) for value in given.getlist(name)]
        kept.setlist(name, sorted({value for value in values if value}))
    for name in [name for name in kept if not kept.getlist(name)]:
        del kept[name]
    return kept.urlencode()


def is_possible(search: str) -> bool:
    """Whether the register's list can be narrowed so; it says no where it names no real kind."""
    given = QueryDict(search)
    kinds = set(Kind.objects.values_list("code", flat=True))
    within = [code.upper() for code in given.getlist("within")]
    return (
        set(given.getlist("kind")) <= kinds
        and set(given.getlist("family")) <= set(Kind.Family.values)
        and Organisation.objects.filter(code__in=within).count() == len(within)
    )


def found_by(search: str, days: Iterable[date], among: Iterable[int]) -> set[int]:
    """Keys of those of the bodies that the search finds on any of the days; of a search that has
    become impossible (a kind that is no more), none."""
    found: set[int] = set()
    among = list(among)
    for day in days:
        as_at = SimpleNamespace(day=day, release=None)
        versions = Version.objects.now().on(day).filter(organisation__in=among)
        request = SimpleNamespace(as_at=as_at)
        narrowed = OrganisationFilter(QueryDict(search), versions, request=request)
        if narrowed.is_valid():
            found.update(narrowed.qs.values_list("organisation", flat=True))
    return found


def said(searches: Iterable[str]) -> dict[str, str]:
    """Each search in words: “kent”, practices, within QKS."""
    kinds = dict(Kind.objects.values_list("code", "plural"))
    families = dict(Kind.Family.choices)
    return {search: _said(QueryDict(search), kinds, families) for search in searches}


def _said(given: QueryDict, kinds, families) -> str:
    parts = [f"“{words}”" for words in given.getlist("q")]
    parts += [inline(kinds.get(kind, kind)) for kind in given.getlist("kind")]
    parts += [families.get(family, family).lower() for family in given.getlist("family")]
    parts += [f"within {code.upper()}" for code in given.getlist("within")]
    parts += ["legal bodies only"] if given.get("legal") else []
    return ", ".join(parts)


__all__ = ["found_by", "is_possible", "said", "words_of"]
