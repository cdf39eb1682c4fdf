"""The kinds of things that have a due day. A new one is one more `Kind` in `KINDS`.

Each says in SQL what is to be done, by whom and by when, over all people at once: a sweep asks it,
writes a row a person and thing, and takes away what it does not find any more. Things of the lower
floors are declared here, since nothing there knows of people who have things to do.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils.http import urlencode

from footprints.models import Proposal, Reorganisation, Report
from stakeholders.models import Post

from ..answering import MANAGERS
from ..certifying.holding import wording_of
from ..models import Challenge, Digest, PlanStep, TerritoryPlan, User
from ..timetable import DUE_ON_SQL, PAST, WHAT


@dataclass(frozen=True)
class Kind:
    """``sql`` yields (person_id, thing, due_on, says): one row a person, thing and day.

    It may name %(today)s and what `given` returns. ``thing`` is text that ``address`` makes the
    address of a page of. ``days`` are those before the due day (after it: negative) on which a
    letter reminds of it; from the first of them on it is shown.
    """

    name: str
    title: str
    days: tuple[int, ...]
    sql: str
    address: Callable[[str], str]

    @property
    def shown_before(self) -> int:
        return max(self.days)


def given() -> dict:
    """What the statements of kinds name."""
    kinds = ContentType.objects.get_for_models(TerritoryPlan, Post)
    return {
        "plan_kind": kinds[TerritoryPlan].pk,
        "post_kind": kinds[Post].pk,
        "dropped": [str(state) for state in Reorganisation.State.dropped()],
        "settled": [str(state) for state in Reorganisation.State.settled()],
        "put_away": [str(state) for state in TerritoryPlan.State.put_away()],
        "past_days": PAST.days,
        "zone": settings.TIME_ZONE,
        "four_eyes": settings.FOUR_EYES,
        "letters": json.dumps(
            [
                {"name": letter, "title": letter.label.lower(), "wording": wording_of(letter)}
                for letter in Digest.About
            ]
        ),
    }


_TITLES = " ".join(f"WHEN '{milestone}' THEN '{title}'" for milestone, (title, _) in WHAT.items())

_PLANNING = ", ".join(f"'{role}'" for role in User.Role.planning())

State, Deed = TerritoryPlan.State, PlanStep.Deed
LAST_STEP = f"""
SELECT deed, at, by_id, reason FROM accounts_planstep
WHERE plan_id = plan.id AND deed IN ('{Deed.SUBMITTED}', '{Deed.SENT_BACK}', '{Deed.REOPENED}')
ORDER BY id DESC LIMIT 1
"""

# Of what nobody owns, whoever owns a plan that the event touches is reminded.
TASKS = f"""
SELECT coalesce(task.owner_id, touched.owner_id) AS person_id,
       event.slug || '/' || moment.milestone AS thing,
       moment.due_on,
       CASE moment.milestone {_TITLES} END || ': ' || event.title AS says
FROM footprints_reorganisation AS event
CROSS JOIN LATERAL ({DUE_ON_SQL}) AS moment (milestone, due_on)
LEFT JOIN accounts_timelinetask AS task
     ON task.reorganisation_id = event.id AND task.milestone = moment.milestone
LEFT JOIN LATERAL (
    SELECT DISTINCT flag.owner_id
    FROM accounts_flag AS flag
    JOIN accounts_user AS owner ON owner.id = flag.owner_id AND owner.role IN ({_PLANNING})
    WHERE flag.reorganisation_id = event.id AND flag.content_type_id = %(plan_kind)s
      AND flag.lapsed_at IS NULL AND flag.resolved_at IS NULL
) AS touched ON task.owner_id IS NULL
WHERE event.effective_on >= %(today)s - %(past_days)s
  AND NOT event.state = ANY(%(dropped)s) AND task.done_at IS NULL
  AND coalesce(task.owner_id, touched.owner_id) IS NOT NULL
"""

ASKED = """
SELECT decision.assigned_to_id AS person_id,
       sheet.flag_id || '/' || body.code || '/' || decision.role AS thing,
       (decision.at AT TIME ZONE %(zone)s)::date + 7 AS due_on,
       coalesce(nullif(asker.first_name || ' ' || asker.last_name, ' '), asker.username)
           || ' asks about ' || body.code || ': ' || event.title AS says
FROM accounts_decision AS decision
JOIN accounts_sheet AS sheet ON sheet.id = decision.sheet_id AND sheet.prepared_at IS NULL
JOIN accounts_flag AS flag ON flag.id = sheet.flag_id
     AND flag.resolved_at IS NULL AND flag.lapsed_at IS NULL
JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
JOIN footprints_organisation AS body ON body.id = decision.body_id
JOIN accounts_user AS asker ON asker.id = decision.by_id
JOIN accounts_user AS asked ON asked.id = decision.assigned_to_id
JOIN accounts_territoryplan AS plan ON plan.id = flag.object_id
JOIN accounts_team AS team ON team.id = plan.team_id
     AND (NOT team.is_walled OR team.id = asked.team_id)
WHERE decision.assigned_to_id <> decision.by_id AND flag.content_type_id = %(plan_kind)s
"""

CHALLENGES = f"""
SELECT manager.id AS person_id, challenge.id::text AS thing,
       (challenge.at AT TIME ZONE %(zone)s)::date + 7 AS due_on,
       body.code || CASE
           WHEN wanted.id IS NULL THEN ' should leave ' || territory.code
           WHEN wanted.id = territory.id THEN ' should come to ' || territory.code
           ELSE ' should go from ' || territory.code || ' to ' || wanted.code
       END || ' (' || plan.name || ')' AS says
FROM accounts_challenge AS challenge
JOIN accounts_territoryplan AS plan ON plan.id = challenge.plan_id
     AND NOT plan.state = ANY(%(put_away)s)
JOIN accounts_territory AS territory ON territory.id = challenge.territory_id
LEFT JOIN accounts_territory AS wanted ON wanted.id = challenge.wanted_id
JOIN footprints_organisation AS body ON body.id = challenge.organisation_id
{MANAGERS}
WHERE challenge.state = '{Challenge.State.OPEN}'
"""

# Submitted: for whoever may approve it. Sent back: for who drew it, until it is submitted anew.
PLANS = f"""
SELECT manager.id AS person_id, plan.id::text AS thing,
       (step.at AT TIME ZONE %(zone)s)::date + 7 AS due_on, 'Approve ' || plan.name AS says
FROM accounts_territoryplan AS plan
JOIN LATERAL ({LAST_STEP}) AS step ON true
{MANAGERS}
WHERE plan.state = '{State.SUBMITTED}' AND NOT (%(four_eyes)s AND step.by_id = manager.id)
UNION ALL
SELECT plan.owner_id, plan.id::text, (step.at AT TIME ZONE %(zone)s)::date + 7,
       'Sent back: ' || plan.name || ' (' || step.reason || ')'
FROM accounts_territoryplan AS plan
JOIN LATERAL ({LAST_STEP}) AS step ON step.deed = '{Deed.SENT_BACK}'
WHERE plan.state = '{State.DRAFT}'
"""

# Approved four weeks before the legal day at the latest, or a week after it was prepared.
SHEETS = f"""
SELECT person_id, slug AS thing,
       greatest((min(prepared_at) AT TIME ZONE %(zone)s)::date + 7, effective_on - 28) AS due_on,
       count(*) || CASE count(*) WHEN 1 THEN ' sheet' ELSE ' sheets' END || ' to approve: '
           || title AS says
FROM (
    SELECT manager.id AS person_id, event.slug, event.title, event.effective_on,
           sheet.prepared_at
    FROM accounts_sheet AS sheet
    JOIN accounts_flag AS flag ON flag.id = sheet.flag_id
         AND flag.lapsed_at IS NULL AND flag.content_type_id = %(plan_kind)s
    JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
    JOIN accounts_territoryplan AS plan ON plan.id = flag.object_id
         AND NOT plan.state = ANY(%(put_away)s)
    {MANAGERS}
    WHERE sheet.prepared_at IS NOT NULL AND sheet.approved_at IS NULL
      AND NOT (sheet.is_four_eyed AND sheet.prepared_by_id = manager.id)
) AS waiting
GROUP BY person_id, slug, title, effective_on
"""

# Within four weeks of the day that unsettled them; a row an event, whose list has the posts. What
# is a year old was there before us (a first load brings ten years), and stays in that list alone.
POSTS = f"""
SELECT steward.id AS person_id, event.slug AS thing, event.effective_on + 28 AS due_on,
       open.posts || CASE open.posts WHEN 1 THEN ' post' ELSE ' posts' END
           || ' to look at again: ' || event.title AS says
FROM (
    SELECT flag.reorganisation_id, count(*) AS posts
    FROM accounts_flag AS flag
    WHERE flag.content_type_id = %(post_kind)s
      AND flag.lapsed_at IS NULL AND flag.resolved_at IS NULL
    GROUP BY 1
) AS open
JOIN footprints_reorganisation AS event ON event.id = open.reorganisation_id
     AND event.state = ANY(%(settled)s) AND event.effective_on > %(today)s - 366
JOIN accounts_user AS steward ON steward.role = '{User.Role.STEWARD}'
"""

REPORTS = f"""
SELECT steward.id AS person_id, report.id::text AS thing,
       (report.received_at AT TIME ZONE %(zone)s)::date + 3 AS due_on,
       coalesce(nullif(report.title, ''), report.name) AS says
FROM footprints_report AS report
JOIN accounts_user AS steward ON steward.role = '{User.Role.STEWARD}'
WHERE report.state = '{Report.State.PREVIEWED}'
"""

PROPOSALS = f"""
SELECT steward.id AS person_id, proposal.id::text AS thing,
       (proposal.proposed_at AT TIME ZONE %(zone)s)::date + 14 AS due_on, proposal.title AS says
FROM footprints_proposal AS proposal
JOIN accounts_user AS steward ON steward.role = '{User.Role.STEWARD}'
WHERE proposal.state = '{Proposal.State.OPEN}'
"""


# The last day of what holds in the wording of today; where nothing does, the day it was asked for.
CERTIFICATES = """
SELECT keeper.id AS person_id, letter.name AS thing,
       coalesce(max(certificate.expires_on) - 1, policy.certified_from_on) AS due_on,
       CASE WHEN max(certificate.expires_on) IS NULL THEN 'Certify the letter to field users: '
            ELSE 'Certify anew the letter to field users: ' END || letter.title AS says
FROM accounts_letterpolicy AS policy
CROSS JOIN jsonb_to_recordset(%(letters)s::jsonb) AS letter (name text, title text, wording text)
LEFT JOIN accounts_certificate AS certificate
     ON certificate.letter = letter.name AND certificate.wording = letter.wording
     AND certificate.withdrawn_at IS NULL
JOIN accounts_user AS keeper ON keeper.is_staff
WHERE policy.certified_from_on IS NOT NULL
GROUP BY 1, 2, letter.title, policy.certified_from_on
"""


def _task(thing):
    slug, _, milestone = thing.partition("/")
    return reverse("accounts:task", args=[slug, milestone])


def _sheet_row(thing):
    flag, code, role = thing.split("/")
    return f"{reverse('accounts:sheet', args=[flag])}#row-{code}-{role}"


def _page(name):
    return lambda thing: reverse(name, args=[thing])


KINDS = (
    Kind("task", "Tasks of a reorganisation", (14, 0, -7), TASKS, _task),
    Kind("asked", "Asked of you", (7, 0, -7), ASKED, _sheet_row),
    Kind("challenge", "Challenges to answer", (7, 0, -7), CHALLENGES, _page("accounts:challenge")),
    Kind("plan", "Plans that wait for you", (7, 0, -7), PLANS, _page("accounts:plan")),
    Kind(
        "sheets",
        "Sheets to approve",
        (7, 0, -7),
        SHEETS,
        lambda slug: f"{reverse('accounts:event_sheets', args=[slug])}?state=colleague",
    ),
    Kind(
        "posts",
        "Posts to look at again",
        (28, 0, -28),
        POSTS,
        lambda slug: (
            f"{reverse('accounts:post_flags')}?{urlencode({'event': slug, 'dealt_with': 'no'})}"
        ),
    ),
    Kind(
        "report", "Reports waiting for a steward", (3, 0, -7), REPORTS, _page("footprints:report")
    ),
    Kind(
        "proposal",
        "Reorganisations to judge",
        (14, 0, -14),
        PROPOSALS,
        _page("footprints:proposal"),
    ),
    Kind(
        "certificate",
        "Letters to certify",
        (30, 7, 0, -7),
        CERTIFICATES,
        _page("accounts:certify"),
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}


__all__ = ["BY_NAME", "KINDS", "Kind", "given"]
