"""What the organisations of posts are called on a day, for lists of posts and tenures."""

from datetime import date

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from footprints.models import Version


def with_bodies_on(
    rows: QuerySet, day: date, known: int | None = None, *, organisation="post__organisation"
) -> QuerySet:
    """Annotate each row with the body of its post: `body_name`, `body_kind`, `body_lives`.

    As the body was on the day, as known by then. One that does not live on that day is called
    what it was last called, and `body_lives` is false: the post outlived it, or nobody has said
    what became of it. `organisation` is the path from the row to the organisation.
    """
    versions = Version.objects.known(known).filter(organisation=OuterRef(organisation))
    # The version of the day, else the last one: those that still hold have no closing day.
    best = versions.order_by(
        Exists(Version.objects.on(day).filter(pk=OuterRef("pk"))).desc(),
        F("closed_on").desc(nulls_first=True),
    )
    return rows.annotate(
        body_name=Subquery(best.values("name")[:1]),
        body_kind=Subquery(best.values("kind__name")[:1]),
        body_lives=Exists(versions.on(day)),
    )
