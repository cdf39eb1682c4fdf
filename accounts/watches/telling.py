"""Whom watches have told of what: for the raising of alerts, as set statements.

Whoever hears of an event anyway, by a plan, a territory or a lead, is not told of it twice; but
where their watch moved, ended or asks, that is news of its own. A word of what happened to the
watches of a list stands in its alert's news, so that a letter is owed for it, once.
"""

from ..models import Alert, Flag, Watch, WatchList, WatchMove

ASKED, ENDED, MOVED = " asked", " ended", " moved"

# List and event → the word: of several the one that asks most of its reader.
WORDS = f"""
CREATE TEMP TABLE watched ON COMMIT DROP AS
SELECT flag.id AS flag_id, flag.reorganisation_id, list.person_id,
       (SELECT CASE WHEN bool_or(move.choice <> '{WatchMove.Choice.MOVED}') THEN '{ASKED}'
                    WHEN bool_or(move.successor_id IS NULL) THEN '{ENDED}'
                    WHEN count(*) > 0 THEN '{MOVED}' ELSE '' END
        FROM {WatchMove._meta.db_table} AS move
        JOIN {Watch._meta.db_table} AS watch ON watch.id = move.watch_id
        WHERE watch.list_id = list.id AND move.is_news
          AND move.reorganisation_id = flag.reorganisation_id) AS word
FROM scope AS flag
JOIN {WatchList._meta.db_table} AS list ON list.id = flag.object_id
WHERE flag.content_type_id = %(list)s AND flag.lapsed_at IS NULL
"""

READERS = f"""
INSERT INTO reader (flag_id, person_id, because)
SELECT watched.flag_id, watched.person_id, '{Alert.Because.WATCH}'
FROM watched
WHERE watched.word <> ''
   OR NOT EXISTS (
      SELECT FROM reader
      JOIN scope AS other ON other.id = reader.flag_id
      WHERE other.reorganisation_id = watched.reorganisation_id
        AND reader.person_id = watched.person_id)
  AND NOT EXISTS (
      SELECT FROM {Alert._meta.db_table} AS alert
      JOIN {Flag._meta.db_table} AS other ON other.id = alert.flag_id
           AND other.reorganisation_id = watched.reorganisation_id
           AND other.content_type_id <> %(list)s
      WHERE alert.person_id = watched.person_id AND alert.lapsed_at IS NULL
        AND NOT EXISTS (SELECT FROM scope WHERE scope.id = other.id))
"""

# A flag that is there for what its person began to watch a moment ago, before their eyes. What
# came to the list by itself is news to them, however long it is known of.
JUST_NOW = "10 minutes"
BEGUN = f"""
SELECT FROM watched
JOIN {Watch._meta.db_table} AS watch ON watch.list_id = flag.object_id AND watch.is_own
     AND watch.made_at > %(moment)s - interval '{JUST_NOW}'
WHERE watched.flag_id = flag.id AND watched.word = ''
  AND (watch.organisation_id IS NULL AND watch.reorganisation_id IS NULL
       OR watch.reorganisation_id = flag.reorganisation_id
       OR EXISTS (
           SELECT FROM footprints_touch AS touch
           WHERE touch.reorganisation_id = flag.reorganisation_id
             AND touch.organisation_id = watch.organisation_id))
"""

# Flags of watchers by the same events: whoever hears of one by a plan hears of it no more by this.
BESIDE = """
INSERT INTO scope
SELECT flag.* FROM accounts_flag AS flag
WHERE flag.content_type_id = %s
  AND flag.reorganisation_id IN (SELECT reorganisation_id FROM scope)
  AND NOT EXISTS (SELECT FROM scope WHERE scope.id = flag.id)
"""

__all__ = ["BEGUN", "BESIDE", "READERS", "WORDS"]
