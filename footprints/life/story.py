"""The reorganisations that led to a body and on from it, told as old → new."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from ..lives import Lives
from ..models import Move, Reorganisation, Succession, Version

TOLD = 40  # successions that a story tells one by one


@dataclass(frozen=True)
class Chapter:
    """One reorganisation in a body's story, with the successions that led to it or from it.

    Of one too far from the body to be told ``rows`` is empty; ``count`` says how many it has.
    """

    event: Reorganisation
    rows: list[dict]
    count: int

    @property
    def parts(self):
        """Areas, then statutory functions under a heading of their own."""
        areas = [r for r in self.rows if r["row"].passes == Succession.Passes.AREA]
        functions = [r for r in self.rows if r["row"].passes == Succession.Passes.FUNCTIONS]
        heading = "Statutory functions" if areas else "Statutory functions only"
        parts = [{"heading": "", "rows": areas}, {"heading": heading, "rows": functions}]
        return [part for part in parts if part["rows"]]


@dataclass(frozen=True)
class Functions:
    """Where a body's statutory functions went, or where the functions it holds came from."""

    event: Reorganisation
    bodies: list[Version]
    went: bool


def passing_rows(successions: Iterable[Succession], lives: Lives) -> list[dict]:
    """Rows for the old → new component: what passed, with the names of the days around it."""
    rows = []
    for row in successions:
        day = row.reorganisation.effective_on
        old = lives.before(row.predecessor_id, day)
        new = lives.near(row.successor_id, day) if row.successor_id else None
        rows.append({"row": row, "old": old, "new": new})
    return rows


def story(key: int, flows: Iterable[Succession], lives: Lives) -> list[Chapter]:
    """The events that led to the body and on from it, oldest first.

    Its own are told whole, and of the others as many as a reader bears.
    """
    chapters = defaultdict(list)
    for row in flows:
        chapters[row.reorganisation].append(row)

    def is_own(event) -> bool:
        return any(key in (row.predecessor_id, row.successor_id) for row in chapters[event])

    told, room = set(), TOLD
    for event, rows in sorted(chapters.items(), key=lambda item: not is_own(item[0])):
        if is_own(event) or len(rows) <= room:
            told.add(event)
            room -= len(rows)
    return [
        Chapter(event, passing_rows(rows, lives) if event in told else [], len(rows))
        for event, rows in chapters.items()
    ]


def functions(key: int, flows: Iterable[Succession], lives: Lives) -> list[Functions]:
    """What the body's own statutory functions did: at each event, whence or whither."""
    found: dict[tuple, list[Version]] = defaultdict(list)
    for row in flows:
        if row.passes != Succession.Passes.FUNCTIONS:
            continue
        event, went = row.reorganisation, row.predecessor_id == key
        if not went and row.successor_id != key:
            continue
        if went:
            other = lives.near(row.successor_id, event.effective_on) if row.successor_id else None
        else:
            other = lives.before(row.predecessor_id, event.effective_on)
        if other:
            found[event, went].append(other)
    return [
        Functions(event, sorted(bodies, key=lambda one: one.name.lower()), went)
        for (event, went), bodies in found.items()
    ]


def coming(key: int, day: date, flows, moves: list[Move], lives: Lives) -> list[dict]:
    """The events after the day that touch the body itself, the next one first."""
    chapters: dict[Reorganisation, list[Succession]] = {}
    for row in flows:
        is_own = key in (row.predecessor_id, row.successor_id)
        if is_own and row.reorganisation.effective_on > day:
            chapters.setdefault(row.reorganisation, []).append(row)
    found = [
        {"event": event, "rows": passing_rows(rows, lives), "move": None}
        for event, rows in chapters.items()
    ]
    for move in moves:
        event = move.reorganisation
        if event.effective_on > day:
            parents = {
                "old": lives.before(move.from_parent_id, event.effective_on),
                "new": lives.near(move.to_parent_id, event.effective_on),
            }
            found.append({"event": event, "rows": [], "move": parents})
    return sorted(found, key=lambda item: (item["event"].effective_on, item["event"].title))


def days_of(key: int, flows: Iterable[Succession], moves: list[Move]) -> list[date]:
    """The days on which a decided event touched the body itself, in order."""
    rows = [row for row in flows if key in (row.predecessor_id, row.successor_id)]
    events = {row.reorganisation for row in (*rows, *moves)}
    return sorted({event.effective_on for event in events if event.is_decided})
