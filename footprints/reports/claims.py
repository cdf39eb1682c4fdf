"""What a report may say, and what it is believed about.

Days are half open, as in the database: a reader adds a day to the last day of the file. ``line``
is the line, row or record of the file, counted from 1, so that a person finds it.
"""

from dataclasses import dataclass, field
from datetime import date

from django.db import models


class Absence(models.TextChoices):
    """What it means that a report no longer names a body it named before."""

    NOTHING = "nothing", "says nothing"
    GONE = "gone", "means gone"


@dataclass(frozen=True, slots=True)
class Slot:
    """One place that bodies have: a practice's commissioner, a PCN's sub-ICB location.

    A child of one of these kinds has one parent of those kinds at a time, in one sense
    (``Relationship.Type``): a newer parent ends the older one. Kinds are ``Kind`` codes.
    ``checks_children``: a child that was never of one of these kinds is not placed. The NHS's own
    reports need no such check: what they name as a child is what it is.
    """

    name: str
    type: str
    children: frozenset[str]
    parents: frozenset[str]
    checks_children: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """What a report is believed about. It yields anomalies about everything else, never facts.

    ``lives``: kinds whose bodies it names, opens and closes. ``slots``: places whose parents it
    states. ``schemes``: of identifiers (``Identifier.Scheme``). ``absence``: for its own open
    relationships and bodies that it no longer names.
    """

    lives: frozenset[str] = frozenset()
    slots: tuple[Slot, ...] = ()
    schemes: frozenset[str] = frozenset()
    absence: Absence = Absence.NOTHING

    def overlaps(self, other: "Authority") -> bool:
        """Whether the two may speak of the same fact, so that their order matters."""
        if self.lives & other.lives:
            return True
        # A report labels the bodies whose lives it states; one that states none labels any.
        if self.schemes & other.schemes and not (self.lives and other.lives):
            return True
        return any(
            mine.type == theirs.type
            and mine.children & theirs.children
            and mine.parents & theirs.parents
            for mine in self.slots
            for theirs in other.slots
        )


@dataclass(frozen=True, slots=True)
class Life:
    """A body of a kind, its name on the report's day, its first day and the day after its last.

    ``since``: from when it is of this kind, where the report says and it was of another before;
    else a change is dated to the report's day, and so is a new name of the same kind.
    ``opened_on`` None: the start is not known; a body that nobody knew lives from ``since`` on.
    """

    line: int
    code: str
    kind: str
    name: str
    opened_on: date | None
    closed_on: date | None = None
    since: date | None = None


@dataclass(frozen=True, slots=True)
class Bond:
    """A child in a parent, in the slot named. ``opened_on`` None: it holds on the report's day,
    and since when is not said: what is held already stands, else it begins on that day."""

    line: int
    slot: str
    child: str
    parent: str
    opened_on: date | None = None
    closed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A body's code in another scheme, on the report's day."""

    line: int
    code: str
    scheme: str
    value: str


@dataclass(frozen=True, slots=True)
class Record:
    """The operational days of a record whose body's life this report may not state.

    Compared with the life held, never written: a difference is an anomaly.
    """

    line: int
    code: str
    opened_on: date | None
    closed_on: date | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A body that the file before named and this one does not; said where only what changed
    is read."""

    line: int
    code: str


@dataclass(frozen=True, slots=True)
class Passing:
    """A statutory succession: evidence that an event took place, never an event by itself."""

    line: int
    predecessor: str
    successor: str
    day: date


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something odd in a line that was read all the same: an anomaly."""

    line: int
    topic: str
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be read, and why, in a person's words."""

    line: int
    reason: str
    code: str = field(default="")


Claim = Life | Bond | Label | Record | Missing | Passing | Doubt | BadLine
