"""What hangs on a body, as far as one user may see it.

Nothing is imported from above: a model whose manager, or whose root's manager, has
``visible_to(user)`` is asked for the rows that user may see; the rows of any other model are for
everybody but field users, who see their own patch on pages of their own.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, IntegerField, QuerySet, Value

from . import blast_radius
from .models import Organisation, OrganisationKey, Reorganisation


@dataclass(frozen=True)
class Hanging:
    """So many rows of one kind hang on a body."""

    says: str
    count: int


def is_field_user(user) -> bool:
    return getattr(user, "role", None) == "field"


def sees(user, key: OrganisationKey, rows: QuerySet) -> QuerySet:
    """Those of the rows (of the key's model) that the user may see."""
    if is_field_user(user):
        return rows.none()
    visible = getattr(key.model._default_manager, "visible_to", None)
    if visible:
        return rows.filter(pk__in=visible(user).values("pk"))
    if key.rule.root:
        root = key.model._meta.get_field(key.rule.root).related_model
        visible = getattr(root._default_manager, "visible_to", None)
        if visible:
            return rows.filter(**{f"{key.rule.root}__in": visible(user).values("pk")})
    return rows


def on_body(organisation: Organisation, user) -> list[Hanging]:
    """What hangs on the organisation on any day, one query; nothing for field users."""
    keys = list(blast_radius.organisation_keys())
    if not keys or is_field_user(user):
        return []
    counts = [
        sees(user, key, key.model._base_manager.filter(**{key.name: organisation}))
        .order_by()
        .values(key=Value(number, output_field=IntegerField()))
        .annotate(count=Count("pk"))
        for number, key in enumerate(keys)
    ]
    first, *others = counts
    rows = first.union(*others, all=True) if others else first
    return [Hanging(keys[row["key"]].rule.says, row["count"]) for row in rows if row["count"]]


def on_events(events: Iterable[Reorganisation], user) -> dict[int, list[Hanging]]:
    """What of all that the user may see each event touches, by the event's key; one query.

    Nothing for field users.
    """
    events = list(events)
    if is_field_user(user):
        return {event.pk: [] for event in events}
    counts = blast_radius.counted(events, lambda key, rows: sees(user, key, rows))
    return {
        event: [Hanging(key.rule.says, count) for key, count in found.items()]
        for event, found in counts.items()
    }
