"""What units and territories of two sides carry: people, accounts, relationships, owners."""

from collections.abc import Iterable
from datetime import date

from django.db.models import Count, Q

from footprints.keyed import AnyOf
from footprints.models import Population
from stakeholders.models import Tenure

from ..models import AccountLead, Assignment, RosterEntry, RosterRole
from .sides import Side
from .units import Pair


def figures_of(a: Side, b: Side, paired: Iterable[Pair]) -> tuple[dict, dict]:
    """For each side, unit → the newest figure on its boundary of the side's day; a query a day."""
    keys = {key for pair in paired for key in (pair.old, pair.new)} - {None}
    wanted = Population.objects.now().filter(
        AnyOf("organisation", keys | a.held.keys() | b.held.keys())
    )
    of_day = {
        day: dict(wanted.on(day).values_list("organisation_id", "people")) for day in {a.on, b.on}
    }
    return of_day[a.on], of_day[b.on]


def people_of(paired: Iterable[Pair], a, b, *, is_turned: bool) -> dict[Pair, int]:
    """The people of each pair, where they are known, by the figures of both sides; ``is_turned``
    says that the second side is the earlier one."""
    then, now = (b, a) if is_turned else (a, b)
    found = {}
    for pair in paired:
        ended, follows = (pair.new, pair.old) if is_turned else (pair.old, pair.new)
        if ended == follows or ended is None:
            number = now.get(follows, then.get(follows))
        elif pair.share is not None and ended in then:
            number = round(then[ended] * pair.share)
        else:
            number = None
        if number is not None:
            found[pair] = number
    return found


def leads_of(side: Side) -> dict[int, str]:
    """Body → the territory that leads on it; one query."""
    found = AccountLead.objects.filter(plan=side.plan).on(side.on)
    return dict(found.values_list("organisation", "territory__code"))


def relationships_of(a: Side, b: Side) -> dict[int, int]:
    """Unit → the tenures at it: on the first side's day, else, where only the other has it, on
    that side's. Two queries."""
    found = {}
    for side in (b, a):
        units = Assignment.objects.filter(plan=side.plan).on(side.on).values("organisation")
        found |= tenures_at(side.on, Q(post__organisation__in=units))
    return found


def tenures_at(day: date, condition) -> dict[int, int]:
    """Unit → the tenures at it on the day, where there are any; ``condition`` says which units."""
    there = Tenure.objects.on(day).filter(condition).order_by()
    by_body = there.values("post__organisation_id").annotate(number=Count("pk"))
    return dict(by_body.values_list("post__organisation_id", "number"))


def owners_of(side: Side) -> dict[str, RosterEntry]:
    """Territory → who owns it on the day; those without are vacant."""
    rows = RosterEntry.objects.on(side.on).filter(territory__plan=side.plan, role=RosterRole.OWNER)
    rows = rows.select_related("user", "territory")
    return {entry.territory.code: entry for entry in rows}


__all__ = ["figures_of", "leads_of", "owners_of", "people_of", "relationships_of", "tenures_at"]
