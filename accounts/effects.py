"""What an event does to a plan, row by row: computed when asked for, never stored.

A unit is touched where its assignment has a day on or after the effective day. Of what is touched,
the page tells apart: units that close, and into what; territories that meet in one successor (a
conflict); successors that cover more than the plan holds (bring in); units that split; units that
only change parent; and units that keep their code and change their nature.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from footprints.dated import ONE_DAY
from footprints.keyed import AnyOf
from footprints.models import (
    WEIGHT_OF,
    Change,
    Organisation,
    Outcome,
    Reorganisation,
    Succession,
    Touch,
    Version,
    Weight,
)

from .models import Assignment, Flag, RosterEntry, Territory, TerritoryPlan, User

PASSING = (Change.ENDS, Change.SPLITS, Change.RECEIVES)


class Body(NamedTuple):
    """An organisation as it is called on the day that matters for the effect."""

    key: int
    code: str
    name: str
    kind: str

    def get_absolute_url(self):
        return Organisation(code=self.code).get_absolute_url()


class Side(NamedTuple):
    """A predecessor that comes into a successor, and the territory that holds it; None: nobody."""

    body: Body
    share: Decimal | None
    territory: Territory | None


@dataclass
class Meeting:
    """All that comes into one successor, in one coverage role of the plan."""

    successor: Body
    role: str
    sides: list[Side]

    @property
    def held(self) -> list[Side]:
        return [side for side in self.sides if side.territory]

    @property
    def missing(self) -> list[Side]:
        return [side for side in self.sides if side.territory is None]

    @property
    def territories(self) -> list[Territory]:
        return list({side.territory.pk: side.territory for side in self.held}.values())

    @property
    def is_conflict(self) -> bool:
        return len(self.territories) > 1

    @property
    def outcome(self) -> str:
        return Outcome.KEEP_THE_LINE if self.is_conflict else Outcome.CARRY

    @property
    def weight(self) -> int:
        if self.is_conflict:
            return Weight.ACT
        return Weight.CHECK if self.missing else Weight.KNOW


class Line(NamedTuple):
    """One assignment that the event touches: old, new, and what becomes of it by default."""

    assignment: int
    unit: Body
    territory: Territory
    role: str
    change: str
    outcome: str
    others: tuple[tuple[Body | None, Decimal | None], ...]

    @property
    def weight(self) -> int:
        return WEIGHT_OF[self.outcome]


@dataclass
class Effects:
    """All effects of one event on one plan, or on the territories of it that a person may see."""

    plan: TerritoryPlan
    reorganisation: Reorganisation
    lines: list[Line] = field(default_factory=list)
    meetings: list[Meeting] = field(default_factory=list)

    def _changed(self, *changes) -> list[Line]:
        return [line for line in self.lines if line.change in changes]

    @property
    def closing(self) -> list[Line]:
        return self._changed(*Change.closing())

    @property
    def splits(self) -> list[Line]:
        return self._changed(Change.SPLITS)

    @property
    def moved(self) -> list[Line]:
        return self._changed(Change.CHANGES_PARENT)

    @property
    def changed_nature(self) -> list[Line]:
        return self._changed(Change.CHANGES_NATURE)

    @property
    def conflicts(self) -> list[Meeting]:
        return [meeting for meeting in self.meetings if meeting.is_conflict]

    @property
    def bring_ins(self) -> list[Meeting]:
        return [meeting for meeting in self.meetings if meeting.missing]

    @property
    def carried(self) -> list[Meeting]:
        return [m for m in self.meetings if not m.is_conflict and not m.missing]

    @property
    def weight(self) -> int:
        weights = [part.weight for part in (*self.lines, *self.meetings)]
        return max(weights, default=Weight.KNOW)

    @property
    def weight_name(self) -> str:
        return Weight(self.weight).name.lower()

    @property
    def summary(self) -> list[str]:
        """What it does, in a few words each, the gravest first; empty where nothing is touched."""
        counts = (
            (len(self.conflicts), "conflict", "conflicts"),
            (len(self.splits), "unit splits", "units split"),
            (len(self.bring_ins), "successor to bring in", "successors to bring in"),
            (len(self.closing), "unit closes", "units close"),
            (len(self.moved), "unit changes parent", "units change parent"),
            (len(self.changed_nature), "unit changes its nature", "units change their nature"),
        )
        return [f"{n} {one if n == 1 else many}" for n, one, many in counts if n]

    def within(self, territories: Iterable[int]) -> "Effects":
        """The part that touches these territories; the others of a meeting stay unnamed there."""
        own = set(territories)
        lines = [line for line in self.lines if line.territory.pk in own]
        meetings = []
        for meeting in self.meetings:
            if any(side.territory and side.territory.pk in own for side in meeting.sides):
                meetings.append(
                    Meeting(
                        meeting.successor,
                        meeting.role,
                        [
                            side
                            if side.territory is None or side.territory.pk in own
                            else Side(side.body, side.share, ANOTHER)
                            for side in meeting.sides
                        ],
                    )
                )
        return Effects(self.plan, self.reorganisation, lines, meetings)


# Stands for any territory that is not the reader's: a page never shows another's things.
ANOTHER = Territory(pk=0, code="another territory", name="another territory")


def effects(
    plans: Iterable[TerritoryPlan],
    events: Iterable[Reorganisation],
    *,
    bodies: Collection[int] | None = None,
    pairs: Collection[tuple[int, int]] | None = None,
) -> dict:
    """``{(plan key, event key): Effects}`` of each pair that touches, in a few queries.

    ``pairs`` (plan key, event key) asks for no other ones.
    ``bodies`` asks for the meetings in these successors alone, with the lines of all that comes
    into them and of those bodies themselves.
    """
    plans = {plan.pk: plan for plan in plans}
    events = {event.pk: event for event in events}
    successions = _successions(events, bodies)
    units = None
    if bodies is not None:
        coming = [sides for successors in successions.values() for sides in successors.values()]
        units = set(bodies).union(*coming)
    touches = _touches(events, units)
    held = _held(plans, touches, successions)
    touched = _touched(plans, events, touches, held, pairs)
    if not touched:
        return {}
    homes = _homes(events, successions, held)
    territories = Territory.objects.in_bulk(
        {row.territory for rows in held.values() for row in rows}
    )
    called = _Bodies(_told(touched, successions), events)

    found: dict[tuple[int, int], Effects] = {}
    outcomes = Assignment._meta.get_field("organisation").rule.outcomes
    meetings: dict[tuple, dict[int, None]] = defaultdict(dict)
    for (plan, event, pk, change), parts in touched.items():
        effect = found.get((plan, event))
        if effect is None:
            effect = found[plan, event] = Effects(plans[plan], events[event])
        held_as = parts[0][0]
        if change in PASSING:
            for _, touch in parts:
                successor = touch.unit if change == Change.RECEIVES else touch.other
                if bodies is None or successor in bodies:
                    meetings[plan, event, held_as.role][successor] = None
        if change == Change.RECEIVES:
            continue  # told by the meeting
        effect.lines.append(
            Line(
                assignment=pk,
                unit=called.before(held_as.unit, event),
                territory=territories[held_as.territory],
                role=held_as.role,
                change=change,
                outcome=outcomes[change],
                others=tuple(
                    (touch.other and called.after(touch.other, event), touch.share)
                    for _, touch in parts
                ),
            )
        )
    for (plan, event, role), successors in meetings.items():
        for successor in successors:
            sides = []
            members = dict(successions[event].get(successor, {}))
            members.setdefault(successor, None)
            for member, share in members.items():
                territory = homes.get((plan, event, role, member), UNHELD)
                is_new = member == successor and not called.lived_before(successor, event)
                if territory is DEALT_WITH or (territory is UNHELD and is_new):
                    continue
                body = called.before(member, event)
                sides.append(Side(body, share, territories.get(territory)))
            sides.sort(key=lambda side: (side.territory is None, side.body.name))
            found[plan, event].meetings.append(
                Meeting(called.after(successor, event), role, sides)
            )
    for effect in found.values():
        effect.lines.sort(key=lambda line: (-line.weight, line.territory.code, line.unit.name))
        effect.meetings.sort(key=lambda meeting: (-meeting.weight, meeting.successor.name))
    return found


class _Touch(NamedTuple):
    """What an event does to a body, and with which other one."""

    change: str
    share: Decimal | None
    other: int | None
    unit: int
    event: int


class _Held(NamedTuple):
    """An assignment, lean: many plans hold a million of them."""

    pk: int
    plan: int
    unit: int
    territory: int
    role: str
    closed_on: date | None


def _touches(events, units) -> list[_Touch]:
    rows = Touch.objects.of_area().filter(
        reorganisation__in=list(events),
        change__in=list(Assignment._meta.get_field("organisation").rule.outcomes),
    )
    if units is not None:
        rows = rows.filter(organisation__in=units)
    columns = ("change", "share", "other", "organisation", "reorganisation")
    return [_Touch._make(row) for row in rows.order_by("pk").values_list(*columns)]


def _held(plans, touches, successions) -> dict[int, list[_Held]]:
    """What the plans hold of all bodies of the events, by body; one query."""
    units = {touch.unit for touch in touches}
    for successors in successions.values():
        units.update(successors, *successors.values())
    rows = Assignment.objects.filter(AnyOf("organisation", units), plan__in=list(plans))
    rows = rows.values_list("pk", "plan", "organisation", "territory", "role", "closed_on")
    held = defaultdict(list)
    for row in map(_Held._make, rows if units else ()):
        held[row.unit].append(row)
    return held


def _touched(plans, events, touches, held, pairs) -> dict[tuple, list[tuple[_Held, _Touch]]]:
    """The assignments that have a day from the effective day on, each with what happens to it.

    Of a plan that begins on that day, those of what ends on it: it was drawn up not knowing.
    By plan, event, assignment and change, since one body may pass to several others.
    """
    found = defaultdict(list)
    for touch in touches:
        day = events[touch.event].effective_on
        for row in held.get(touch.unit, ()):
            plan = plans[row.plan]
            if (
                (pairs is None or (row.plan, touch.event) in pairs)
                and (row.closed_on is None or row.closed_on > day)
                and (plan.closed_on is None or plan.closed_on > day)
                and (
                    plan.opened_on < day
                    or (plan.opened_on == day and touch.change in Change.closing())
                )
            ):
                found[row.plan, touch.event, row.pk, touch.change].append((row, touch))
    return found


def _successions(events, bodies) -> dict[int, dict[int, dict[int, Decimal | None]]]:
    """For each event: successor to its predecessors and the share of each that comes."""
    found: dict = defaultdict(lambda: defaultdict(dict))
    rows = Succession.objects.now().filter(
        reorganisation__in=list(events),
        passes=Succession.Passes.AREA,
        becomes=None,
        successor__isnull=False,
    )
    if bodies is not None:
        rows = rows.filter(successor__in=bodies)
    for event, successor, predecessor, share in rows.values_list(
        "reorganisation", "successor", "predecessor", "share"
    ):
        found[event][successor][predecessor] = share
    return found


def _told(touched, successions) -> set[int]:
    """The bodies that are named: what is touched, into what it goes, and what else comes there."""
    keys = set()
    for (_, event, _, change), parts in touched.items():
        for _, touch in parts:
            keys.update(key for key in (touch.unit, touch.other) if key)
            if change in PASSING:
                successor = touch.unit if change == Change.RECEIVES else touch.other
                keys.update(successions[event].get(successor, ()))
    return keys


# Not held: the plan lacks a predecessor. Dealt with: the plan let go of it on the effective day.
UNHELD, DEALT_WITH = None, 0


def _homes(events, successions, held) -> dict[tuple, int]:
    """``{(plan, event, role, unit): territory}`` of the bodies that pass, or DEALT_WITH."""
    homes: dict[tuple, int] = {}
    for event, successors in successions.items():
        day = events[event].effective_on
        for unit in set(successors).union(*successors.values()):
            for row in held.get(unit, ()):
                if row.closed_on and row.closed_on < day:
                    continue
                if row.closed_on == day:
                    homes.setdefault((row.plan, event, row.role, unit), DEALT_WITH)
                else:
                    homes[row.plan, event, row.role, unit] = row.territory
    return homes


class _Life(NamedTuple):
    opened_on: date | None
    closed_on: date | None
    body: Body


class _Bodies:
    """Names of these bodies on the day before and on the day of each event, in one query."""

    def __init__(self, keys: Collection[int], events):
        self._days = {pk: event.effective_on for pk, event in events.items()}
        self._lives: dict[int, list[_Life]] = defaultdict(list)
        self._found: dict[tuple[int, date], _Life | None] = {}
        lives = Version.objects.now().filter(AnyOf("organisation", keys))
        for opened_on, closed_on, *body in lives.values_list(
            "opened_on", "closed_on", "organisation", "organisation__code", "name", "kind__name"
        ):
            self._lives[body[0]].append(_Life(opened_on, closed_on, Body._make(body)))

    def _on(self, key, day) -> _Life | None:
        if (key, day) not in self._found:
            self._found[key, day] = next(
                (
                    life
                    for life in self._lives[key]
                    if (life.opened_on is None or life.opened_on <= day)
                    and (life.closed_on is None or life.closed_on > day)
                ),
                None,
            )
        return self._found[key, day]

    def _body(self, key, day) -> Body:
        return (self._on(key, day) or self._lives[key][-1]).body

    def before(self, key, event) -> Body:
        return self._body(key, self._days[event] - ONE_DAY)

    def after(self, key, event) -> Body:
        return self._body(key, self._days[event])

    def lived_before(self, key, event) -> bool:
        return self._on(key, self._days[event] - ONE_DAY) is not None


def territories_of(user: User, plans: Iterable[int]) -> dict[int, set[int]]:
    """Plan to the territories whose roster ever names the user."""
    found = defaultdict(set)
    rows = RosterEntry.objects.filter(user=user, territory__plan__in=list(plans))
    for plan, territory in rows.values_list("territory__plan", "territory"):
        found[plan].add(territory)
    return found


@dataclass(frozen=True)
class Touched:
    """A flag on a plan, and what its event does there so far as the reader may see it."""

    flag: Flag
    effects: Effects


def for_user(user: User, flags: Iterable[Flag]) -> list[Touched]:
    """What these flags on plans mean to the user, in the order given.

    A field user's flags that touch none of their own territories are left out.
    """
    flags = list(flags)
    plans = TerritoryPlan.objects.visible_to(user).select_related("team", "owner")
    plans = plans.in_bulk([flag.object_id for flag in flags])
    asked = {(flag.object_id, flag.reorganisation_id) for flag in flags}
    found = seen_by(user, plans.values(), {flag.reorganisation for flag in flags}, pairs=asked)
    return [
        Touched(flag, part)
        for flag in flags
        if (part := found.get((flag.object_id, flag.reorganisation_id)))
    ]


def seen_by(
    user: User,
    plans: Iterable[TerritoryPlan],
    events: Iterable[Reorganisation],
    *,
    pairs: Collection[tuple[int, int]] | None = None,
) -> dict[tuple[int, int], Effects]:
    """``effects`` on plans that the user may see: a field user's, within their own territories.

    What touches none of theirs is left out.
    """
    found = effects(plans, events, pairs=pairs)
    if user.role == User.Role.FIELD:
        own = territories_of(user, {plan for plan, _ in found})
        found = {
            (plan, event): whole if whole.plan.owner_id == user.pk else whole.within(own[plan])
            for (plan, event), whole in found.items()
        }
    return {key: part for key, part in found.items() if part.lines or part.meetings}
