"""Records of the Organisation Data Service to claims, whatever form they came in.

What is read from a record's dated roles, relationships and successions:

* **kind**: what the roles held on the report's day make (``roles``); of a closed record, those of
  its last day. What may only be compared (``parents.ONLY_COMPARED``) makes a ``Record``.
* **days**: the legal ones where the record has them, else the operational ones. Where both are
  there and differ, that is a doubt. A closing day may lie ahead: a change entered before its day.
  ``Status`` is looked at only where it says closed and no day does.
* **since**: the day from which the roles make this kind, where they made another one before.
* **parents**: of the relationships that ``parents.PLACES`` names; no longer than the body's life
  as this kind, so that a sub-ICB location tells nothing of the CCG's parents.
* **successions**: told from both ends, and now and then with the last day of the old body beside
  the first of the new: each pair once, the later day.

A *stub* (``refOnly``) only lends its name to a record that points at it, and says nothing.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from . import roles
from .claims import BadLine, Bond, Claim, Doubt, Label, Life, Passing, Record
from .parents import ONLY_COMPARED, PLACES, settled
from .records import FILLER, ONE_DAY, OPERATIONAL, BadRecord, Organisation, Periods, coded
from .rows import FILLER_DATE, name_of, postcode_of

# Seen in records of ODS: each role beside the primary one begins on this day at the earliest, for
# then the roles came in; a practice of 1974 was one all along.
ROLES_CAME_ON = date(2014, 4, 15)

DIFFERS = "operational day differs from the legal one"
NO_CLOSING_DAY = "closed without a day"
COUNTED = {
    "differs": (DIFFERS, "{:,} relationships; their legal days are taken."),
    "ended": (NO_CLOSING_DAY, "{:,} relationships have ended, and no day is given."),
}


class Holding(NamedTuple):
    """A role of the register, held for a while."""

    rank: int
    kind: str
    opened_on: date | None
    closed_on: date | None

    def holds(self, day: date) -> bool:
        return not (self.opened_on and self.opened_on > day) and not (
            self.closed_on and self.closed_on <= day
        )


class Recorder:
    """Makes claims of records, one after the other, and of what was counted by the ``rest``."""

    def __init__(self, day: date):
        self.day = day
        self._roles = roles.by_code()
        self._period = Periods().of
        self._codes: set[str] = set()
        self._passings: dict[tuple[str, str], tuple[int, date]] = {}
        # How many, and the number of the first record: by role, and by what is odd.
        self._unmapped: dict[str, list[int]] = {}
        self._counts: dict[str, list[int]] = {}

    def claims(self, number: int, body: Organisation) -> list[Claim]:
        """What the record says; ``number`` counts records from 1."""
        if body.is_stub:
            return []
        known = self._roles
        held = [role for role in body.roles if role.id in known]
        if not held:
            primary = [role.id for role in body.roles if role.is_primary]
            others = [role.id for role in body.roles]
            self._unmapped.setdefault((primary or others or [""])[0], [0, number])[0] += 1
            return []
        try:
            return self._of(number, body, held)
        except BadRecord as bad:
            return [BadLine(number, str(bad), body.code.strip()[:20])]

    def rest(self, names: dict[str, str] | None = None) -> Iterator[Claim]:
        """When all is read. ``names``: of roles that ``roles.csv`` has not."""
        for (predecessor, successor), (number, day) in self._passings.items():
            yield Passing(number, predecessor, successor, day)
        for what, (many, number) in self._counts.items():
            topic, text = COUNTED[what]
            yield Doubt(number, topic, text.format(many))
        for role, (many, number) in sorted(self._unmapped.items()):
            what = f"{role} {(names or {}).get(role, '')}".strip()[:200] or "Without a role"
            text = f"{what}: {many:,} records of no kind that the register holds."
            yield Doubt(number, "role not in the register", text)

    def _of(self, number, body, held):
        code, name = coded(body.code), name_of(body.name)
        if code in self._codes:
            # Met in three of 96 releases: a role change recorded twice, and a code used again.
            return [Doubt(number, "code published twice", f"{code} was read before.", code)]
        self._codes.add(code)
        opened, closed, is_filled, differs = self._period(body.dates)
        kind, since = self._kind(held, opened, closed)
        claims: list[Claim] = []
        if is_filled:
            text = f"{code} has {FILLER} for a day that is not known."
            claims.append(Doubt(number, FILLER_DATE, text, code))
        if differs:
            claims.append(Doubt(number, DIFFERS, differing(code, body.dates), code))
        if kind in ONLY_COMPARED:
            operational = body.dates[OPERATIONAL:]
            if any(operational):
                opened, closed, _, _ = self._period([None, None, *operational])
            claims.append(Record(number, code, opened, closed))
        elif closed is None and _status(body) == "Inactive":
            text = f"{code} is closed, and no day is given."
            claims.append(Doubt(number, NO_CLOSING_DAY, text, code))
        else:
            claims.append(Life(number, code, kind, name, opened, closed, since))
            if kind in PLACES:
                life = since or opened, closed
                self._bonds(claims, number, code, PLACES[kind], body.ties, life)
            postcode = postcode_of(body.postcode)
            if postcode and (not closed or closed > self.day):
                claims.append(Label(number, code, "postcode", postcode))
        self._successions(claims, number, code, body.successions)
        return claims

    def _kind(self, held, opened, closed) -> tuple[str, date | None]:
        """The kind on the report's day (the last day, the first day), and since when."""
        holdings = []
        for role in held:
            row = self._roles[role.id]
            start, end, _, _ = self._period(role.dates)
            if start == ROLES_CAME_ON and not role.is_primary:
                start = None
            if end or role.status != "Inactive":
                holdings.append(Holding(row.rank, row.kind, start, end))
        if len(holdings) < 2:
            rows = holdings or [self._roles[role.id] for role in held]
            return min(rows, key=_rank).kind, None
        day = self.day
        if closed and closed <= day:
            day = closed - ONE_DAY
        elif opened and opened > day:
            day = opened
        kind = _made(holdings, day)
        if kind is None:  # every role ended before the record did: the last ones held
            last = max(holding.closed_on or day for holding in holdings)
            return _made(holdings, last - ONE_DAY) or min(holdings, key=_rank).kind, None
        edges = {edge for each in holdings for edge in (each.opened_on, each.closed_on) if edge}
        for edge in sorted(edges, reverse=True):
            if edge <= day:
                before = _made(holdings, edge - ONE_DAY)
                if before != kind:
                    is_change = before and (opened is None or edge > opened)
                    return kind, edge if is_change else None
        return kind, None

    def _bonds(self, claims, number, code, places, ties, life):
        found: dict[str, list[Bond]] = {}
        for tie in ties:
            slot = places.get((tie.id, tie.role))
            if slot:
                try:
                    bond = self._bond(number, slot, code, tie, life)
                except BadRecord as bad:
                    bond = BadLine(number, f"{tie.id} of {code}: {bad}", code)
                if isinstance(bond, Bond):
                    found.setdefault(slot.name, []).append(bond)
                elif bond:
                    claims.append(bond)
        for bonds in found.values():
            claims += settled(bonds, self.day) if len(bonds) > 1 else bonds

    def _bond(self, number, slot, code, tie, life) -> Bond | Doubt | None:
        parent = coded(tie.code)
        if parent == code:
            return Doubt(number, "self-link", f"{code} is its own parent.", code)
        opened, closed, _, differs = self._period(tie.dates)
        if differs:
            self._counts.setdefault("differs", [0, number])[0] += 1
        if closed is None and tie.status == "Inactive":
            self._counts.setdefault("ended", [0, number])[0] += 1
            return None
        first, end = life
        if opened and first and opened < first:
            opened = first
        if end and (closed is None or closed > end):
            closed = end
        if closed and closed <= (opened or self.day):
            return None  # before it was of this kind, or over and nobody knows when it began
        return Bond(number, slot.name, code, parent, opened, closed)

    def _successions(self, claims, number, code, successions):
        for tie in successions:
            try:
                odd = self._passing(number, code, tie)
            except BadRecord as bad:
                odd = BadLine(number, f"A succession of {code}: {bad}", code)
            if odd:
                claims.append(odd)

    def _passing(self, number, code, tie) -> Doubt | None:
        other = coded(tie.code)
        if other == code:
            return Doubt(number, "self-link", f"{code} succeeds itself.", code)
        if tie.role and tie.role not in self._roles:
            return None  # a PCT, a pharmacy: no body of the register
        if tie.id not in ("Predecessor", "Successor"):
            raise BadRecord(f"{tie.id[:20]!r} is neither Predecessor nor Successor.")
        day = self._period(tie.dates).opened_on
        if day is None:
            text = f"{code} and {other}: a succession without a day."
            return Doubt(number, "succession without a day", text, code)
        pair = (other, code) if tie.id == "Predecessor" else (code, other)
        first, held = self._passings.setdefault(pair, (number, day))
        if held == day:
            return None
        self._passings[pair] = (first, max(held, day))
        text = f"{pair[0]} to {pair[1]}: {min(held, day)} and {max(held, day)}."
        return Doubt(number, "succession with two days", text, code)


def _rank(row):
    return row.rank


def _made(holdings, day):
    held = [holding for holding in holdings if holding.holds(day)]
    return min(held, key=_rank).kind if held else None


def _status(body):
    """Regions have none of their own (2026): then the primary role's."""
    return body.status or next((role.status for role in body.roles if role.is_primary), "")


def differing(code, dates):
    legal, operational = (
        f"{start or 'not given'} to {end or 'now'}"
        for start, end in (dates[:OPERATIONAL], dates[OPERATIONAL:])
    )
    return f"{code}: legally {legal}, operationally {operational}; the legal days are taken."
