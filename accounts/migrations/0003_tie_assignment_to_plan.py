"""An assignment's territory is one of its plan's: a composite key that Django cannot declare."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_territory_plans")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE accounts_assignment ADD CONSTRAINT assignment_territory_of_its_plan "
            "FOREIGN KEY (plan_id, territory_id) REFERENCES accounts_territory (plan_id, id) "
            "DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE accounts_assignment DROP CONSTRAINT assignment_territory_of_its_plan",
        )
    ]
