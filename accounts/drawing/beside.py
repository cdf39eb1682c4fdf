"""What a draft unsettles beside the plan that is, as the workspace counts it at each gesture.

`comparing` says what disruption is. It compares two plans as they are; here is what it judges by,
so that whoever draws knows before anything is saved. Units are paired once, as if each unit of the
workspace had a territory of its own: the pair then names the unit that decides, and whoever holds
that unit has what the pair carries.
"""

from collections.abc import Collection
from datetime import date, timedelta
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse

from footprints.keyed import AnyOf
from footprints.written import day_in_full

from ..comparing.carried import figures_of, leads_of, owners_of, people_of, tenures_at
from ..comparing.disruption import person
from ..comparing.sides import Side, what_is
from ..comparing.territories import is_kin
from ..comparing.units import Pair, pairs
from ..models import Assignment, Territory, TerritoryPlan, User


def side_before(plan: TerritoryPlan, day: date, user: User) -> Side | None:
    """What a plan drawn on that day is held against: see `comparing.sides.what_is`. An active plan
    is held against itself as it stands the day before. None: there is nothing before it."""
    before = what_is(plan, user)
    if before is None:
        return None
    on = day - timedelta(days=1) if before == plan else day
    return (
        None if before == plan and before.day_for(on) != on else Side(before, before.day_for(on))
    )


def beside(plan: TerritoryPlan, day: date, units: Collection[int], user: User) -> dict | None:
    """What the browser counts disruption by, ready for JSON; None where nothing was before.

    `units` are those that the workspace shows or could show as held. The queries do not grow with
    them. A column of `pairs` has one value a pair that somebody held before:

    - `unit`, the key of what is counted, once however many pairs it is in;
    - `to`, the key of the workspace's unit whose holder has it now, None for nobody;
    - `was`, the place in `codes` of the territory that had it, whose person `had` names (0: none);
    - `people`, None where no figure is known; `met`, the relationships with the unit.

    `met_if_held` are relationships that count while the plan holds the unit. `has` is territory →
    its person. `accounts` are (place of the territory that leads, the territory that the plan
    names or None: the one that the first is paired with). Codes are paired alike where the plans
    are kin (`is_kin`), else by overlap, in which `strangers` count: units that nobody held, of
    which no figure is known. `is_flat` is false where units of several levels are compared: then
    the register has more to say than pairs do, and a saved gesture is best asked about again.
    """
    a = side_before(plan, day, user)
    if a is None:
        return None
    b = Side(plan, day)
    b.held = {unit: str(unit) for unit in units}
    paired = pairs(a, b)
    people = people_of(paired, *figures_of(a, b, paired), is_turned=a.on > b.on)
    theirs = [pair for pair in paired if pair.before is not None and not pair.is_unclear]
    place = {code: number for number, code in enumerate(a.territories)}
    held = Assignment.objects.filter(plan=a.plan).on(a.on).values("organisation")
    met = tenures_at(a.on, Q(post__organisation__in=held))
    met_now = tenures_at(b.on, AnyOf("post__organisation", units))
    counted = {pair.old or pair.new for pair in theirs}
    owned, owns, persons = owners_of(a), owners_of(b), Persons()
    keys = dict(Territory.objects.filter(plan=plan).values_list("code", "pk"))
    named = leads_of(b)
    return {
        "codes": list(a.territories),
        "had": [persons.of(owned.get(code)) for code in a.territories],
        "has": {keys[code]: persons.of(entry) for code, entry in owns.items()},
        "pairs": {
            "unit": [pair.old or pair.new for pair in theirs],
            "to": [pair.after and int(pair.after) for pair in theirs],
            "was": [place[pair.before] for pair in theirs],
            "people": [people.get(pair) for pair in theirs],
            "met": [met.get(pair.old or pair.new, 0) for pair in theirs],
        },
        "met_if_held": {unit: met_now[unit] for unit in counted & met_now.keys() - met.keys()},
        "accounts": [
            (place[code], keys.get(named.get(body))) for body, code in leads_of(a).items()
        ],
        "is_kin": is_kin(a.plan, plan),
        "strangers": [
            int(pair.after) for pair in paired if pair.before is None and pair not in people
        ],
        "is_flat": all(_is_flat(pair, a, b) for pair in theirs),
    }


class Persons:
    """Numbers for the people who own territories on either side; 0 is nobody."""

    def __init__(self):
        self.numbers = {None: 0}

    def of(self, entry) -> int:
        return self.numbers.setdefault(person(entry), len(self.numbers))


def _is_flat(pair: Pair, a: Side, b: Side) -> bool:
    """Whether the pair is of two units of one level, as each side has them."""
    return pair.old in a.held and (pair.after is None or pair.new in b.held)


def line_of(plan: TerritoryPlan, day: date, user: User) -> dict | None:
    """What the line on disruption names: `says` what the plan is set beside, and `address` is
    where both are compared. None where nothing was before."""
    a = side_before(plan, day, user)
    if a is None:
        return None
    query = {"a": a.plan.pk, "on_a": a.on, "b": plan.pk, "on_b": day}
    return {
        "says": f"{plan} on {day_in_full(a.on)}" if a.plan == plan else str(a.plan),
        "address": f"{reverse('accounts:compare')}?{urlencode(query)}",
    }


__all__ = ["beside", "line_of", "side_before"]
