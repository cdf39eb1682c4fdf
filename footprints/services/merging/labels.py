"""Labels: the codes that other schemes give a body, as they are on the report's day."""

from .lives import PROTECTED

# As lives, they are written while the report is still being read. What it gave a code already.
LABELLED = """
CREATE TEMP TABLE labelled (
    organisation_id bigint, scheme text, PRIMARY KEY (organisation_id, scheme)
) ON COMMIT DROP
"""

UNPLACED = """
INSERT INTO staged_finding
SELECT line, 'unplaced', 'unknown organisation', code, code || ' is not in the register'
FROM staged_label AS label
WHERE NOT EXISTS (SELECT FROM footprints_organisation AS body WHERE body.code = label.code)
"""

# Of a body whose code nobody had there is none to compare with, but those that the report gave it
# before; and it goes without a start.
UNHEARD = """
INSERT INTO footprints_identifier
    (organisation_id, scheme, value, source, note, asserted_by_id)
SELECT DISTINCT ON (organisation_id, scheme) organisation_id, scheme, value, %(title)s, '',
       %(release)s
FROM staged_label AS staged JOIN named_body AS named USING (code)
WHERE named.is_unheard AND NOT EXISTS (
    SELECT FROM footprints_identifier AS fact
    WHERE fact.organisation_id = named.organisation_id AND fact.scheme = staged.scheme)
ORDER BY organisation_id, scheme, staged.line
"""
UNHEARD_PLACED = """
DELETE FROM staged_label AS staged USING named_body AS named
WHERE named.code = staged.code AND named.is_unheard
"""

LABELS = """
CREATE TEMP TABLE label ON COMMIT DROP AS
SELECT DISTINCT ON (organisation.id, scheme)
       organisation.id AS organisation_id, scheme, value, line, code
FROM staged_label AS staged JOIN footprints_organisation AS organisation USING (code)
WHERE NOT EXISTS (
    SELECT FROM labelled
    WHERE labelled.organisation_id = organisation.id AND labelled.scheme = staged.scheme)
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

KEEP = """
INSERT INTO labelled (organisation_id, scheme) SELECT organisation_id, scheme FROM label
"""
# A label may come before its body does: what has none is left for later.
PLACED = """
DELETE FROM staged_label AS staged USING footprints_organisation AS organisation
WHERE organisation.code = staged.code
"""

OTHERWISE = """
INSERT INTO staged_finding
SELECT line, 'anomaly', 'the register holds otherwise', code,
       code || ' has ' || value || ' in the report, ' || coalesce(shown, 'none')
       || ' on that day in the register'
FROM label_case WHERE is_protected AND value IS DISTINCT FROM shown
"""


COMPARE = f"""
DROP TABLE IF EXISTS label, held_label, label_case;
{LABELS};
CREATE INDEX ON label (organisation_id);
ANALYZE label;
{HELD};
CREATE INDEX ON held_label (organisation_id);
ANALYZE held_label;
{CASES};
CREATE INDEX ON label_case (organisation_id);
ANALYZE label_case
"""


def begin(cursor):
    cursor.execute("DROP TABLE IF EXISTS labelled")
    cursor.execute(LABELLED)


def add(cursor, given: dict):
    """Write the labels staged of bodies whose code nobody had."""
    cursor.execute(f"{UNHEARD}; {UNHEARD_PLACED}", given)


def compare(cursor, given: dict):
    """Lay out what is new in the labels staged, of bodies that the register knows by now."""
    cursor.execute(COMPARE, given)


def doubts(cursor, given: dict):
    cursor.execute(OTHERWISE, given)


def write(cursor, given: dict):
    """Write what is wanted, and make room for other labels."""
    cursor.execute(f"{RETRACT}; {ASSERT}; {KEEP}; {PLACED}", given)


def doubt_unplaced(cursor):
    """Once all lives are written: labels of no body."""
    cursor.execute(UNPLACED)
