"""What every page shows of its reader's."""

import pytest
from django.core.management import call_command

from accounts.context import MOST, alerts
from accounts.demo import company
from accounts.models import Flag, User
from footprints.models import Weight

pytestmark = pytest.mark.django_db


def shown(rf, user):
    request = rf.get("/")
    request.user = user
    return alerts(request)["alert_count"]


def test_the_badge_counts_the_alerts_that_each_user_may_see_and_that_ask_something(rf, register):
    company.found(logins=True)
    call_command("raise_flags", verbosity=0)
    counts = {}
    for user in User.objects.all():
        asking = Flag.objects.open().on_plans().visible_to(user).filter(weight__gt=Weight.KNOW)
        counts[user.username] = count = asking.count()
        assert shown(rf, user) == (count if count <= MOST else f"{MOST}+"), user

    # Not one for all: the statement is kept by role, who asks is not.
    assert 0 < counts["rep"] < counts["planner"]
    assert len(set(counts.values())) > 3


def test_a_stranger_has_no_badge(rf):
    request = rf.get("/")
    assert alerts(request) == {}
