"""A plan of an alignment that was brought in: its territories, owners and units."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import count

from django.db import transaction
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower

from ..models import Assignment, RosterEntry, Team, Territory, TerritoryPlan, User
from .alignment import LONGEST_CODE
from .history import tell
from .plans import make_plan
from .resolving import Resolved

log = logging.getLogger(__name__)


@transaction.atomic
def make_plan_of(
    lines: Iterable[Resolved],
    *,
    team: Team,
    name: str,
    opened_on: date,
    by: User,
    brands: str = "",
) -> TerritoryPlan:
    """Make a draft plan of an alignment that was brought in: its territories, owners and units.

    `lines` are resolved for `opened_on`; a unit that several lines name counts once. An owner who
    signs in by that name, username or address is put on the roster as that user; any other name
    is kept as it was written. A territory takes its first name and its first owner.
    """
    plan = make_plan(team=team, name=name, brands=brands, opened_on=opened_on, by=by)
    lines = list(lines)
    drawn = _draw_territories(plan, [found.line for found in lines])
    units = {found.body.pk: drawn[found.line.territory.casefold()] for found in lines}
    Territory.objects.bulk_create(drawn.values())
    Assignment.objects.bulk_create(
        [
            Assignment(
                plan=plan,
                territory=territory,
                organisation_id=key,
                role=plan.role,
                opened_on=opened_on,
            )
            for key, territory in units.items()
        ],
        batch_size=2000,
    )
    owners = {}
    for found in lines:
        if found.line.owner:
            owners.setdefault(found.line.territory.casefold(), found.line.owner)
    users = _users_called(set(owners.values()))
    RosterEntry.objects.bulk_create(
        RosterEntry(
            territory=drawn[key],
            user=users.get(owner.casefold()),
            name="" if owner.casefold() in users else owner,
            opened_on=opened_on,
        )
        for key, owner in owners.items()
    )
    # No move that can be undone: without it there is no plan.
    said = f"{len(units):,} units in {len(drawn):,} territories, {len(owners):,} with an owner"
    tell(plan, f"Brought in from an alignment: {said}", by=by)
    log.info("Plan %s brought in by %s: %d units", plan.pk, by, len(units))
    return plan


def _draw_territories(plan, lines):
    """Return {what was written, casefolded: Territory} in the order of the lines, unsaved.

    A code has 20 characters: a longer text is the territory's name, and gets a number for a code.
    """
    written = {}
    for line in lines:
        names = written.setdefault(line.territory.casefold(), [line.territory, ""])
        names[1] = names[1] or line.territory_name
    taken = {key for key in written if len(key) <= LONGEST_CODE}
    free = (f"T{number:02}" for number in count(1) if f"t{number:02}" not in taken)
    drawn = {}
    for position, (key, (text, name)) in enumerate(written.items()):
        code = text if len(text) <= LONGEST_CODE else next(free)
        drawn[key] = Territory(plan=plan, code=code, name=name or text, position=position)
    return drawn


def _users_called(names):
    """Return {casefolded name: user} for those that one active user goes by, and one alone."""
    wanted = [name.casefold() for name in names]
    rows = (
        User.objects.filter(is_active=True)
        .annotate(
            full=Lower(Concat("first_name", Value(" "), "last_name")),
            sign_in=Lower("username"),
            address=Lower("email"),
        )
        .filter(Q(full__in=wanted) | Q(sign_in__in=wanted) | Q(address__in=wanted))
    )
    found = defaultdict(set)
    for user in rows:
        for text in {user.full, user.sign_in, user.address} & set(wanted):
            found[text].add(user)
    return {text: users.pop() for text, users in found.items() if len(users) == 1}
