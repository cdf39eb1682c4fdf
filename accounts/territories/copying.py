"""A plan once more, as a draft: the same territories, people and units from a day on.

Set statements throughout: a plan of 10,000 units takes about a second. What the copy is worth
compared with the original, and that it may take its place, is for others to say.
"""

import logging
from datetime import date

from django.db import connection, transaction

from ..models import PlanStep, TerritoryPlan, User
from .lifecycle import record
from .line import active_in_line
from .plans import within

log = logging.getLogger(__name__)

TERRITORIES = """
INSERT INTO accounts_territory (plan_id, code, name, position, colour, notes, capacity)
SELECT %(copy)s, code, name, position, colour, notes, capacity
FROM accounts_territory WHERE plan_id = %(plan)s ORDER BY position, code
"""
# A territory's code is its own within a plan: so it finds its copy.
TREE = """
UPDATE accounts_territory AS made
SET parent_id = above.id
FROM accounts_territory AS drawn
JOIN accounts_territory AS up ON up.id = drawn.parent_id
JOIN accounts_territory AS above ON above.plan_id = %(copy)s AND above.code = up.code
WHERE drawn.plan_id = %(plan)s AND made.plan_id = %(copy)s AND made.code = drawn.code
"""
OF_TERRITORIES = """
FROM accounts_territory AS drawn
JOIN accounts_territory AS made ON made.plan_id = %(copy)s AND made.code = drawn.code
JOIN {table} AS held ON held.territory_id = drawn.id
WHERE drawn.plan_id = %(plan)s
"""
# What ended by the day is the original's; what began before begins with the copy.
FROM_THE_DAY = (
    OF_TERRITORIES
    + """
  AND (held.closed_on IS NULL OR held.closed_on > %(day)s)
  AND (%(until)s::date IS NULL OR held.opened_on IS NULL OR held.opened_on < %(until)s)
ORDER BY held.id
"""
)
ROSTER = """
INSERT INTO accounts_rosterentry
    (territory_id, user_id, name, role, fte, is_agency, opened_on, closed_on)
SELECT made.id, held.user_id, held.name, held.role, held.fte, held.is_agency,
       greatest(held.opened_on, %(day)s), held.closed_on
""" + FROM_THE_DAY.format(table="accounts_rosterentry")
ASSIGNMENTS = """
INSERT INTO accounts_assignment
    (plan_id, territory_id, organisation_id, role, opened_on, closed_on)
SELECT %(copy)s, made.id, held.organisation_id, held.role,
       greatest(held.opened_on, %(day)s), held.closed_on
""" + FROM_THE_DAY.format(table="accounts_assignment")
# Each is news of its own, so that an event that unsettles it finds it here too.
LEADS = """
INSERT INTO accounts_accountlead
    (plan_id, territory_id, organisation_id, opened_on, closed_on, revision, flagged_revision)
SELECT %(copy)s, made.id, held.organisation_id, greatest(held.opened_on, %(day)s),
       held.closed_on, 1, 0
""" + FROM_THE_DAY.format(table="accounts_accountlead")
SHARES = """
INSERT INTO accounts_sharedunit (territory_id, organisation_id, share, reason)
SELECT made.id, held.organisation_id, held.share, held.reason
""" + OF_TERRITORIES.format(table="accounts_sharedunit")


@transaction.atomic
def copy_plan(plan: TerritoryPlan, *, opened_on: date, by: User, name: str = "") -> TerritoryPlan:
    """Make a draft of the plan as it is from `opened_on` on: territories with their tree, colours,
    notes and capacity, roster, units, account leads, declared parts of credit. Nothing of the
    original changes.

    The draft takes the place of the original where that is active, else of the plan that stands
    in its place. `name` is empty for the original's with "copy" behind. Raises OutsideThePlan for
    a day on which the plan does not hold.
    """
    within(plan, opened_on)
    before = plan if plan.state == TerritoryPlan.State.ACTIVE else active_in_line(plan)
    made = TerritoryPlan.objects.create(
        team_id=plan.team_id,
        name=name or _free_name(plan),
        brands=plan.brands,
        role=plan.role,
        nations=plan.nations,
        owner=by,
        opened_on=opened_on,
        closed_on=plan.closed_on,
        copied_from=plan,
        replaces=before,
    )
    made.kinds.set(plan.kinds.all())
    what = {"plan": plan.pk, "copy": made.pk, "day": opened_on, "until": plan.closed_on}
    with connection.cursor() as cursor:
        for statement in (TERRITORIES, TREE, ROSTER, ASSIGNMENTS, LEADS, SHARES):
            cursor.execute(statement, what)
            log.debug("%d rows", cursor.rowcount)
    record(made, PlanStep.Deed.COPIED, by=by, reason=f"From {plan}.")
    return made


def _free_name(plan):
    """ "Ours, copy", "Ours, copy 2": a name that no plan of the team has."""
    field = TerritoryPlan._meta.get_field("name")
    stem = plan.name[: field.max_length - 12]
    taken = set(plan.team.plans.filter(name__startswith=stem).values_list("name", flat=True))
    name, number = f"{stem}, copy", 2
    while name in taken:
        name, number = f"{stem}, copy {number}", number + 1
    return name
