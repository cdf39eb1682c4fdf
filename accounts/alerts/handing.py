"""Handing an alert on: who can take it, and what becomes of it."""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Case, F, Value, When

from ..answering import MANAGERS
from ..models import (
    AccountLead,
    Alert,
    Assignment,
    Flag,
    RosterEntry,
    Scenario,
    Team,
    TerritoryPlan,
    User,
)
from ..overview import my_flags
from .addressing import owe
from .inbox import InboxError, of

OFFERED = 50  # people at once: whoever answers for it is always among them

log = logging.getLogger(__name__)

# Who may open all of these flags, as `my_flags` has it for one person, and whoever answers for any
# of them: its plan's owner and the managers. What somebody watches can be handed to nobody.
TAKERS = f"""
WITH asked AS MATERIALIZED (
    SELECT flag.id, flag.reorganisation_id, event.effective_on, lead.territory_id AS leads,
           plan.id AS plan_id, plan.team_id, plan.owner_id, team.is_walled,
           scenario.id AS scenario_id
    FROM {Flag._meta.db_table} AS flag
    JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
    LEFT JOIN {AccountLead._meta.db_table} AS lead
         ON flag.content_type_id = %(lead)s AND lead.id = flag.object_id
    JOIN {TerritoryPlan._meta.db_table} AS plan
         ON plan.id = coalesce(lead.plan_id, flag.object_id)
         AND (lead.id IS NULL OR NOT plan.state = ANY(%(put_away)s))
    JOIN {Team._meta.db_table} AS team ON team.id = plan.team_id
    LEFT JOIN {Scenario._meta.db_table} AS scenario ON scenario.draft_id = plan.id
    WHERE flag.id = ANY(%(flags)s) AND flag.content_type_id IN (%(plan)s, %(lead)s)
),
touch AS MATERIALIZED (
    SELECT DISTINCT reorganisation_id, organisation_id FROM footprints_touch
    WHERE reorganisation_id IN (SELECT reorganisation_id FROM asked) AND passes = 'area'
),
patch AS MATERIALIZED (
    SELECT DISTINCT asked.id, asked.owner_id, held.territory_id
    FROM asked
    JOIN touch ON touch.reorganisation_id = asked.reorganisation_id
    JOIN {Assignment._meta.db_table} AS held ON held.organisation_id = touch.organisation_id
         AND held.plan_id = asked.plan_id
         AND (held.closed_on IS NULL OR held.closed_on > asked.effective_on)
    WHERE asked.leads IS NULL AND asked.scenario_id IS NULL
    UNION ALL
    SELECT id, owner_id, leads FROM asked WHERE leads IS NOT NULL AND scenario_id IS NULL
),
of_field AS (
    SELECT person_id FROM (
        SELECT patch.id, roster.user_id AS person_id FROM patch
        JOIN {RosterEntry._meta.db_table} AS roster ON roster.territory_id = patch.territory_id
        UNION
        SELECT id, owner_id FROM patch
    ) AS opened
    GROUP BY person_id HAVING count(*) = (SELECT count(*) FROM asked)
),
answering AS (
    SELECT owner_id AS person_id, team_id, is_walled FROM asked
    UNION
    SELECT manager.id, plan.team_id, plan.is_walled FROM asked AS plan {MANAGERS}
)
SELECT person.*, answers
FROM {User._meta.db_table} AS person
CROSS JOIN LATERAL (
    SELECT EXISTS (
        SELECT FROM answering WHERE answering.person_id = person.id
        AND (NOT answering.is_walled OR answering.team_id = person.team_id)
    ) AS answers
) AS answering
WHERE person.is_active AND person.id <> %(giver)s AND EXISTS (SELECT FROM asked)
  AND (answers
       OR NOT EXISTS (SELECT FROM asked
                      WHERE is_walled AND team_id IS DISTINCT FROM person.team_id)
          AND (person.role <> '{User.Role.FIELD}'
               OR person.id IN (SELECT person_id FROM of_field)))
ORDER BY answers DESC, (person.team_id IS NOT DISTINCT FROM %(team)s) DESC,
         person.last_name, person.first_name, person.username
LIMIT {OFFERED}
"""


def takers(flags: Iterable[int], *, by: User) -> list[User]:
    """To whom the user may hand alerts of these flags: first who ``answers`` for any of them, the
    owners of their plans and the managers, so that one can always turn to somebody; then the
    user's team and everybody else who may open them all."""
    if not (flags := list(flags)):
        return []
    given = {
        "flags": flags,
        "plan": ContentType.objects.get_for_model(TerritoryPlan).pk,
        "lead": ContentType.objects.get_for_model(AccountLead).pk,
        "put_away": [str(state) for state in TerritoryPlan.State.put_away()],
        "giver": by.pk,
        "team": by.team_id,
    }
    return list(User.objects.raw(TAKERS, given))


def others(user: User):
    """Everybody else; whether they can take an alert is another question."""
    return User.objects.filter(is_active=True).exclude(pk=user.pk)


class Handed(NamedTuple):
    """How many alerts the colleague got, and of how many they had one already."""

    given: int
    had: int


@transaction.atomic
def hand_on(
    keys: Iterable[int], to: User, *, by: User, moment: datetime, note: str = ""
) -> Handed:
    """Give these to a colleague, who may open all of them, and have a letter waiting for them.

    One who has an alert of the same flag keeps that: it gets the note and is open again, and this
    one is dealt with. Raises InboxError.
    """
    found = of(by).open().filter(pk__in=list(keys))
    flags = set(found.values_list("flag", flat=True))
    theirs = Alert.objects.held_by(to).filter(flag__in=flags, lapsed_at=None)
    # In one order, so that two who hand each other the same do not wait for one another.
    locked = Alert.objects.filter(pk__in=[*_keys(found), *_keys(theirs)])
    list(locked.select_for_update().order_by("pk"))
    alerts = list(found)
    if not to.is_active or _seen_by(to, flags) != flags:
        raise InboxError(f"{to} cannot open all of these plans. Hand on fewer at once.")
    own = list(theirs.exclude(pk__in=[alert.pk for alert in alerts]))
    has = {alert.flag_id for alert in own}
    said = note.strip()[:500]
    both = [alert.pk for alert in alerts if alert.flag_id in has]
    Alert.objects.filter(pk__in=both).update(
        resolved_at=moment, resolved_by=by, note=said or f"{to} has it.", wakes_on=None
    )
    anew = {"handed_at": moment, "handed_by": by, "note": said, "wakes_on": None, "seen_at": None}
    # Told again, for somebody asks; where something else is to be told already, along with that.
    again = Case(When(told=F("news"), then=Value("")), default=F("told"))
    asked = Alert.objects.filter(pk__in=[alert.pk for alert in own])
    asked.update(resolved_at=None, resolved_by=None, told=again, **anew)
    given = [alert.pk for alert in alerts if alert.flag_id not in has]
    # What the giver was told, or may have been, the colleague was not.
    Alert.objects.filter(pk__in=given).update(holder=to, told="", is_in_doubt=False, **anew)
    handed = [*own, *(alert for alert in alerts if alert.pk in set(given))]
    owe({_owed(alert, to) for alert in handed}, moment)
    log.info("%s alerts handed to %s by %s", len(alerts), to, by)
    return Handed(len(given), len(both))


def _keys(alerts) -> list[int]:
    return list(alerts.values_list("pk", flat=True))


def _owed(alert, to) -> tuple:
    """What `owe` asks of an alert that was handed to that person."""
    is_decided = alert.news.endswith(" decided")
    because = alert.because if alert.person_id == to.pk else ""
    return to.pk, alert.effective_on, alert.weight, is_decided, because


def _seen_by(user: User, flags: set[int]) -> set[int]:
    """Those of the flags that the user may open."""
    return set(my_flags(user).filter(pk__in=flags).values_list("pk", flat=True))


__all__ = ["Handed", "hand_on", "others", "takers"]
