"""Search and counts at national size: one function that splits names into words, an index by it,
and what the database works out from the versions as they arrive (footprints/models/derived.py).

Indexes that held only the facts known now become indexes of all facts: every page can be asked
for an earlier known moment, and read whole tables then.
"""

import datetime
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models


def letters(text):
    return "E'" + "".join(f"\\U{ord(letter):08X}" for letter in text) + "'"


# As in footprints/searching/words.py on the day of this migration; a test compares the two. Names without
# accents, nearly all, are spared the long table: it costs 30 µs a name, the rest 5.
DROPPED = "'`."
ACCENTED = "àáâãäåāèéêëēìíîïīòóôõöōùúûüūẁẃẅŵỳýÿŷñçšžłøđ"
PLAIN = "aaaaaaaeeeeeiiiiioooooouuuuuwwwwyyyyncszlod"
BETWEEN = "“”„–—‐‑‒•·…\u00a0"
ALSO_DROPPED = "’‘ʼ´′"

WORDS = f"""
CREATE FUNCTION footprints_words(name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN array_to_tsvector(array_remove(regexp_split_to_array(translate(
    CASE WHEN octet_length(name) = char_length(name) THEN lower(replace(name, '&', ' and '))
    ELSE translate(lower(normalize(replace(name, '&', ' and '), NFC)),
        {letters(ACCENTED + BETWEEN + ALSO_DROPPED)}, {letters(PLAIN + " " * len(BETWEEN))})
    END, {letters(DROPPED)}, ''), {letters("[^a-z0-9" + chr(0x80) + "-" + chr(0x10FFFF) + "]+")}), ''));
"""


# The kind is a word too, with a sign that no word of a name has: a common word among the bodies of
# one kind is found by one index. A column that no model has: every list of versions would read it,
# and no statement that names a version's columns may write it. HasWords (searching/words.py) asks.
COLUMN = """
ALTER TABLE footprints_version
    ADD COLUMN words tsvector GENERATED ALWAYS AS
    (footprints_words(name) || array_to_tsvector(ARRAY['=' || kind_id])) STORED;
CREATE INDEX version_words ON footprints_version USING gin (words);
"""


def tallied(*sources):
    """What the rows of each (table, sign) count for: more from the first day, fewer from the last;
    the other way round where a release retracted them."""
    parts = []
    for table, sign in sources:
        for release, turn in (("asserted_by_id", 1), ("retracted_by_id", -1)):
            known = "" if turn == 1 else "WHERE retracted_by_id IS NOT NULL"
            ends = f"{known or 'WHERE true'} AND closed_on IS NOT NULL"
            opens = "coalesce(opened_on, DATE '0001-01-01')"
            parts += [
                f'SELECT {release} AS release_id, kind_id, {opens} AS "on", {sign * turn} AS change '
                f"FROM {table} {known}",
                f"SELECT {release}, kind_id, closed_on, {-sign * turn} FROM {table} {ends}",
            ]
    return f"""
    INSERT INTO footprints_tally (release_id, kind_id, "on", change)
    SELECT release_id, kind_id, "on", sum(change) FROM ({" UNION ALL ".join(parts)}) AS counted
    GROUP BY release_id, kind_id, "on" HAVING sum(change) <> 0
    ON CONFLICT (release_id, kind_id, "on")
    DO UPDATE SET change = footprints_tally.change + excluded.change;
"""


def learnt(table):
    return f"""
    INSERT INTO footprints_ofkind (kind_id, code, organisation_id)
    SELECT DISTINCT version.kind_id, organisation.code, version.organisation_id
    FROM {table} AS version
    JOIN footprints_organisation AS organisation ON organisation.id = version.organisation_id
    ON CONFLICT DO NOTHING;
    INSERT INTO footprints_word (word, versions)
    SELECT lexeme, count(*) FROM {table} AS version, unnest(version.words)
    GROUP BY lexeme
    ON CONFLICT (word) DO UPDATE SET versions = footprints_word.versions + excluded.versions;
"""


# DELETE, since a trigger of a TRUNCATE may not truncate what the statement names itself.
FORGOTTEN = """
    DELETE FROM footprints_tally;
    DELETE FROM footprints_ofkind;
    DELETE FROM footprints_word;
"""
TRIGGERS = f"""
CREATE FUNCTION footprints_versions_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {FORGOTTEN}
    RETURN NULL;
END $$;
CREATE TRIGGER versions_gone AFTER TRUNCATE ON footprints_version
    FOR EACH STATEMENT EXECUTE FUNCTION footprints_versions_gone();
CREATE FUNCTION footprints_version_arrived() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {tallied(("arrived", 1))}
    {learnt("arrived")}
    RETURN NULL;
END $$;
CREATE FUNCTION footprints_version_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {tallied(("after_it", 1), ("before_it", -1))}
    RETURN NULL;
END $$;
CREATE FUNCTION footprints_code_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE footprints_ofkind SET code = NEW.code WHERE organisation_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER version_arrived AFTER INSERT ON footprints_version
    REFERENCING NEW TABLE AS arrived
    FOR EACH STATEMENT EXECUTE FUNCTION footprints_version_arrived();
CREATE TRIGGER version_changed AFTER UPDATE ON footprints_version
    REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
    FOR EACH STATEMENT EXECUTE FUNCTION footprints_version_changed();
CREATE TRIGGER organisation_code_changed AFTER UPDATE OF code ON footprints_organisation
    FOR EACH ROW WHEN (OLD.code IS DISTINCT FROM NEW.code)
    EXECUTE FUNCTION footprints_code_changed();
CREATE FUNCTION footprints_derive() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    {FORGOTTEN}
    {tallied(("footprints_version", 1))}
    {learnt("footprints_version")}
END $$;
"""
NO_TRIGGERS = """
DROP TRIGGER versions_gone ON footprints_version;
DROP TRIGGER version_arrived ON footprints_version;
DROP TRIGGER version_changed ON footprints_version;
DROP TRIGGER organisation_code_changed ON footprints_organisation;
DROP FUNCTION footprints_versions_gone, footprints_version_arrived, footprints_version_changed,
    footprints_code_changed, footprints_derive;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('footprints', '0007_say_who_applies_a_report'),
    ]

    operations = [
        migrations.RunSQL(WORDS, "DROP FUNCTION footprints_words"),
        migrations.CreateModel(
            name='OfKind',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=20)),
            ],
        ),
        migrations.CreateModel(
            name='Tally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField()),
                ('change', models.IntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Word',
            fields=[
                ('word', models.TextField(primary_key=True, serialize=False)),
                ('versions', models.IntegerField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name='identifier',
            name='identifier_organisation',
        ),
        migrations.RemoveIndex(
            model_name='identifier',
            name='identifier_value',
        ),
        migrations.RemoveIndex(
            model_name='leadprovider',
            name='leadprovider_collab',
        ),
        migrations.RemoveIndex(
            model_name='leadprovider',
            name='leadprovider_provider',
        ),
        migrations.RemoveIndex(
            model_name='move',
            name='move_child',
        ),
        migrations.RemoveIndex(
            model_name='relationship',
            name='relationship_child',
        ),
        migrations.RemoveIndex(
            model_name='relationship',
            name='relationship_parent',
        ),
        migrations.RemoveIndex(
            model_name='succession',
            name='succession_predecessor',
        ),
        migrations.RemoveIndex(
            model_name='succession',
            name='succession_successor',
        ),
        migrations.RemoveIndex(
            model_name='version',
            name='version_organisation',
        ),
        migrations.RemoveIndex(
            model_name='version',
            name='version_name',
        ),
        migrations.RemoveIndex(
            model_name='version',
            name='version_kind_name',
        ),
        migrations.RemoveIndex(
            model_name='version',
            name='version_name_trgm',
        ),
        migrations.AddIndex(
            model_name='identifier',
            index=models.Index(fields=['organisation'], name='identifier_organisation'),
        ),
        migrations.AddIndex(
            model_name='identifier',
            index=models.Index(django.contrib.postgres.indexes.OpClass('value', name='varchar_pattern_ops'), name='identifier_value_starts'),
        ),
        migrations.AddIndex(
            model_name='leadprovider',
            index=models.Index(fields=['collaborative'], name='leadprovider_collab'),
        ),
        migrations.AddIndex(
            model_name='leadprovider',
            index=models.Index(fields=['provider'], name='leadprovider_provider'),
        ),
        migrations.AddIndex(
            model_name='move',
            index=models.Index(fields=['child'], name='move_child'),
        ),
        migrations.AddIndex(
            model_name='organisation',
            index=models.Index(condition=models.Q(('is_provisional', True)), fields=['id'], name='organisation_provisional'),
        ),
        migrations.AddIndex(
            model_name='population',
            index=models.Index(fields=['organisation'], name='population_organisation'),
        ),
        migrations.AddIndex(
            model_name='relationship',
            index=models.Index(fields=['child', 'type'], include=('parent', 'opened_on', 'closed_on', 'asserted_by', 'retracted_by'), name='relationship_child'),
        ),
        migrations.AddIndex(
            model_name='relationship',
            index=models.Index(fields=['parent', 'type'], include=('child', 'opened_on', 'closed_on', 'asserted_by', 'retracted_by'), name='relationship_parent'),
        ),
        migrations.AddIndex(
            model_name='succession',
            index=models.Index(fields=['predecessor'], name='succession_predecessor'),
        ),
        migrations.AddIndex(
            model_name='succession',
            index=models.Index(fields=['successor'], name='succession_successor'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(fields=['organisation'], include=('opened_on', 'closed_on', 'asserted_by', 'retracted_by'), name='version_organisation'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(django.db.models.functions.text.Lower('name'), models.F('id'), name='version_name'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(models.F('kind'), django.db.models.functions.text.Lower('name'), models.F('id'), name='version_kind_name'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(django.db.models.functions.comparison.Coalesce('opened_on', models.Value(datetime.date(1, 1, 1))), models.F('id'), name='version_since'),
        ),
        migrations.AddIndex(
            model_name='version',
            index=models.Index(models.F('kind'), django.db.models.functions.comparison.Coalesce('opened_on', models.Value(datetime.date(1, 1, 1))), models.F('id'), name='version_kind_since'),
        ),
        migrations.RunSQL(COLUMN, "ALTER TABLE footprints_version DROP COLUMN words"),
        migrations.AddField(
            model_name='ofkind',
            name='kind',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='footprints.kind'),
        ),
        migrations.AddField(
            model_name='ofkind',
            name='organisation',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='kinds', to='footprints.organisation'),
        ),
        migrations.AddField(
            model_name='tally',
            name='kind',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='footprints.kind'),
        ),
        migrations.AddField(
            model_name='tally',
            name='release',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='footprints.release'),
        ),
        migrations.AddIndex(
            model_name='word',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.indexes.OpClass('word', name='gin_trgm_ops'), name='word_trgm'),
        ),
        migrations.AddConstraint(
            model_name='ofkind',
            constraint=models.UniqueConstraint(fields=('kind', 'code', 'organisation'), name='ofkind_by_code'),
        ),
        migrations.AddConstraint(
            model_name='tally',
            constraint=models.UniqueConstraint(fields=('release', 'kind', 'on'), name='tally_one_a_release_kind_and_day'),
        ),
        migrations.RunSQL(TRIGGERS, NO_TRIGGERS),
        migrations.RunSQL("SELECT footprints_derive()", migrations.RunSQL.noop),
    ]
