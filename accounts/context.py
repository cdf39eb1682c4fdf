"""What every page of a signed-in user shows of theirs."""

from functools import cache

from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils.functional import SimpleLazyObject

from footprints.models import Weight

from .models import Flag, TerritoryPlan, User

MOST = 99  # the badge counts no further
ANYBODY, ANY_TEAM = -1, -2  # stand for a user and a team in a statement


def alerts(request):
    """``alert_count``: the reader's open alerts that ask something; one query where shown."""
    user = getattr(request, "user", None)  # an answer given before sign-in is looked at has none
    if user is None or not user.is_authenticated:
        return {}
    return {"alert_count": SimpleLazyObject(lambda: _count(user))}


def _count(user):
    sql, params = _statement(user.role, ContentType.objects.get_for_model(TerritoryPlan).pk)
    own = {ANYBODY: user.pk, ANY_TEAM: user.team_id}
    with connection.cursor() as cursor:
        cursor.execute(sql, [own.get(param, param) for param in params])
        (count,) = cursor.fetchone()
    return f"{MOST}+" if count > MOST else count


@cache
def _statement(role, plan_type) -> tuple[str, tuple]:
    """The count for any user of the role, as SQL and its parameters.

    Every page asks it, and to make the statement took five times as long as to ask.
    """
    anybody = User(pk=ANYBODY, role=role, team_id=ANY_TEAM)
    asking = Flag.objects.open().on_plans().visible_to(anybody).filter(weight__gt=Weight.KNOW)
    few = asking.order_by().values("pk")[: MOST + 1]
    sql, params = few.query.sql_with_params()
    return f"SELECT count(*) FROM ({sql}) AS asking", params
