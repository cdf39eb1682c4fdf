"""Labels: the codes that other schemes give a body, as they are on the report's day."""

from .lives import PROTECTED

UNPLACED = """
INSERT INTO staged_finding
SELECT line, 'unplaced', 'unknown organisation', code, code || ' is not in the register'
FROM staged_label AS label
WHERE NOT EXISTS (SELECT FROM footprints_organisation AS body WHERE body.code = label.code)
"""

LABELS = """
CREATE TEMP TABLE label ON COMMIT DROP AS
SELECT DISTINCT ON (organisation.id, scheme)
       organisation.id AS organisation_id, scheme, value, line, code
FROM staged_label JOIN footprints_organisation AS organisation USING (code)
ORDER BY organisation.id, scheme, line
"""

HELD = f"""
CREATE TEMP TABLE held_label ON COMMIT DROP AS
SELECT fact.id, organisation_id, scheme, fact.value, fact.opened_on, fact.closed_on, fact.source,
       fact.note, {PROTECTED} AS is_protected
FROM footprints_identifier AS fact
JOIN label USING (organisation_id, scheme)
JOIN footprints_release AS news ON news.id = coalesce(fact.origin_id, fact.asserted_by_id)
WHERE fact.retracted_by_id IS NULL
"""

# A label that is new to the body is not known to have begun: it holds for earlier days too.
CASES = """
CREATE TEMP TABLE label_case ON COMMIT DROP AS
SELECT label.*, held.*
FROM label CROSS JOIN LATERAL (
    SELECT count(*) AS held, coalesce(bool_or(is_protected), false) AS is_protected,
           max(value) FILTER (WHERE daterange(opened_on, closed_on) @> %(day)s::date) AS shown
    FROM held_label
    WHERE held_label.organisation_id = label.organisation_id AND held_label.scheme = label.scheme
) AS held
"""

RETRACT = """
UPDATE footprints_identifier AS fact SET retracted_by_id = %(release)s
FROM held_label AS held JOIN label_case AS claim USING (organisation_id, scheme)
WHERE fact.id = held.id AND NOT claim.is_protected AND claim.value IS DISTINCT FROM claim.shown
  AND (held.closed_on IS NULL OR held.closed_on > %(day)s)
"""

ASSERT = """
INSERT INTO footprints_identifier
    (organisation_id, scheme, value, opened_on, closed_on, source, note, asserted_by_id)
SELECT organisation_id, scheme, held.value, held.opened_on, %(day)s, held.source, held.note,
       %(release)s
FROM held_label AS held JOIN label_case AS claim USING (organisation_id, scheme)
WHERE NOT claim.is_protected AND claim.value IS DISTINCT FROM claim.shown
  AND (held.closed_on IS NULL OR held.closed_on > %(day)s)
  AND (held.opened_on IS NULL OR held.opened_on < %(day)s)
UNION ALL
SELECT organisation_id, scheme, value, CASE WHEN held > 0 THEN %(day)s::date END, NULL,
       %(title)s, '', %(release)s
FROM label_case AS claim
WHERE NOT is_protected AND value IS DISTINCT FROM shown
"""

OTHERWISE = """
INSERT INTO staged_finding
SELECT line, 'anomaly', 'the register holds otherwise', code,
       code || ' has ' || value || ' in the report, ' || coalesce(shown, 'none')
       || ' on that day in the register'
FROM label_case WHERE is_protected AND value IS DISTINCT FROM shown
"""


def compare(cursor, given: dict):
    cursor.execute("DROP TABLE IF EXISTS label, held_label, label_case")
    cursor.execute(UNPLACED)
    for table, statement in (("label", LABELS), ("held_label", HELD), ("label_case", CASES)):
        cursor.execute(statement, given)
        cursor.execute(f"CREATE INDEX ON {table} (organisation_id)")
        cursor.execute(f"ANALYZE {table}")


def write(cursor, given: dict):
    cursor.execute(RETRACT, given)
    cursor.execute(ASSERT, given)


def doubts(cursor, given: dict):
    cursor.execute(OTHERWISE, given)
