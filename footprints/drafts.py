"""An event as somebody drafts it: kind, bodies before and after, shares, evidence. No database.

What a kind asks for stands in ``SHAPES``, as data: the page, the checks and the recording read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from .models import Reorganisation

Kind, State = Reorganisation.Kind, Reorganisation.State

# Applying makes an event effective in the register; dropped ones are moved there, with a reason.
RECORDABLE = (State.RUMOURED, State.PROPOSED, State.APPROVED, State.IN_LAW)


@dataclass(frozen=True)
class Shape:
    """What a kind of event is made of.

    ``before`` and ``after`` give the fewest and most bodies; None is no limit. ``opens``: a body
    after may be one that does not exist yet. ``asks``: what else must or may be said of it.
    """

    says: str
    before: tuple[int, int | None]
    after: tuple[int, int | None]
    opens: bool = False
    asks: frozenset[str] = frozenset()

    @property
    def has_before(self) -> bool:
        return self.before[1] != 0

    @property
    def has_after(self) -> bool:
        return self.after[1] != 0


def _asks(*names: str) -> frozenset[str]:
    return frozenset(names)


SHAPES = {
    Kind.MERGER: Shape("Several bodies close, one new body takes over.", (2, None), (1, 1), True),
    Kind.ABSORPTION: Shape("Bodies close into one that goes on.", (1, None), (1, 1)),
    Kind.SPLIT: Shape(
        "One body closes, several take its area.",
        (1, 1),
        (2, None),
        True,
        _asks("shares", "named"),
    ),
    Kind.REGROUPING: Shape(
        "Several bodies close, several take their areas, in parts.",
        (2, None),
        (2, None),
        True,
        _asks("shares", "ways", "named"),
    ),
    Kind.TRANSFER_OF_MEMBERS: Shape(
        "Both bodies go on; named members change sides.", (1, 1), (1, 1), True, _asks("members")
    ),
    Kind.TRANSFER_OF_SERVICES: Shape(
        "No body closes; who commissions named services changes.",
        (1, None),
        (1, None),
        True,
        _asks("services"),
    ),
    Kind.RENAME: Shape("The code stays, the name changes.", (1, 1), (0, 0), asks=_asks("name")),
    Kind.CHANGE_OF_NATURE: Shape(
        "The code stays, it becomes another kind of body.",
        (1, None),
        (0, 0),
        asks=_asks("becomes", "name"),
    ),
    Kind.ABOLITION: Shape("Bodies close, nobody takes over.", (1, None), (0, 0)),
    Kind.CREATION: Shape("A body opens that follows no other.", (0, 0), (1, None), True),
    Kind.CLUSTER: Shape("Bodies share their leadership, and may merge.", (2, None), (1, 1), True),
}


@dataclass(frozen=True)
class NewBody:
    """A body that does not exist yet; ``key`` stands for its code within the draft."""

    key: str
    name: str
    kind: str


@dataclass(frozen=True)
class Way:
    """What goes from one body to another; ``new`` of None: it closes. ``share``: 0 to 1."""

    old: str
    new: str | None
    share: Decimal | None = None


@dataclass(frozen=True)
class Problem:
    """Why a draft cannot be recorded, in the reader's words.

    ``about`` names the part of the form; ``event`` is the other event that stands in the way;
    ``yields``: superseding that one would clear the way.
    """

    text: str
    about: str = ""
    event: Reorganisation | None = None
    yields: bool = False


@dataclass(frozen=True)
class Evidence:
    """On whose word: an address or document, its words, who said so, the day of the source."""

    source: str = ""
    document: str = ""
    quotation: str = ""
    said_by: str = ""
    said_on: date | None = None
    reason: str = ""

    @property
    def is_missing(self) -> bool:
        return not (self.source or self.document or self.quotation or self.said_by)

    @property
    def where(self) -> str:
        return "; ".join(filter(None, [self.source, self.document]))

    @property
    def why(self) -> str:
        quoted = f"“{self.quotation}”" if self.quotation else ""
        return " ".join(filter(None, [self.reason, quoted]))


@dataclass(frozen=True)
class Draft:
    """All that is said of an event before it is recorded.

    ``before``, ``after`` and ``members`` are codes; ``new_bodies`` stand after too. ``passes`` are
    the pairs of a regrouping, ``shares`` the part (0 to 1) of the first that passes to the second.
    ``named`` are members of what splits, each with the body after that it goes to.
    ``supersedes`` are slugs of events that this one stands instead of.
    """

    kind: str
    effective_on: date
    state: str = State.RUMOURED
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    new_bodies: tuple[NewBody, ...] = ()
    passes: frozenset[tuple[str, str]] = frozenset()
    shares: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    members: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    services: str = ""
    name: str = ""
    becomes: str = ""
    title: str = ""
    evidence: Evidence = Evidence()
    supersedes: tuple[str, ...] = ()

    @property
    def shape(self) -> Shape:
        return SHAPES[Kind(self.kind)]

    @property
    def successors(self) -> tuple[str, ...]:
        """Codes of bodies after, and keys of those that are new."""
        return (*self.after, *(body.key for body in self.new_bodies))

    @property
    def predecessors(self) -> tuple[str, ...]:
        """The bodies before, without the survivor that they merge into."""
        if self.kind == Kind.ABSORPTION:
            return tuple(code for code in self.before if code not in self.after)
        return self.before

    @property
    def closes(self) -> tuple[str, ...]:
        """The codes that end with the event."""
        goes_on = {
            Kind.TRANSFER_OF_MEMBERS,
            Kind.TRANSFER_OF_SERVICES,
            Kind.RENAME,
            Kind.CHANGE_OF_NATURE,
        }
        return () if self.kind in goes_on else self.predecessors

    def ways(self) -> list[Way]:
        """What passes from which body to which: area, or the functions of named services."""
        olds, news = self.predecessors, self.successors
        if self.kind == Kind.TRANSFER_OF_MEMBERS:
            return []
        if self.kind == Kind.ABOLITION:
            return [Way(old, None) for old in olds]
        if self.kind in (Kind.RENAME, Kind.CHANGE_OF_NATURE):
            return [Way(old, old) for old in olds]
        pairs = [(old, new) for old in olds for new in news]
        if self.kind == Kind.TRANSFER_OF_SERVICES:
            return [Way(old, new) for old, new in pairs]
        if "ways" in self.shape.asks:
            pairs = [pair for pair in pairs if pair in self.passes]
        parts = {old: sum(pair[0] == old for pair in pairs) for old in olds}
        return [
            Way(old, new, Decimal(1) if parts[old] == 1 else self.shares.get((old, new)))
            for old, new in pairs
        ]

    def problems(self) -> list[Problem]:
        """What is wrong with the draft whatever the register says, in order of the form."""
        return [
            *self._numbers(),
            *self._sides(),
            *self._words(),
            *self._parts(),
        ]

    def _numbers(self) -> Iterable[Problem]:
        for side, bodies, (fewest, most) in (
            ("before", self.predecessors, self.shape.before),
            ("after", self.successors, self.shape.after),
        ):
            kind = Kind(self.kind).label
            if len(bodies) < fewest:
                some = "one body" if fewest == 1 else f"{fewest} bodies or more"
                yield Problem(f"{kind}: pick {some} {side}.", side)
            elif most is not None and len(bodies) > most:
                some = "no body" if not most else "one body" if most == 1 else f"{most} bodies"
                yield Problem(f"{kind}: there is {some} {side}, not {len(bodies)}.", side)
        if self.new_bodies and not self.shape.opens:
            yield Problem(
                f"{Kind(self.kind).label}: what takes over exists already. Pick it, or call the "
                "event a merger into a new body.",
                "after",
            )
        if self.kind == Kind.CREATION and self.after:
            yield Problem("A body that is created has no code in the register yet.", "after")

    def _sides(self) -> Iterable[Problem]:
        for code in self.predecessors:
            if code in self.after:
                yield Problem(
                    f"{code} stands before and after. A body that goes on is the survivor of a "
                    "merger, or gives some of its members: choose that kind.",
                    "after",
                )

    def _words(self) -> Iterable[Problem]:
        if self.state not in RECORDABLE:
            yield Problem(
                "An event is recorded as rumoured, proposed, approved or in law; applying it "
                "makes it effective.",
                "state",
            )
        asks = self.shape.asks
        if "members" in asks and not self.members:
            yield Problem("Name the members that change sides.", "members")
        if "services" in asks and not self.services:
            yield Problem("Name the services that are commissioned by another body.", "services")
        if self.kind == Kind.RENAME and not self.name:
            yield Problem("Say what it is called from then on.", "name")
        if self.name and len(self.before) > 1:
            yield Problem("One name is for one body: record the others apart.", "name")
        if "becomes" in asks and not self.becomes:
            yield Problem("Say what kind of body it becomes.", "becomes")
        for body in self.new_bodies:
            if not body.name or not body.kind:
                yield Problem("A new body needs a name and a kind.", "after")
        if self.evidence.is_missing:
            yield Problem("Say where it comes from: a link, a document, or who said so.", "source")

    def _parts(self) -> Iterable[Problem]:
        if "shares" not in self.shape.asks:
            return
        homes = dict(self.named)
        for member in dict.fromkeys(code for code, new in self.named if homes[code] != new):
            yield Problem(f"{member} goes to one body after, not to several.", "named")
        ways = self.ways()
        for old in self.predecessors:
            parts = [way for way in ways if way.old == old]
            known = [way.share for way in parts if way.share is not None]
            if not parts and "ways" in self.shape.asks:
                yield Problem(f"Say to which body {old} goes.", "shares")
            elif known and len(known) < len(parts):
                yield Problem(
                    f"The shares of {old} are all known or none is: {len(parts) - len(known)} of "
                    f"{len(parts)} is missing.",
                    "shares",
                )
            elif known and sum(known) != 1:
                total = (sum(known) * 100).normalize()
                yield Problem(f"The shares of {old} sum to {total:f}%, not to 100%.", "shares")
            if any(not 0 < share <= 1 for share in known):
                yield Problem(f"A share of {old} is more than 0% and at most 100%.", "shares")
        if "ways" in self.shape.asks:
            for new in self.successors:
                if not any(way.new == new for way in ways):
                    names = {body.key: body.name for body in self.new_bodies}
                    yield Problem(f"Nothing comes into {names.get(new, new)}.", "shares")
