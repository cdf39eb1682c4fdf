"""What an undo would do, before it is done: the same code path, rolled back."""

from dataclasses import dataclass, field

from django.db import transaction

from ..models import Release, Reorganisation
from .releases import OF_EVENTS, RECORDED, CannotUndo, undo_release

ROWS_SHOWN = 12


@dataclass(frozen=True)
class Table:
    """One kind of fact: how many rows would go and come back, and the first of each as text."""

    name: str
    gone: int
    back: int
    first_gone: list[str]
    first_back: list[str]

    @property
    def gone_besides(self):
        return self.gone - len(self.first_gone)

    @property
    def back_besides(self):
        return self.back - len(self.first_back)


@dataclass(frozen=True)
class Rehearsal:
    """What undoing a release would do; ``refused`` says why it cannot be, with ``blocking``."""

    tables: list[Table] = field(default_factory=list)
    events: list[Reorganisation] = field(default_factory=list)
    refused: str = ""
    blocking: list[Release] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(table.gone + table.back for table in self.tables)


def rehearse_undo(release: Release, *, by=None) -> Rehearsal:
    """Undo the release in a transaction that is rolled back, and return what that did."""
    try:
        with transaction.atomic():
            rehearsal = _read(undo_release(release, by=by))
            transaction.set_rollback(True)
            return rehearsal
    except CannotUndo as refusal:
        return Rehearsal(refused=str(refusal).partition("\n")[0], blocking=refusal.releases)


def _read(undo: Release) -> Rehearsal:
    tables, events = [], set()
    for model in RECORDED:
        keys = [f.name for f in model._meta.local_fields if f.many_to_one and "by" not in f.name]
        gone = model.objects.filter(retracted_by=undo).order_by("pk").select_related(*keys)
        back = model.objects.filter(asserted_by=undo).order_by("pk").select_related(*keys)
        if model in OF_EVENTS:
            for rows in (gone, back):
                events |= set(rows.values_list("reorganisation", flat=True))
        counts = gone.count(), back.count()
        if any(counts):
            first = [[str(row) for row in rows[:ROWS_SHOWN]] for rows in (gone, back)]
            tables.append(Table(model._meta.verbose_name_plural, *counts, *first))
    return Rehearsal(tables, list(Reorganisation.objects.filter(pk__in=events)))
