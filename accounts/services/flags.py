"""Flags: what a reorganisation unsettles, found by set statements and marked in one transaction.

The work to do is the rows not done: events and roots (plans, posts, …) whose revision runs ahead
of the one last flagged. A run locks those, crosses them with everything they may meet, and marks
them, so that a crash loses nothing and a second worker finds nothing left.
"""

from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.db import connection, models, transaction
from django.utils.timezone import now

from footprints import blast_radius
from footprints.models import WEIGHT_OF, Change, OrganisationKey, Reorganisation, Weight
from footprints.revised import Revised
from stakeholders.models import Post

from ..models import Assignment, Flag, FlagRun, TerritoryPlan, User, WatchList
from ..watches import reaching


def roots() -> dict[type[models.Model], list[OrganisationKey]]:
    """What carries flags, and the keys by which an event reaches it."""
    found: dict[type[models.Model], list[OrganisationKey]] = {}
    for key in blast_radius.organisation_keys():
        found.setdefault(root_of(key), []).append(key)
    return found


def root_of(key: OrganisationKey) -> type[models.Model]:
    """The model that gets the flag when the key's row is touched."""
    if not key.rule.root:
        return key.model
    return key.model._meta.get_field(key.rule.root).related_model


@transaction.atomic
def raise_flags() -> int:
    """Flag everything of ours that a standing event touches; return how many flags are new.

    Looks only at what changed since the last run. A flag that no longer touches anything lapses;
    one that does so again returns. Whom they concern is found afterwards, by the row that a run
    leaves (`accounts.alerts`).
    """
    events = _claim(Reorganisation)
    changed = {root: _claim(root) for root in roots()}
    if not events and not any(changed.values()):
        return 0

    with connection.cursor() as cursor:
        _lay_out(cursor, events, changed)
        for root, keys in roots().items():
            for key in keys if root is not WatchList else ():
                _find(cursor, key, root, events=events, changed=changed[root])
        cursor.execute("ANALYZE touched")
        _weigh_meetings(cursor)
        raised = _raise(cursor)
        watching = changed.pop(WatchList)
        _lapse(cursor, events, changed)
        # Watches come last: who watches a plan hears of its flags as they are now.
        cursor.execute("TRUNCATE touched")
        looked_at = {
            *watching,
            *reaching.concerned(plans=changed[TerritoryPlan], posts=changed[Post]),
        }
        reaching.find(cursor, events=events, lists=looked_at)
        raised += _raise(cursor)
        _lapse(cursor, events, {WatchList: looked_at})
        cursor.execute("DROP TABLE happening, touched")

    _mark(Reorganisation, events)
    for root, keys in (*changed.items(), (WatchList, watching)):
        _mark(root, keys)
    changed[WatchList] = looked_at
    FlagRun.objects.create(
        at=now(),
        events=list(events),
        roots={
            str(ContentType.objects.get_for_model(root).pk): list(keys)
            for root, keys in changed.items()
            if keys
        },
    )
    return raised


def _claim(model: type[Revised]) -> dict[int, int]:
    """Lock what changed, in order of key so that two runs cannot meet crosswise."""
    rows = model._base_manager.filter(revision__gt=models.F("flagged_revision"))
    return dict(rows.order_by("pk").select_for_update().values_list("pk", "revision"))


def _mark(model: type[Revised], claimed: dict[int, int]):
    # The rows are locked since they were claimed: their revision is the one that was flagged.
    model._base_manager.filter(pk__in=claimed).update(flagged_revision=models.F("revision"))


def _days(table: str, model: type[models.Model], day: str) -> str:
    """SQL: the row has a day on or after that day."""
    if not any(field.column == "closed_on" for field in model._meta.local_fields):
        return "true"
    return f"({table}.closed_on IS NULL OR {table}.closed_on > {day})"


def _lay_out(cursor, events, changed):
    """Two tables for the length of the run, with statistics, which a view cannot give the planner.

    ``happening``: what each standing event does to each body; of the changed events alone where
    nothing else changed. ``touched``: a row a root and event, filled by ``_find``.
    """
    cursor.execute(
        "CREATE TEMP TABLE happening ON COMMIT DROP AS "
        "SELECT touch.reorganisation_id, event.effective_on, touch.organisation_id, touch.change, "
        "CASE touch.change WHEN 'receives' THEN touch.organisation_id ELSE touch.other_id END "
        "AS successor_id "
        "FROM footprints_touch AS touch "
        "JOIN footprints_reorganisation AS event ON event.id = touch.reorganisation_id "
        "WHERE touch.passes = 'area' AND NOT event.state = ANY(%s) "
        "AND (event.id = ANY(%s) OR %s)",
        [
            [str(state) for state in Reorganisation.State.dropped()],
            list(events),
            any(changed.values()),
        ],
    )
    cursor.execute("CREATE INDEX ON happening (organisation_id)")
    cursor.execute("ANALYZE happening")
    cursor.execute(
        "CREATE TEMP TABLE touched (reorganisation_id bigint, content_type_id int, "
        "object_id bigint, owner_id bigint, weight smallint) ON COMMIT DROP"
    )


def _find(cursor, key: OrganisationKey, root, *, events: Iterable[int], changed: Iterable[int]):
    """Collect what the events touch through one key, a row a root and event."""
    row = key.model._meta.db_table
    root_column = key.model._meta.get_field(key.rule.root).column if key.rule.root else "id"
    columns = {field.column for field in root._meta.local_fields}
    weights = " ".join(
        f"WHEN '{change}' THEN {int(WEIGHT_OF[outcome])}"
        for change, outcome in key.rule.outcomes.items()
    )
    conditions = [
        "happening.change = ANY(%(changes)s)",
        _days("held", key.model, "happening.effective_on"),
        _days("root", root, "happening.effective_on"),
        # Flagged only for events after its first day: it was drawn up knowing the earlier ones.
        # What begins on the day with a body that ends on it was not: a draft, made before.
        "(root.opened_on IS NULL OR root.opened_on < happening.effective_on "
        "OR (root.opened_on = happening.effective_on AND happening.change = ANY(%(closing)s)))",
    ]
    if root is TerritoryPlan:
        away = ", ".join(f"'{state}'" for state in TerritoryPlan.State.put_away())
        conditions.append(f"root.state NOT IN ({away})")
    # What changed on one side is crossed with everything on the other, each pair once.
    scopes = (
        ("happening.reorganisation_id = ANY(%(events)s)", events),
        (
            "root.id = ANY(%(roots)s) AND NOT happening.reorganisation_id = ANY(%(events)s)",
            changed,
        ),
    )
    for scope, claimed in scopes:
        if not claimed:
            continue
        cursor.execute(
            f"""
            INSERT INTO touched
            SELECT happening.reorganisation_id, %(content_type)s, root.id,
                   {"root.owner_id" if "owner_id" in columns else "NULL::bigint"},
                   max(CASE happening.change {weights} END)
            FROM happening
            JOIN {row} AS held ON held.{key.column} = happening.organisation_id
            JOIN {root._meta.db_table} AS root ON root.id = held.{root_column}
            WHERE {scope} AND {" AND ".join(conditions)}
            GROUP BY happening.reorganisation_id, root.id
            """,
            {
                "content_type": ContentType.objects.get_for_model(root).pk,
                "changes": list(key.rule.outcomes),
                "closing": [str(change) for change in Change.closing()],
                "events": list(events),
                "roots": list(changed),
            },
        )


def _weigh_meetings(cursor):
    """Ask more where territories meet in one successor, or it covers more than the plan holds.

    The same meetings as ``accounts.effects`` shows, as set statements over all pairs.
    """
    plan = ContentType.objects.get_for_model(TerritoryPlan).pk
    cursor.execute(
        f"""
        CREATE TEMP TABLE meeting ON COMMIT DROP AS
        SELECT happening.reorganisation_id, happening.effective_on, held.plan_id, held.role,
               happening.successor_id, count(DISTINCT held.territory_id) > 1 AS is_conflict
        FROM happening
        JOIN {Assignment._meta.db_table} AS held
             ON held.organisation_id = happening.organisation_id
             AND {_days("held", Assignment, "happening.effective_on")}
        JOIN touched ON touched.reorganisation_id = happening.reorganisation_id
             AND touched.object_id = held.plan_id AND touched.content_type_id = %s
        JOIN {TerritoryPlan._meta.db_table} AS plan ON plan.id = held.plan_id
        WHERE happening.change IN ('ends', 'splits', 'receives')
        GROUP BY 1, 2, 3, 4, 5, plan.opened_on
        HAVING plan.opened_on < happening.effective_on
               OR bool_or(happening.change IN ('ends', 'splits'))
        """,
        [plan],
    )
    cursor.execute("ANALYZE meeting")
    cursor.execute(
        f"""
        WITH member AS (
            SELECT happening.reorganisation_id, happening.successor_id, happening.organisation_id
            FROM happening WHERE happening.change IN ('ends', 'splits')
            UNION
            SELECT happening.reorganisation_id, happening.organisation_id,
                   happening.organisation_id
            FROM happening
            JOIN footprints_version AS life ON life.organisation_id = happening.organisation_id
                 AND life.retracted_by_id IS NULL
                 AND daterange(life.opened_on, life.closed_on) @> happening.effective_on - 1
            WHERE happening.change = 'receives'
        ), missing AS (
            SELECT DISTINCT meeting.reorganisation_id, meeting.plan_id
            FROM meeting
            JOIN member ON member.reorganisation_id = meeting.reorganisation_id
                 AND member.successor_id = meeting.successor_id
            WHERE NOT EXISTS (
                SELECT FROM {Assignment._meta.db_table} AS held
                WHERE held.plan_id = meeting.plan_id AND held.role = meeting.role
                  AND held.organisation_id = member.organisation_id
                  AND (held.closed_on IS NULL OR held.closed_on >= meeting.effective_on))
        ), asks AS (
            SELECT reorganisation_id, plan_id, {int(Weight.ACT)} AS weight
            FROM meeting WHERE is_conflict
            UNION ALL
            SELECT reorganisation_id, plan_id, {int(Weight.CHECK)} FROM missing
        ), gravest AS (
            SELECT reorganisation_id, plan_id, max(weight) AS weight FROM asks GROUP BY 1, 2
        )
        UPDATE touched SET weight = greatest(touched.weight, gravest.weight)
        FROM gravest
        WHERE touched.content_type_id = %s AND touched.object_id = gravest.plan_id
          AND touched.reorganisation_id = gravest.reorganisation_id
        """,
        [plan],
    )
    cursor.execute("DROP TABLE meeting")


def _raise(cursor) -> int:
    """Write the flags: new ones, and those whose weight or owner changed or that had lapsed."""
    cursor.execute(
        """
        WITH written AS (
            INSERT INTO accounts_flag AS flag
                (reorganisation_id, content_type_id, object_id, owner_id, weight, raised_at)
            SELECT reorganisation_id, content_type_id, object_id, max(owner_id), max(weight), %s
            FROM touched GROUP BY 1, 2, 3
            ON CONFLICT (reorganisation_id, content_type_id, object_id) DO UPDATE
                SET weight = excluded.weight, owner_id = excluded.owner_id, lapsed_at = NULL,
                    lapsed_step_id = NULL
                WHERE (flag.weight, flag.owner_id)
                      IS DISTINCT FROM (excluded.weight, excluded.owner_id)
                   OR flag.lapsed_at IS NOT NULL
            RETURNING (xmax = 0) AS is_new
        )
        SELECT count(*) FILTER (WHERE is_new) FROM written
        """,
        [now()],
    )
    return cursor.fetchone()[0]


def _lapse(cursor, events, changed):
    """Flags in the scope of this run that touch nothing any more.

    Each keeps the step by which its event was dropped, where that is why: later steps of the
    event, or a plan that lets go of it too, make no other reason of it.
    """
    dropped = [str(state) for state in Reorganisation.State.dropped()]
    for root, claimed in changed.items():
        cursor.execute(
            """
            UPDATE accounts_flag AS flag
            SET lapsed_at = %s, lapsed_step_id = (
                SELECT step.id
                FROM footprints_step AS step
                JOIN footprints_reorganisation AS event ON event.id = step.reorganisation_id
                WHERE event.id = flag.reorganisation_id
                  AND step.state = event.state AND event.state = ANY(%s)
                ORDER BY step.at DESC, step.id DESC LIMIT 1)
            WHERE flag.lapsed_at IS NULL AND flag.content_type_id = %s
              AND (flag.reorganisation_id = ANY(%s) OR flag.object_id = ANY(%s))
              AND NOT EXISTS (
                SELECT FROM touched
                WHERE touched.reorganisation_id = flag.reorganisation_id
                  AND touched.content_type_id = flag.content_type_id
                  AND touched.object_id = flag.object_id)
            """,
            [
                now(),
                dropped,
                ContentType.objects.get_for_model(root).pk,
                list(events),
                list(claimed),
            ],
        )


@transaction.atomic
def resolve_flag(flag: Flag, *, by: User) -> bool:
    """Say that the flag is dealt with. The first to say so stands; False for the others."""
    return bool(resolve_flags([flag.pk], by=by))


@transaction.atomic
def resolve_flags(keys: Iterable[int], *, by: User) -> int:
    """Say that the flags of these keys are dealt with; return how many were still open."""
    still_open = Flag.objects.open().filter(pk__in=list(keys))
    return still_open.update(resolved_at=now(), resolved_by=by)


@transaction.atomic
def reopen_flag(flag: Flag) -> bool:
    """Take back that a flag was dealt with."""
    resolved = Flag.objects.filter(pk=flag.pk, resolved_at__isnull=False)
    return bool(resolved.update(resolved_at=None, resolved_by=None))
