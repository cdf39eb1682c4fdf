"""Where watches go when a body ends: to its successor, to each of several with a question, or
nowhere. Set statements, in one transaction; what is so already costs two looks.

What a person asked for, and what they answered, is theirs. Where such a watch stands today follows
from the register: a watch goes along with the last decided event of its body whose day has come.
So nothing depends on how often the clock looks, or on whether it looked on the day: what it missed
it does now, hop after hop; where an event is undone, moved or dropped, what it had moved comes
back.
"""

import logging
from collections.abc import Collection
from datetime import date, datetime

from django.db import connection, transaction

from footprints.models import Reorganisation

from ..models import Watch, WatchList, WatchMove

log = logging.getLogger(__name__)

MOST_HOPS = 50  # far more than any body has been through

# What ended each body, so far as its day has come: body, where its area went (nowhere: null), and
# by which event. A body that lives on in the event did not end; nor one that a later event gave
# another life; and of several ends the last counts.
GROUND = """
WITH due AS MATERIALIZED (
    SELECT passing.predecessor_id AS body_id, passing.successor_id, event.id AS event_id,
           event.effective_on
    FROM footprints_succession AS passing
    JOIN footprints_reorganisation AS event ON event.id = passing.reorganisation_id
         AND event.state = ANY(%(settled)s) AND event.effective_on <= %(on)s
    WHERE passing.retracted_by_id IS NULL AND passing.passes = 'area'
), last_end AS (
    SELECT DISTINCT ON (body_id) body_id, event_id FROM due
    WHERE successor_id IS DISTINCT FROM body_id
    ORDER BY body_id, effective_on DESC, event_id DESC
), last_beginning AS (
    SELECT successor_id AS body_id, max(effective_on) AS effective_on FROM due
    WHERE successor_id <> body_id GROUP BY successor_id
)
SELECT due.body_id, due.successor_id, due.event_id, due.effective_on
FROM due
JOIN last_end ON last_end.body_id = due.body_id AND last_end.event_id = due.event_id
LEFT JOIN last_beginning ON last_beginning.body_id = due.body_id
WHERE due.successor_id IS DISTINCT FROM due.body_id
  AND (last_beginning.effective_on IS NULL OR last_beginning.effective_on <= due.effective_on)
  AND NOT EXISTS (
      SELECT FROM due AS living
      WHERE living.event_id = due.event_id AND living.successor_id = due.body_id)
"""

# A watch that has to go, or whose event has a successor that it did not follow yet.
GOING = f"""
SELECT watch.id AS watch_id, watch.list_id, watch.opened_on, ground.*
FROM {Watch._meta.db_table} AS watch
JOIN ({GROUND}) AS ground ON ground.body_id = watch.organisation_id
WHERE (watch.closed_on IS NULL OR watch.closed_by_id = ground.event_id)
  AND NOT EXISTS (
      SELECT FROM {WatchMove._meta.db_table} AS move
      WHERE move.watch_id = watch.id AND move.reorganisation_id = ground.event_id
        AND move.successor_id IS NOT DISTINCT FROM ground.successor_id)
"""

# A move that the register does not bear out any more.
GROUNDLESS = f"""
SELECT move.id AS move_id, watch.id AS watch_id, watch.list_id
FROM {WatchMove._meta.db_table} AS move
JOIN {Watch._meta.db_table} AS watch ON watch.id = move.watch_id
LEFT JOIN ({GROUND}) AS ground ON ground.body_id = watch.organisation_id
     AND ground.event_id = move.reorganisation_id
     AND ground.successor_id IS NOT DISTINCT FROM move.successor_id
WHERE ground.event_id IS NULL
"""

# Closed by an event that was moved to another day that has come: what was answered stands.
MISDATED = f"""
SELECT watch.id AS watch_id, watch.list_id, event.effective_on
FROM {Watch._meta.db_table} AS watch
JOIN footprints_reorganisation AS event ON event.id = watch.closed_by_id
WHERE watch.closed_on <> event.effective_on AND event.effective_on <= %(on)s
"""
REDATE = f"""
UPDATE {Watch._meta.db_table} AS watch SET closed_on = misdated.effective_on
FROM ({MISDATED}) AS misdated
WHERE misdated.watch_id = watch.id AND watch.list_id = ANY(%(lists)s)
RETURNING watch.id
"""

# Whether any watch is not where it should be, asked by body and event: there are few of those,
# however many people watch. Open where the body ended; closed where it did not, or on another
# day; moved where nothing passes; and one of a body that did not go where the others went.
ANY_UNSETTLED = f"""
WITH ground AS MATERIALIZED ({GROUND}), closed AS MATERIALIZED (
    SELECT organisation_id AS body_id, closed_by_id AS event_id, closed_on, count(*) AS number
    FROM {Watch._meta.db_table} WHERE closed_on IS NOT NULL GROUP BY 1, 2, 3
), moved AS MATERIALIZED (
    SELECT watch.organisation_id AS body_id, move.reorganisation_id AS event_id,
           move.successor_id, count(*) AS number
    FROM {WatchMove._meta.db_table} AS move
    JOIN {Watch._meta.db_table} AS watch ON watch.id = move.watch_id GROUP BY 1, 2, 3
)
SELECT EXISTS (
    SELECT FROM ground JOIN {Watch._meta.db_table} AS watch
        ON watch.organisation_id = ground.body_id AND watch.closed_on IS NULL
) OR EXISTS (
    SELECT FROM closed LEFT JOIN ground
        ON ground.body_id = closed.body_id AND ground.event_id = closed.event_id
    WHERE ground.effective_on IS DISTINCT FROM closed.closed_on
) OR EXISTS (
    SELECT FROM moved LEFT JOIN ground
        ON ground.body_id = moved.body_id AND ground.event_id = moved.event_id
        AND ground.successor_id IS NOT DISTINCT FROM moved.successor_id
    WHERE ground.event_id IS NULL
) OR EXISTS (
    SELECT FROM closed JOIN ground
        ON ground.body_id = closed.body_id AND ground.event_id = closed.event_id
    LEFT JOIN moved ON moved.body_id = closed.body_id AND moved.event_id = closed.event_id
        AND moved.successor_id IS NOT DISTINCT FROM ground.successor_id
    WHERE moved.number IS DISTINCT FROM closed.number
)
"""

LEAVE = f"""
INSERT INTO {WatchMove._meta.db_table}
    (watch_id, reorganisation_id, successor_id, choice, is_news, moved_at)
SELECT going.watch_id, going.event_id, going.successor_id,
       CASE WHEN going.successor_id IS NOT NULL AND 1 < (
           SELECT count(*) FROM ({GROUND}) AS ground
           WHERE ground.body_id = going.body_id AND ground.event_id = going.event_id
             AND ground.successor_id IS NOT NULL)
       THEN '{WatchMove.Choice.ASKED}' ELSE '{WatchMove.Choice.MOVED}' END,
       %(is_news)s, %(moment)s
FROM ({GOING}) AS going
WHERE going.list_id = ANY(%(lists)s)
RETURNING watch_id, reorganisation_id
"""

CLOSE = f"""
UPDATE {Watch._meta.db_table} AS watch
SET closed_on = event.effective_on, closed_by_id = event.id
FROM {WatchMove._meta.db_table} AS move
JOIN footprints_reorganisation AS event ON event.id = move.reorganisation_id
WHERE move.watch_id = watch.id AND watch.list_id = ANY(%(lists)s) AND watch.closed_on IS NULL
"""

# One watch of a body, however many came to it: their moves are its history.
ARRIVE = f"""
INSERT INTO {Watch._meta.db_table}
    (list_id, organisation_id, opened_on, is_own, search, made_at)
SELECT watch.list_id, move.successor_id, min(greatest(watch.opened_on, event.effective_on)),
       false, '', %(moment)s
FROM {WatchMove._meta.db_table} AS move
JOIN {Watch._meta.db_table} AS watch ON watch.id = move.watch_id
JOIN footprints_reorganisation AS event ON event.id = move.reorganisation_id
WHERE watch.list_id = ANY(%(lists)s) AND move.successor_id IS NOT NULL
  AND move.choice <> '{WatchMove.Choice.LEFT}'
GROUP BY 1, 2
ON CONFLICT (list_id, organisation_id) DO NOTHING
"""

REOPEN = f"""
UPDATE {Watch._meta.db_table} AS watch SET closed_on = NULL, closed_by_id = NULL
WHERE watch.list_id = ANY(%(lists)s) AND watch.closed_on IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM {WatchMove._meta.db_table} AS move
      WHERE move.watch_id = watch.id AND move.reorganisation_id = watch.closed_by_id)
"""

# Where nothing that the person asked for leads to any more.
STRAY = f"""
WITH RECURSIVE kept (id, list_id, organisation_id) AS (
    SELECT id, list_id, organisation_id FROM {Watch._meta.db_table}
    WHERE list_id = ANY(%(lists)s) AND is_own
    UNION
    SELECT there.id, there.list_id, there.organisation_id
    FROM kept
    JOIN {WatchMove._meta.db_table} AS move ON move.watch_id = kept.id
         AND move.choice <> '{WatchMove.Choice.LEFT}'
    JOIN {Watch._meta.db_table} AS there ON there.list_id = kept.list_id
         AND there.organisation_id = move.successor_id
)
SELECT watch.id FROM {Watch._meta.db_table} AS watch
WHERE watch.list_id = ANY(%(lists)s) AND NOT watch.is_own
  AND NOT EXISTS (SELECT FROM kept WHERE kept.id = watch.id)
"""


def _given(on: date, **more) -> dict:
    settled = [str(state) for state in Reorganisation.State.settled()]
    return {"settled": settled, "on": on, **more}


def unsettled(on: date) -> list[int]:
    """Keys of the lists with a watch that is not where the register has it on that day."""
    with connection.cursor() as cursor:
        cursor.execute(ANY_UNSETTLED, _given(on))
        if not cursor.fetchone()[0]:
            return []
        cursor.execute(
            f"SELECT list_id FROM ({GOING}) AS going "
            f"UNION SELECT list_id FROM ({GROUNDLESS}) AS groundless "
            f"UNION SELECT list_id FROM ({MISDATED}) AS misdated ORDER BY 1",
            _given(on),
        )
        return [key for (key,) in cursor.fetchall()]


def move_watches(*, on: date, moment: datetime) -> int:
    """Have every watch where the register has it on that day; return how many went on, or came
    back. Safe to run twice, and by two at once: the second finds nothing left."""
    lists = unsettled(on)
    if not lists:
        return 0
    moved = settle(lists, on=on, moment=moment)
    if moved:
        log.info("%s watches of %s people went on or came back", moved, len(lists))
    return moved


@transaction.atomic
def settle(lists: Collection[int], *, on: date, moment: datetime, is_news: bool = True) -> int:
    """The same for the lists of these keys. ``is_news`` False: their people see it happen."""
    # In order of key, so that two workers cannot meet crosswise; each looks again once it has
    # the lock.
    locked = WatchList.objects.filter(pk__in=lists).order_by("pk").select_for_update()
    given = _given(
        on, lists=list(locked.values_list("pk", flat=True)), is_news=is_news, moment=moment
    )
    changed: set[int] = set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {WatchMove._meta.db_table} AS move USING ({GROUNDLESS}) AS groundless "
            "WHERE groundless.move_id = move.id AND groundless.list_id = ANY(%(lists)s) "
            "RETURNING move.watch_id",
            given,
        )
        changed.update(key for (key,) in cursor.fetchall())
        cursor.execute(REDATE, given)
        changed.update(key for (key,) in cursor.fetchall())
        cursor.execute(REOPEN, given)
        for _ in range(MOST_HOPS):
            cursor.execute(LEAVE, given)
            gone = cursor.fetchall()
            cursor.execute(CLOSE, given)
            cursor.execute(ARRIVE, given)
            if not gone:
                break
            changed.update(key for key, _ in gone)
        changed.update(_drop_strays(cursor, given))
    if changed:
        WatchList.objects.filter(pk__in=given["lists"]).revise()
    return len(changed)


def _drop_strays(cursor, given) -> list[int]:
    cursor.execute(STRAY, given)
    strays = [key for (key,) in cursor.fetchall()]
    if strays:
        Watch.objects.filter(pk__in=strays).delete()  # with their moves
    return strays


__all__ = ["move_watches", "settle", "unsettled"]
