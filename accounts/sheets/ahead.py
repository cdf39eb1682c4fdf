"""What undoing many sheets would do, counted in SQL: a rehearsal would take as long as the deed.

The statement says of each row what `undoing` would: a test keeps the two equal.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from django.db import connection

SHOWN = 50  # sheets with changes made since, named one by one


@dataclass
class Foreseen:
    """How many rows go, come back and stay as somebody made them; and in which sheets some stay.

    ``kept_in`` is flag, name of the plan, rows kept: the first of ``sheets`` that keep some.
    """

    goes: int = 0
    returns: int = 0
    kept: int = 0
    sheets: int = 0
    kept_in: list[tuple[int, str, int]] = field(default_factory=list)


# A row that was opened goes where it is as it was made. One that was closed or removed comes back
# where it is as it was left, and nothing that stays is in its way.
FORESEE = """
WITH change AS (
    SELECT change.*, sheet.flag_id, flag.object_id AS plan_id,
           daterange(change.opened_on, change.closed_on) AS period
    FROM accounts_sheetchange AS change
    JOIN accounts_sheet AS sheet ON sheet.id = change.sheet_id
    JOIN accounts_flag AS flag ON flag.id = sheet.flag_id
    WHERE sheet.flag_id = ANY(%(flags)s)
), as_left AS (
    SELECT change.*,
           CASE WHEN deed = 'removed' THEN held.id IS NULL
                ELSE held.id IS NOT NULL AND held.plan_id = change.plan_id
                     AND held.territory_id = change.territory_id
                     AND held.organisation_id = change.organisation_id
                     AND held.role = change.role
                     AND held.opened_on IS NOT DISTINCT FROM change.opened_on
                     AND held.closed_on IS NOT DISTINCT FROM
                         CASE deed WHEN 'closed' THEN change.cut_on ELSE change.closed_on END
           END AS is_as_left
    FROM change LEFT JOIN accounts_assignment AS held ON held.id = change.assignment
), in_the_way AS (
    SELECT DISTINCT as_left.id
    FROM as_left
    JOIN accounts_assignment AS other ON other.plan_id = as_left.plan_id
         AND other.organisation_id = as_left.organisation_id AND other.role = as_left.role
         AND other.id <> as_left.assignment
         AND daterange(other.opened_on, other.closed_on) && as_left.period
    LEFT JOIN as_left AS goes
         ON goes.assignment = other.id AND goes.deed = 'opened' AND goes.is_as_left
    WHERE as_left.deed <> 'opened' AND goes.id IS NULL
), judged AS (
    SELECT deed, flag_id, plan_id, is_as_left AND id NOT IN (SELECT id FROM in_the_way)
           AS is_taken_back
    FROM as_left
)
SELECT judged.flag_id, plan.name, judged.deed, count(*) FILTER (WHERE is_taken_back),
       count(*) FILTER (WHERE NOT is_taken_back)
FROM judged JOIN accounts_territoryplan AS plan ON plan.id = judged.plan_id
GROUP BY 1, 2, 3 ORDER BY plan.name, judged.flag_id
"""


def foresee_undo(flags: Collection[int]) -> Foreseen:
    """What undoing the sheets of these flags would do as things stand; one query."""
    found, kept_in = Foreseen(), {}
    with connection.cursor() as cursor:
        cursor.execute(FORESEE, {"flags": list(flags)})
        for flag, plan, deed, taken_back, kept in cursor:
            if deed == "opened":
                found.goes += taken_back
            else:
                found.returns += taken_back
            if kept:
                found.kept += kept
                kept_in[flag] = (flag, plan, kept + kept_in.get(flag, (0, "", 0))[2])
    found.sheets, found.kept_in = len(kept_in), list(kept_in.values())[:SHOWN]
    return found
