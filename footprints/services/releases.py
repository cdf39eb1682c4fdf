"""Releases: the one way facts are asserted and retracted, and how a release is undone."""

from datetime import datetime

from django.db import IntegrityError, connection, models, transaction
from django.utils.timezone import now

from ..models import (
    Boundary,
    Identifier,
    LeadProvider,
    Move,
    Population,
    Relationship,
    Release,
    Reorganisation,
    Succession,
    Version,
)
from .steps import take_back_steps

# Releases are serial: whoever holds this advisory lock is the only one to add one.
REGISTER_LOCK = 0x57415931

RECORDED = (
    Version,
    Identifier,
    Population,
    Boundary,
    Relationship,
    LeadProvider,
    Succession,
    Move,
)
OF_EVENTS = (Succession, Move)


class CannotUndo(Exception):
    """The release is not the newest of its source, or another source built on it."""

    def __init__(self, reason: str, releases: list[Release]):
        self.releases = releases
        names = "".join(f"\n  release {release}" for release in releases)
        super().__init__(f"{reason}{names}")


class Contradiction(Exception):
    """The facts contradict what another source holds."""


def lock_register():
    """Wait for the register until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [REGISTER_LOCK])


def open_release(
    *, kind: str, source: str, by=None, at: datetime | None = None, **fields
) -> Release:
    """A new release, after which the register's lock is held until the end of the transaction.

    ``applied_at`` never runs backwards, whatever the clock does: the known day depends on it.
    """
    lock_register()
    latest = Release.objects.aggregate(latest=models.Max("applied_at"))["latest"]
    at = max(filter(None, [at or now(), latest]))
    return Release.objects.create(kind=kind, source=source, by=by, applied_at=at, **fields)


def content(model: type[models.Model]) -> list[str]:
    """The database columns that say what a fact is, without its key and its releases."""
    skipped = {"id", "asserted_by_id", "retracted_by_id", "origin_id"}
    return [f.column for f in model._meta.local_fields if f.column not in skipped]


def same_content(model, one: str, other: str, columns: list[str] | None = None) -> str:
    """SQL that holds where two rows say the same (in these columns; all their content if None).

    The keys come first, so that an index may serve.
    """
    columns = content(model) if columns is None else columns
    keys = [f.column for f in model._meta.local_fields if f.is_relation and not f.null]
    rest = [column for column in columns if column not in keys]
    parts = [f"{one}.{key} = {other}.{key}" for key in keys if key in columns]
    parts += [f"{one}.{column} IS NOT DISTINCT FROM {other}.{column}" for column in rest]
    return " AND ".join(parts)


@transaction.atomic
def undo_release(release: Release, *, by=None) -> Release:
    """Undo a release by a new one, and return that: the facts known now are as they were before.

    Last in, first out within a source. Raises CannotUndo where a later release of the source
    stands (it lists them), or where a release of another source built on this one.
    """
    lock_register()
    release = Release.objects.get(pk=release.pk)
    if release.kind == Release.Kind.UNDO:
        raise CannotUndo("An undo is not undone: apply the release again.", [release])
    if Release.objects.filter(undoes=release).exists():
        raise CannotUndo("This release is undone already:", [release])
    standing = Release.objects.standing()
    later = list(standing.filter(source=release.source, pk__gt=release.pk).order_by("-pk"))
    if later:
        raise CannotUndo("Later releases of the same source stand; undo them first:", later)
    built_on = _built_on(release)
    if built_on:
        raise CannotUndo("Another source built on this release:", built_on)
    undo = open_release(
        kind=Release.Kind.UNDO,
        source=release.source,
        by=by,
        undoes=release,
        title=f"Undo of {release.title or release.source}",
    )
    try:
        with connection.cursor() as cursor, transaction.atomic():
            for model in RECORDED:
                _undo(cursor, model, release, undo)
    except IntegrityError as error:
        raise CannotUndo(f"Another source holds other facts since: {error}", []) from error
    renew_events(undo, release)
    take_back_steps(release, undo)
    return undo


def _undo(cursor, model, release: Release, undo: Release):
    table, columns = model._meta.db_table, ", ".join(content(model))
    # What the release asserted, and copies of it that an undo in between re-asserted.
    cursor.execute(
        f"UPDATE {table} SET retracted_by_id = %s "
        "WHERE (asserted_by_id = %s OR origin_id = %s) AND retracted_by_id IS NULL",
        [undo.pk, release.pk, release.pk],
    )
    cursor.execute(
        f"INSERT INTO {table} ({columns}, asserted_by_id, origin_id) "
        f"SELECT {columns}, %s, coalesce(origin_id, asserted_by_id) FROM {table} "
        "WHERE retracted_by_id = %s",
        [undo.pk, release.pk],
    )


def _built_on(release: Release) -> list[Release]:
    """Standing releases that retracted what this one asserted, or an undo's copy of it."""
    found: set[int] = set()
    with connection.cursor() as cursor:
        for model in RECORDED:
            cursor.execute(
                f"SELECT DISTINCT retracted_by_id FROM {model._meta.db_table} "
                "WHERE (asserted_by_id = %s OR origin_id = %s) AND retracted_by_id IS NOT NULL",
                [release.pk, release.pk],
            )
            found |= {key for (key,) in cursor.fetchall()}
    return list(Release.objects.standing().filter(pk__in=found).order_by("-pk"))


def renew_events(*releases: Release):
    """Events whose successions or moves these releases changed are to be flagged anew."""
    touched = models.Q(asserted_by__in=releases) | models.Q(retracted_by__in=releases)
    events = set()
    for model in OF_EVENTS:
        events |= set(model.objects.filter(touched).values_list("reorganisation", flat=True))
    Reorganisation.objects.filter(pk__in=events).revise()
