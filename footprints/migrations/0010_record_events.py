"""What recording an event by hand needs: a new name for a body that keeps its code, and steps that
say which day they set and which release wrote their facts."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

GUARD = """
DROP TRIGGER succession_facts_stand ON footprints_succession;
CREATE TRIGGER succession_facts_stand BEFORE UPDATE OF
    id, source, note, asserted_by_id, reorganisation_id, predecessor_id, successor_id, passes,
    share, becomes_id{more} ON footprints_succession
    FOR EACH ROW EXECUTE FUNCTION footprints_refuse_change();
"""

# As in 0003, and a body of which only the name changes is renamed: nothing of ours turns on that.
TOUCH = """
CREATE OR REPLACE VIEW footprints_touch AS
SELECT 's' || succession.id AS id,
       succession.reorganisation_id,
       succession.predecessor_id AS organisation_id,
       CASE
           {renamed}
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
RENAMED = """
           WHEN succession.predecessor_id = succession.successor_id
                AND succession.becomes_name IS NOT NULL
                AND EXISTS (SELECT FROM footprints_reorganisation AS event
                            WHERE event.id = succession.reorganisation_id
                              AND event.kind = 'rename') THEN 'renamed'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('footprints', '0009_refused_for_any_reason'),
    ]

    operations = [
        migrations.AddField(
            model_name='step',
            name='effective_on',
            field=models.DateField(blank=True, help_text='Only where the step set the day, or moved it.', null=True, verbose_name='takes effect on'),
        ),
        migrations.AddField(
            model_name='step',
            name='release',
            field=models.ForeignKey(blank=True, help_text='What wrote the facts of the step, where it wrote any; undone, so is the step.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='footprints.release'),
        ),
        migrations.AddField(
            model_name='succession',
            name='becomes_name',
            field=models.CharField(blank=True, help_text='What a body that keeps its code is called from then on, where that changes.', max_length=200, null=True),
        ),
        migrations.AlterField(
            model_name='step',
            name='at',
            field=models.DateTimeField(default=django.utils.timezone.now, editable=False),
        ),
        migrations.AddConstraint(
            model_name='succession',
            constraint=models.CheckConstraint(condition=models.Q(('becomes_name__isnull', True), models.Q(models.Q(('becomes_name', ''), _negated=True), ('becomes__isnull', False)), _connector='OR'), name='succession_names_what_keeps_its_code'),
        ),
        migrations.RunSQL(GUARD.format(more=", becomes_name"), GUARD.format(more="")),
        migrations.RunSQL(TOUCH.format(renamed=RENAMED), TOUCH.format(renamed="")),
    ]
