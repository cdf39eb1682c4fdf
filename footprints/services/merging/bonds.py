"""Bonds: which parent a body has in each of its places, from when to when."""

from ...reports import Authority
from .lives import PROTECTED

SLOTS = """
CREATE TEMP TABLE slot (name text, type text, kind text) ON COMMIT DROP;
CREATE TEMP TABLE checked_slot (name text, kinds text[]) ON COMMIT DROP
"""

# Bodies that were ever of a kind that is a parent in the slot, as known now; and bodies of which
# nothing is known: an older report may name what only a newer one opens.
PARENTS = """
CREATE TEMP TABLE slot_parent ON COMMIT DROP AS
SELECT DISTINCT slot.name AS slot, slot.type, version.organisation_id
FROM slot JOIN footprints_version AS version
     ON version.kind_id = slot.kind AND version.retracted_by_id IS NULL
UNION
SELECT slot.name, slot.type, organisation.id
FROM slot CROSS JOIN footprints_organisation AS organisation
WHERE NOT EXISTS (
    SELECT FROM footprints_version AS version
    WHERE version.organisation_id = organisation.id AND version.retracted_by_id IS NULL)
"""

UNPLACED = """
INSERT INTO staged_finding
SELECT line, 'unplaced',
       CASE WHEN parent.id IS NULL OR child.id IS NULL THEN 'unknown organisation'
            WHEN parent.id = child.id THEN 'self-link' ELSE 'parent of another kind' END,
       CASE WHEN child.id IS NULL THEN bond.child ELSE bond.parent END,
       CASE WHEN child.id IS NULL
                THEN bond.child || ' is not in the register, so it is placed nowhere'
            WHEN parent.id IS NULL
                THEN bond.parent || ', where ' || bond.child || ' is, is not in the register'
            WHEN parent.id = child.id THEN bond.child || ' is in itself'
            ELSE bond.parent || ', where ' || bond.child || ' is, was never '
                 || 'the kind of body that has such members' END
FROM staged_bond AS bond
LEFT JOIN footprints_organisation AS child ON child.code = bond.child
LEFT JOIN footprints_organisation AS parent ON parent.code = bond.parent
LEFT JOIN slot_parent ON slot_parent.slot = bond.slot
     AND slot_parent.organisation_id = parent.id
WHERE child.id IS NULL OR slot_parent.slot IS NULL OR child.id = parent.id
"""

# Of slots that check their children: those that were never of a kind that has such a place.
MISTAKEN = """
WITH mistaken AS (
    DELETE FROM staged_bond AS bond USING footprints_organisation AS child, checked_slot
    WHERE child.code = bond.child AND checked_slot.name = bond.slot
      AND EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = child.id AND version.retracted_by_id IS NULL)
      AND NOT EXISTS (
          SELECT FROM footprints_version AS version
          WHERE version.organisation_id = child.id AND version.retracted_by_id IS NULL
            AND version.kind_id = ANY (checked_slot.kinds))
    RETURNING bond.line, bond.child, bond.parent
)
INSERT INTO staged_finding
SELECT line, 'unplaced', 'child of another kind', child,
       child || ' was never the kind of body that is in such as ' || parent
FROM mistaken
"""

# One row a child, slot, parent and unbroken period; as-at claims reach from the report's day on.
BONDS = """
CREATE TEMP TABLE bond ON COMMIT DROP AS
SELECT child_id, slot, type, parent_id, is_as_at, min(line) AS line,
       unnest(range_agg(daterange(opened_on, closed_on))) AS period
FROM (
    SELECT child.id AS child_id, bond.slot, slot_parent.type, parent.id AS parent_id, bond.line,
           bond.opened_on IS NULL AS is_as_at, coalesce(bond.opened_on, %(day)s) AS opened_on,
           bond.closed_on
    FROM staged_bond AS bond
    JOIN footprints_organisation AS child ON child.code = bond.child
    JOIN footprints_organisation AS parent ON parent.code = bond.parent
    JOIN slot_parent ON slot_parent.slot = bond.slot
         AND slot_parent.organisation_id = parent.id
    WHERE child.id <> parent.id
      AND (bond.opened_on IS NOT NULL OR bond.closed_on IS NULL OR bond.closed_on > %(day)s)
) AS placed
GROUP BY child_id, slot, type, parent_id, is_as_at
"""

HELD = f"""
CREATE TEMP TABLE held_bond ON COMMIT DROP AS
SELECT fact.id, fact.child_id, slot_parent.slot, fact.type, fact.parent_id,
       daterange(fact.opened_on, fact.closed_on) AS period, fact.source, fact.note,
       {PROTECTED} AS is_protected
FROM footprints_relationship AS fact
JOIN slot_parent ON slot_parent.organisation_id = fact.parent_id AND slot_parent.type = fact.type
JOIN (SELECT DISTINCT child_id, slot FROM bond) AS spoken
     ON spoken.child_id = fact.child_id AND spoken.slot = slot_parent.slot
JOIN footprints_release AS news ON news.id = coalesce(fact.origin_id, fact.asserted_by_id)
WHERE fact.retracted_by_id IS NULL
"""

# The report's place says what is held already: what holds on its day goes on as it is.
SETTLED = """
CREATE TEMP TABLE settled_bond ON COMMIT DROP AS
SELECT held.id, bond.child_id, bond.slot, bond.parent_id
FROM bond JOIN held_bond AS held USING (child_id, slot, parent_id)
WHERE bond.is_as_at AND held.period @> %(day)s::date
   OR NOT bond.is_as_at AND held.period = bond.period
"""

FRESH = """
CREATE TEMP TABLE fresh_bond ON COMMIT DROP AS
SELECT * FROM bond WHERE NOT EXISTS (
    SELECT FROM settled_bond AS settled
    WHERE settled.child_id = bond.child_id AND settled.slot = bond.slot
      AND settled.parent_id = bond.parent_id)
"""

STANDS = """
EXISTS (SELECT FROM held_bond AS standing WHERE standing.child_id = {0}.child_id
        AND standing.slot = {0}.slot AND standing.is_protected)
"""

WANTED = f"""
CREATE TEMP TABLE wanted_bond ON COMMIT DROP AS
SELECT NULL::bigint AS id, child_id, slot, type, parent_id, period,
       %(title)s::text AS source, ''::text AS note
FROM fresh_bond WHERE NOT {STANDS.format("fresh_bond")}
UNION ALL
SELECT held.id, held.child_id, held.slot, held.type, held.parent_id, left_over.period,
       held.source, held.note
FROM held_bond AS held
CROSS JOIN LATERAL (
    SELECT unnest(datemultirange(held.period) - coalesce((
        SELECT range_agg(bond.period) FROM bond
        WHERE bond.child_id = held.child_id AND bond.slot = held.slot
          AND bond.parent_id <> held.parent_id
          -- Several parents at once in one report: each stands beside the others.
          AND NOT EXISTS (
            SELECT FROM bond AS beside
            WHERE beside.child_id = held.child_id AND beside.slot = held.slot
              AND beside.parent_id = held.parent_id AND beside.period && bond.period)
    ), '{{}}')) AS period
) AS left_over
WHERE NOT {STANDS.format("held")}
  -- What the report says anew of the same parent takes the place of what was held.
  AND NOT EXISTS (
    SELECT FROM fresh_bond AS fresh
    WHERE fresh.child_id = held.child_id AND fresh.slot = held.slot
      AND fresh.parent_id = held.parent_id
      AND (fresh.period && held.period
           OR NOT fresh.is_as_at AND fresh.period -|- held.period))
"""

RETRACT = f"""
WITH unchanged AS (
    DELETE FROM wanted_bond AS wanted USING held_bond AS held
    WHERE held.id = wanted.id AND held.period = wanted.period RETURNING wanted.id
)
UPDATE footprints_relationship AS fact SET retracted_by_id = %(release)s
FROM held_bond AS held
WHERE fact.id = held.id AND held.id NOT IN (SELECT id FROM unchanged)
  AND NOT {STANDS.format("held")}
"""

ASSERT = """
INSERT INTO footprints_relationship
    (child_id, parent_id, type, opened_on, closed_on, source, note, asserted_by_id)
SELECT child_id, parent_id, type, lower(period), upper(period), source, note, %(release)s
FROM wanted_bond
"""

OTHERWISE = """
INSERT INTO staged_finding
SELECT bond.line, 'anomaly', 'the register holds otherwise', child.code,
       child.code || ' is in ' || parent.code || ' in the report, on that day in '
       || coalesce(held.codes, 'none') || ' in the register'
FROM (
    SELECT child_id, slot,
           array_agg(parent_id) FILTER (WHERE period @> %(day)s::date) AS parents,
           string_agg(DISTINCT other.code, ', ') FILTER (WHERE period @> %(day)s::date) AS codes
    FROM held_bond JOIN footprints_organisation AS other ON other.id = held_bond.parent_id
    GROUP BY child_id, slot HAVING bool_or(is_protected)
) AS held
JOIN bond USING (child_id, slot)
JOIN footprints_organisation AS child ON child.id = bond.child_id
JOIN footprints_organisation AS parent ON parent.id = bond.parent_id
WHERE bond.period @> %(day)s::date
  AND NOT bond.parent_id = ANY(coalesce(held.parents, '{}'))
"""


def compare(cursor, authority: Authority, given: dict):
    """Lay out what the report wants of its slots: ``wanted_bond`` and what it replaces."""
    cursor.execute(
        "DROP TABLE IF EXISTS slot, checked_slot, slot_parent, bond, held_bond, settled_bond, "
        "fresh_bond, wanted_bond"
    )
    cursor.execute(SLOTS)
    with cursor.copy("COPY slot FROM STDIN") as copy:
        for slot in authority.slots:
            for kind in slot.parents:
                copy.write_row((slot.name, slot.type, kind))
    for slot in authority.slots:
        if slot.checks_children:
            checked = "INSERT INTO checked_slot VALUES (%s, %s)"
            cursor.execute(checked, [slot.name, sorted(slot.children)])
    cursor.execute(MISTAKEN)
    cursor.execute(PARENTS)
    cursor.execute("CREATE INDEX ON slot_parent (organisation_id)")
    cursor.execute("ANALYZE slot, slot_parent")
    cursor.execute(UNPLACED)
    for table, statement in (
        ("bond", BONDS),
        ("held_bond", HELD),
        ("settled_bond", SETTLED),
        ("fresh_bond", FRESH),
    ):
        cursor.execute(statement, given)
        cursor.execute(f"CREATE INDEX ON {table} (child_id)")
        cursor.execute(f"ANALYZE {table}")
    cursor.execute(WANTED, given)
    cursor.execute("ANALYZE wanted_bond")


def write(cursor, given: dict):
    cursor.execute(RETRACT, given)
    cursor.execute(ASSERT, given)


def doubts(cursor, given: dict):
    cursor.execute(OTHERWISE, given)
