"""What a person hears of without asking: by the plans they own and the territories they work."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q
from django.urls import reverse

from ..models import AccountLead, Assignment, RosterEntry, Territory, TerritoryPlan, User

TERRITORIES_SHOWN = 6


@dataclass(frozen=True)
class Unasked:
    """One source of alerts that needs no watch: what it is, how many bodies, its page."""

    says: str
    number: int
    address: str


def unasked_of(user: User, *, today: date) -> list[Unasked]:
    """The user's territories of the day, the open plans they own, the leads they answer for."""
    held = Q(assignments__closed_on=None) | Q(assignments__closed_on__gt=today)
    found = []
    roster = RosterEntry.objects.on(today).filter(user=user).values("territory")
    worked = Territory.objects.filter(pk__in=roster)
    worked = worked.exclude(plan__state__in=TerritoryPlan.State.put_away())
    worked = worked.annotate(bodies=Count("assignments", filter=held)).order_by("code", "pk")
    found += [
        Unasked(f"your territory {each}", each.bodies, each.get_absolute_url())
        for each in worked[:TERRITORIES_SHOWN]
    ]
    if (more := worked.count() - TERRITORIES_SHOWN) > 0:
        found.append(Unasked("more territories of yours", more, reverse("accounts:plans")))
    for plan in TerritoryPlan.objects.open().filter(owner=user).order_by("name", "pk"):
        bodies = Assignment.objects.filter(plan=plan).reaching(today).order_by()
        number = bodies.values("organisation").distinct().count()
        found.append(Unasked(f"your plan {plan}", number, plan.get_absolute_url()))
    leads = AccountLead.objects.answered_for_by(user).reaching(today)
    leads = leads.filter(Q(plan__owner=user) | Q(territory__in=roster)).count()
    if leads:
        found.append(Unasked("account leads of yours", leads, reverse("accounts:flags")))
    return found


__all__ = ["Unasked", "unasked_of"]
