"""Scenarios: a draft as the defaults would have it, that says when what it rests on moves."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import RosterEntry, Scenario, TerritoryPlan, User
from accounts.scenarios import making
from accounts.scenarios.comparing import compare
from accounts.scenarios.resting import moved
from accounts.services.flags import raise_flags
from accounts.sheets.planning import planned
from accounts.territories import plans as deeds
from accounts.territories import roster
from footprints.models import Reorganisation, Version
from footprints.services.dating import move_date
from footprints.services.declaring import move_event
from tests import factories
from tests.accounts.test_sheets import held_on, retract, rows

APRIL_2027 = date(2027, 4, 1)
OCTOBER_2027 = date(2027, 10, 1)
TODAY = date(2026, 11, 21)
State = Reorganisation.State


class WhatIf:
    """Two ICBs that would merge on 1 April 2027, each in a territory, and one that would not."""

    def __init__(self, practices=2):
        self.event = factories.reorganisation(
            effective_on=APRIL_2027, state=State.PROPOSED, title="Two ICBs would merge"
        )
        self.plan = factories.plan(opened_on=date(2026, 4, 1), state="active")
        self.homes = [factories.territory(plan=self.plan) for _ in range(2)]
        self.new = factories.organisation(is_provisional=True)
        factories.version(self.new, kind_code="icb", opened_on=APRIL_2027)
        self.olds, self.practices = [], []
        for home in self.homes:
            old = factories.body(kind_code="icb")
            factories.succession(
                reorganisation=self.event, predecessor=old, successor=self.new, share=1
            )
            factories.assignment(territory=home, organisation=old, opened_on=date(2026, 4, 1))
            factories.population(organisation=old, people=1_000)
            self.olds.append(old)
            below = [factories.body(kind_code="practice") for _ in range(practices)]
            for practice in below:
                factories.relationship(child=practice, parent=old)
            self.practices.append(below)
        self.other = factories.body(kind_code="icb")
        factories.assignment(
            territory=self.homes[0], organisation=self.other, opened_on=date(2026, 4, 1)
        )
        self.planner = factories.user(role=User.Role.PLANNER)
        self.steward = factories.user(role=User.Role.STEWARD)

    def make(self, name="If they merge"):
        return making.make_scenario(self.event, self.plan, name=name, by=self.planner)

    def reject(self, to=State.REJECTED):
        move_event(
            self.event, to, reason="Ministers said no.", on=TODAY, by=self.steward, at=now()
        )
        self.event.refresh_from_db()

    def postpone(self):
        move_date(self.event, OCTOBER_2027, reason="Not ready.", by=self.steward, at=now())
        self.event.refresh_from_db()

    def again(self, scenario):
        return Scenario.objects.select_related("event", "plan", "draft").get(pk=scenario.pk)


@pytest.fixture
def case(db):
    return WhatIf()


def test_the_draft_is_the_plan_as_the_defaults_would_have_it(case):
    before = rows(case.plan)

    scenario = case.make()

    draft = scenario.draft
    assert (draft.state, draft.opened_on, draft.copied_from) == ("draft", APRIL_2027, case.plan)
    first, second = (home.code for home in case.homes)
    expected = {practice.code: first for practice in case.practices[0]}
    expected |= {practice.code: second for practice in case.practices[1]}
    assert held_on(draft, APRIL_2027) == expected | {case.other.code: first}
    assert rows(case.plan) == before


def test_it_is_what_applying_the_sheet_would_leave(case):
    """One code path: the draft holds what the plan would, with the planned changes made."""
    found = planned(making.default_sheet(case.event, case.plan))
    ends = {change.assignment for change in found.closings}
    stays = case.plan.assignments.exclude(pk__in=ends)
    expected = set(stays.values_list("organisation", "territory__code"))
    codes = {home.pk: home.code for home in case.homes}
    expected |= {(change.unit, codes[change.territory]) for change in found.openings}

    draft = case.make().draft

    assert set(draft.assignments.values_list("organisation", "territory__code")) == expected


def test_whoever_works_a_territory_works_it_in_the_draft(case):
    rep = factories.user(role=User.Role.FIELD, team=case.plan.team)
    roster.put_on_roster(case.homes[0], opened_on=case.plan.opened_on, user=rep, by=case.planner)

    draft = case.make().draft

    assert RosterEntry.objects.get(territory__plan=draft).user == rep


def test_a_field_user_never_meets_a_scenario(case, client):
    rep = factories.user(role=User.Role.FIELD, team=case.plan.team)
    roster.put_on_roster(case.homes[0], opened_on=case.plan.opened_on, user=rep, by=case.planner)
    scenario = case.make()

    assert list(TerritoryPlan.objects.visible_to(rep)) == [case.plan]
    client.force_login(rep)
    assert client.get(scenario.draft.get_absolute_url()).status_code == 404
    for page in (
        reverse("accounts:scenarios"),
        reverse("accounts:make_scenario"),
        scenario.get_absolute_url(),
    ):
        assert client.get(page).status_code == 403
    refresh = reverse("accounts:refresh_scenario", args=[scenario.pk])
    assert client.post(refresh).status_code == 403
    event = client.get(case.event.get_absolute_url()).content.decode()
    assert "What if?" not in event


def test_a_walled_plans_scenario_is_not_found_by_others(case, client):
    scenario = case.make()
    case.plan.team.is_walled = True
    case.plan.team.save()
    client.force_login(case.planner)

    assert client.get(scenario.get_absolute_url()).status_code == 404


# --- When what it rests on moves ---------------------------------------------------------------


def test_it_stands_while_the_event_does(case):
    scenario = case.make()
    move_event(case.event, State.APPROVED, reason="", on=TODAY, by=case.steward, at=now())

    assert moved(case.again(scenario)) == []


@pytest.mark.parametrize("to", [State.REJECTED, State.PAUSED])
def test_it_is_stale_once_the_event_is_dropped_and_says_why(case, to):
    scenario = case.make()
    case.reject(to)

    (line,) = moved(case.again(scenario))

    assert line == f"The event is {to.label.lower()}: Ministers said no."
    with pytest.raises(making.ScenarioError, match="nothing to plan on"):
        making.refresh(scenario, by=case.planner)


def test_it_stands_again_once_the_event_is_revived(case):
    scenario = case.make()
    case.reject()
    move_event(case.event, State.PROPOSED, reason="Back.", on=TODAY, by=case.steward, at=now())

    assert moved(case.again(scenario)) == []


def test_it_says_that_the_day_moved_and_follows_it_when_refreshed(case):
    scenario = case.make()
    case.postpone()
    assert moved(case.again(scenario)) == ["The day moved from 1 April 2027 to 1 October 2027."]

    scenario = making.refresh(scenario, by=case.planner)

    assert moved(case.again(scenario)) == []
    draft = TerritoryPlan.objects.get(pk=scenario.draft_id)
    assert draft.opened_on == OCTOBER_2027
    assert set(draft.assignments.values_list("opened_on", flat=True)) == {OCTOBER_2027}
    assert (scenario.refreshed_by, scenario.lost) == (case.planner, [])


def test_it_names_the_parties_that_left_and_those_that_came(case):
    scenario = case.make()
    retract(case.event.successions.filter(predecessor=case.olds[1]))
    factories.succession(
        reorganisation=case.event, predecessor=case.other, successor=case.new, share=1
    )

    assert sorted(moved(case.again(scenario))) == sorted(
        [
            f"{case.olds[1].code} → {case.new.code} is no longer part of it.",
            f"{case.other.code} → {case.new.code} is new.",
        ]
    )


# --- What people changed -----------------------------------------------------------------------


def move(case, scenario, unit, territory):
    home = scenario.draft.territories.get(code=territory.code)
    deeds.assign_units(scenario.draft, home, [unit], opened_on=APRIL_2027, by=case.planner)


def test_what_people_changed_is_kept_where_it_still_stands(case):
    scenario = case.make()
    practice = case.practices[0][0]
    move(case, scenario, practice, case.homes[1])
    move(case, scenario, case.other, case.homes[1])
    deeds.unassign_units(
        scenario.draft, [case.practices[1][0]], closed_on=APRIL_2027, by=case.planner
    )
    assert len(making.hand_changes(case.again(scenario))) == 3
    case.postpone()

    scenario = making.refresh(scenario, by=case.planner)

    held = held_on(scenario.draft, OCTOBER_2027)
    assert held[practice.code] == held[case.other.code] == case.homes[1].code
    assert case.practices[1][0].code not in held
    assert held[case.practices[1][1].code] == case.homes[1].code
    assert scenario.lost == []
    assert len(making.hand_changes(case.again(scenario))) == 3


def test_what_cannot_stand_is_listed_and_left_out(case):
    """The planner took a practice into the draft by name; then it closes, and one ICB joins in."""
    scenario = case.make()
    closes = factories.body(kind_code="practice")
    move(case, scenario, closes, case.homes[1])
    move(case, scenario, case.other, case.homes[1])
    Version.objects.filter(organisation=closes).update(retracted_by=factories.release())
    factories.version(closes, kind_code="practice", name="The Surgery", closed_on=TODAY)
    factories.succession(
        reorganisation=case.event, predecessor=case.other, successor=case.new, share=1
    )

    scenario = making.refresh(scenario, by=case.planner)

    held = held_on(scenario.draft, APRIL_2027)
    assert closes.code not in held
    assert any(f"The Surgery ({closes.code})" in line for line in scenario.lost)
    assert len(scenario.lost) == 1 + (case.other.code not in held)


def test_a_refresh_with_nothing_new_changes_nothing(case):
    scenario = case.make()
    move(case, scenario, case.practices[0][0], case.homes[1])
    before = held_on(scenario.draft, APRIL_2027)

    making.refresh(scenario, by=case.planner)
    scenario = making.refresh(scenario, by=case.planner)

    assert held_on(scenario.draft, APRIL_2027) == before
    assert scenario.draft.territories.count() == 2
    rests_on = f"{case.plan} as it is after {case.event}"
    told = scenario.draft.changes.filter(rows=[]).values_list("says", flat=True)
    assert list(told) == [f"Made of {rests_on}", *[f"Made again of {rests_on}"] * 2]


def test_a_territory_that_the_plan_gained_comes_with_a_refresh(case):
    scenario = case.make()
    gained = factories.territory(plan=case.plan)
    case.plan.assignments.filter(organisation=case.other).update(territory=gained)

    scenario = making.refresh(scenario, by=case.planner)

    assert held_on(scenario.draft, APRIL_2027)[case.other.code] == gained.code


# --- What cannot be ----------------------------------------------------------------------------


def test_an_event_that_changes_nothing_there_is_no_scenario(case):
    plan = factories.plan(opened_on=date(2026, 4, 1))
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=case.other, opened_on=TODAY
    )

    with pytest.raises(making.ScenarioError, match="changes nothing"):
        making.make_scenario(case.event, plan, name="x", by=case.planner)
    assert not Scenario.objects.exists()


def test_a_plan_that_ends_before_the_event_has_no_scenario(case):
    TerritoryPlan.objects.filter(pk=case.plan.pk).update(closed_on=date(2027, 1, 1))
    case.plan.refresh_from_db()

    with pytest.raises(making.ScenarioError, match="ends on 31 December 2026"):
        case.make()
    assert TerritoryPlan.objects.count() == 1


# --- Beside each other -------------------------------------------------------------------------


def test_the_comparison_counts_units_people_and_practices_before_and_after(case):
    plain, bold = case.make("As it is"), case.make("All to one")
    for practice in case.practices[0]:
        move(case, bold, practice, case.homes[1])
    factories.population(organisation=case.other, people=500)

    found = compare(case.event, case.plan, [plain, bold])

    before, one, two = found.sides
    first, second = (home.code for home in case.homes)
    told = {
        code: [(cell.units, cell.people, cell.practices) for cell in cells]
        for code, _, cells in found.rows
    }
    assert told[first] == [(2, 1_500, 2), (3, 1_500, 2), (1, 500, 0)]
    assert told[second] == [(1, 1_000, 2), (2, 1_000, 2), (4, 2_000, 4)]
    assert (one.change_hands, two.change_hands) == (0, 2)
    assert before.whole.units == 3


def test_without_practices_none_are_counted_and_people_follow_the_bodies(db):
    case = WhatIf(practices=0)
    case.plan.assignments.filter(organisation=case.olds[1]).update(territory=case.homes[0])

    found = compare(case.event, case.plan, [case.make()])

    assert not found.has_practices
    assert [side.whole.people for side in found.sides] == [2_000, 2_000]
    assert found.sides[1].change_hands is None


# --- The pages ---------------------------------------------------------------------------------


@pytest.fixture
def planner(client, case):
    raise_flags()
    client.force_login(case.planner)
    return client


def test_from_the_event_to_a_scenario_and_back(planner, case, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    new = reverse("accounts:make_scenario")
    assert f"{new}?event={case.event.slug}" in text(planner, case.event.get_absolute_url())
    assert f"{new}?plan={case.plan.pk}" in text(planner, case.plan.get_absolute_url())

    form = planner.get(new, {"event": case.event.slug, "plan": case.plan.pk})
    assert form.context["form"].initial["event"] == case.event
    given = {"event": case.event.pk, "plan": case.plan.pk, "name": "If so", "note": "By Friday."}
    page = planner.post(new, given, follow=True).content.decode()

    assert "Here is the plan as it would be" in page
    assert "By Friday." in page
    scenario = Scenario.objects.get()
    listed = text(planner, reverse("accounts:scenarios"))
    for row in (scenario, case.event, case.plan):
        assert f'href="{row.get_absolute_url()}"' in listed
    assert "If so" in text(planner, case.event.get_absolute_url())
    assert "The scenario" in text(planner, scenario.draft.get_absolute_url() + "?on=2027-04-01")


BOARD = "/reorganisations/board/"


def test_the_board_leads_to_an_events_scenarios_and_to_a_new_one(planner, case, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    new = f"{reverse('accounts:make_scenario')}?event="
    gone = factories.reorganisation(
        slug="gone", title="Done long ago", effective_on=APRIL_2027, state=State.EFFECTIVE
    )
    factories.succession(reorganisation=gone)
    board = text(planner, BOARD)
    assert f"{new}{case.event.slug}" in board
    assert f"{new}{gone.slug}" not in board  # nothing is left to be asked of it
    assert "rests on it" not in board

    scenario = case.make()
    board = text(planner, BOARD)
    assert f'<a href="{scenario.get_absolute_url()}">1 scenario rests on it</a>' in board
    assert f"{new}{case.event.slug}" in board

    case.make("Otherwise")
    board = text(planner, BOARD)
    there = f"{case.event.get_absolute_url()}#what-if"
    assert f'<a href="{there}">2 scenarios rest on it</a>' in board
    assert 'id="what-if"' in text(planner, there)

    case.reject()
    board = text(planner, BOARD)
    assert "2 scenarios rest on it" in board
    assert f"{new}{case.event.slug}" not in board


def test_the_board_says_nothing_of_scenarios_that_the_reader_does_not_meet(case, client):
    case.make()
    case.plan.team.is_walled = True
    case.plan.team.save()
    client.force_login(case.planner)
    assert "rests on it" not in text(client, BOARD)

    client.force_login(factories.user(role=User.Role.FIELD))
    board = text(client, BOARD)
    assert case.event.title in board
    assert "rests on it" not in board
    assert "Plan on it" not in board


def test_the_board_asks_for_scenarios_once_however_many_its_cards(
    planner, case, time_machine, django_assert_num_queries
):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    case.make()
    text(planner, BOARD)  # presets of days, content types: kept from here on
    with CaptureQueriesContext(connection) as few:
        text(planner, BOARD)
    for _ in range(4):
        more = factories.reorganisation(effective_on=APRIL_2027, state=State.PROPOSED)
        factories.succession(reorganisation=more)
        factories.scenario(event=more)

    with django_assert_num_queries(len(few)):
        board = text(planner, BOARD)
    assert board.count("1 scenario rests on it") == 5


def text(client, address):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_stale_what_moved_and_refreshes(planner, case):
    scenario = case.make()
    assert "This is stale" not in text(planner, scenario.get_absolute_url())
    case.postpone()

    page = text(planner, scenario.get_absolute_url())
    assert "This is stale" in page
    assert "The day moved from 1 April 2027 to 1 October 2027." in page
    assert "The day moved" in text(planner, reverse("accounts:scenarios"))
    refresh = reverse("accounts:refresh_scenario", args=[scenario.pk])
    page = planner.post(refresh, follow=True).content.decode()

    assert "it rests on the event as it stands now" in page
    assert "This is stale" not in page


def test_of_a_rejected_event_there_is_nothing_to_refresh(planner, case):
    scenario = case.make()
    case.reject()
    refresh = reverse("accounts:refresh_scenario", args=[scenario.pk])

    page = text(planner, scenario.get_absolute_url())

    assert "The event is rejected: Ministers said no." in page
    assert refresh not in page
    assert "nothing to plan on" in planner.post(refresh, follow=True).content.decode()


def test_what_cannot_be_drafted_is_said_on_the_form(planner, case, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    case.plan.assignments.exclude(organisation=case.other).delete()
    given = {"event": case.event.pk, "plan": case.plan.pk, "name": "x"}

    answer = planner.post(reverse("accounts:make_scenario"), given)

    assert answer.status_code == 422
    assert "changes nothing in" in answer.content.decode()


def test_a_scenario_is_never_of_a_scenario(planner, case, time_machine):
    time_machine.move_to("2026-11-21 12:00Z", tick=False)
    draft = case.make().draft
    given = {"event": case.event.pk, "plan": draft.pk, "name": "x"}

    answer = planner.post(reverse("accounts:make_scenario"), given)

    assert answer.status_code == 422
    assert Scenario.objects.count() == 1
