"""Handing an alert on: who can take it, and what becomes of it."""

import logging
from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils.timezone import now

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


@transaction.atomic
def hand_on(keys: Iterable[int], to: User, *, by: User, note: str = "") -> int:
    """Give these to a colleague, who may open all of them; return how many. One who has an alert
    of the same flag keeps that, and this one is dealt with. Raises InboxError."""
    alerts = of(by).open().filter(pk__in=list(keys)).select_related("flag")
    alerts = list(alerts.select_for_update(of=["self"]).order_by("pk"))
    flags = {alert.flag_id for alert in alerts}
    if not to.is_active or _seen_by(to, flags) != flags:
        raise InboxError(f"{to} cannot open all of these plans.")
    own = set(Alert.objects.filter(person=to, flag__in=flags).values_list("flag", flat=True))
    said, at = note.strip()[:500], now()
    both = [alert.pk for alert in alerts if alert.flag_id in own and alert.person_id != to.pk]
    Alert.objects.filter(pk__in=both).update(
        resolved_at=at, resolved_by=by, note=said or f"{to} has it."
    )
    given = [alert.pk for alert in alerts if alert.pk not in both]
    Alert.objects.filter(pk__in=given).update(
        holder=to, handed_at=at, note=said, wakes_on=None, seen_at=None
    )
    log.info("%s alerts handed to %s by %s", len(alerts), to, by)
    return len(alerts)


def _seen_by(user: User, flags: set[int]) -> set[int]:
    """Those of the flags that the user may open."""
    return set(my_flags(user).filter(pk__in=flags).values_list("pk", flat=True))


__all__ = ["hand_on", "others", "takers"]
