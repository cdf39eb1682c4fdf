"""What a movement of members amounts to: a body that ended, or one that lost a real part. No SQL.

Confidence of a suggestion, 0 to 1, is *coverage* × *cleanness* × *agreement about the day*:

coverage    of the members that were there, the part that could be followed to where they sit now;
cleanness   of those followed, the part that went where the suggestion says they went;
agreement   1 where two of three tell the same day (the body's last day, the successor's first,
            the members' own), ``ONE_TELLS`` where one tells it, ``NONE_TELLS`` where the day is
            only that of a report, ``THEY_DIFFER`` where two contradict each other.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from ..dated import ONE_DAY
from .movements import FEWEST, TOGETHER, Group, Member, Movements, Stretch

# Single practices move between commissioners all the time: in the two years to January 2022
# hardly one in a hundred of those that did not follow their CCG. Less than a tenth of the
# members, or fewer than three, is no part of a reorganisation.
REAL_PART = Decimal("0.1")
# A body that nobody closed has emptied where no more than a fifth of its members is left: in
# two years some 9 % of practices close, and a file that does not name these leaves them there.
# Where all that left went into bodies that opened meanwhile, the others may be as many as half:
# in Enfield (07X) 17 of 48 practices closed or merged in the two years of its own merger.
LEFT_BEHIND, LEFT_BEHIND_BY_NEW = Decimal("0.2"), Decimal("0.5")
ONE_TELLS, NONE_TELLS, THEY_DIFFER = Decimal("0.8"), Decimal("0.6"), Decimal("0.5")


@dataclass(frozen=True)
class Went:
    """Part of a body's members that sits in one other body after."""

    new: int
    members: tuple[Member, ...]

    @property
    def weight(self) -> Decimal:
        return sum((member.part for member in self.members), Decimal(0))

    @property
    def people(self) -> Decimal | None:
        """The people of these members; None where not all of them were counted."""
        if any(member.people is None for member in self.members):
            return None
        return sum((member.people * member.part for member in self.members), Decimal(0))


@dataclass(frozen=True)
class Day:
    """The first day of a movement: what tells it, and between which days it was seen."""

    day: date
    told_by: tuple[str, ...]  # "closed", "stated", "opened"; only the first is sure to be the day
    seen_on: date | None  # last known in the old place
    arrived_on: date  # first seen in the new one
    agreement: Decimal


@dataclass
class Passage:
    """One body whose members left: where they went, and what that says of the body.

    ``how``: "closed" (its life is over), "emptied" (nobody closed it), "parted" (it goes on).
    ``total`` members of ``kind`` were there; ``went`` lists the real parts, the greatest first,
    ``strays`` went elsewhere in smaller numbers, ``lost`` could not be followed.
    """

    old: int
    how: str
    type: str
    kind: str
    total: int
    day: Day
    went: list[Went]
    strays: list[Member] = field(default_factory=list)
    lost: list[Member] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.how != "parted"

    @property
    def placed(self) -> Decimal:
        """How many members went along the suggested ways."""
        return sum((went.weight for went in self.went), Decimal(0))

    @property
    def followed(self) -> Decimal:
        return self.placed + sum((member.part for member in self.strays), Decimal(0))

    @property
    def coverage(self) -> Decimal:
        gone = self.total if self.ended else self.followed + len(self.lost)
        return min(self.followed / gone, Decimal(1)) if gone else Decimal(0)

    def share(self, went: Went) -> Decimal:
        """By members: of those that were placed; of all there were, where the body goes on."""
        return went.weight / (self.placed if self.ended else self.total)

    def people_share(self, went: Went) -> Decimal | None:
        """By people, where everybody who was placed is counted and the body ended."""
        people = [each.people for each in self.went]
        if not self.ended or None in people or not sum(people):
            return None
        return went.people / sum(people)


def judge(movements: Movements, groups: Iterable[Group]) -> list[Passage]:
    """The passages in these groups, which are all of one rank, in order of body and day."""
    by_body: dict[int, list[Group]] = defaultdict(list)
    for group in groups:
        by_body[group.old].append(group)
    lives = movements.lives(
        {*by_body, *(g.new for rows in by_body.values() for g in rows if g.new)}
    )
    stretches = {}
    for old, rows in by_body.items():
        for stretch, together in _stretches(old, rows, lives[old][1]):
            if any(group.new for group in together):
                stretches[stretch] = together
    totals = movements.totals(list(stretches))
    candidates = {}
    for stretch, together in stretches.items():
        candidate = _candidate(stretch, together, totals[stretch], lives)
        if candidate:
            candidates[stretch] = candidate
    members = movements.members({s: (c.type, c.kind) for s, c in candidates.items()})
    return [
        _with_members(candidate, members[stretch])
        for stretch, candidate in sorted(candidates.items(), key=lambda item: item[0].first)
    ]


@dataclass(frozen=True)
class _Candidate:
    old: int
    how: str
    type: str
    kind: str
    total: int
    day: Day
    targets: frozenset[int]


def _stretches(old: int, groups: list[Group], closed_on: date | None):
    """The groups of one body, those that left together taken together.

    Whatever left in the last weeks before a body closed left with it.
    """
    last_weeks = closed_on and closed_on - TOGETHER * ONE_DAY
    together: list[Group] = []
    for group in sorted(groups, key=lambda group: group.left_on):
        begun = together and (
            group.left_on > together[0].left_on + TOGETHER * ONE_DAY
            or (last_weeks and together[0].left_on <= last_weeks < group.left_on)
        )
        if begun:
            yield Stretch(old, together[0].left_on, together[-1].left_on), together
            together = []
        together.append(group)
    if together:
        yield Stretch(old, together[0].left_on, together[-1].left_on), together


def _candidate(stretch: Stretch, groups: list[Group], totals, lives) -> _Candidate | None:
    basis = _basis(groups)
    groups = [group for group in groups if (group.type, group.kind) == basis]
    there, came_after = totals.get(basis, (0, 0))
    # Members that were split count for their parts.
    total = max(there, round(sum(group.weight for group in groups)))
    weights: dict[int, Decimal] = defaultdict(Decimal)
    counts: dict[int, int] = defaultdict(int)
    for group in groups:
        if group.new:
            weights[group.new] += group.weight
            counts[group.new] += group.count
    followed = sum(weights.values())
    closed_on = lives[stretch.old][1]
    if closed_on and closed_on - TOGETHER * ONE_DAY <= stretch.last:
        how = "closed"
    elif not came_after and _is_empty(total, groups, followed, lives):
        how = "emptied"
    else:
        how = "parted"
    whole = total if how == "parted" else followed
    targets = frozenset(
        new
        for new, weight in weights.items()
        if weight >= REAL_PART * whole and (how != "parted" or counts[new] >= FEWEST)
    )
    if not targets:
        return None
    along = [group for group in groups if group.new in targets]
    day = _day(stretch, how, closed_on, along, lives)
    if how == "parted" and closed_on and closed_on <= day.day + TOGETHER * ONE_DAY:
        return None  # it did not go on: they left with it, whatever day a report gives
    return _Candidate(stretch.old, how, *basis, total, day, targets)


def _is_empty(total: int, groups: list[Group], followed: Decimal, lives) -> bool:
    left = total - sum(group.weight for group in groups)
    into_new = all(_is_new(group, lives) for group in groups if group.new)
    return followed * 2 > total and left <= total * (
        LEFT_BEHIND_BY_NEW if into_new else LEFT_BEHIND
    )


def _is_new(group: Group, lives) -> bool:
    """The body they went to opened after they were last seen in the old one."""
    opened_on = lives[group.new][0]
    return bool(opened_on and (group.seen_on or date.min) < opened_on <= group.arrived_on)


def _basis(groups: list[Group]) -> tuple[str, str]:
    """The kind of member that tells most: parts of the area before members, then the most
    followed."""
    followed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for group in groups:
        followed[group.type, group.kind] += group.weight if group.new else 0
    return max(followed, key=lambda b: (followed[b] > 0, b[0] == "part_of", followed[b], b))


def _day(stretch: Stretch, how: str, closed_on: date | None, groups: list[Group], lives) -> Day:
    """The predecessor's last day and one; else the day that the members state, or the first of
    their new body; else when it was seen.

    Where the old body goes on, members may move to a new one on any day: its first tells nothing
    where the members do.
    """
    seen_on = _heaviest((group.seen_on, group.weight) for group in groups)
    # A start that is not known is earlier than all that is.
    arrived_on = min((g.arrived_on for g in groups if g.arrived_on), default=stretch.last)
    told = {
        "closed": closed_on if how == "closed" else None,
        "stated": _heaviest((group.stated_on, group.weight) for group in groups),
        "opened": _heaviest(
            (lives[group.new][0], group.weight) for group in groups if _is_new(group, lives)
        ),
    }
    if how == "parted" and told["stated"]:
        told["opened"] = None
    told = {by: each for by, each in told.items() if each}
    day = next(iter(told.values()), max(stretch.first, arrived_on))
    if len(told) < 2:
        agreement = ONE_TELLS if told else NONE_TELLS
    else:
        agree = sum(each == day for each in told.values()) > 1
        agreement = Decimal(1) if agree else THEY_DIFFER
    return Day(day, tuple(told), seen_on, arrived_on, agreement)


def _heaviest(days: Iterable[tuple[date | None, Decimal]]) -> date | None:
    """The day that most members have; the earliest of several."""
    weights: dict[date, Decimal] = defaultdict(Decimal)
    for day, weight in days:
        if day:
            weights[day] += weight
    return max(weights, key=lambda day: (weights[day], -day.toordinal()), default=None)


def _with_members(candidate: _Candidate, members: list[Member]) -> Passage:
    went: dict[int, list[Member]] = {new: [] for new in candidate.targets}
    strays, lost = [], []
    for member in members:
        if member.new in went:
            went[member.new].append(member)
        else:
            (lost if member.new is None else strays).append(member)
    return Passage(
        candidate.old,
        candidate.how,
        candidate.type,
        candidate.kind,
        candidate.total,
        candidate.day,
        sorted(
            (Went(new, tuple(each)) for new, each in went.items()),
            key=lambda went: (-went.weight, went.new),
        ),
        strays,
        lost,
    )
