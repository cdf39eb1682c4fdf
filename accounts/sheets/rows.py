"""The rows of a sheet and the changes that they ask for: what they are, and how they read."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from footprints.models import Outcome, Weight
from footprints.names import listed

from ..effects import Body
from ..models import Decision, Sheet, Territory

_as_json = json.JSONEncoder().encode


class Closing(NamedTuple):
    """An assignment that ends: ``on`` is the first day on which it no longer holds."""

    assignment: int
    unit: int
    territory: int
    role: str
    opened_on: date | None
    closed_on: date | None
    on: date

    @property
    def is_removed(self) -> bool:
        """It would have begun on our day or later: it never comes to be."""
        return self.opened_on is not None and self.opened_on >= self.on

    @property
    def as_listed(self) -> list:
        days = [day and day.isoformat() for day in (self.opened_on, self.closed_on, self.on)]
        return ["close", self.assignment, self.unit, self.territory, self.role, *days]


class Opening(NamedTuple):
    """A unit that begins to belong to a territory."""

    unit: int
    territory: int
    role: str
    opened_on: date
    closed_on: date | None

    @property
    def as_listed(self) -> list:
        days = [day and day.isoformat() for day in (self.opened_on, self.closed_on)]
        return ["open", None, self.unit, self.territory, self.role, *days, None]


class Party(NamedTuple):
    """A body that comes into the successor, or is the survivor; the territory that holds it."""

    body: Body
    share: Decimal | None
    territory: Territory | None
    closes: bool


@dataclass
class Row:
    """What one person decides about: a successor and all that comes into it, or one that ends.

    ``lines`` are the finer units that would keep the line of each party that closes, for those of
    whom they are known; None where they were not read, since nothing asks for them.
    """

    body: Body
    role: str
    parties: list[Party]
    is_line: bool = False
    decision: Decision | None = None
    level: str = ""
    lines: dict[int, list[int]] | None = None
    survives_in: Territory | None = None
    problem: str = ""
    opens: int = 0
    closes: int = 0

    @property
    def key(self) -> tuple[int, str]:
        return self.body.key, self.role

    @cached_property
    def territories(self) -> list[Territory]:
        """The territories that hold what comes in, each once, in order of code."""
        found = {p.territory.pk: p.territory for p in self.parties if p.territory}
        return sorted(found.values(), key=lambda territory: territory.code)

    @property
    def missing(self) -> list[Party]:
        return [party for party in self.parties if party.territory is None]

    @property
    def is_conflict(self) -> bool:
        return not self.is_line and len(self.territories) > 1

    @property
    def departs(self) -> bool:
        return bool(self.decision and self.decision.outcome)

    @property
    def outcome(self) -> str:
        return self.decision.outcome if self.departs else self.default

    @property
    def outcome_words(self) -> str:
        if self.outcome == Outcome.BRING_IN:
            return "Carry and bring in"
        return Outcome(self.outcome).label

    @property
    def default_words(self) -> str:
        return Outcome(self.default).label

    @property
    def until_on(self) -> date | None:
        return self.decision.until_on if self.departs else None

    @property
    def territory(self) -> Territory | None:
        """To whom the whole goes, where it does."""
        if self.departs and self.decision.territory:
            return self.decision.territory
        return self.territories[0] if len(self.territories) == 1 else None

    @property
    def lead(self) -> Territory | None:
        """Who answers for the whole where the line is kept, as somebody accepted or named."""
        return self.decision.lead if self.decision else None

    @property
    def carries(self) -> bool:
        return self.outcome in (Outcome.CARRY, Outcome.BRING_IN)

    @property
    def is_held(self) -> bool:
        return self.outcome == Outcome.HOLD or bool(self.problem)

    @property
    def is_undecided(self) -> bool:
        """A person must say: there is no default that does anything, or it cannot be done."""
        return bool(self.problem) or (self.outcome == Outcome.HOLD and not self.departs)

    @property
    def can_keep_the_line(self) -> bool:
        if self.is_line:
            return False
        closing = [party.body.key for party in self.closing]
        if self.lines is None and closing:
            raise LookupError("The finer units of this row were not read.")
        # Where nothing closes (any more), the line is kept without a change.
        return all(key in self.lines for key in closing)

    @property
    def closing(self) -> list[Party]:
        """What the plan holds of what comes in and closes."""
        return [party for party in self.parties if party.closes and party.territory]

    @cached_property
    def default(self) -> str:
        """What becomes of it where nobody departs."""
        if self.is_line:
            return Outcome.CLOSE
        if self.is_conflict:
            return Outcome.KEEP_THE_LINE if self.can_keep_the_line else Outcome.HOLD
        return Outcome.BRING_IN if self.missing else Outcome.CARRY

    @property
    def why(self) -> str:
        """Why that is the default."""
        if self.is_line:
            return "It ends and nothing follows it."
        if not self.is_conflict:
            home = self.territories[0]
            if self.missing:
                codes = listed([f"{side.body.name} ({side.body.code})" for side in self.missing])
                return f"One territory, {home.code}. It also covers {codes}, which nobody holds."
            if self.survives_in:
                return f"It stays in {home.code}, which holds all that comes in."
            return f"All that comes in sits in {home.code}."
        meet = listed([territory.code for territory in self.territories])
        if self.can_keep_the_line:
            units = sum(map(len, self.lines.values()))
            keep = f"Everybody keeps their {self.level}: {units} stay with whom they are."
            return f"{meet} meet. {keep}"
        unknown = [side.body.code for side in self.closing if side.body.key not in self.lines]
        return (
            f"{meet} meet, and the practices, PCNs or locations of {listed(unknown)} that go "
            "there are not known: say who takes it, or hold it until a day."
        )

    @property
    def weight(self) -> int:
        if self.is_line or self.is_conflict:
            return Weight.ACT
        return Weight.CHECK if self.missing else Weight.KNOW

    @property
    def weight_name(self) -> str:
        return Weight(self.weight).name.lower()


@dataclass
class Planned:
    """Everything that a sheet would do, and the rows that it comes from."""

    sheet: Sheet
    rows: list[Row] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)
    openings: list[Opening] = field(default_factory=list)

    @property
    def undecided(self) -> list[Row]:
        return [row for row in self.rows if row.is_undecided]

    @property
    def held(self) -> list[Row]:
        return [row for row in self.rows if row.is_held]

    @cached_property
    def listing(self) -> list[list]:
        """The changes and what is held, as JSON knows them, in order."""
        listed_changes = [change.as_listed for change in (*self.closings, *self.openings)]
        listed_changes += [
            ["hold", None, row.body.key, None, row.role, None, None, until]
            for row in self.held
            for until in [row.until_on and row.until_on.isoformat()]
        ]
        return sorted(listed_changes, key=_as_json)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the listing: what an approval is bound to."""
        return hashlib.sha256(_as_json(self.listing).encode()).hexdigest()

    def row(self, body: int, role: str) -> Row | None:
        return next((row for row in self.rows if row.key == (body, role)), None)


def differences(before: list[list], now: list[list]) -> tuple[list[list], list[list]]:
    """``(gone, new)``: the listed changes that were and are no more, and those that were not."""
    was, is_now = set(map(tuple, before)), set(map(tuple, now))
    return (
        [change for change in before if tuple(change) not in is_now],
        [change for change in now if tuple(change) not in was],
    )
