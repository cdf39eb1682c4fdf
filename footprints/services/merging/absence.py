"""Bodies, and places of bodies, that a source named before and no longer names."""

from ...reports import Authority
from ...reports.claims import Absence
from .staging import UNREAD

MISSING = """
CREATE TEMP TABLE missing_life ON COMMIT DROP AS
SELECT version.id, version.organisation_id, organisation.code
FROM footprints_version AS version
JOIN footprints_release AS news ON news.id = coalesce(version.origin_id, version.asserted_by_id)
JOIN footprints_organisation AS organisation ON organisation.id = version.organisation_id
WHERE version.retracted_by_id IS NULL AND news.source = %(source)s
  AND daterange(version.opened_on, version.closed_on) @> %(day)s::date
  AND {absent} AND {read}
"""
# Of a whole report: what it does not name. Of what changed in it: what it says is missing.
UNNAMED = """
NOT EXISTS (SELECT FROM named_body AS named WHERE named.organisation_id = version.organisation_id)
"""
SAID = "organisation.code IN (SELECT code FROM staged_missing)"

# What stands in a line that could not be read is not missing.
READ = """
{0}.code NOT IN (SELECT code FROM staged_finding WHERE topic = %(unread)s)
"""

NOTED = """
INSERT INTO staged_finding
SELECT 0, 'anomaly', 'no longer named', code, code || ' was named by this source before, '
       || 'and is missing now' || CASE WHEN %(gone)s THEN ': taken as closed' ELSE '' END
FROM missing_life
"""

CLOSE = """
WITH closed AS (
    UPDATE footprints_version AS version SET retracted_by_id = %(release)s
    FROM missing_life WHERE version.id = missing_life.id RETURNING version.*
)
INSERT INTO footprints_version
    (organisation_id, kind_id, name, opened_on, closed_on, source, note, asserted_by_id)
SELECT organisation_id, kind_id, name, opened_on, %(day)s, source, note, %(release)s
FROM closed WHERE opened_on IS NULL OR opened_on < %(day)s
"""

# The report's own bonds of its places, of children of whom it says no place any more.
LEFT = f"""
CREATE TEMP TABLE left_bond ON COMMIT DROP AS
SELECT DISTINCT fact.id
FROM footprints_relationship AS fact
JOIN slot_parent ON slot_parent.organisation_id = fact.parent_id AND slot_parent.type = fact.type
JOIN footprints_release AS news ON news.id = coalesce(fact.origin_id, fact.asserted_by_id)
JOIN footprints_organisation AS child ON child.id = fact.child_id
JOIN footprints_organisation AS parent ON parent.id = fact.parent_id
WHERE fact.retracted_by_id IS NULL AND news.source = %(source)s
  AND daterange(fact.opened_on, fact.closed_on) @> %(day)s::date
  AND NOT EXISTS (
    SELECT FROM bond WHERE bond.child_id = fact.child_id AND bond.slot = slot_parent.slot)
  AND {READ.format("child")} AND {READ.format("parent")}
"""

END = """
WITH ended AS (
    UPDATE footprints_relationship AS fact SET retracted_by_id = %(release)s
    FROM left_bond WHERE fact.id = left_bond.id RETURNING fact.*
)
INSERT INTO footprints_relationship
    (child_id, parent_id, type, opened_on, closed_on, source, note, asserted_by_id)
SELECT child_id, parent_id, type, opened_on, %(day)s, source, note, %(release)s
FROM ended WHERE opened_on IS NULL OR opened_on < %(day)s
"""


def note(cursor, authority: Authority, given: dict, *, is_whole: bool):
    """Note what is missing from the report; end it where absence means gone.

    After the places: of these, too, what a whole report no longer says has ended.
    """
    given = {**given, "unread": UNREAD}
    cursor.execute("DROP TABLE IF EXISTS missing_life, left_bond")
    absent, read = UNNAMED if is_whole else SAID, READ.format("organisation")
    cursor.execute(MISSING.format(absent=absent, read=read), given)
    gone = authority.absence == Absence.GONE
    cursor.execute(NOTED, {**given, "gone": gone})
    if gone:
        cursor.execute(CLOSE, given)
        if is_whole:
            cursor.execute(LEFT, given)
            cursor.execute(END, given)
