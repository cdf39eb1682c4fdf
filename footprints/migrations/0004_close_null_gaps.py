"""A half place and a closure that becomes something passed the checks: a null check passes."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('footprints', '0003_view_touch'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='organisation',
            name='organisation_place_is_whole',
        ),
        migrations.RemoveConstraint(
            model_name='succession',
            name='succession_to_itself_says_what_it_becomes',
        ),
        migrations.AddConstraint(
            model_name='organisation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('latitude__isnull', True), ('longitude__isnull', True)), models.Q(('latitude__isnull', False), ('latitude__range', (-90, 90)), ('longitude__isnull', False), ('longitude__range', (-180, 180))), _connector='OR'), name='organisation_place_is_whole'),
        ),
        migrations.AddConstraint(
            model_name='succession',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('becomes__isnull', False), ('predecessor', models.F('successor')), ('successor__isnull', False)), models.Q(('becomes__isnull', True), ('successor__isnull', True)), models.Q(('becomes__isnull', True), ('successor__isnull', False), models.Q(('predecessor', models.F('successor')), _negated=True)), _connector='OR'), name='succession_to_itself_says_what_it_becomes'),
        ),
    ]
