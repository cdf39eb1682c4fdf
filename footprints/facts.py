"""How one fact of the register is said in a line, whichever kind of fact it is."""

from dataclasses import dataclass

from django.db.models import QuerySet

from .models import (
    Boundary,
    Identifier,
    LeadProvider,
    Move,
    Population,
    Relationship,
    Release,
    Succession,
    Version,
)
from .written import day_in_short, number, period, share

ROWS_SHOWN = 12


@dataclass(frozen=True)
class Line:
    """A fact in words, and the code of the body whose page tells of it."""

    code: str
    text: str

    def __str__(self):
        return f"{self.code} {self.text}"


def first_lines(facts: QuerySet, most: int = ROWS_SHOWN) -> list[Line]:
    """The first rows of a queryset of facts in words, in one query."""
    rows = facts.order_by("pk").select_related(*keys_of(facts.model))
    return [line(row) for row in rows[:most]]


def keys_of(model) -> list[str]:
    """The keys of a kind of fact that its words need: select them with it."""
    keys = [field for field in model._meta.local_fields if field.many_to_one]
    return [field.name for field in keys if field.related_model is not Release]


def line(fact) -> Line:
    """A fact in words. It asks the database for what was not selected with it."""
    return _LINES[type(fact)](fact)


def _held(fact):
    return period(fact.opened_on, fact.closed_on)


def _version(fact):
    return Line(fact.organisation.code, f"{fact.name}, {fact.kind}, {_held(fact)}")


def _identifier(fact):
    scheme = fact.get_scheme_display()
    return Line(fact.organisation.code, f"{scheme} {fact.value}, {_held(fact)}")


def _population(fact):
    return Line(fact.organisation.code, f"{number(fact.people)} people in {fact.year}")


def _boundary(fact):
    return Line(fact.organisation.code, f"boundary from {day_in_short(fact.boundary_on)}")


def _relationship(fact):
    where = f"{fact.get_type_display()} {fact.parent.code}"
    return Line(fact.child.code, f"{where}, {_held(fact)}")


def _lead_provider(fact):
    what = f"leads {fact.collaborative.code} for {fact.service_line}"
    return Line(fact.provider.code, f"{what}, {_held(fact)}")


def _succession(fact):
    if fact.successor is None:
        return Line(fact.predecessor.code, "→ closed, no successor")
    text = f"→ {fact.successor.code}, {fact.get_passes_display().lower()}"
    if fact.becomes_id:
        return Line(fact.predecessor.code, f"{text}, now {fact.becomes}")
    return Line(fact.predecessor.code, f"{text}, {share(fact.share)}")


def _move(fact):
    return Line(fact.child.code, f"from {fact.from_parent.code} to {fact.to_parent.code}")


_LINES = {
    Version: _version,
    Identifier: _identifier,
    Population: _population,
    Boundary: _boundary,
    Relationship: _relationship,
    LeadProvider: _lead_provider,
    Succession: _succession,
    Move: _move,
}
