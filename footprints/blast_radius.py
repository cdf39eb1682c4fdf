"""What hangs on the bodies of an event: found by walking every ``OrganisationKey`` there is.

The register imports nothing that hangs on it. A key declares its rule where it is defined; the
walk goes over Django's model registry, so a new key is part of every blast radius from its first
day, and a test refuses one without a rule.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce

from .models import WEIGHT_OF, OrganisationKey, Reorganisation, Touch


def organisation_keys() -> Iterator[OrganisationKey]:
    """Every key of ours to an organisation; the register's own facts are not effects."""
    for model in apps.get_models():
        for field in model._meta.local_fields:
            if isinstance(field, OrganisationKey) and not field.rule.is_register:
                yield field


def touches(key: OrganisationKey) -> models.QuerySet:
    """The changes that the key's rule knows; any other leaves its rows untouched."""
    return Touch.objects.of_area().filter(change__in=list(key.rule.outcomes))


def touched(key: OrganisationKey, reorganisation: Reorganisation) -> models.QuerySet:
    """The rows that the event touches: their period has a day on or after the effective day."""
    bodies = touches(key).filter(reorganisation=reorganisation)
    rows = key.model._base_manager.filter(**{f"{key.name}__in": bodies.values("organisation")})
    if hasattr(key.model, "closed_on"):
        rows = rows.filter(Q(closed_on=None) | Q(closed_on__gt=reorganisation.effective_on))
    return rows


def with_change(key: OrganisationKey, rows: models.QuerySet, reorganisation) -> models.QuerySet:
    """The rows with ``change``: what the event does to the body, the gravest where several."""
    gravest = (
        touches(key)
        .filter(reorganisation=reorganisation, organisation=OuterRef(key.attname))
        .annotate(weight=weight_of(key))
        .order_by("-weight", "change")
    )
    return rows.annotate(change=Subquery(gravest.values("change")[:1]))


def weight_of(key: OrganisationKey) -> Case:
    """How much each change asks of a person, by the rule's outcome for it."""
    return Case(
        *(
            When(change=change, then=Value(int(WEIGHT_OF[outcome])))
            for change, outcome in key.rule.outcomes.items()
        ),
        output_field=IntegerField(),
    )


def counted(
    reorganisations: Iterable[Reorganisation],
    narrow: Callable[[OrganisationKey, models.QuerySet], models.QuerySet] | None = None,
) -> dict[int, dict[OrganisationKey, int]]:
    """How many rows of each kind each event touches, by the event's key; one query in all.

    The counts of ``touched``, for many events at once. ``narrow(key, rows)`` leaves those of the
    key's rows that somebody may see. Kinds of which an event touches none are left out.
    """
    events = list(reorganisations)
    counts: dict[int, dict[OrganisationKey, int]] = {event.pk: {} for event in events}
    keys = list(organisation_keys())
    if not events or not keys:
        return counts
    queries = [_counts(number, key, counts, narrow) for number, key in enumerate(keys)]
    first, *others = queries
    for row in first.union(*others, all=True) if others else first:
        found = counts[row["event"]]
        if row["rows"]:
            key = keys[row["number"]]
            found[key] = found.get(key, 0) + row["rows"]
    return counts


def counted_of(key: OrganisationKey, reorganisations: Iterable[Reorganisation]) -> dict[int, int]:
    """How many of the key's rows each event touches, by the event's key; one query."""
    counts = {event.pk: 0 for event in reorganisations}
    if counts:
        for row in _counts(0, key, counts, None):
            counts[row["event"]] += row["rows"]
    return counts


def _counts(number: int, key: OrganisationKey, events: Iterable[int], narrow) -> models.QuerySet:
    """A row an event and body: how many of the key's rows meet there."""
    held = key.model._base_manager.filter(**{key.name: OuterRef("organisation")})
    if narrow:
        held = narrow(key, held)
    if hasattr(key.model, "closed_on"):
        held = held.filter(
            Q(closed_on=None) | Q(closed_on__gt=OuterRef("reorganisation__effective_on"))
        )
    total = held.order_by().values(key.attname).annotate(rows=Count("pk")).values("rows")
    return (
        touches(key)
        .filter(reorganisation__in=list(events))
        .order_by()
        .annotate(
            event=F("reorganisation_id"),
            number=Value(number, output_field=IntegerField()),
            rows=Coalesce(Subquery(total[:1]), 0),
        )
        # Each body once: an event may do several things to it.
        .values("event", "number", "organisation", "rows")
        .distinct()
    )


@dataclass(frozen=True)
class Circle:
    """One kind of thing of ours that an event touches: its key, and the rows."""

    key: OrganisationKey
    rows: models.QuerySet

    @property
    def says(self) -> str:
        return self.key.rule.says

    @property
    def decides(self) -> str:
        return self.key.rule.decides


def of(reorganisation: Reorganisation) -> list[Circle]:
    """The whole blast radius of an event, one circle a key; computed, nothing is stored."""
    return [
        Circle(key, with_change(key, touched(key, reorganisation), reorganisation))
        for key in organisation_keys()
    ]
