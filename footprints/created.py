"""The bodies that creations open. They follow no other, so no succession names them: what the
event's own releases assert does."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from .models import Reorganisation, Version

SOURCE = "event "  # before the event's address, the source of its releases (`services.dating`)


def by_events(events: Iterable[Reorganisation]) -> dict[int, list[Version]]:
    """What each creation opens as known now, by the event's key; one query, none without any."""
    sources = {
        SOURCE + event.slug: event.pk
        for event in events
        if event.kind == Reorganisation.Kind.CREATION
    }
    found = defaultdict(list)
    if sources:
        opened = Version.objects.now().filter(asserted_by__source__in=sources)
        for version in opened.select_related("organisation", "kind", "asserted_by").order_by("pk"):
            found[sources[version.asserted_by.source]].append(version)
    return found


def of_body(bodies: QuerySet, release=None) -> Q:
    """Events that create one of these bodies, as known by that release; a condition on events."""
    opened = Version.objects.known(release).filter(
        organisation__in=bodies, asserted_by__source=Concat(Value(SOURCE), OuterRef("slug"))
    )
    return Q(Exists(opened), kind=Reorganisation.Kind.CREATION)
