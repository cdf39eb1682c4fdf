"""Bodies that a source named before and no longer names."""

from ...reports import Authority
from ...reports.claims import Absence

MISSING = """
CREATE TEMP TABLE missing_life ON COMMIT DROP AS
SELECT version.id, version.organisation_id, organisation.code
FROM footprints_version AS version
JOIN footprints_release AS news ON news.id = coalesce(version.origin_id, version.asserted_by_id)
JOIN footprints_organisation AS organisation ON organisation.id = version.organisation_id
WHERE version.retracted_by_id IS NULL AND news.source = %(source)s
  AND daterange(version.opened_on, version.closed_on) @> %(day)s::date
  AND {absent}
"""
# Of a whole report: what it does not name. Of what changed in it: what it says is missing.
UNNAMED = """
NOT EXISTS (SELECT FROM named_body AS named WHERE named.organisation_id = version.organisation_id)
"""
SAID = "organisation.code IN (SELECT code FROM staged_missing)"

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


def note(cursor, authority: Authority, given: dict, *, is_whole: bool):
    """Note what is missing from the report; close it where absence means gone."""
    cursor.execute("DROP TABLE IF EXISTS missing_life")
    cursor.execute(MISSING.format(absent=UNNAMED if is_whole else SAID), given)
    gone = authority.absence == Absence.GONE
    cursor.execute(NOTED, {**given, "gone": gone})
    if gone:
        cursor.execute(CLOSE, given)
