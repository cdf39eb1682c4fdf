"""Fills what 0008 made room for from what the rows already know; going back takes nothing away."""

from django.db import migrations

LAPSED = """
UPDATE accounts_flag AS flag SET lapsed_step_id = (
    SELECT step.id
    FROM footprints_step AS step
    JOIN footprints_reorganisation AS event ON event.id = step.reorganisation_id
    WHERE event.id = flag.reorganisation_id AND step.state = event.state
      AND event.state IN ('rejected', 'paused', 'superseded')
    ORDER BY step.at DESC, step.id DESC LIMIT 1)
WHERE flag.lapsed_at IS NOT NULL
"""

DEEDS = """
INSERT INTO accounts_sheetdeed (sheet_id, deed, by_id, at, says, fingerprint)
SELECT sheet.id, deed.name, deed.by_id, deed.at, '', deed.fingerprint
FROM accounts_sheet AS sheet, LATERAL (VALUES
    ('prepared', sheet.prepared_by_id, sheet.prepared_at, sheet.fingerprint),
    ('approved', sheet.approved_by_id, sheet.approved_at, sheet.fingerprint),
    ('applied', sheet.applied_by_id, sheet.applied_at, sheet.fingerprint),
    ('undone', sheet.undone_by_id, sheet.undone_at, '')
) AS deed (name, by_id, at, fingerprint)
WHERE deed.at IS NOT NULL
ORDER BY deed.at
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_keep_what_was_said")]

    operations = [
        migrations.RunSQL(LAPSED, migrations.RunSQL.noop),
        migrations.RunSQL(DEEDS, migrations.RunSQL.noop),
    ]
