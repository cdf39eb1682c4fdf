"""Undo of one release, or of it and the later ones; and what that would do, before it is done.

The rehearsal is the same code path, rolled back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import transaction

from ..facts import Line, first_lines
from ..models import Release, Reorganisation
from .releases import OF_EVENTS, RECORDED, CannotUndo, undo_release

LARGE = 100_000  # facts: undoing them takes longer than anybody waits for a page


@dataclass(frozen=True)
class Table:
    """One kind of fact: how many rows would go and come back, and the first of each in words."""

    model: str
    name: str
    gone: int
    back: int
    first_gone: list[Line]
    first_back: list[Line]

    @property
    def gone_besides(self):
        return self.gone - len(self.first_gone)

    @property
    def back_besides(self):
        return self.back - len(self.first_back)


@dataclass(frozen=True)
class Rehearsal:
    """What undoing releases would do; ``refused`` says why they cannot be, with ``blocking``."""

    tables: list[Table] = field(default_factory=list)
    events: list[Reorganisation] = field(default_factory=list)
    refused: str = ""
    blocking: list[Release] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table.gone + table.back for table in self.tables)


def later_than(release: Release) -> list[Release]:
    """The releases of the same source that stand on this one, the newest first.

    They are undone before it. None stand on a release that does not stand itself.
    """
    standing = Release.objects.standing()
    if not standing.filter(pk=release.pk).exists():
        return []
    return list(standing.filter(source=release.source, pk__gt=release.pk).order_by("-pk"))


def are_large(releases: list[Release]) -> bool:
    """Whether undoing these takes longer than a page has time for: then a command does it."""
    left = LARGE
    for model in RECORDED:
        for column in ("asserted_by__in", "retracted_by__in"):
            left -= model.objects.filter(**{column: releases}).order_by()[: left + 1].count()
            if left < 0:
                return True
    return False


@transaction.atomic
def undo_releases(releases: Iterable[Release], *, by=None) -> list[Release]:
    """Undo these releases, the newest first, and return the releases that do so, in that order.

    All of them or none: raises CannotUndo where one cannot be undone once the newer ones are.
    """
    newest_first = sorted(releases, key=lambda release: release.pk, reverse=True)
    return [undo_release(release, by=by) for release in newest_first]


def rehearse_undo(releases: Iterable[Release], *, by=None) -> Rehearsal:
    """Undo the releases in a transaction that is rolled back, and return what that did."""
    try:
        with transaction.atomic():
            rehearsal = changes_of(undo_releases(releases, by=by))
            transaction.set_rollback(True)
            return rehearsal
    except CannotUndo as refusal:
        return Rehearsal(refused=str(refusal).partition("\n")[0], blocking=refusal.releases)


def changes_of(undos: list[Release]) -> Rehearsal:
    """What undos made in one transaction did in all.

    What the undo of one release brought back and the undo of an older one took away again never
    showed, so it is left out.
    """
    tables, events = [], set()
    for model in RECORDED:
        gone = model.objects.filter(retracted_by__in=undos).exclude(asserted_by__in=undos)
        back = model.objects.filter(asserted_by__in=undos, retracted_by=None)
        if model in OF_EVENTS:
            for rows in (gone, back):
                events |= set(rows.values_list("reorganisation", flat=True))
        counts = gone.count(), back.count()
        if any(counts):
            first = [first_lines(rows) for rows in (gone, back)]
            meta = model._meta
            tables.append(Table(meta.model_name, meta.verbose_name_plural, *counts, *first))
    return Rehearsal(tables, list(Reorganisation.objects.filter(pk__in=events)))
