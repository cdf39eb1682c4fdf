"""Which events touch what people watch: for flagging, as set statements.

A list of watches has one flag an event. A body is touched as a unit of a plan is; an event touches
who watches it; a plan's flags touch who watches the plan and may open it; a stakeholder is touched
where a body of their posts is, so long as they hold them; a search, where it finds the body on the
day or on the day before. What takes effect before somebody began to watch is not told.
"""

from collections.abc import Collection

from django.contrib.contenttypes.models import ContentType

from footprints.dated import ONE_DAY
from footprints.models import WEIGHT_OF, Change, Reorganisation, Weight
from stakeholders.models import Post, Tenure

from ..models import Flag, TerritoryPlan, Watch, WatchList, WatchMove
from ..models.watches import WATCH_RULE
from .searches import found_by

_WEIGHTS = " ".join(
    f"WHEN '{change}' THEN {int(WEIGHT_OF[outcome])}"
    for change, outcome in WATCH_RULE.outcomes.items()
)

# What ended the body was told to its watch; so is what it was found to have ended in before.
BODIES = f"""
INSERT INTO touched
SELECT happening.reorganisation_id, %(kind)s, watch.list_id, NULL,
       max(CASE WHEN happening.change = '{Change.SPLITS}' AND EXISTS (
               SELECT FROM {WatchMove._meta.db_table} AS move
               WHERE move.watch_id = watch.id
                 AND move.reorganisation_id = happening.reorganisation_id)
           AND NOT EXISTS (
               SELECT FROM {WatchMove._meta.db_table} AS move
               WHERE move.watch_id = watch.id AND move.choice = '{WatchMove.Choice.ASKED}'
                 AND move.reorganisation_id = happening.reorganisation_id)
           THEN {int(Weight.KNOW)} ELSE CASE happening.change {_WEIGHTS} END END)
FROM happening
JOIN {Watch._meta.db_table} AS watch ON watch.organisation_id = happening.organisation_id
WHERE {{scope}} AND happening.change = ANY(%(changes)s)
  AND (watch.opened_on <= happening.effective_on
       AND (watch.closed_on IS NULL OR watch.closed_on >= happening.effective_on)
       OR EXISTS (
           SELECT FROM {WatchMove._meta.db_table} AS move
           WHERE move.watch_id = watch.id AND move.is_news
             AND move.reorganisation_id = happening.reorganisation_id))
GROUP BY happening.reorganisation_id, watch.list_id
"""

EVENTS = f"""
INSERT INTO touched
SELECT happening.reorganisation_id, %(kind)s, watch.list_id, NULL, {int(Weight.KNOW)}
FROM (SELECT id AS reorganisation_id, effective_on FROM footprints_reorganisation
      WHERE NOT state = ANY(%(dropped)s)) AS happening
JOIN {Watch._meta.db_table} AS watch ON watch.reorganisation_id = happening.reorganisation_id
WHERE {{scope}} AND watch.opened_on <= happening.effective_on
"""

PLANS = f"""
INSERT INTO touched
SELECT happening.reorganisation_id, %(kind)s, watch.list_id, NULL, {int(Weight.KNOW)}
FROM {Watch._meta.db_table} AS watch
JOIN {Flag._meta.db_table} AS happening ON happening.content_type_id = %(plan)s
     AND happening.object_id = watch.plan_id AND happening.lapsed_at IS NULL
JOIN footprints_reorganisation AS event ON event.id = happening.reorganisation_id
WHERE {{scope}} AND watch.id = ANY(%(watches)s) AND watch.opened_on <= event.effective_on
GROUP BY happening.reorganisation_id, watch.list_id
"""

PEOPLE = f"""
INSERT INTO touched
SELECT happening.reorganisation_id, %(kind)s, watch.list_id, NULL, {int(Weight.KNOW)}
FROM happening
JOIN {Post._meta.db_table} AS post ON post.organisation_id = happening.organisation_id
JOIN {Tenure._meta.db_table} AS tenure ON tenure.post_id = post.id
     AND (tenure.opened_on IS NULL OR tenure.opened_on <= happening.effective_on)
     AND (tenure.closed_on IS NULL OR tenure.closed_on >= happening.effective_on)
JOIN {Watch._meta.db_table} AS watch ON watch.stakeholder_id = tenure.person_id
WHERE {{scope}} AND happening.change = ANY(%(changes)s)
  AND watch.opened_on <= happening.effective_on
GROUP BY happening.reorganisation_id, watch.list_id
"""

SEARCHES = f"""
INSERT INTO touched
SELECT DISTINCT happening.reorganisation_id, %(kind)s, watch.list_id, NULL::bigint,
       {int(Weight.KNOW)}
FROM happening
JOIN unnest(%(searches)s::text[], %(days)s::date[], %(bodies)s::bigint[])
     AS found (search, effective_on, body_id)
     ON found.body_id = happening.organisation_id
     AND found.effective_on = happening.effective_on
JOIN {Watch._meta.db_table} AS watch ON watch.search = found.search
WHERE {{scope}} AND happening.change = ANY(%(changes)s)
  AND watch.opened_on <= happening.effective_on
"""


def find(cursor, *, events: Collection[int], lists: Collection[int]):
    """Collect what the events touch of what is watched, into the tables of a flagging run: rows a
    list and event. All lists against the changed events, the changed lists against all others."""
    given = {
        "kind": ContentType.objects.get_for_model(WatchList).pk,
        "plan": ContentType.objects.get_for_model(TerritoryPlan).pk,
        "changes": [str(change) for change in WATCH_RULE.outcomes],
        "dropped": [str(state) for state in Reorganisation.State.dropped()],
        "events": list(events),
        "lists": list(lists),
    }
    scope = "happening.reorganisation_id = ANY(%(events)s)"
    scopes = [scope] if events else []
    if lists:
        scopes.append(f"watch.list_id = ANY(%(lists)s) AND NOT {scope}")
    for scope in scopes:
        cursor.execute(BODIES.format(scope=scope), given)
        cursor.execute(EVENTS.format(scope=scope), given)
        cursor.execute(PEOPLE.format(scope=scope), given)
    _find_plans(cursor, scopes, given)
    _find_searches(cursor, scopes, given)


def _find_plans(cursor, scopes, given):
    watches = Watch.objects.filter(plan__isnull=False)
    if not watches.exists():
        return
    seen = list(watches.of_plans_seen().values_list("pk", flat=True))
    for scope in scopes:
        cursor.execute(PLANS.format(scope=scope), {**given, "watches": seen})


def _find_searches(cursor, scopes, given):
    watches = Watch.objects.exclude(search="")
    if not given["events"]:
        watches = watches.filter(list__in=given["lists"])
    asked = list(watches.order_by().values_list("search", "opened_on"))
    if not asked:
        return
    since = min(opened_on for _, opened_on in asked)
    cursor.execute(
        "SELECT effective_on, array_agg(DISTINCT organisation_id) FROM happening "
        "WHERE effective_on >= %s GROUP BY 1",
        [since],
    )
    rows = []
    happening = cursor.fetchall()
    for search in sorted({search for search, _ in asked}):
        for day, bodies in happening:
            for body in found_by(search, (day - ONE_DAY, day), bodies):
                rows.append((search, day, body))
    if not rows:
        return
    searches, days, bodies = map(list, zip(*rows, strict=True))
    found = {"searches": searches, "days": days, "bodies": bodies}
    for scope in scopes:
        cursor.execute(SEARCHES.format(scope=scope), {**given, **found})


def concerned(*, plans: Collection[int], posts: Collection[int]) -> set[int]:
    """Keys of the lists that watch one of these plans, or somebody who held one of these posts."""
    found: set[int] = set()
    if plans:
        found.update(Watch.objects.filter(plan__in=plans).values_list("list", flat=True))
    if posts:
        people = Tenure.objects.filter(post__in=posts).values("person")
        found.update(Watch.objects.filter(stakeholder__in=people).values_list("list", flat=True))
    return found


__all__ = ["concerned", "find"]
