"""Handing alerts on: to whoever can take them, and what they and the giver hear of it."""

import pytest
from django.urls import reverse

from accounts.alerts import handing
from accounts.models import AccountLead, Alert, Flag, User
from accounts.overview import my_flags
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(register):
    """A plan of 2020 with two field users, its owner, a manager, and a walled team's plan."""
    team, walled = factories.team(), factories.team(is_walled=True)
    owner = factories.user(role=User.Role.PLANNER, last_name="Owner")
    plan = plan_of_2020(owner=owner, team=team)
    plan_of_2020(owner=factories.user(role=User.Role.PLANNER, team=walled), team=walled)
    kent = plan.assignments.get(organisation__code="09C")
    for each in (kent.territory, plan.territories.exclude(pk=kent.territory_id).first()):
        factories.roster_entry(territory=each, user=factories.user(team=team))
    AccountLead.objects.create(
        plan=plan, territory=kent.territory, organisation=kent.organisation, opened_on="2019-01-01"
    )
    for role in User.Role.values:
        factories.user(role=role)
        factories.user(role=role, team=walled)
    factories.user(role=User.Role.MANAGER, last_name="Boss")
    factories.user(is_active=False, role=User.Role.PLANNER)
    look()
    return plan


def test_it_is_offered_to_those_who_can_open_it_as_each_of_them_would_see(company):
    giver = factories.user()
    everybody = User.objects.filter(is_active=True).exclude(pk=giver.pk)
    opened = {each: set(my_flags(each).values_list("pk", flat=True)) for each in everybody}
    flags = list(Flag.objects.values_list("pk", flat=True))
    assert len(flags) > 30

    for some in ([flag] for flag in flags):
        expected = {person for person, seen in opened.items() if seen >= set(some)}
        assert set(handing.takers(some, by=giver)) == expected
    of_company = Flag.objects.on_plans().filter(object_id=company.pk)[:2]
    some = {flag.pk for flag in of_company}
    expected = {person for person, seen in opened.items() if seen >= some}
    assert set(handing.takers(some, by=giver)) == expected


def test_whoever_answers_for_it_is_offered_first(client, company):
    field = User.objects.filter(role="field", team=company.team, alerts__isnull=False).first()
    alert = Alert.objects.filter(holder=field).first()
    client.force_login(field)

    takers = handing.takers([alert.flag_id], by=field)
    answering = [each for each in takers if each.answers]
    assert takers[: len(answering)] == answering
    assert {company.owner, User.objects.get(last_name="Boss")} <= set(answering)
    home, page = client.get("/"), client.get(alert.get_absolute_url())
    for shown in (home, page):
        said = shown.content.decode()
        assert f'<option value="{company.owner_id}">Owner, who answers for it</option>' in said
    client.post(reverse("accounts:alert_deed", args=[alert.pk, "hand"]), {"to": company.owner_id})
    assert not Alert.objects.open().filter(pk=alert.pk, holder=field).exists()


def test_what_is_watched_is_offered_to_nobody(company):
    owner = company.owner
    assert handing.takers([factories.flag(factories.watch(person=owner).list).pk], by=owner) == []
