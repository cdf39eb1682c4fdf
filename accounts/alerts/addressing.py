"""From flags to people: one alert for each (person, flag), in sets, in one transaction.

Flagging leaves a row a run (`FlagRun`). Here those rows are worked off: who is concerned by the
flags of their scope is found, alerts are written or brought up to date, and letters are owed to
those who have not been told how things stand. What a crash leaves is the row, and the next run.
"""

import logging
from collections.abc import Collection
from datetime import date, datetime

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from footprints.models import Reorganisation

from ..answering import MANAGERS
from ..models import (
    AccountLead,
    Alert,
    Assignment,
    Digest,
    FlagRun,
    Pace,
    RosterEntry,
    TerritoryPlan,
    User,
    WatchList,
    WritingHours,
)
from ..watches import telling
from .wanting import kind_of, rules, unwanted_by
from .when import Owed, due_at, pace_of

LOCK = 0x57415936  # beside those of `footprints.alone`

log = logging.getLogger(__name__)

Because = Alert.Because

PLAN_FLAGS = """
SELECT flag.id AS flag_id, flag.reorganisation_id, flag.object_id AS plan_id,
       flag.owner_id, event.effective_on
FROM scope AS flag
JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
WHERE flag.content_type_id = %(plan)s AND flag.lapsed_at IS NULL
"""

# Which territories each flag touches: of plans by their assignments, of leads by the lead itself.
PATCHES = f"""
SELECT DISTINCT flag.flag_id, flag.plan_id, flag.effective_on, held.territory_id
FROM ({PLAN_FLAGS}) AS flag
JOIN footprints_touch AS touch ON touch.reorganisation_id = flag.reorganisation_id
     AND touch.passes = 'area'
JOIN {Assignment._meta.db_table} AS held ON held.organisation_id = touch.organisation_id
     AND held.plan_id = flag.plan_id
     AND (held.closed_on IS NULL OR held.closed_on > flag.effective_on)
"""

# Whoever works a territory on the effective day or later, and has an account.
WORKED = f"""
SELECT roster.territory_id, roster.user_id, roster.closed_on
FROM {RosterEntry._meta.db_table} AS roster
JOIN {User._meta.db_table} AS person ON person.id = roster.user_id AND person.is_active
"""

READERS = f"""
SELECT flag_id, person_id, min(because) AS because FROM (
    SELECT flag.flag_id, flag.owner_id AS person_id, '{Because.OWNER}' AS because
    FROM ({PLAN_FLAGS}) AS flag
    UNION ALL
    SELECT patch.flag_id, worked.user_id, '{Because.PATCH}'
    FROM patch
    JOIN ({WORKED}) AS worked ON worked.territory_id = patch.territory_id
         AND (worked.closed_on IS NULL OR worked.closed_on > patch.effective_on)
    UNION ALL
    SELECT patch.flag_id, manager.id, '{Because.VACANT}'
    FROM patch
    JOIN {TerritoryPlan._meta.db_table} AS plan ON plan.id = patch.plan_id
    {MANAGERS}
    WHERE NOT EXISTS (
        SELECT FROM ({WORKED}) AS worked WHERE worked.territory_id = patch.territory_id
        AND (worked.closed_on IS NULL OR worked.closed_on > patch.effective_on))
    UNION ALL
    SELECT flag.id, reader.person_id, '{Because.LEAD}'
    FROM scope AS flag
    JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
    JOIN {AccountLead._meta.db_table} AS lead ON lead.id = flag.object_id
    JOIN {TerritoryPlan._meta.db_table} AS plan ON plan.id = lead.plan_id
    CROSS JOIN LATERAL (
        SELECT plan.owner_id AS person_id
        UNION
        SELECT worked.user_id FROM ({WORKED}) AS worked
        WHERE worked.territory_id = lead.territory_id
        AND (worked.closed_on IS NULL OR worked.closed_on > event.effective_on)
    ) AS reader
    WHERE flag.content_type_id = %(lead)s AND flag.lapsed_at IS NULL
) AS reader
GROUP BY 1, 2
"""

# How things stand with an event, in a word, two where watches went along with it: a letter is
# owed where it is not what was told.
NEWS = """
to_char(event.effective_on, 'YYYY-MM-DD')
    || coalesce((SELECT word FROM watched WHERE watched.flag_id = flag.id), '')
    || CASE WHEN event.state = ANY(%(settled)s) THEN ' decided' ELSE ' reported' END
"""

# Whoever began to watch just now what is known of already has seen it: there is nothing to write.
SEEN = f"""
CASE WHEN reader.because = '{Because.WATCH}' AND NOT flag.reorganisation_id = ANY(%(events)s)
          AND EXISTS ({telling.BEGUN}) THEN {NEWS} ELSE '' END
"""

# An alert that was dealt with comes back where the event moved or was revived: it is another case.
# So is a watch's that moved, or asks now.
SAME = f"""
alert.effective_on = excluded.effective_on AND alert.lapsed_at IS NULL
AND (excluded.because <> '{Because.WATCH}' OR alert.news = excluded.news)
"""
# A colleague to whom it was handed, and who has left since, hears nothing: it goes back.
HOLDER = f"""
CASE WHEN alert.holder_id = alert.person_id OR EXISTS (
         SELECT FROM {User._meta.db_table} AS colleague
         WHERE colleague.id = alert.holder_id AND colleague.is_active)
     THEN alert.holder_id ELSE alert.person_id END
"""
WRITE = f"""
INSERT INTO {Alert._meta.db_table} AS alert
    (flag_id, person_id, holder_id, because, effective_on, weight, news, told, note, raised_at,
     is_in_doubt)
SELECT reader.flag_id, reader.person_id, reader.person_id, reader.because, event.effective_on,
       flag.weight, {NEWS}, {SEEN}, '', %(moment)s, false
FROM reader
JOIN scope AS flag ON flag.id = reader.flag_id
JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
JOIN {User._meta.db_table} AS person ON person.id = reader.person_id AND person.is_active
ON CONFLICT (flag_id, person_id) DO UPDATE
SET because = excluded.because, effective_on = excluded.effective_on,
    weight = excluded.weight, news = excluded.news, lapsed_at = NULL, holder_id = {HOLDER},
    wakes_on = CASE WHEN alert.effective_on = excluded.effective_on THEN alert.wakes_on END,
    resolved_at = CASE WHEN {SAME} THEN alert.resolved_at END,
    resolved_by_id = CASE WHEN {SAME} THEN alert.resolved_by_id END
WHERE (alert.because, alert.effective_on, alert.weight, alert.news)
      IS DISTINCT FROM
      (excluded.because, excluded.effective_on, excluded.weight, excluded.news)
   OR alert.lapsed_at IS NOT NULL
"""

# Off where the event was dropped; nothing to tell where the plan let go, or the person did.
LAPSE = f"""
UPDATE {Alert._meta.db_table} AS alert
SET lapsed_at = %(moment)s, holder_id = {HOLDER},
    is_in_doubt = is_in_doubt AND event.state = ANY(%(dropped)s),
    news = CASE WHEN event.state = ANY(%(dropped)s) THEN '{Alert.OFF}'
                WHEN alert.told <> '' THEN alert.told ELSE '{Alert.OFF}' END
FROM scope AS flag
JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id
WHERE alert.flag_id = flag.id AND alert.lapsed_at IS NULL
  AND (alert.because <> '{Because.RAISED}' OR flag.lapsed_at IS NOT NULL)
  AND NOT EXISTS (
      SELECT FROM reader
      WHERE reader.flag_id = alert.flag_id AND reader.person_id = alert.person_id)
"""

TOLD_BEFORE = f"""
UPDATE {Alert._meta.db_table} AS alert SET told = news
FROM scope, {Digest._meta.db_table} AS digest
WHERE scope.id = alert.flag_id AND alert.told = '' AND digest.person_id = alert.person_id
  AND digest.effective_on = alert.effective_on AND digest.sent_at IS NOT NULL
"""

OWED = f"""
SELECT DISTINCT alert.holder_id, alert.effective_on, alert.weight,
       alert.news LIKE '% decided',
       CASE WHEN alert.holder_id = alert.person_id THEN alert.because ELSE '' END
FROM {Alert._meta.db_table} AS alert
JOIN scope ON scope.id = alert.flag_id
WHERE (alert.news <> alert.told
       AND NOT (alert.news = '{Alert.OFF}' AND alert.told = '')) OR alert.is_in_doubt
"""


@transaction.atomic
def raise_alerts(*, moment: datetime) -> int:
    """Alert those whom the flags of the runs not yet worked off concern; return how many alerts
    were written or changed. One worker at a time: any other leaves it to the next tick."""
    if not FlagRun.objects.exists():
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        runs = list(FlagRun.objects.order_by("pk"))
        if not runs:  # worked off by another since
            return 0
        if any(run.is_old for run in runs):
            runs = [run for run in runs if run.is_old]  # the others by the next tick
        _scope(cursor, runs)
        given = {
            "plan": ContentType.objects.get_for_model(TerritoryPlan).pk,
            "lead": ContentType.objects.get_for_model(AccountLead).pk,
            "settled": [str(state) for state in Reorganisation.State.settled()],
            "dropped": [str(state) for state in Reorganisation.State.dropped()],
            "list": ContentType.objects.get_for_model(WatchList).pk,
            "events": sorted({event for run in runs for event in run.events}),
            "moment": moment,
        }
        cursor.execute(telling.BESIDE, [given["list"]])
        cursor.execute(telling.WORDS, given)
        cursor.execute(f"CREATE TEMP TABLE patch ON COMMIT DROP AS {PATCHES}", given)
        cursor.execute("ANALYZE patch")
        cursor.execute(f"CREATE TEMP TABLE reader ON COMMIT DROP AS {READERS}", given)
        cursor.execute(telling.READERS, given)
        cursor.execute("CREATE INDEX ON reader (flag_id, person_id)")
        cursor.execute("ANALYZE reader")
        cursor.execute(WRITE, given)
        written = cursor.rowcount
        cursor.execute(LAPSE, given)
        written += cursor.rowcount
        if runs[0].is_old:
            cursor.execute(TOLD_BEFORE)
        cursor.execute(OWED)
        told = cursor.fetchall()
        cursor.execute("DROP TABLE scope, patch, reader, watched")
    owed = owe(told, moment)
    FlagRun.objects.filter(pk__in=[run.pk for run in runs]).delete()
    if written:
        log.info("%s alerts written or changed, %s letters owed", written, owed)
    return written


def _scope(cursor, runs):
    """The flags that these runs looked at, in a table of their own."""
    events = sorted({event for run in runs for event in run.events})
    roots: dict[int, set[int]] = {}
    for run in runs:
        for kind, keys in run.roots.items():
            roots.setdefault(int(kind), set()).update(keys)
    cursor.execute(
        "CREATE TEMP TABLE scope ON COMMIT DROP AS "
        "SELECT * FROM accounts_flag WHERE reorganisation_id = ANY(%s)",
        [events],
    )
    for kind, keys in roots.items():
        cursor.execute(
            "INSERT INTO scope SELECT * FROM accounts_flag WHERE content_type_id = %s "
            "AND object_id = ANY(%s) AND NOT reorganisation_id = ANY(%s)",
            [kind, sorted(keys), events],
        )
    cursor.execute("CREATE INDEX ON scope (id)")
    cursor.execute("ANALYZE scope")


def owe(rows: Collection[tuple[int, date, int, bool, str]], moment: datetime) -> int:
    """Have a letter waiting for each person and effective day of these (person, effective day,
    weight, whether it is decided, why it is theirs or "" where it was handed to them), due when
    its reader's hours say; how many. Whoever has no address, has left or wants no letters of the
    kind gets none."""
    readers = User.objects.filter(is_active=True).exclude(email="")
    people = readers.in_bulk({row[0] for row in rows})
    if not people:
        return 0
    unwanted = unwanted_by(people)
    hours = {h.user_id: h for h in WritingHours.objects.filter(user__in=people)}
    company = rules()
    digests: dict[tuple, tuple[datetime, bool]] = {}
    for person, effective_on, weight, is_decided, because in rows:
        reader = people.get(person)
        if reader is None:
            continue
        own = hours.get(person) or WritingHours(user=reader)
        owed = Owed(reader.role, weight, effective_on, bool(is_decided))
        today = moment.astimezone(own.zone).date()
        if unwanted[person] and kind_of(because, owed, company, today) in unwanted[person]:
            continue
        pace = pace_of(owed, company, own.routine, today)
        found = due_at(pace, own, moment), pace != Pace.AT_ONCE
        digests[person, effective_on] = min(found, digests.get((person, effective_on), found))
    if not digests:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {Digest._meta.db_table} AS digest
                (person_id, about, effective_on, raised_at, due_at, is_routine, subject, text,
                 html)
            SELECT person, '{Digest.About.CHANGES}', effective_on, %s, due_at, is_routine, '', '',
                   ''
            FROM unnest(%s::bigint[], %s::date[], %s::timestamptz[], %s::boolean[])
                 AS owed (person, effective_on, due_at, is_routine)
            ON CONFLICT (person_id, effective_on)
                WHERE sent_at IS NULL AND about = '{Digest.About.CHANGES}'
            DO UPDATE SET due_at = least(digest.due_at, excluded.due_at),
                          is_routine = digest.is_routine AND excluded.is_routine
            WHERE excluded.due_at < digest.due_at OR digest.is_routine > excluded.is_routine
            """,
            [
                moment,
                [person for person, _ in digests],
                [effective_on for _, effective_on in digests],
                [due for due, _ in digests.values()],
                [is_routine for _, is_routine in digests.values()],
            ],
        )
    return len(digests)
