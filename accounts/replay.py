"""The worst days, played again: the register and a plan of ours on the day before and on the day.

What people would have had to do by hand is counted from the same effects as every page: nothing
here is known beforehand but which days to show.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from footprints import blast_radius
from footprints.dated import ONE_DAY
from footprints.hanging import Hanging, is_field_user, on_events, sees
from footprints.models import Change, LeadProvider, Organisation, Reorganisation, Touch

from .effects import Effects, seen_by
from .models import Assignment, Flag, TerritoryPlan, User
from .taking_along.below import practices_below

# 74 clinical commissioning groups became 18; then the last 106 gave way to 42 integrated care
# boards; then twelve of those became six, one of them cut three ways (footprints/reference).
WORST = (date(2020, 4, 1), date(2022, 7, 1), date(2026, 4, 1))


@dataclass(frozen=True)
class Stop:
    """A day on the slider: the day before one of the worst days, or that day itself."""

    number: int
    day: date
    worst: date

    @property
    def is_before(self) -> bool:
        return self.day < self.worst


STOPS = tuple(
    Stop(2 * place + after, worst - ONE_DAY * (1 - after), worst)
    for place, worst in enumerate(WORST)
    for after in (0, 1)
)


@dataclass
class Toll:
    """What one day cost: in the register, in one plan, and by hand."""

    events: list[Reorganisation]
    touched: dict[int, list[Hanging]]
    close: int = 0
    open: int = 0
    become: int = 0
    move: int = 0
    plans: list[TerritoryPlan] = field(default_factory=list)
    plan: TerritoryPlan | None = None
    of_plan: list[Effects] = field(default_factory=list)
    flags: dict[int, Flag] = field(default_factory=dict)
    practices: int | None = None
    contracts: int = 0
    besides: list[Hanging] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)

    def _sum(self, what: str) -> int:
        return sum(len(getattr(effect, what)) for effect in self.of_plan)

    @property
    def closing(self) -> int:
        return self._sum("closing")

    @property
    def conflicts(self) -> int:
        return self._sum("conflicts")

    @property
    def bring_ins(self) -> int:
        return self._sum("bring_ins")

    @property
    def splits(self) -> int:
        return self._sum("splits")

    @property
    def renamed(self) -> int:
        """Units that keep their code and become another kind of body, or change their parent."""
        return self._sum("changed_nature") + self._sum("moved")


def toll(day: date, user: User, chosen: int | None = None) -> Toll:
    """What the day did, so far as the reader may see; some twenty queries.

    ``chosen`` is the key of the plan to show; else the one that the day hits hardest.
    """
    events = list(
        Reorganisation.objects.decided().known().filter(effective_on=day).order_by("title")
    )
    found = Toll(events, on_events(events, user))
    _count_register(found)
    by_plan = _by_plan(events, day, user)
    found.plans = [effect[0].plan for effect in by_plan]
    picked = [each for each in by_plan if each[0].plan.pk == chosen] or by_plan[:1]
    if picked:
        (found.of_plan,) = picked
        found.plan = found.of_plan[0].plan
        flags = Flag.objects.on_plans().visible_to(user).filter(object_id=found.plan.pk)
        found.flags = {
            flag.reorganisation_id: flag for flag in flags.filter(reorganisation__in=events)
        }
    _count_by_hand(found, day, user)
    return found


def _count_register(found: Toll) -> None:
    """How many bodies close, open, become another kind or move; and their codes."""
    changes: dict[str, set[int]] = {}
    successors, ended, moved_to = set(), set(), set()
    rows = Touch.objects.of_area().filter(reorganisation__in=found.events)
    for change, body, other in rows.values_list("change", "organisation", "other"):
        changes.setdefault(change, set()).add(body)
        if change in Change.closing():
            ended.add(body)
            successors.add(other)
        elif change == Change.CHANGES_PARENT:
            moved_to.add(other)
    found.close = len(ended)
    found.become = len(changes.get(Change.CHANGES_NATURE, ()))
    found.move = len(changes.get(Change.CHANGES_PARENT, set()) - ended)
    day = found.events[0].effective_on if found.events else None
    new = Organisation.objects.filter(
        pk__in={body for body in successors | moved_to if body},
        versions__retracted_by=None,
        versions__opened_on=day,
    )
    older = (
        Organisation.objects.filter(versions__retracted_by=None, versions__opened_on__lt=day)
        if day
        else Organisation.objects.none()
    )
    new = new.exclude(pk__in=older.values("pk")).distinct() if day else new.none()
    found.opened = set(new.values_list("code", flat=True))
    found.open = len(found.opened)
    gone = Organisation.objects.filter(pk__in=ended)
    found.ended = set(gone.values_list("code", flat=True))


def _by_plan(events, day: date, user: User) -> list[list[Effects]]:
    """The effects on each plan that held on the day before, the hardest hit first.

    Archived plans count too: they are what the days of the past hit.
    """
    held = Assignment.objects.on(day - ONE_DAY).filter(
        organisation__in=Touch.objects.of_area()
        .filter(reorganisation__in=events)
        .values("organisation")
    )
    plans = TerritoryPlan.objects.visible_to(user).filter(
        pk__in=held.values("plan"), opened_on__lt=day
    )
    found: dict[int, list[Effects]] = {}
    for (plan, _), effect in seen_by(user, plans.select_related("team"), events).items():
        found.setdefault(plan, []).append(effect)

    def weight(parts: list[Effects]):
        ends = sum(len(part.conflicts) * 1000 + len(part.closing) for part in parts)
        return -ends, -sum(len(part.lines) for part in parts), parts[0].plan.name

    return sorted(found.values(), key=weight)


def _count_by_hand(found: Toll, day: date, user: User) -> None:
    """Practices to map anew, contracts of lead providers, and what else of ours hangs there."""
    ending = Touch.objects.of_area().filter(
        reorganisation__in=found.events, change__in=Change.closing()
    )
    bodies = set(ending.values_list("organisation", flat=True))
    below = practices_below(bodies, day - ONE_DAY)
    found.practices = len({one for each in below.values() for one in each})
    if bodies and not found.practices:
        found.practices = None  # not counted, rather than none: the register has no file of them
    leads = LeadProvider.objects.now().on(day - ONE_DAY)
    found.contracts = (
        leads.filter(provider__in=bodies) | leads.filter(collaborative__in=bodies)
    ).count()
    if is_field_user(user):
        return
    sums: Counter = Counter()
    counted = blast_radius.counted(found.events, lambda key, rows: sees(user, key, rows))
    for each in counted.values():
        for key, number in each.items():
            if key.model is not Assignment:
                sums[key.rule.says] += number
    found.besides = [Hanging(says, number) for says, number in sums.most_common()]


def stop_at(text: str | None) -> Stop:
    """The stop of that number, as an address has it; the first where it is none."""
    numbers: Iterable[str] = map(str, range(len(STOPS)))
    return STOPS[int(text)] if text in set(numbers) else STOPS[0]
