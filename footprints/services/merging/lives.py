"""Lives: what bodies are called, what kind of thing they are, from when to when."""

# News that stands against this report: a person's, and what is newer than the report.
PROTECTED = """
(news.kind IN ('entry', 'event') OR news.published_on IS NULL
 OR (news.published_on, news.source) > (%(day)s, %(source)s))
"""

# Lives are written while the report is still being read, some thousand bodies at a time. Each body
# that it named so far: where, whether the register knew no life of it, and whether it did not even
# have its code, so that there is nothing to compare.
NAMED = """
CREATE TEMP TABLE named_body (
    code text PRIMARY KEY, organisation_id bigint, line int, is_new boolean, is_unheard boolean
) ON COMMIT DROP
"""

NAMED_TWICE = """
INSERT INTO staged_finding
SELECT line, 'unplaced', 'named twice', code, code || ' is named in line ' || first || ' already'
FROM (
    SELECT staged.line, code,
           coalesce(named.line, min(staged.line) OVER (PARTITION BY code)) AS first
    FROM staged_life AS staged LEFT JOIN named_body AS named USING (code)
) AS life
WHERE line > first
"""

# A body of a code that nobody has is what the report says it is; a first load has no other.
UNHEARD = """
CREATE TEMP TABLE unheard_life ON COMMIT DROP AS
SELECT nextval(pg_get_serial_sequence('footprints_organisation', 'id')) AS organisation_id, life.*
FROM (
    SELECT DISTINCT ON (code) staged.* FROM staged_life AS staged
    WHERE NOT EXISTS (SELECT FROM footprints_organisation AS body WHERE body.code = staged.code)
    ORDER BY code, line
) AS life
"""
OPEN = """
INSERT INTO footprints_organisation (id, code, is_provisional)
SELECT organisation_id, code, false FROM unheard_life;
INSERT INTO footprints_version
    (organisation_id, kind_id, name, opened_on, closed_on, source, note, asserted_by_id)
SELECT organisation_id, kind, name, greatest(opened_on, since), closed_on, %(title)s, '',
       %(release)s
FROM unheard_life;
INSERT INTO named_body (code, organisation_id, line, is_new, is_unheard)
SELECT code, organisation_id, line, true, true FROM unheard_life
"""

LIVES = """
CREATE TEMP TABLE life ON COMMIT DROP AS
SELECT DISTINCT ON (organisation.id) organisation.id AS organisation_id, staged.*
FROM staged_life AS staged JOIN footprints_organisation AS organisation USING (code)
WHERE NOT EXISTS (SELECT FROM named_body AS named WHERE named.code = staged.code)
ORDER BY organisation.id, line
"""

HELD = f"""
CREATE TEMP TABLE held_life ON COMMIT DROP AS
SELECT version.id, version.organisation_id, version.kind_id, version.name, version.opened_on,
       version.closed_on, version.source, version.note, news.source AS said_by,
       {PROTECTED} AS is_protected,
       daterange(version.opened_on, version.closed_on) @> %(day)s::date AS is_of_the_day,
       row_number() OVER of_the_body AS place,
       count(*) OVER (PARTITION BY version.organisation_id) AS places
FROM footprints_version AS version
JOIN life USING (organisation_id)
JOIN footprints_release AS news ON news.id = coalesce(version.origin_id, version.asserted_by_id)
WHERE version.retracted_by_id IS NULL
WINDOW of_the_body AS (
    PARTITION BY version.organisation_id ORDER BY version.opened_on NULLS FIRST)
"""

# A supplier numbers its bricks as it likes, and may hit upon a code of the NHS's: whoever came
# first keeps the code, for everything that is known of a body hangs on it.
REFUSED = """
CREATE TEMP TABLE refused_life (
    organisation_id bigint PRIMARY KEY, code text, line int, text text
) ON COMMIT DROP
"""
REFUSE = """
INSERT INTO refused_life (organisation_id, code, line, text)
SELECT DISTINCT ON (life.organisation_id) life.organisation_id, life.code, life.line,
       life.code || ' belongs to ' || held.name || ' (' || had.name
       || ') in the register: it is not taken for ' || life.name || ' (' || said.name || ')'
FROM life JOIN held_life AS held USING (organisation_id)
JOIN footprints_kind AS said ON said.code = life.kind
JOIN footprints_kind AS had ON had.code = held.kind_id
WHERE (said.family = %(supplier)s) <> (had.family = %(supplier)s)
ORDER BY life.organisation_id, held.place DESC
ON CONFLICT DO NOTHING;
DELETE FROM life USING refused_life AS refused
WHERE refused.organisation_id = life.organisation_id;
DELETE FROM held_life AS held USING refused_life AS refused
WHERE refused.organisation_id = held.organisation_id;
DELETE FROM staged_label AS staged USING refused_life AS refused
WHERE refused.code = staged.code
"""
DOUBT_REFUSED = """
INSERT INTO staged_finding
SELECT line, 'unplaced', 'code of another body', code, text FROM refused_life;
DELETE FROM staged_bond AS bond USING refused_life AS refused WHERE refused.code = bond.child
"""

# From when a change holds: a kind from the day that the report gives it, a name of the same kind
# from the report's day, for names of days gone by are not published.
CHANGES_ON = """
CASE WHEN life.kind <> shown.kind_id THEN coalesce(life.since, %(day)s::date)
     ELSE %(day)s::date END
"""

# One row a body that is held: what the report says of it beside what is held.
CASES = f"""
CREATE TEMP TABLE life_case ON COMMIT DROP AS
SELECT life.*, held.*,
       {CHANGES_ON} AS changes_on,
       held.last_closed IS NOT NULL AND life.opened_on >= held.last_closed AS reopens,
       NOT (held.last_closed IS NOT NULL AND life.opened_on >= held.last_closed)
           AND (lower(life.name) <> lower(shown.name) OR life.kind <> shown.kind_id)
           AND {CHANGES_ON} < coalesce(life.closed_on, 'infinity')
           AS changes,
       shown.name AS shown_name, shown.kind_id AS shown_kind
FROM life
JOIN (
    SELECT organisation_id AS body, bool_or(is_protected) AS is_protected,
           bool_or(place = 1 AND said_by = %(source)s) AS is_its_own,
           max(closed_on) FILTER (WHERE place = places) AS last_closed,
           min(opened_on) FILTER (WHERE place = 1) AS first_opened
    FROM held_life GROUP BY organisation_id
) AS held ON held.body = life.organisation_id
JOIN (
    SELECT DISTINCT ON (organisation_id) organisation_id AS body, name, kind_id FROM held_life
    ORDER BY organisation_id, is_of_the_day DESC, place DESC
) AS shown ON shown.body = life.organisation_id
"""

# What is held of a body the report speaks of, cut where it changes, ended where it ends; then
# what the report adds. Its first day is believed where the same source gave the one held.
WANTED = """
CREATE TEMP TABLE wanted_life ON COMMIT DROP AS
SELECT * FROM (
    SELECT held.id, held.organisation_id, held.kind_id, held.name, held.source, held.note,
           CASE WHEN held.place = 1 AND claim.is_its_own AND NOT claim.reopens
                     AND claim.opened_on IS NOT NULL
                THEN greatest(claim.opened_on,
                              CASE WHEN held.kind_id = claim.kind THEN claim.since END)
                ELSE held.opened_on END AS opened_on,
           nullif(least(
               CASE WHEN held.place = held.places AND NOT claim.reopens
                    THEN coalesce(claim.closed_on, 'infinity')
                    ELSE coalesce(held.closed_on, 'infinity') END,
               CASE WHEN claim.changes THEN claim.changes_on END,
               CASE WHEN NOT claim.reopens THEN claim.closed_on END
           ), 'infinity') AS closed_on
    FROM held_life AS held
    JOIN life_case AS claim ON claim.organisation_id = held.organisation_id
    WHERE NOT claim.is_protected
) AS kept
WHERE opened_on IS NULL OR closed_on IS NULL OR opened_on < closed_on
UNION ALL
SELECT NULL, organisation_id, kind, name, %(title)s, '',
       CASE WHEN reopens THEN opened_on ELSE changes_on END, closed_on
FROM life_case WHERE (changes OR reopens) AND NOT is_protected
UNION ALL
SELECT NULL, organisation_id, kind, name, %(title)s, '', greatest(opened_on, since), closed_on
FROM life WHERE NOT EXISTS (
    SELECT FROM held_life AS held WHERE held.organisation_id = life.organisation_id)
"""

UNCHANGED = """
DELETE FROM wanted_life AS wanted USING held_life AS held
WHERE held.id = wanted.id AND held.opened_on IS NOT DISTINCT FROM wanted.opened_on
  AND held.closed_on IS NOT DISTINCT FROM wanted.closed_on
RETURNING wanted.id
"""

RETRACT = f"""
WITH unchanged AS ({UNCHANGED})
UPDATE footprints_version AS version SET retracted_by_id = %(release)s
FROM held_life AS held JOIN life_case AS claim ON claim.organisation_id = held.organisation_id
WHERE version.id = held.id AND NOT claim.is_protected
  AND held.id NOT IN (SELECT id FROM unchanged)
"""

ASSERT = """
INSERT INTO footprints_version
    (organisation_id, kind_id, name, opened_on, closed_on, source, note, asserted_by_id)
SELECT organisation_id, kind_id, name, opened_on, closed_on, source, note, %(release)s
FROM wanted_life
"""

KEEP = """
INSERT INTO named_body (code, organisation_id, line, is_new, is_unheard)
SELECT code, organisation_id, line, NOT EXISTS (
    SELECT FROM held_life AS held WHERE held.organisation_id = life.organisation_id), false
FROM life
"""

# The register stands where it is newer, or a person's: the difference is shown.
OTHERWISE = """
INSERT INTO staged_finding
SELECT line, 'anomaly', 'the register holds otherwise', code,
       code || CASE
           WHEN closed_on IS DISTINCT FROM last_closed AND closed_on IS NOT NULL
               THEN ' closed on ' || (closed_on - 1) || ' in the report; in the register '
                    || coalesce('on ' || (last_closed - 1), 'it is open')
           WHEN closed_on IS NULL AND last_closed <= %(day)s
               THEN ' is open in the report; in the register it closed on ' || (last_closed - 1)
           ELSE ' is ' || name || ' in the report, ' || shown_name || ' in the register'
       END
FROM life_case
WHERE is_protected
  AND (closed_on IS NOT NULL AND closed_on IS DISTINCT FROM last_closed
       OR closed_on IS NULL AND last_closed <= %(day)s
       OR regexp_replace(lower(name), '[^a-z0-9]', '', 'g')
          <> regexp_replace(lower(shown_name), '[^a-z0-9]', '', 'g'))
"""

STARTS = """
INSERT INTO staged_finding
SELECT line, 'anomaly', 'operational day differs from the legal one', code,
       code || ' opened on ' || opened_on || ' in the report, on ' || first_opened
       || ' in the register'
FROM life_case
WHERE opened_on <> first_opened AND (is_protected OR NOT is_its_own) AND NOT reopens
"""

RECORDS = """
INSERT INTO staged_finding
SELECT record.line, 'anomaly', 'operational day differs from the legal one', record.code,
       concat_ws('; ',
           CASE WHEN record.opened_on <> held.first_opened
                THEN record.code || ' opened on ' || record.opened_on || ' in the report, on '
                     || held.first_opened || ' in the register' END,
           CASE WHEN record.closed_on IS NOT NULL
                     AND record.closed_on IS DISTINCT FROM held.last_closed
                THEN record.code || ' closed on ' || (record.closed_on - 1)
                     || ' in the report; in the register '
                     || coalesce('on ' || (held.last_closed - 1), 'it is open') END,
           CASE WHEN record.closed_on IS NULL AND held.last_closed <= %(day)s
                THEN record.code || ' is open in the report; in the register it closed on '
                     || (held.last_closed - 1) END)
FROM staged_record AS record
JOIN footprints_organisation AS organisation USING (code)
JOIN LATERAL (
    SELECT CASE WHEN bool_and(opened_on IS NOT NULL) THEN min(opened_on) END AS first_opened,
           CASE WHEN bool_and(closed_on IS NOT NULL) THEN max(closed_on) END AS last_closed
    FROM footprints_version
    WHERE organisation_id = organisation.id AND retracted_by_id IS NULL
) AS held ON true
WHERE record.opened_on <> held.first_opened
   OR record.closed_on IS NOT NULL AND record.closed_on IS DISTINCT FROM held.last_closed
   OR record.closed_on IS NULL AND held.last_closed <= %(day)s
"""

UNKNOWN_RECORDS = """
INSERT INTO staged_finding
SELECT line, 'unplaced', 'unknown organisation', code,
       code || ' is not in the register, and this report may not open it'
FROM staged_record AS record
WHERE NOT EXISTS (SELECT FROM footprints_organisation AS body WHERE body.code = record.code)
"""


# Statements go together: after each answer this thread waits for the reader's to let it on.
ADD = f"""
DROP TABLE IF EXISTS unheard_life, life, held_life, life_case, wanted_life;
ANALYZE staged_life;
{NAMED_TWICE};
{UNHEARD};
ANALYZE unheard_life;
{OPEN}
"""
COMPARE = f"""
{LIVES};
{HELD};
CREATE INDEX ON life (organisation_id);
CREATE INDEX ON held_life (organisation_id);
ANALYZE life, held_life;
{REFUSE};
{CASES};
ANALYZE life_case;
{WANTED};
ANALYZE wanted_life
"""


def begin(cursor):
    cursor.execute("DROP TABLE IF EXISTS named_body, refused_life")
    cursor.execute(NAMED)
    cursor.execute(REFUSED)


def add(cursor, given: dict):
    """Write the lives staged of bodies whose code nobody has."""
    cursor.execute(ADD, given)


def compare(cursor, given: dict):
    """Lay out what the report wants of the other lives: ``wanted_life`` and what it replaces."""
    cursor.execute(COMPARE, given)


def doubts(cursor, given: dict):
    cursor.execute(f"{OTHERWISE}; {STARTS}", given)


def write(cursor, given: dict):
    """Write what is wanted, and make room for the lives of other bodies."""
    cursor.execute(f"{RETRACT}; {ASSERT}; {KEEP}; TRUNCATE staged_life", given)


def doubt_records(cursor, given: dict):
    """Once all lives are written: what is odd in records of which none is, and lives refused."""
    cursor.execute(f"{RECORDS}; {UNKNOWN_RECORDS}; {DOUBT_REFUSED}", given)
