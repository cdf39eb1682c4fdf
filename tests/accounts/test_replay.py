"""The replay of the worst days: counts as the published tables have them, and who sees what."""

import csv
from collections import defaultdict
from datetime import date
from pathlib import Path

import pytest
from django.urls import reverse

from accounts.models import Assignment, RosterEntry, TerritoryPlan, User
from accounts.replay import STOPS, WORST, stop_at, toll
from accounts.services.flags import raise_flags
from footprints.models import Organisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.test_sheets import Case

SUCCESSIONS = Path(__file__).parents[2] / "footprints" / "reference" / "successions.csv"
APRIL_2020, JULY_2022, APRIL_2026 = WORST


def successions(day):
    """The area rows of one day, straight from the file."""
    with SUCCESSIONS.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["day"] == day.isoformat()]
    return [row for row in rows if row["passes"] == "area"]


@pytest.fixture
def planner(register):
    return factories.user(role=User.Role.PLANNER)


@pytest.mark.parametrize("day", WORST)
def test_what_closes_and_what_becomes_another_is_what_the_published_tables_say(planner, day):
    rows = successions(day)
    ending = {row["predecessor"] for row in rows if not row["becomes"]}
    becoming = {row["predecessor"] for row in rows if row["becomes"]}

    found = toll(day, planner)

    assert found.close == len(ending)
    assert found.ended == ending
    assert found.become == len(becoming)


def test_on_1_april_2020_eighteen_ccgs_open_and_the_plan_loses_74_units(planner):
    plan = plan_of_2020(owner=planner)
    rows = successions(APRIL_2020)
    home = dict(
        Assignment.objects.filter(plan=plan).values_list("organisation__code", "territory__code")
    )
    sides = defaultdict(set)
    for row in rows:
        if row["predecessor"] in home:
            sides[row["successor"]].add(home[row["predecessor"]])
    held = {row["predecessor"] for row in rows} & set(home)

    found = toll(APRIL_2020, planner)

    assert found.plan == plan
    assert found.closing == len(held) == 74
    assert found.conflicts == sum(len(territories) > 1 for territories in sides.values()) > 0
    assert found.splits == 0
    assert len(found.opened & set(sides)) == 18


def test_on_1_july_2022_every_code_is_kept_and_every_row_is_renamed(planner):
    plan = factories.plan(opened_on=date(2022, 4, 1), owner=planner)
    home = factories.territory(plan=plan)
    becoming = [row["predecessor"] for row in successions(JULY_2022) if row["becomes"] != "icb"]
    units = Organisation.objects.filter(code__in=becoming)
    Assignment.objects.bulk_create(
        Assignment(plan=plan, territory=home, organisation=unit, opened_on=plan.opened_on)
        for unit in units
    )

    found = toll(JULY_2022, planner)

    assert (found.closing, found.conflicts, found.splits) == (0, 0, 0)
    assert found.renamed >= len(units) == 106
    assert found.practices == 0  # no body closes: none is to be mapped anew


def test_the_plan_that_is_hit_hardest_comes_first_and_another_may_be_asked_for(planner):
    hard = plan_of_2020(owner=planner)
    light = factories.plan(opened_on=date(2019, 4, 1), state=TerritoryPlan.State.ARCHIVED)
    unit = Assignment.objects.filter(plan=hard, organisation__code="09C").get().organisation
    factories.assignment(
        territory=factories.territory(plan=light), organisation=unit, opened_on=light.opened_on
    )

    assert toll(APRIL_2020, planner).plans == [hard, light]
    other = toll(APRIL_2020, planner, light.pk)
    assert (other.plan, other.closing) == (light, 1)


def test_what_is_counted_by_hand_is_counted(planner):
    plan_of_2020(owner=planner)
    ccg = Organisation.objects.get(code="09C")
    before = toll(APRIL_2020, planner)
    factories.post(organisation=ccg)
    practices = [factories.body(kind_code="practice") for _ in range(3)]
    for practice in practices:
        factories.relationship(child=practice, parent=ccg)

    found = toll(APRIL_2020, planner)

    assert before.practices is None
    assert found.practices == 3
    posts = {row.says: row.count for row in found.besides}
    assert sum(posts.values()) == sum(row.count for row in before.besides) + 1


def test_a_field_user_sees_their_own_territory_and_nothing_else(planner, client):
    plan = plan_of_2020(owner=planner)
    own = Assignment.objects.get(plan=plan, organisation__code="09C").territory
    rep = factories.user(role=User.Role.FIELD, team=plan.team)
    RosterEntry.objects.create(territory=own, user=rep, opened_on=plan.opened_on)

    found = toll(APRIL_2020, rep)

    touched = Assignment.objects.filter(
        plan=plan,
        territory=own,
        organisation__code__in=[row["predecessor"] for row in successions(APRIL_2020)],
    )
    assert found.closing == touched.count() < 74
    assert found.besides == []
    assert toll(APRIL_2020, factories.user(role=User.Role.FIELD)).plan is None


def test_a_walled_plan_is_not_replayed_for_others(planner):
    plan = plan_of_2020()
    plan.team.is_walled = True
    plan.team.save()

    assert toll(APRIL_2020, planner).plans == []


def test_a_register_without_that_day_says_so(empty_register, client):
    client.force_login(factories.user(role=User.Role.PLANNER))

    page = client.get(reverse("accounts:replay")).content.decode()

    assert "holds no reorganisation of that day" in page


# --- The page ----------------------------------------------------------------------------------


def test_there_is_a_stop_before_and_a_stop_on_each_day():
    assert [stop.day.isoformat() for stop in STOPS] == [
        "2020-03-31",
        "2020-04-01",
        "2022-06-30",
        "2022-07-01",
        "2026-03-31",
        "2026-04-01",
    ]
    assert stop_at("3").day == JULY_2022
    assert stop_at("x") == stop_at(None) == STOPS[0]


@pytest.mark.parametrize("stop", STOPS)
def test_each_stop_is_a_page_with_links_for_whoever_has_no_slider(client, planner, stop):
    plan_of_2020(owner=planner)
    raise_flags()
    client.force_login(planner)

    page = client.get(reverse("accounts:replay"), {"stop": stop.number}).content.decode()

    assert 'aria-current="true"' in page
    for other in STOPS:
        assert f"?stop={other.number}" in page
    assert "#blast-radius" in page
    if stop.worst == APRIL_2020:
        assert "/reorganisations/91q-2020-04-01/#blast-radius" in page
        assert "74" in page


@pytest.mark.parametrize("stop", ["6", "-1", "one", "1.0"])
def test_a_stop_that_is_none_is_said_to_be_none(client, planner, stop):
    client.force_login(planner)

    assert client.get(reverse("accounts:replay"), {"stop": stop}).status_code == 400


def test_the_first_hint_of_the_home_page_leads_to_the_blast_radius_of_1_april_2020(
    client, planner
):
    client.force_login(planner)

    home = client.get("/").content.decode()

    first = home.index('href="', home.index("home-hint"))
    address = home[first + 6 : home.index('"', first + 6)]
    assert home.index("home-hint") < home.index("<h2")
    page = client.get(address.partition("#")[0]).content.decode()
    assert "The blast radius of 1 April 2020" in page


def test_whoever_has_prepared_a_sheet_is_no_longer_new(db, client):
    case = Case()
    raise_flags()
    case.prepare()
    for user, hinted in ((case.planner, False), (case.manager, True)):
        client.force_login(user)
        assert ("New here?" in client.get("/").content.decode()) is hinted
