"""What every page shows of its reader's."""

from datetime import date
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.utils.timezone import now

from accounts.context import MOST, alerts
from accounts.demo import company
from accounts.models import Alert, User
from accounts.services.flags import resolve_flag
from footprints.models import Weight
from tests import factories

pytestmark = pytest.mark.django_db


TODAY = date(2026, 11, 22)


def shown(rf, user):
    request = rf.get("/")
    request.user = user
    request.as_at = SimpleNamespace(today=TODAY)
    return alerts(request)["alert_count"]


def test_the_badge_counts_what_waits_for_each_user_and_asks_something(rf, register):
    company.found(logins=True)
    call_command("raise_flags", verbosity=0)
    counts = {}
    for user in User.objects.all():
        asking = Alert.objects.held_by(user).awake(TODAY).filter(weight__gt=Weight.KNOW)
        counts[user.username] = count = asking.count()
        assert shown(rf, user) == (count if count <= MOST else f"{MOST}+"), user

    assert 0 < counts["rep"] < counts["planner"]
    assert len(set(counts.values())) > 2


def test_the_badge_leaves_out_what_is_put_off_or_dealt_with(rf):
    user = factories.user()
    first, second, third = (factories.alert(person=user, weight=Weight.ACT) for _ in range(3))
    assert shown(rf, user) == 3

    Alert.objects.filter(pk=first.pk).update(wakes_on=date(2026, 11, 23))
    Alert.objects.filter(pk=second.pk).update(resolved_at=now(), resolved_by=user)
    assert shown(rf, user) == 1

    resolve_flag(third.flag, by=user)
    assert shown(rf, user) == 0


def test_a_stranger_has_no_badge(rf):
    request = rf.get("/")
    assert alerts(request) == {}
