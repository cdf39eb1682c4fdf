"""What each event does to each body, as known now: one definition for every page and statement."""

from django.db import migrations

TOUCH = """
CREATE VIEW footprints_touch AS
SELECT 's' || succession.id AS id,
       succession.reorganisation_id,
       succession.predecessor_id AS organisation_id,
       CASE
           WHEN succession.predecessor_id = succession.successor_id THEN 'changes_nature'
           WHEN succession.passes = 'functions' THEN 'hands_over'
           WHEN succession.successor_id IS NULL THEN 'closes'
           WHEN count(*) OVER (
               PARTITION BY succession.reorganisation_id, succession.predecessor_id,
                            succession.passes
           ) > 1 THEN 'splits'
           ELSE 'ends'
       END AS change,
       succession.passes,
       succession.successor_id AS other_id,
       succession.share
FROM footprints_succession AS succession
WHERE succession.retracted_by_id IS NULL
UNION ALL
SELECT 'r' || succession.id, succession.reorganisation_id, succession.successor_id, 'receives',
       succession.passes, succession.predecessor_id, succession.share
FROM footprints_succession AS succession
WHERE succession.retracted_by_id IS NULL
  AND succession.successor_id <> succession.predecessor_id
UNION ALL
SELECT 'm' || move.id, move.reorganisation_id, move.child_id, 'changes_parent', 'area',
       move.to_parent_id, NULL
FROM footprints_move AS move
WHERE move.retracted_by_id IS NULL
"""


class Migration(migrations.Migration):
    dependencies = [("footprints", "0002_guard_facts")]

    operations = [migrations.RunSQL(TOUCH, "DROP VIEW footprints_touch")]
