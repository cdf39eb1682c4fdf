"""From the old bodies of an event to the new ones, practice by practice, with the days.

A row says where one practice was on the last day before the event and where it is from the day
itself. Where the practice's own way is known the row says so; where only a share of its old body
is, there is a row for each new body that it may be in, with that share. A body of which no
practice is known is a row of its own: a file that left it out would be taken for complete.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from footprints.ancestry import ancestors
from footprints.dated import ONE_DAY
from footprints.lives import Lives
from footprints.models import Identifier, Move, Reorganisation, Succession, Version
from footprints.shares import fill_in

from .below import practices_below

WHOLE = "the whole body passes"
NAMED = "named in the event"
PLACE = "the practice's own place on the day"
STATED = "share of the old body, as stated"
DERIVED = "share of the old body, by the people of the members that moved"
UNKNOWN = "share of the old body not known"
CLOSES = "the old body closes without a successor"

# Of what moves to another parent, what has practices below it; a trust is an account of its own.
WITH_PRACTICES = ("commissioning", "primary_care", "nation")

HEADS = (
    "practice_code",
    "practice_name",
    "level",
    "old_code",
    "old_name",
    "old_kind",
    "old_ons_code",
    "new_code",
    "new_name",
    "new_kind",
    "new_ons_code",
    "last_day",
    "first_day",
    "share",
    "is_known",
    "evidence",
    "event",
    "state",
)


@dataclass(frozen=True)
class Way:
    """A body of the event that has become another; None: nothing follows it."""

    old: int
    new: int | None
    share: Decimal | None
    evidence: str


@dataclass(frozen=True)
class Row:
    """One practice, or a body of which no practice is known, and one body that it comes to.

    ``before`` and ``after`` are the bodies that it lies within, itself first, for looking up whose
    it is on the last day and from then on.
    """

    unit: int
    old: int
    new: int | None
    share: Decimal | None
    evidence: str
    is_whole_body: bool
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether it is known to come there, and not only by a share."""
        return self.evidence in (WHOLE, NAMED, PLACE, CLOSES)


@dataclass
class Crosswalk:
    """All rows of one event, in order of the old body and the practice."""

    event: Reorganisation
    rows: list[Row] = field(default_factory=list)
    lives: Lives | None = None
    ons: dict[tuple[int, date], str] = field(default_factory=dict)

    @property
    def first_day(self) -> date:
        return self.event.effective_on

    @property
    def last_day(self) -> date:
        return self.event.effective_on - ONE_DAY

    @property
    def practices(self) -> int:
        """How many practices there are, each once."""
        return len({row.unit for row in self.rows if not row.is_whole_body})

    @property
    def known(self) -> int:
        """Of how many practices the way is known."""
        return len({row.unit for row in self.rows if not row.is_whole_body and row.is_known})

    @property
    def bodies_without_practices(self) -> int:
        return len({row.unit for row in self.rows if row.is_whole_body})

    def before(self, key: int) -> Version | None:
        return self.lives.before(key, self.first_day)

    def after(self, key: int) -> Version | None:
        return self.lives.near(key, self.first_day)

    def line(self, row: Row) -> list:
        """The row's cells under ``HEADS``: codes, names, ISO days, a share as a decimal."""
        unit = self.before(row.unit)
        old = self.before(row.old)
        new = self.after(row.new) if row.new else None
        return [
            unit.organisation.code if unit else "",
            unit.name if unit else "",
            "body" if row.is_whole_body else "practice",
            *_cells(old),
            self.ons.get((row.old, self.last_day), ""),
            *_cells(new),
            self.ons.get((row.new, self.first_day), "") if row.new else "",
            self.last_day.isoformat(),
            self.first_day.isoformat() if row.new else "",
            "" if row.share is None else f"{row.share.normalize():f}",
            "yes" if row.is_known else "no",
            row.evidence,
            self.event.title,
            self.event.get_state_display(),
        ]

    def lines(self) -> Iterator[list]:
        return map(self.line, self.rows)


def _cells(version: Version | None) -> list[str]:
    return [version.organisation.code, version.name, version.kind.name] if version else [""] * 3


def crosswalk(event: Reorganisation) -> Crosswalk:
    """The crosswalk of an event as the register knows it now; some ten queries at any size."""
    eve, day = event.effective_on - ONE_DAY, event.effective_on
    found = Crosswalk(event)
    ways = _ways(event)
    below = practices_below(ways, eve)
    units = {unit for practices in below.values() for unit in practices} | set(ways)
    above = ancestors(units, eve)
    above_then = ancestors(units, day)
    moves = dict(event.moves.now().values_list("child", "to_parent"))
    above_moved = ancestors(set(moves.values()), day)
    bodies = set(units)
    for root, ends in ways.items():
        successors = {way.new for way in ends if way.new}
        bodies |= successors | {way.old for way in ends}
        for unit in below.get(root, [root]):
            chain = (unit, *above.get(unit, ()))
            if root not in chain:
                # A PCN across a border puts its practices in two bodies: they count in their own.
                if ways.keys() & set(chain):
                    continue
                chain = (*chain, root)
            inner = chain[: chain.index(root)]
            named = next((moves[node] for node in inner if node in moves), None)
            place = {named, *above_moved.get(named, ())} if named else set()
            place &= successors
            evidence = NAMED
            if not place:
                place, evidence = set(above_then.get(unit, ())) & successors, PLACE
            after = (unit, *above_then.get(unit, ()))
            for way in _ends(ends, place, evidence):
                then = replaced(after, way.old, way.new)
                found.rows.append(
                    Row(
                        unit,
                        way.old,
                        way.new,
                        way.share,
                        way.evidence,
                        is_whole_body=root not in below,
                        before=chain,
                        after=(*then, *(node for node in chain if node not in then)),
                    )
                )
    found.lives = Lives(bodies)
    found.ons = _ons(bodies, (eve, day))
    found.rows.sort(key=lambda row: _order(found, row))
    return found


def replaced(chain: tuple[int, ...], old: int, new: int | None) -> tuple[int, ...]:
    """The chain of bodies, nearest first, with the new one where the old one stands, before it."""
    if new is None or new in chain:
        return chain
    at = chain.index(old) if old in chain else len(chain)
    return (*chain[:at], new, *chain[at:])


def _order(found: Crosswalk, row: Row):
    old, unit = found.before(row.old), found.before(row.unit)
    new = found.after(row.new) if row.new else None
    return (
        old.kind.tier if old else 99,
        *(version.organisation.code if version else "" for version in (old, unit, new)),
    )


def _ends(ends: list[Way], place: set[int], evidence: str) -> Iterable[Way]:
    """Where one unit comes to: the one way there is, the one that is known, or all of them."""
    if len(ends) == 1:
        return ends
    known = [way for way in ends if way.new in place]
    if len(known) == 1:
        (way,) = known
        return [Way(way.old, way.new, Decimal(1), evidence)]
    return ends


def _ways(event: Reorganisation) -> dict[int, list[Way]]:
    """Body → what it becomes: by its successions, else by what moves it to another parent."""
    successions = list(
        event.successions.now()
        .filter(passes=Succession.Passes.AREA)
        .select_related("reorganisation")
        .order_by("predecessor", "pk")
    )
    fill_in(successions)
    ways: dict[int, list[Way]] = defaultdict(list)
    for row in successions:
        ways[row.predecessor_id].append(row)
    found = {}
    for old, rows in ways.items():
        found[old] = [_way(row, is_alone=len(rows) == 1) for row in rows]
    moved = (
        Move.objects.now()
        .filter(
            reorganisation=event,
            child__versions__retracted_by=None,
            child__versions__kind__family__in=WITH_PRACTICES,
        )
        .order_by("child_id", "pk")
        .distinct("child_id")
    )
    for move in moved:
        # Below a body that passes itself, a move only says which way its practices go.
        if move.from_parent_id not in found and move.child_id not in found:
            found[move.child_id] = [Way(move.from_parent_id, move.to_parent_id, Decimal(1), NAMED)]
    return found


def _way(row: Succession, *, is_alone: bool) -> Way:
    old, new = row.predecessor_id, row.successor_id
    if new is None:
        return Way(old, None, None, CLOSES)
    if row.becomes_id or (is_alone and row.share in (None, 1)):
        return Way(old, new, Decimal(1), WHOLE)
    if row.share is None:
        return Way(old, new, None, UNKNOWN)
    return Way(old, new, row.share, DERIVED if getattr(row, "is_derived", False) else STATED)


def _ons(bodies: set[int], days: Iterable[date]) -> dict[tuple[int, date], str]:
    """(body, day) → its ONS code of that day."""
    rows = Identifier.objects.now().filter(organisation__in=bodies, scheme=Identifier.Scheme.GSS)
    return {
        (body, day): value
        for day in days
        for body, value in rows.on(day).values_list("organisation", "value")
    }
