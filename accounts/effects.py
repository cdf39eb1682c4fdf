"""What an event does to a plan, row by row: computed when asked for, never stored.

A unit is touched where its assignment has a day on or after the effective day. Of what is touched,
the page tells apart: units that close, and into what; territories that meet in one successor (a
conflict); successors that cover more than the plan holds (bring in); units that split; units that
only change parent; and units that keep their code and change their nature.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from django.db.models import F, Q

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


@dataclass(frozen=True)
class Body:
    """An organisation as it is called on the day that matters for the effect."""

    key: int
    code: str
    name: str
    kind: str

    def get_absolute_url(self):
        return Organisation(code=self.code).get_absolute_url()


@dataclass(frozen=True)
class Side:
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


@dataclass(frozen=True)
class Line:
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
        return self._changed(Change.ENDS, Change.SPLITS, Change.CLOSES)

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


def effects(plans: Iterable[TerritoryPlan], events: Iterable[Reorganisation]) -> dict:
    """``{(plan key, event key): Effects}`` of each pair that touches, in a few queries."""
    plans = {plan.pk: plan for plan in plans}
    events = {event.pk: event for event in events}
    rows = _touched(plans, events)
    if not rows:
        return {}
    successions = _successions(events)
    held = _held(plans, events, successions)
    territories = Territory.objects.in_bulk(
        {row["territory"] for row in rows} | {key for key in held.values() if key}
    )
    bodies = _Bodies(rows, successions, events)

    found: dict[tuple[int, int], Effects] = {}
    lines: dict[tuple, list] = defaultdict(list)
    for row in rows:
        lines[row["plan"], row["event"], row["pk"], row["change"]].append(row)
    rule = Assignment._meta.get_field("organisation").rule
    meetings: dict[tuple, dict[int, None]] = defaultdict(dict)
    for (plan, event, pk, change), parts in lines.items():
        effect = found.setdefault((plan, event), Effects(plans[plan], events[event]))
        first = parts[0]
        if change in PASSING:
            for part in parts:
                successor = part["unit"] if change == Change.RECEIVES else part["other"]
                meetings[plan, event, first["role"]][successor] = None
        if change == Change.RECEIVES:
            continue  # told by the meeting
        effect.lines.append(
            Line(
                assignment=pk,
                unit=bodies.before(first["unit"], event),
                territory=territories[first["territory"]],
                role=first["role"],
                change=change,
                outcome=rule.outcomes[change],
                others=tuple(
                    (part["other"] and bodies.after(part["other"], event), part["share"])
                    for part in parts
                ),
            )
        )
    for (plan, event, role), successors in meetings.items():
        for successor in successors:
            sides = []
            members = dict(successions[event].get(successor, {}))
            members.setdefault(successor, None)
            for member, share in members.items():
                territory = held.get((plan, event, role, member), UNHELD)
                is_new = member == successor and not bodies.lived_before(successor, event)
                if territory is DEALT_WITH or (territory is UNHELD and is_new):
                    continue
                body = bodies.before(member, event)
                sides.append(Side(body, share, territories.get(territory)))
            sides.sort(key=lambda side: (side.territory is None, side.body.name))
            found[plan, event].meetings.append(
                Meeting(bodies.after(successor, event), role, sides)
            )
    for effect in found.values():
        effect.lines.sort(key=lambda line: (-line.weight, line.territory.code, line.unit.name))
        effect.meetings.sort(key=lambda meeting: (-meeting.weight, meeting.successor.name))
    return found


def _touched(plans, events) -> list[dict]:
    unit = "organisation__assignments"
    return list(
        Touch.objects.of_area()
        .filter(
            Q(**{f"{unit}__closed_on": None})
            | Q(**{f"{unit}__closed_on__gt": F("reorganisation__effective_on")}),
            Q(**{f"{unit}__plan__closed_on": None})
            | Q(**{f"{unit}__plan__closed_on__gt": F("reorganisation__effective_on")}),
            **{f"{unit}__plan__in": list(plans)},
            reorganisation__in=list(events),
            reorganisation__effective_on__gt=F(f"{unit}__plan__opened_on"),
            change__in=list(Assignment._meta.get_field("organisation").rule.outcomes),
        )
        .order_by("pk")
        .values(
            "change",
            "share",
            "other",
            pk=F(f"{unit}__pk"),
            plan=F(f"{unit}__plan"),
            territory=F(f"{unit}__territory"),
            role=F(f"{unit}__role"),
            unit=F("organisation"),
            event=F("reorganisation"),
        )
    )


def _successions(events) -> dict[int, dict[int, dict[int, Decimal | None]]]:
    """For each event: successor to its predecessors and the share of each that comes."""
    found: dict = defaultdict(lambda: defaultdict(dict))
    rows = Succession.objects.now().filter(
        reorganisation__in=list(events),
        passes=Succession.Passes.AREA,
        becomes=None,
        successor__isnull=False,
    )
    for event, successor, predecessor, share in rows.values_list(
        "reorganisation", "successor", "predecessor", "share"
    ):
        found[event][successor][predecessor] = share
    return found


# Not held: the plan lacks a predecessor. Dealt with: the plan let go of it on the effective day.
UNHELD, DEALT_WITH = None, 0


def _held(plans, events, successions) -> dict[tuple, int]:
    """``{(plan, event, role, unit): territory}`` of the bodies that pass, or DEALT_WITH."""
    members = defaultdict(set)
    for event, successors in successions.items():
        for successor, predecessors in successors.items():
            members[event] |= {successor, *predecessors}
    units = set().union(*members.values()) if members else set()
    rows = Assignment.objects.filter(plan__in=list(plans), organisation__in=units)
    held: dict[tuple, int] = {}
    for plan, role, unit, territory, closed_on in rows.values_list(
        "plan", "role", "organisation", "territory", "closed_on"
    ):
        for event, bodies in members.items():
            day = events[event].effective_on
            if unit not in bodies or (closed_on and closed_on < day):
                continue
            if closed_on == day:
                held.setdefault((plan, event, role, unit), DEALT_WITH)
            else:
                held[plan, event, role, unit] = territory
    return held


class _Bodies:
    """Names of the bodies on the day before and on the day of each event, in one query."""

    def __init__(self, rows, successions, events):
        keys = {row["unit"] for row in rows} | {row["other"] for row in rows if row["other"]}
        for successors in successions.values():
            for successor, predecessors in successors.items():
                keys |= {successor, *predecessors}
        self._days = {pk: event.effective_on for pk, event in events.items()}
        self._versions = defaultdict(list)
        versions = Version.objects.now().filter(organisation__in=keys)
        for version in versions.select_related("organisation", "kind"):
            self._versions[version.organisation_id].append(version)

    def _on(self, key, day) -> Version | None:
        for version in self._versions[key]:
            if (version.opened_on is None or version.opened_on <= day) and (
                version.closed_on is None or version.closed_on > day
            ):
                return version
        return None

    def _body(self, key, version) -> Body:
        version = version or self._versions[key][-1]
        return Body(key, version.organisation.code, version.name, version.kind.name)

    def before(self, key, event) -> Body:
        return self._body(key, self._on(key, self._days[event] - timedelta(days=1)))

    def after(self, key, event) -> Body:
        return self._body(key, self._on(key, self._days[event]))

    def lived_before(self, key, event) -> bool:
        return self._on(key, self._days[event] - timedelta(days=1)) is not None


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
    found = effects(plans.values(), {flag.reorganisation for flag in flags})
    if user.role == User.Role.FIELD:
        own = territories_of(user, plans)
        found = {
            (plan, event): whole if whole.plan.owner_id == user.pk else whole.within(own[plan])
            for (plan, event), whole in found.items()
        }
    touched = []
    for flag in flags:
        part = found.get((flag.object_id, flag.reorganisation_id))
        if part and (part.lines or part.meetings):
            touched.append(Touched(flag, part))
    return touched
