"""The plan that the worst day breaks: all 191 CCGs of 31 March 2020, dealt to territories."""

from datetime import date

from accounts.models import Assignment, Territory, TerritoryPlan
from footprints.models import Organisation
from tests import factories

LAST_DAY_OF_191 = date(2020, 3, 31)


def plan_of_2020(*, owner=None, territories=12, team=None) -> TerritoryPlan:
    """A plan of 2019/20 over the CCGs of 31 March 2020, in bands from south to north."""
    plan = factories.plan(
        owner=owner or factories.user(email="planner@example.com"),
        opened_on=date(2019, 4, 1),
        closed_on=date(2021, 4, 1),
        state=TerritoryPlan.State.ACTIVE,
        **({"team": team} if team else {}),
    )
    bands = Territory.objects.bulk_create(
        Territory(plan=plan, code=f"T{i:02}", name=f"Band {i}", position=i)
        for i in range(territories)
    )
    ccgs = Organisation.objects.of_kind(LAST_DAY_OF_191, kind="ccg").order_by("latitude", "code")
    Assignment.objects.bulk_create(
        Assignment(
            plan=plan,
            territory=bands[i * territories // len(ccgs)],
            organisation=ccg,
            opened_on=plan.opened_on,
        )
        for i, ccg in enumerate(ccgs)
    )
    return plan
