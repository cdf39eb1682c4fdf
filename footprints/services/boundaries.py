"""Boundaries of one kind of body from one day on, as one release; undone like any other."""

from dataclasses import dataclass, field
from datetime import date

import shapely
from django.db import transaction

from ..boundaries.covering import cover
from ..boundaries.placing import Note, place
from ..boundaries.reading import BoundaryFile
from ..models import Boundary, Finding, Kind, Release
from ..written import day_in_short
from .releases import lock_register, open_release


class NothingPlaced(Exception):
    """No shape of the file is that of a body of the kind on the day; `notes` say why."""

    def __init__(self, text: str, notes: list[Note]):
        self.notes = notes
        super().__init__(text)


@dataclass
class Loaded:
    """What a file brought. `release` is None where nothing in it was new.

    `bodies`: how many bodies of the kind live on the day; `new`, `changed` and `same` count those
    that have a shape in the file. `points` and `size` (bytes) are of all their shapes.
    """

    kind: Kind
    day: date
    read: int
    bodies: int
    release: Release | None = None
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    unplaced: list[Note] = field(default_factory=list)
    odd: list[Note] = field(default_factory=list)
    points: int = 0
    size: int = 0

    @property
    def placed(self) -> int:
        return len(self.new) + len(self.changed) + len(self.same)


def load_boundaries(file: BoundaryFile, *, kind: Kind, day: date, by=None) -> Loaded:
    """Record the shapes of the bodies of a kind from that day on, in one release.

    A shape that was recorded from the same day is replaced where the file's is another; the rest
    stand. Raises NothingPlaced, and writes nothing, where the file has no shape of such a body.
    """
    with transaction.atomic():
        lock_register()
        return _load(file, kind, day, by)


def preview_boundaries(file: BoundaryFile, *, kind: Kind, day: date) -> Loaded:
    """Load the file in a transaction that is rolled back, and return what that did."""
    with transaction.atomic():
        loaded = load_boundaries(file, kind=kind, day=day)
        transaction.set_rollback(True)
        return loaded


def _load(file, kind, day, by) -> Loaded:
    placed = place(file.features, kind, day)
    if not placed.shapes:
        raise NothingPlaced(
            f"None of the {len(file.features):,} features is the shape of a {kind.name} that "
            f"lives on {day_in_short(day)}.",
            placed.unplaced,
        )
    bodies = sorted(placed.shapes, key=placed.codes.get)
    covering = cover([placed.shapes[body] for body in bodies])
    loaded = Loaded(
        kind,
        day,
        read=len(file.features),
        bodies=len(placed.codes),
        unplaced=placed.unplaced,
        odd=[Note(0, "", text) for text in (*file.told, *covering.told)] + placed.odd,
        points=int(shapely.get_num_coordinates(covering.shapes).sum()),
    )
    held = {
        row.organisation_id: row
        for row in Boundary.objects.now().filter(boundary_on=day, organisation__in=bodies)
    }
    fresh, gone = [], []
    for body, shape in zip(bodies, covering.shapes, strict=True):
        raw = shapely.to_wkb(shapely.normalize(shape))
        loaded.size += len(raw)
        before, code = held.get(body), placed.codes[body]
        ons_code = placed.ons_codes[body]
        if before and (bytes(before.shape), before.ons_code) == (raw, ons_code):
            loaded.same.append(code)
            continue
        (loaded.changed if before else loaded.new).append(code)
        fresh.append(
            Boundary(
                organisation_id=body,
                boundary_on=day,
                ons_code=ons_code,
                shape=raw,
                source=file.name,
            )
        )
        if before:
            gone.append(before.pk)
    if fresh:
        loaded.release = _record(file, kind, day, by, fresh, gone)
        Finding.objects.bulk_create(_findings(loaded, file.name))
    return loaded


def _record(file, kind, day, by, fresh, gone) -> Release:
    release = open_release(
        kind=Release.Kind.FILE,
        source=f"boundaries of {kind.pk} from {day.isoformat()}",
        by=by,
        title=f"Boundaries of {kind.plural} from {day_in_short(day)}: {file.name}"[:200],
        published_on=day,
        sha256=file.sha256,
    )
    Boundary.objects.filter(pk__in=gone).update(retracted_by=release)
    for row in fresh:
        row.asserted_by = release
    Boundary.objects.bulk_create(fresh, batch_size=500)
    return release


def _findings(loaded: Loaded, name: str) -> list[Finding]:
    sorts = (
        (Finding.Severity.UNPLACED, "boundary not placed", loaded.unplaced),
        (Finding.Severity.ANOMALY, "boundary", loaded.odd),
    )
    return [
        Finding(
            release=loaded.release,
            severity=severity,
            topic=topic,
            code=note.code,
            file=name[:100],
            line=note.number or None,
            text=note.text,
        )
        for severity, topic, notes in sorts
        for note in notes
    ]
