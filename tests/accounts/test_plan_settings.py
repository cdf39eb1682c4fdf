"""A plan's settings: kinds and nations that make gaps, days, roles, what it takes the place of."""

from datetime import date, timedelta

import pytest
from django.urls import reverse

from accounts.models import Assignment, RosterEntry, TerritoryPlan
from accounts.territories import plans
from accounts.territories.reading import PlanOnDay
from footprints.models import Kind, Organisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

TODAY = date(2026, 11, 22)
FIRST = date(2026, 4, 1)


@pytest.fixture
def planner(client):
    user = factories.user(role="planner", team=factories.team())
    client.force_login(user)
    return user


@pytest.fixture
def plan(planner):
    return factories.plan(team=planner.team, opened_on=FIRST, name="Ours")


def gaps(plan, user, day=TODAY):
    keys = PlanOnDay(plan, user, day).gaps
    return set(Organisation.objects.filter(pk__in=keys).values_list("code", flat=True))


def given(plan, **fields):
    return {
        "name": plan.name,
        "role": plan.role,
        "nations": plan.nations,
        "opened_on": plan.opened_on,
        **fields,
    }


def save(client, plan, **fields):
    return client.post(reverse("accounts:plan_settings", args=[plan.pk]), given(plan, **fields))


# --- Gaps


def test_a_new_plan_of_sub_icb_locations_shows_all_106_of_today_as_gaps_at_once(client, planner):
    answer = client.post(
        reverse("accounts:make_plan"),
        {
            "name": "From nothing",
            "team": planner.team.pk,
            "role": "owner",
            "kinds": ["sub_icb"],
            "nations": ["E"],
            "opened_on": "2026-11-22",
        },
    )

    plan = TerritoryPlan.objects.get(name="From nothing")
    page = client.get(answer.url, {"on": "2026-11-22"})
    assert len(gaps(plan, planner)) == 106
    assert page.context["gaps"] == 106
    assert page.content.decode().count('<rect class="tile free" x="') == 106 + 1  # and the key
    assert list(plan.steps.values_list("deed", "by")) == [("made", planner.pk)]


@pytest.mark.parametrize(
    ("nations", "number"), [("E", 0), ("W", 7), ("S", 14), ("N", 5), ("WS", 21), ("EWSN", 26)]
)
def test_gaps_are_looked_for_in_the_plan_s_nations_alone(plan, planner, nations, number):
    boards = ("health_board_wales", "health_board_scotland", "hsc_trust_ni")
    plans.edit_plan(
        plan, kinds=Kind.objects.filter(pk__in=boards), nations=list(nations), by=planner
    )
    plan.refresh_from_db()

    assert len(gaps(plan, planner)) == number


def test_a_body_that_the_register_places_in_no_nation_counts_as_england_s(plan, planner):
    plan.kinds.set(Kind.objects.filter(pk="sub_icb"))
    factories.version(factories.organisation("ZZ77"), kind_code="sub_icb", opened_on=FIRST)

    assert "ZZ77" in gaps(plan, planner)
    TerritoryPlan.objects.filter(pk=plan.pk).update(nations=["W"])
    plan.refresh_from_db()
    assert gaps(plan, planner) == set()


def test_the_kinds_that_a_plan_names_count_and_not_those_that_it_happens_to_have(plan, planner):
    plan.kinds.set(Kind.objects.filter(pk="icb"))
    trust = Organisation.objects.get(code="RDU")
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=trust, opened_on=FIRST
    )

    # The ICB that the trust is a member of is a gap too: a named account is no part of its area.
    assert len(gaps(plan, planner)) == 36


def test_what_lies_in_an_assigned_icb_is_no_gap_in_a_plan_of_locations(plan, planner):
    plan.kinds.set(Kind.objects.filter(pk="sub_icb"))
    icb = Organisation.objects.get(code="QKS")
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=icb, opened_on=FIRST
    )

    assert len(gaps(plan, planner)) == 105
    assert "91Q" not in gaps(plan, planner)


# --- The form


def test_settings_are_changed_and_kept(client, plan, planner):
    answer = save(
        client,
        plan,
        name="Next year",
        brands="Inhaler",
        role="mirror",
        kinds=["icb", "trust"],
        nations=["E", "W"],
        closed_on="2027-03-31",
        activates_on="2026-12-01",
    )

    assert answer.status_code == 302
    found = TerritoryPlan.objects.get(pk=plan.pk)
    assert (found.name, found.brands, found.role) == ("Next year", "Inhaler", "mirror")
    assert (found.nations, found.closed_on) == (["E", "W"], date(2027, 4, 1))
    assert found.activates_on == date(2026, 12, 1)
    assert set(found.kinds.values_list("pk", flat=True)) == {"icb", "trust"}
    assert found.revision == plan.revision + 1


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": ""}, "This field is required"),
        ({"nations": []}, "This field is required"),
        ({"kinds": ["apc"]}, "apc"),
        ({"closed_on": "2026-03-01"}, "last day lies before the first"),
        ({"activates_on": "2026-03-31"}, "cannot be active before"),
        ({"activates_on": "2027-04-01", "closed_on": "2027-03-31"}, "has ended by the day"),
        ({"opened_on": "soon"}, "Enter a valid date"),
    ],
)
def test_bad_settings_are_refused_in_words_and_nothing_is_kept(client, plan, wrong, says):
    answer = save(client, plan, **{"name": "Other", **wrong})

    assert answer.status_code == 422
    assert says in answer.content.decode()
    found = TerritoryPlan.objects.get(pk=plan.pk)
    assert (found.name, found.revision) == ("Ours", 1)


def test_a_plan_takes_the_place_of_an_active_one_of_its_team_and_role(client, plan, planner):
    old = factories.plan(team=planner.team, state="active", name="Old")
    mirror = factories.plan(team=planner.team, state="active", name="Mirror", role="mirror")
    elsewhere = factories.plan(state="active", name="Elsewhere")

    assert save(client, plan, replaces=elsewhere.pk).status_code == 422
    refused = save(client, plan, replaces=mirror.pk)
    assert "covers as mirror" in refused.content.decode()
    assert save(client, plan, replaces=old.pk).status_code == 302

    assert TerritoryPlan.objects.get(pk=plan.pk).replaces == old


def test_an_active_plan_keeps_its_role_and_first_day(client, plan):
    TerritoryPlan.objects.filter(pk=plan.pk).update(state="active")

    save(client, plan, name="Renamed", role="mirror", opened_on="2026-05-01")

    found = TerritoryPlan.objects.get(pk=plan.pk)
    assert (found.name, found.role, found.opened_on) == ("Renamed", "owner", FIRST)


@pytest.mark.parametrize("to", [FIRST - timedelta(days=31), FIRST + timedelta(days=31)])
def test_what_began_with_the_plan_begins_with_it_when_its_first_day_moves(plan, planner, to):
    patch = factories.territory(plan=plan)
    began = factories.assignment(territory=patch, opened_on=FIRST)
    later = factories.assignment(territory=patch, opened_on=date(2026, 7, 1))
    entry = factories.roster_entry(territory=patch, opened_on=FIRST)

    plans.edit_plan(plan, kinds=[], opened_on=to, by=planner)

    assert Assignment.objects.get(pk=began.pk).opened_on == to
    assert Assignment.objects.get(pk=later.pk).opened_on == date(2026, 7, 1)
    assert RosterEntry.objects.get(pk=entry.pk).opened_on == to


def test_a_first_day_on_which_a_unit_would_have_two_owners_is_refused(plan, planner):
    unit = factories.organisation()
    one, two = factories.territory(plan=plan), factories.territory(plan=plan)
    factories.assignment(
        territory=one, organisation=unit, opened_on=date(2025, 1, 1), closed_on=FIRST
    )
    factories.assignment(territory=two, organisation=unit, opened_on=FIRST)

    with pytest.raises(plans.PlanError, match="two owners"):
        plans.edit_plan(plan, kinds=[], opened_on=date(2026, 1, 1), by=planner)

    assert TerritoryPlan.objects.get(pk=plan.pk).opened_on == FIRST


def test_new_assignments_are_in_the_plan_s_role(plan, planner):
    TerritoryPlan.objects.filter(pk=plan.pk).update(role="overlay")
    plan.refresh_from_db()
    patch = factories.territory(plan=plan)
    units = list(Organisation.objects.with_codes(["91Q", "92A"]))

    plans.assign_units(plan, patch, units, opened_on=TODAY, by=planner)
    assert set(plan.assignments.values_list("role", flat=True)) == {"overlay"}

    plans.unassign_units(plan, units[:1], closed_on=TODAY, by=planner)
    assert plan.assignments.count() == 1


@pytest.mark.parametrize("role", ["field", "steward"])
def test_nobody_else_sees_or_saves_settings(client, plan, role):
    user = factories.user(role=role, team=plan.team)
    patch = factories.territory(plan=plan)
    factories.roster_entry(territory=patch, user=user)
    client.force_login(user)
    address = reverse("accounts:plan_settings", args=[plan.pk])

    assert client.get(address).status_code == 403
    assert save(client, plan, name="Theirs").status_code == 403
    assert "/settings/" not in client.get(plan.get_absolute_url()).content.decode()
    assert TerritoryPlan.objects.get(pk=plan.pk).name == "Ours"
