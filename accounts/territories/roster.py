"""Who works a territory: an owner at a time, others beside; whoever hands over overlaps."""

import logging
from datetime import date
from decimal import Decimal

from django.db import transaction

from footprints.dated import last_day
from footprints.written import day_in_full, period

from ..models import RosterEntry, RosterRole, Territory, User
from .history import tell
from .plans import PlanError, changed, within

log = logging.getLogger(__name__)


class TwoOwners(PlanError):
    """A territory that would have two owners on one day."""


@transaction.atomic
def put_on_roster(
    territory: Territory,
    *,
    opened_on: date,
    by: User,
    user: User | None = None,
    name: str = "",
    role: str = RosterRole.OWNER,
    closed_on: date | None = None,
    hands_over_until: date | None = None,
    fte=1,
    is_agency: bool = False,
) -> RosterEntry:
    """Let somebody work the territory from that day: a user, or a name nobody signs in by.

    An owner follows the one before, who leaves the day before, or hands over until before
    `hands_over_until`; other roles stand side by side. Without `closed_on`, an owner works it
    until the first day of a later one. Raises TwoOwners where `closed_on` reaches into those days.
    """
    changed(territory.plan)
    within(territory.plan, opened_on)
    same = territory.roster.filter(role=role)
    if role != RosterRole.OWNER:
        same = same.filter(user=user, name="" if user else name)
    later = same.filter(opened_on__gt=opened_on).order_by("opened_on").first()
    if later and closed_on and closed_on > later.opened_on:
        raise TwoOwners(
            f"{later} is {later.get_role_display().lower()} of {territory} "
            f"{period(later.opened_on, later.closed_on)}: choose an earlier last day."
        )
    before = same.on(opened_on).first()
    same.on(opened_on).filter(opened_on=opened_on).delete()
    same.on(opened_on).update(closed_on=opened_on)
    entry = territory.roster.create(
        user=user,
        name="" if user else name,
        role=role,
        opened_on=opened_on,
        closed_on=closed_on or (later and later.opened_on),
        fte=fte,
        is_agency=is_agency,
    )
    if hands_over_until and role == RosterRole.OWNER:
        _hand_over(territory, before, entry, hands_over_until)
    says = f"{entry} is {entry.get_role_display().lower()} of {territory}, {_terms(entry)}"
    if before and str(before) != str(entry):
        says += f", in place of {before}"
        if hands_over_until:
            says += f", who hands over until {day_in_full(last_day(hands_over_until))}"
    tell(territory.plan, says, by=by, from_on=opened_on)
    log.info("Territory %s: %s is %s from %s by %s", territory.pk, entry, role, opened_on, by)
    return entry


def _terms(entry):
    """ "since 1 Apr 2026, 0.60 FTE, from an agency"."""
    terms = [period(entry.opened_on, entry.closed_on)]
    if entry.fte != 1:
        terms.append(f"{entry.fte} FTE")
    if entry.is_agency:
        terms.append("from an agency")
    return ", ".join(terms)


def _hand_over(territory, before, entry, until):
    if before is None or before.opened_on == entry.opened_on:
        raise PlanError(f"Nobody hands {territory} over on {day_in_full(entry.opened_on)}.")
    if until <= entry.opened_on:
        raise PlanError("Whoever hands over leaves before the new owner comes: no days overlap.")
    territory.roster.create(
        user=before.user,
        name=before.name,
        role=RosterRole.HANDOVER,
        opened_on=entry.opened_on,
        closed_on=until,
        fte=before.fte,
        is_agency=before.is_agency,
    )


@transaction.atomic
def take_off_roster(entry: RosterEntry, *, closed_on: date, by: User) -> RosterEntry | None:
    """Let somebody work the territory no more from that day, or until another day than before.

    Returns the entry as it is now. What would end before it began never was: None. Raises
    TwoOwners where a later last day of an owner reaches into the days of the next.
    """
    changed(entry.territory.plan)
    who = f"{entry}, {entry.get_role_display().lower()} of {entry.territory},"
    if entry.opened_on and closed_on <= entry.opened_on:
        was = period(entry.opened_on, entry.closed_on)
        tell(entry.territory.plan, f"{who} taken off: it was to be {was}", by=by)
        RosterEntry.objects.filter(pk=entry.pk).delete()
        left = None
    else:
        others = entry.territory.roster.filter(role=RosterRole.OWNER).exclude(pk=entry.pk)
        began = entry.opened_on or date.min
        after = others.filter(opened_on__lt=closed_on, opened_on__gte=began)
        if entry.role == RosterRole.OWNER and (next_one := after.order_by("opened_on").first()):
            raise TwoOwners(
                f"{next_one} owns {entry.territory} from {day_in_full(next_one.opened_on)}: "
                "choose an earlier last day."
            )
        RosterEntry.objects.filter(pk=entry.pk).update(closed_on=closed_on)
        says = f"{who} has another last day: {day_in_full(last_day(closed_on))}"
        tell(entry.territory.plan, says, by=by, from_on=closed_on)
        entry.closed_on, left = closed_on, entry
    log.info("Territory %s: %s until %s by %s", entry.territory_id, entry, closed_on, by)
    return left


def vacant_from(entry: RosterEntry) -> date | None:
    """The day from which nobody owns the territory once its owner of this entry has left.

    None where somebody follows, no end is set, the plan ends with it, or they own it not. Whoever
    it replaced does not come back by themselves.
    """
    plan, day = entry.territory.plan, entry.closed_on
    if entry.role != RosterRole.OWNER or not day or plan.day_for(day) != day:
        return None
    owned = entry.territory.roster.filter(role=RosterRole.OWNER).on(day)
    return None if owned.exists() else day


def most_owned(entry: RosterEntry) -> Decimal:
    """The most full-time equivalents that the entry's person owns in its plan on a day of it.

    None at all where the entry is of another role. A name nobody signs in by is one person.
    """
    if entry.role != RosterRole.OWNER:
        return Decimal(0)
    person = {"user": entry.user} if entry.user_id else {"user": None, "name": entry.name}
    owned = RosterEntry.objects.filter(
        territory__plan=entry.territory.plan_id, role=RosterRole.OWNER, **person
    )
    began = entry.opened_on or date.min
    beside = [
        each for each in owned.reaching(began) if entry.holds(max(each.opened_on or began, began))
    ]
    # It is most on a day on which one of them begins.
    days = {max(each.opened_on or began, began) for each in beside}
    return max(
        (sum(each.fte for each in beside if each.holds(day)) for day in days), default=Decimal(0)
    )
