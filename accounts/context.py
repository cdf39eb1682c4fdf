"""What every page of a signed-in user shows of theirs."""

from django.db import connection
from django.utils.functional import SimpleLazyObject

from footprints.models import Weight

MOST = 99  # the badge counts no further

# Every page asks it: as a queryset it took five times as long to make as to ask.
WAITING = f"""
SELECT count(*) FROM (
    SELECT FROM accounts_alert AS alert
    JOIN accounts_flag AS flag ON flag.id = alert.flag_id AND flag.resolved_at IS NULL
    WHERE alert.holder_id = %s AND alert.ease < {Weight.ACT - Weight.KNOW}
      AND alert.resolved_at IS NULL AND alert.lapsed_at IS NULL
      AND (alert.wakes_on IS NULL OR alert.wakes_on <= %s)
    LIMIT {MOST + 1}
) AS waiting
"""


def alerts(request):
    """``alert_count``: what waits in the reader's inbox and asks something; a query if shown."""
    user = getattr(request, "user", None)  # an answer given before sign-in is looked at has none
    if user is None or not user.is_authenticated:
        return {}
    return {"alert_count": SimpleLazyObject(lambda: _count(user, request.as_at.today))}


def _count(user, today):
    with connection.cursor() as cursor:
        cursor.execute(WAITING, [user.pk, today])
        (count,) = cursor.fetchone()
    return f"{MOST}+" if count > MOST else count
