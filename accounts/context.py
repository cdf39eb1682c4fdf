"""What every page of a signed-in user shows of theirs."""

from django.utils.functional import SimpleLazyObject

from footprints.models import Weight

from .models import Flag

MOST = 99  # the badge counts no further


def alerts(request):
    """``alert_count``: the reader's open alerts that ask something; one query where shown."""
    user = getattr(request, "user", None)  # an answer given before sign-in is looked at has none
    if user is None or not user.is_authenticated:
        return {}
    return {"alert_count": SimpleLazyObject(lambda: _count(user))}


def _count(user):
    asking = Flag.objects.open().on_plans().visible_to(user).filter(weight__gt=Weight.KNOW)
    count = asking.order_by()[: MOST + 1].count()
    return f"{MOST}+" if count > MOST else count
