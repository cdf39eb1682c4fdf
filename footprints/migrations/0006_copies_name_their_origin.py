"""A copy that an undo made names the release whose news it is, and the guard knows the column."""

from django.db import migrations

from footprints.services.releases import same_content

# The facts there were then: one that came later guards itself.
RECORDED = "version identifier population relationship leadprovider succession move".split()

# A copy stands for a row that the undone release retracted, with the same content.
COPIES = """
UPDATE {table} AS fact SET origin_id = old.asserted_by_id
FROM footprints_release AS undo, {table} AS old
WHERE undo.id = fact.asserted_by_id AND undo.kind = 'undo' AND undo.undoes_id = old.retracted_by_id
  AND {same}
"""
GUARD = """
CREATE TRIGGER {model}_origin_stands BEFORE UPDATE OF origin_id ON {table}
    FOR EACH ROW EXECUTE FUNCTION footprints_refuse_change();
"""


def name_origins(apps, schema_editor):
    for name in RECORDED:
        # As the table was then: a column that came later is not there yet.
        model = apps.get_model("footprints", name)
        table = model._meta.db_table
        schema_editor.execute(COPIES.format(table=table, same=same_content(model, "fact", "old")))
        schema_editor.execute(GUARD.format(table=table, model=model._meta.model_name))


def unguard(apps, schema_editor):
    for name in RECORDED:
        schema_editor.execute(f"DROP TRIGGER {name}_origin_stands ON footprints_{name}")


class Migration(migrations.Migration):
    dependencies = [("footprints", "0005_receive_reports")]

    operations = [migrations.RunPython(name_origins, unguard)]
