"""The register's facts are never updated or deleted: a correction is a new row (design, idea 2).

One trigger function a table refuses to change the columns of a fact; ``retracted_by`` may be set,
once. Column lists keep a bulk retraction free of any per-row cost.
"""

from django.db import migrations

FACTS = {
    "version": ["organisation_id", "kind_id", "name", "opened_on", "closed_on"],
    "identifier": ["organisation_id", "scheme", "value", "opened_on", "closed_on"],
    "population": ["organisation_id", "year", "boundary_on", "people"],
    "relationship": ["child_id", "parent_id", "type", "opened_on", "closed_on"],
    "leadprovider": [
        "collaborative_id",
        "provider_id",
        "service_line",
        "evidence",
        "opened_on",
        "closed_on",
    ],
    "succession": [
        "reorganisation_id",
        "predecessor_id",
        "successor_id",
        "passes",
        "share",
        "becomes_id",
    ],
    "move": ["reorganisation_id", "child_id", "type", "from_parent_id", "to_parent_id"],
}
RECORDED = ["id", "source", "note", "asserted_by_id"]

REFUSE = """
CREATE FUNCTION footprints_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A fact of the register is never changed or deleted (%): record a release.',
        TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


def guard(table, columns):
    name = f"footprints_{table}"
    return f"""
CREATE TRIGGER {table}_facts_stand BEFORE UPDATE OF {", ".join(RECORDED + columns)} ON {name}
    FOR EACH ROW EXECUTE FUNCTION footprints_refuse_change();
CREATE TRIGGER {table}_retracted_once BEFORE UPDATE OF retracted_by_id ON {name}
    FOR EACH ROW WHEN (OLD.retracted_by_id IS NOT NULL)
    EXECUTE FUNCTION footprints_refuse_change();
CREATE TRIGGER {table}_nothing_deleted BEFORE DELETE ON {name}
    FOR EACH ROW EXECUTE FUNCTION footprints_refuse_change();
"""


def unguard(table):
    return "".join(
        f"DROP TRIGGER {table}_{what} ON footprints_{table};"
        for what in ("facts_stand", "retracted_once", "nothing_deleted")
    )


class Migration(migrations.Migration):
    dependencies = [("footprints", "0001_initial")]

    operations = [
        migrations.RunSQL(
            REFUSE + "".join(guard(table, columns) for table, columns in FACTS.items()),
            "".join(unguard(table) for table in FACTS) + "DROP FUNCTION footprints_refuse_change;",
        )
    ]
