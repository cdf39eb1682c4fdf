"""What hangs on the bodies of an event: found by walking every ``OrganisationKey`` there is.

The register imports nothing that hangs on it. A key declares its rule where it is defined; the
walk goes over Django's model registry, so a new key is part of every blast radius from its first
day, and a test refuses one without a rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import models
from django.db.models import Case, IntegerField, OuterRef, Q, Subquery, Value, When

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
