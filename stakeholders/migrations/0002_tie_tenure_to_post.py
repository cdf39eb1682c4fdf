"""A tenure's ``is_shared`` is its post's own: a composite key ties the two, and follows a change."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("stakeholders", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE stakeholders_tenure ADD CONSTRAINT tenure_shared_as_its_post "
            "FOREIGN KEY (post_id, is_shared) REFERENCES stakeholders_post (id, is_shared) "
            "ON UPDATE CASCADE",
            "ALTER TABLE stakeholders_tenure DROP CONSTRAINT tenure_shared_as_its_post",
        )
    ]
