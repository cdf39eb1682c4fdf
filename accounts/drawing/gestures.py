"""One gesture in a plan's workspace: a set of units goes to a territory, or is freed.

It holds from a day on, in the plan's role. A gesture says where its person believed each unit to
be. Where that is wrong nothing is done, and the units that moved meanwhile are named: so no update
is ever lost. What is done is a PlanChange, which its person can undo and do again, held to the
same rule; so is a move made on the plan's page, or by accepting a challenge. Every
deed locks the plan's row first: gestures on one plan come one after another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db import transaction
from django.db.models import Max
from django.utils.timezone import now

from footprints.models import Organisation, Version
from footprints.names import count

from ..models import Assignment, PlanChange, Territory, TerritoryPlan, User
from ..territories import plans
from ..territories.history import tell_of_move
from ..territories.plans import PlanError, Standing

MOST = 20_000  # units in one gesture: every practice of the four nations, twice


class BadGesture(PlanError):
    """A gesture that names what there is not."""


class NothingToDo(PlanError):
    """No change of this person is left to undo, or to do again."""


@dataclass(frozen=True)
class Moved:
    """A unit that somebody moved meanwhile. Territories are keys; None is no territory."""

    unit: int
    code: str
    name: str
    expected: int | None
    now: int | None
    by: str


class MovedUnderYou(PlanError):
    """Units that are not where the gesture's person believed them to be; `units` names them."""

    def __init__(self, units: list[Moved]):
        self.units = units
        who = ", ".join(sorted({unit.by for unit in units if unit.by}))
        moved = count(len(units), "unit", "units").capitalize()
        super().__init__(f"{moved} moved under you{f', by {who}' if who else ''}.")


@dataclass(frozen=True)
class Done:
    """What a gesture did: the plan's revision, and (unit, before, after) for each that moved."""

    revision: int
    says: str
    rows: list[tuple[int, int | None, int | None]]


def move(
    plan: TerritoryPlan,
    expected: Mapping[int, int | None],
    to: int | None,
    *,
    from_on: date,
    by: User,
    since: int | None = None,
) -> Done:
    """Put the units to a territory (a key), or free them (None), from that day on.

    `expected` is unit → the territory that its person believed it to be in. `since` is the
    revision that its person saw last, to say who moved what they did not expect. Otherwise as
    `move_all`.
    """
    wanted = {unit: (where, to) for unit, where in expected.items()}
    return move_all(plan, wanted, from_on=from_on, by=by, since=since)


@transaction.atomic
def move_all(
    plan: TerritoryPlan,
    wanted: Mapping[int, tuple[int | None, int | None]],
    *,
    from_on: date,
    by: User,
    since: int | None = None,
    because: str = "",
) -> Done:
    """Put each unit to a territory of its own, as one change.

    `wanted` is unit → (where it is believed to be, where it should be), keys of territories, None
    for none. A unit that is already where it should go is left alone, whatever was believed: so a
    gesture may be sent twice. `because` is told with it.

    Raises Standing, BadGesture, MovedUnderYou, and as `plans.assign_units`; then nothing changed.
    """
    plan = _locked(plan)
    if len(wanted) > MOST:
        raise BadGesture(f"{len(wanted):,} units in one gesture; {MOST:,} are the most.")
    targets = {to for _, to in wanted.values()}
    homes = _territories(plan, targets)
    if targets - {None} - homes.keys():
        raise BadGesture("The territory is gone: somebody removed it.")
    units = Organisation.objects.in_bulk(wanted)
    if len(units) < len(wanted):
        unknown = count(len(wanted) - len(units), "unit is", "units are")
        raise BadGesture(f"{unknown.capitalize()} not in the register.")
    held = _held(plan, wanted, from_on)
    moved = {
        unit: where for unit, (where, to) in wanted.items() if _key(held, unit) not in (where, to)
    }
    if moved:
        raise MovedUnderYou(_moved(plan, moved, held, from_on, since))
    sets: dict[Territory | None, list[Organisation]] = {}
    for unit, (_, to) in wanted.items():
        if _key(held, unit) != to:
            sets.setdefault(homes.get(to), []).append(units[unit])
    if not sets:
        return Done(plan.revision, "", [])
    home = next(iter(sets)) if len(sets) == 1 else None
    where = f"to {home}" if home else "freed" if len(sets) == 1 else "moved"
    rows = plans.move_units(plan, sets, plan.role, from_on=from_on, by=by)
    made = tell_of_move(plan, rows, where, from_on=from_on, by=by, because=because)
    moved = [(unit, before, after) for unit, _, before, after, *_ in rows]
    return Done(made.revision, made.says, moved)


@transaction.atomic
def undo(plan: TerritoryPlan, *, by: User, **settled) -> Done:
    """Undo the person's own last change that is not undone. See `_again`."""
    plan = _locked(plan)
    change = _last(plan, by)
    if change is None:
        raise NothingToDo("You have changed nothing here that is left to undo.")
    return _again(plan, change, is_undo=True, by=by, **settled)


@transaction.atomic
def redo(plan: TerritoryPlan, *, by: User, **settled) -> Done:
    """Do again what the person undid last, unless they changed something else since."""
    plan = _locked(plan)
    change = _next(plan, by)
    if change is None:
        raise NothingToDo("There is nothing of yours to do again.")
    return _again(plan, change, is_undo=False, by=by, **settled)


def can_undo(plan: TerritoryPlan, by: User) -> dict[str, str | None]:
    """What `undo` and `redo` would take: their words, or None where there is nothing."""
    last, after = _last(plan, by), _next(plan, by)
    return {"undo": last and last.says, "redo": after and after.says}


def _again(plan, change, *, is_undo, by, seen=None, keep="", since=None):
    """Put every unit of a change back to where it was, or to where it went.

    `seen` is unit → where its person was told that somebody put it since, and `keep` what to do
    with these: "theirs" leaves them, "mine" moves them all the same. A unit that is neither where
    the change left it nor as seen raises MovedUnderYou, and nothing is done.
    """
    seen = seen or {}
    rows = [
        (unit, *((after, before) if is_undo else (before, after)), until)
        for unit, _, before, after, *until in change.rows
    ]
    homes = _territories(plan, {target for _, _, target, _ in rows})
    # A territory that somebody removed takes no unit back; these stay where they are.
    rows = [row for row in rows if row[2] is None or row[2] in homes]
    held = _held(plan, [row[0] for row in rows], change.from_on)
    moved, going = {}, []
    for unit, expected, target, until in rows:
        here = _key(held, unit)
        if here == target:
            continue
        if here == expected or (unit in seen and seen[unit] == here and keep == "mine"):
            going.append((unit, target, until))
        elif not (unit in seen and seen[unit] == here and keep == "theirs"):
            moved[unit] = expected
    if moved:
        raise MovedUnderYou(_moved(plan, moved, held, change.from_on, since))
    if going:
        units = Organisation.objects.in_bulk([unit for unit, _, _ in going])
        sets = {}
        for unit, target, _ in going:
            sets.setdefault(homes.get(target), []).append(units[unit])
        until = {unit: date.fromisoformat(day[0]) for unit, _, day in going if is_undo and day}
        plans.move_units(plan, sets, plan.role, from_on=change.from_on, by=by, until=until)
    else:
        TerritoryPlan.objects.filter(pk=plan.pk).revise()
    change.undone_at = now() if is_undo else None
    change.revision = plan.revision + 1
    # What somebody else moved since stays theirs: it is no part of this change any more.
    gone = {unit for unit, *_ in going} | {
        unit for unit, _, target, _ in rows if _key(held, unit) == target
    }
    change.rows = [row for row in change.rows if row[0] in gone]
    change.save(update_fields=["undone_at", "revision", "rows"])
    verb = "Undone" if is_undo else "Done again"
    return Done(
        change.revision,
        f"{verb}: {change.says}",
        [(unit, _key(held, unit), target) for unit, target, _ in going],
    )


def _last(plan, by):
    done = PlanChange.objects.moves().filter(plan=plan, by=by, undone_at=None)
    return done.order_by("-pk").first()


def _next(plan, by):
    mine = PlanChange.objects.moves().filter(plan=plan, by=by)
    last = mine.filter(undone_at=None).aggregate(pk=Max("pk"))["pk"] or 0
    return mine.filter(undone_at__isnull=False, pk__gt=last).order_by("pk").first()


def _locked(plan):
    """The plan as it is now, its row locked. Raises Standing where it is drawn no more."""
    plan = TerritoryPlan.objects.select_for_update().get(pk=plan.pk)
    if plan.state not in TerritoryPlan.State.changeable():
        raise Standing(plan)
    return plan


def _territories(plan, keys):
    return Territory.objects.filter(plan=plan).in_bulk([key for key in keys if key is not None])


def _held(plan, units, day):
    """Unit → (territory's key, the day from which it is no longer there), in the plan's role."""
    found = Assignment.objects.filter(plan=plan, role=plan.role, organisation__in=list(units))
    return {
        unit: (territory, closed_on)
        for unit, territory, closed_on in found.on(day).values_list(
            "organisation", "territory", "closed_on"
        )
    }


def _key(held, unit):
    return held[unit][0] if unit in held else None


def _moved(plan, expected, held, day, since):
    """The units of `expected` as somebody left them, with who did where that is known."""
    who = {}
    if since is not None:
        later = PlanChange.objects.filter(plan=plan, revision__gt=since).select_related("by")
        for change in later.order_by("revision"):
            who |= {row[0]: str(change.by or "") for row in change.rows if row[0] in expected}
    names = dict(
        Version.objects.now()
        .on(day)
        .filter(organisation__in=list(expected))
        .values_list("organisation", "name")
    )
    codes = Organisation.objects.in_bulk(list(expected))
    return [
        Moved(
            unit, codes[unit].code, names.get(unit, ""), where, _key(held, unit), who.get(unit, "")
        )
        for unit, where in expected.items()
    ]


def since(plan: TerritoryPlan, revision: int, day: date, user: User) -> dict:
    """What changed after that revision, as it shows on that day.

    `changes` are [{by, is_mine, says, rows: [[unit, territory or None]]}] in their order. `whole`
    says that more changed than units moved (a sheet, a territory, the roster): read all again.
    """
    plan = TerritoryPlan.objects.get(pk=plan.pk)
    later = list(
        PlanChange.objects.filter(plan=plan, revision__gt=revision, revision__lte=plan.revision)
        .select_related("by")
        .order_by("revision")
    )
    told = {change.revision for change in later if change.rows}
    return {
        "revision": plan.revision,
        "whole": plan.revision - revision != len(told) or any(c.from_on < day for c in later),
        "changes": [
            {
                "by": str(change.by or ""),
                "mine": change.by_id == user.pk,
                "says": f"Undone: {change.says}" if change.undone_at else change.says,
                "rows": [
                    [unit, before if change.undone_at else after]
                    for unit, _, before, after, *_ in change.rows
                ],
            }
            for change in later
            if change.from_on == day
        ],
    }


__all__ = [
    "MOST",
    "BadGesture",
    "Done",
    "Moved",
    "MovedUnderYou",
    "NothingToDo",
    "can_undo",
    "move",
    "move_all",
    "redo",
    "since",
    "undo",
]
