"""A team's calendar: kept by those who plan, and what of their sheets moves with it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from ..models import Flag, Freeze, Sheet, Team, User
from ..models.decisions import lend_teams

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moved:
    """A sheet that is not applied yet, and whose own day is another by the new calendar."""

    sheet: Sheet
    before: date
    after: date


@transaction.atomic
def keep_calendar(
    team: Team, *, by: User, freezes: Iterable[Freeze] = (), dropped: Iterable[Freeze] = ()
) -> list[Moved]:
    """Store the team as given, with the freezes that are new or changed, without those dropped.

    Returns the sheets whose day moves: approved ones among them have to be approved again, since
    their changes would begin on another day.
    """
    before = {sheet.pk: (sheet, sheet.day) for sheet in _waiting(team)} if team.pk else {}
    team.save()
    for freeze in dropped:
        freeze.delete()
    for freeze in freezes:
        freeze.team = team
        freeze.save()
    # What the clock found unready by the old calendar is looked at anew by this one.
    Sheet.objects.filter(flag__in=_flags(team), applied_at=None).update(tried="")
    log.info("The calendar of %s is kept by %s", team, by)
    return [
        Moved(sheet, before[sheet.pk][1], sheet.day)
        for sheet in _waiting(team)
        if sheet.pk in before and sheet.day != before[sheet.pk][1]
    ]


def _flags(team: Team):
    return Flag.objects.on_plans().filter(object_id__in=team.plans.values("pk"))


def _waiting(team: Team) -> list[Sheet]:
    """The team's sheets that are not applied, with the team as the database has it."""
    found = Sheet.objects.filter(flag__in=_flags(team), applied_at=None)
    found = list(found.select_related("flag__reorganisation"))
    lend_teams(found)
    return found
