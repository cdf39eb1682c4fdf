"""Where the demo company must not be founded, and what it may not open."""

import pytest
from django.core.management import CommandError, call_command

from accounts.demo import company
from accounts.models import Team, User
from stakeholders.models import Person

pytestmark = pytest.mark.django_db


def test_without_the_register_it_says_what_to_run_and_leaves_no_trace(empty_register):
    with pytest.raises(CommandError, match=r"Load it first: \./run load_register"):
        call_command("load_demo")

    assert not Team.objects.exists()
    assert not User.objects.exists()


def test_it_does_not_mix_with_a_company_that_has_teams_of_the_same_name(register):
    Team.objects.create(name="Hospital")

    with pytest.raises(company.DemoRefused, match="teams called Hospital already"):
        company.found(logins=False)

    assert not User.objects.exists()
    assert not Person.objects.exists()


def test_outside_a_trial_nobody_can_sign_in_and_a_trial_opens_the_logins_later(register):
    company.found(logins=False)
    assert not any(user.has_usable_password() for user in User.objects.all())

    opened = company.found(logins=True)
    assert (opened.logins, opened.teams, opened.people) == (6, 0, 0)
    planner = User.objects.get(username="planner")
    assert planner.check_password("marlstone-planner")

    planner.set_password("one of their own choosing")
    planner.save()
    company.found(logins=True)
    assert User.objects.get(username="planner").check_password("one of their own choosing")


def test_the_same_people_are_invented_in_every_database(register):
    company.found(logins=False)

    first, *_, last = Person.objects.order_by("pk")

    assert str(first) == "Alison Ackroyd"
    assert last.profession == "Manager"
