"""A plan's way: who takes which step, what refuses it, what the clock does, what comes back."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.html import escape

from accounts.models import Challenge, TerritoryPlan
from accounts.tasks import activate_due
from accounts.territories import lifecycle, plans
from accounts.territories.copying import copy_plan
from footprints.models import Organisation
from tests import factories

pytestmark = pytest.mark.django_db

FIRST, TODAY = date(2026, 4, 1), date(2026, 11, 22)
LATER = TODAY + timedelta(days=30)
State = TerritoryPlan.State


@pytest.fixture
def team():
    return factories.team()


@pytest.fixture
def planner(team):
    return factories.user(role="planner", team=team)


@pytest.fixture
def manager(team):
    return factories.user(role="manager", team=team)


@pytest.fixture
def drawn(team):
    """Makes a plan that holds one unit."""

    def draw(**fields):
        plan = factories.plan(**{"team": team, "opened_on": FIRST, **fields})
        factories.assignment(territory=factories.territory(plan=plan, code="T01"), opened_on=FIRST)
        return plan

    return draw


@pytest.fixture
def through(planner, manager):
    """Takes a draft to the state that is asked for, by those who may."""

    def go(plan, state, **fields):
        lifecycle.submit(plan, on=TODAY, by=planner)
        if state != State.SUBMITTED:
            lifecycle.approve(plan, on=TODAY, by=manager, **fields)
        if state == State.ACTIVE:
            lifecycle.activate(plan, on=TODAY, by=planner)
        return plan

    return go


def state(plan):
    return TerritoryPlan.objects.get(pk=plan.pk).state


def steps(plan):
    return list(plan.steps.values_list("deed", flat=True))


def rows(plan):
    """All that a plan holds, as it is in the database."""
    return [
        *plan.assignments.order_by("pk").values(),
        *plan.territories.order_by("pk").values(),
        *TerritoryPlan.objects.filter(pk=plan.pk).values("name", "opened_on", "closed_on"),
    ]


# --- From draft to active


def test_a_plan_is_submitted_approved_and_made_active_and_each_step_is_kept(
    drawn, planner, manager
):
    plan = drawn()

    lifecycle.submit(plan, on=TODAY, by=planner, reason="Even to 4 %")
    lifecycle.approve(plan, on=TODAY, by=manager)
    lifecycle.activate(plan, on=TODAY, by=planner)

    assert state(plan) == State.ACTIVE
    told = list(plan.steps.values_list("deed", "by", "reason", "revision"))
    assert told == [
        ("submitted", planner.pk, "Even to 4 %", 2),
        ("approved", manager.pk, "", 3),
        ("activated", planner.pk, "", 4),
    ]


@pytest.mark.parametrize("at", [State.SUBMITTED, State.APPROVED])
def test_what_is_submitted_or_approved_stands_as_it_is(drawn, through, planner, at):
    plan = through(drawn(), at)
    territory = plan.territories.get()

    with pytest.raises(plans.Standing, match=at.label.lower()):
        plans.add_territory(plan, code="T02", by=planner)
    with pytest.raises(plans.Standing):
        plans.unassign_units(plan, Organisation.objects.all(), closed_on=TODAY, by=planner)
    with pytest.raises(plans.Standing):
        plans.edit_plan(plan, name="Other", kinds=[], by=planner)

    assert not plans.may_change(plan, planner)
    assert territory.assignments.get().closed_on is None


def test_an_empty_plan_is_not_submitted(team, planner):
    plan = factories.plan(team=team)

    with pytest.raises(lifecycle.Hindered, match="No unit belongs to a territory"):
        lifecycle.submit(plan, on=TODAY, by=planner)

    plan.refresh_from_db()
    assert (plan.state, plan.revision, steps(plan)) == ("draft", 1, [])


def test_undecided_challenges_keep_a_plan_from_being_submitted_and_are_counted(drawn, planner):
    plan = drawn()
    unit = plan.assignments.get().organisation
    asked = factories.challenge(plan=plan, territory=plan.territories.get(), organisation=unit)
    other = factories.challenge()  # a witness, of another plan

    with pytest.raises(lifecycle.Hindered, match="One challenge is not decided") as hindered:
        lifecycle.submit(plan, on=TODAY, by=planner)

    assert str(plan.pk) in hindered.value.obstacles[0].address
    assert other.state == Challenge.State.OPEN
    asked.delete()
    lifecycle.submit(plan, on=TODAY, by=planner)
    assert state(plan) == State.SUBMITTED


def test_a_challenge_that_comes_after_submitting_keeps_it_from_being_approved(
    drawn, through, manager
):
    plan = through(drawn(), State.SUBMITTED)
    factories.challenge(
        plan=plan,
        territory=plan.territories.get(),
        organisation=plan.assignments.get().organisation,
    )

    with pytest.raises(lifecycle.Hindered):
        lifecycle.approve(plan, on=TODAY, by=manager)

    assert state(plan) == State.SUBMITTED


def test_whoever_submitted_it_does_not_approve_it(drawn, manager, settings):
    plan = drawn()
    lifecycle.submit(plan, on=TODAY, by=manager)

    with pytest.raises(lifecycle.SamePerson):
        lifecycle.approve(plan, on=TODAY, by=manager)
    assert state(plan) == State.SUBMITTED

    settings.FOUR_EYES = False
    lifecycle.approve(plan, on=TODAY, by=manager)
    assert state(plan) == State.APPROVED


def test_a_plan_is_sent_back_with_a_reason(drawn, through, manager):
    plan = through(drawn(), State.SUBMITTED)

    with pytest.raises(plans.PlanError, match="Say what should be different"):
        lifecycle.send_back(plan, by=manager, reason="  ")
    assert state(plan) == State.SUBMITTED

    lifecycle.send_back(plan, by=manager, reason="T07 is too large")
    assert state(plan) == State.DRAFT
    assert plan.steps.last().reason == "T07 is too large"


STARTS = {
    "submit": lambda plan, by: lifecycle.submit(plan, on=TODAY, by=by),
    "approve": lambda plan, by: lifecycle.approve(plan, on=TODAY, by=by),
    "confirm": lambda plan, by: lifecycle.confirm(plan, by=by),
    "send_back": lambda plan, by: lifecycle.send_back(plan, by=by, reason="No"),
    "schedule": lambda plan, by: lifecycle.schedule(plan, on=TODAY, activates_on=LATER, by=by),
    "activate": lambda plan, by: lifecycle.activate(plan, on=TODAY, by=by),
    "bring_back": lambda plan, by: lifecycle.bring_back(plan, on=TODAY, by=by),
    "reopen": lambda plan, by: lifecycle.reopen(plan, by=by),
    "archive": lambda plan, by: lifecycle.archive(plan, by=by),
}


@pytest.mark.parametrize("deed", STARTS)
@pytest.mark.parametrize("at", State)
def test_a_deed_starts_from_its_own_states_and_refuses_every_other(drawn, manager, deed, at):
    plan = drawn(state=at)
    starts = at in lifecycle.WAYS[deed][0]
    plan.state = State.DRAFT  # as an old tab showed it

    if starts:
        STARTS[deed](plan, manager)
        assert len(steps(plan)) == 1
    else:
        with pytest.raises(lifecycle.WrongState, match=at.label.lower()):
            STARTS[deed](plan, manager)
        found = TerritoryPlan.objects.get(pk=plan.pk)
        assert (found.state, found.revision, steps(plan)) == (at, 1, [])


# --- On a day, by the clock


def test_the_clock_makes_a_plan_active_on_its_day_and_not_before_and_once(drawn, through):
    plan = through(drawn(), State.APPROVED, activates_on=LATER)

    assert lifecycle.activate_due(LATER - timedelta(days=1)) == 0
    assert state(plan) == State.APPROVED
    assert lifecycle.activate_due(LATER) == 1
    assert lifecycle.activate_due(LATER) == 0
    assert lifecycle.activate_due(LATER + timedelta(days=1)) == 0

    assert state(plan) == State.ACTIVE
    assert steps(plan).count("activated") == 1
    assert plan.steps.last().by is None


def test_a_clock_that_stood_still_makes_good_what_it_missed(drawn, through):
    plan = through(drawn(), State.APPROVED, activates_on=LATER)

    assert lifecycle.activate_due(LATER + timedelta(days=9)) == 1
    assert state(plan) == State.ACTIVE


def test_one_that_has_ended_keeps_no_other_from_its_day(drawn, through):
    ended = through(drawn(closed_on=LATER + timedelta(days=1)), State.APPROVED, activates_on=LATER)
    other = through(drawn(), State.APPROVED, activates_on=LATER)

    assert lifecycle.activate_due(LATER + timedelta(days=5)) == 1

    assert (state(ended), state(other)) == (State.APPROVED, State.ACTIVE)


def test_the_task_does_it_today(drawn, through, manager):
    plan = through(drawn(), State.APPROVED)
    TerritoryPlan.objects.filter(pk=plan.pk).update(activates_on=date(2026, 5, 1))

    activate_due()
    activate_due()

    assert state(plan) == State.ACTIVE
    assert steps(plan).count("activated") == 1


@pytest.mark.parametrize("day", [TODAY - timedelta(days=1), FIRST - timedelta(days=1)])
def test_a_day_that_has_passed_is_refused(drawn, through, manager, day):
    plan = through(drawn(), State.SUBMITTED)

    with pytest.raises(lifecycle.NotYet, match="has passed"):
        lifecycle.approve(plan, on=TODAY, by=manager, activates_on=day)

    assert state(plan) == State.SUBMITTED


def test_a_day_outside_the_plan_s_life_is_refused(drawn, through, manager):
    coming = through(drawn(opened_on=LATER), State.SUBMITTED)
    ending = through(drawn(closed_on=LATER), State.SUBMITTED)

    with pytest.raises(lifecycle.NotYet, match="holds from"):
        lifecycle.approve(coming, on=TODAY, by=manager, activates_on=TODAY)
    with pytest.raises(lifecycle.NotYet, match="has ended by then"):
        lifecycle.approve(ending, on=TODAY, by=manager, activates_on=LATER)


def test_a_plan_that_does_not_hold_yet_is_not_made_active(drawn, through, manager):
    plan = through(drawn(opened_on=LATER), State.APPROVED)

    with pytest.raises(lifecycle.NotYet, match="nobody's"):
        lifecycle.activate(plan, on=TODAY, by=manager)

    assert state(plan) == State.APPROVED


def test_the_day_may_be_changed_once_it_is_approved(drawn, through, manager):
    plan = through(drawn(), State.APPROVED, activates_on=LATER)

    lifecycle.schedule(plan, on=TODAY, activates_on=None, by=manager)

    assert lifecycle.activate_due(LATER) == 0
    assert steps(plan).count("approved") == 2


# --- One in the place of another


def test_activating_supersedes_what_it_replaces_and_nothing_of_that_is_changed(
    drawn, through, planner
):
    old = drawn(state=State.ACTIVE, name="Old")
    witness = drawn(state=State.ACTIVE)
    before = rows(old)
    new = through(drawn(replaces=old, name="New"), State.ACTIVE)

    assert [state(plan) for plan in (old, new, witness)] == ["superseded", "active", "active"]
    assert rows(old) == before
    assert old.steps.get().reason == "By New."
    assert new.steps.last().reason == "In place of Old."


def test_a_superseded_plan_is_brought_back_and_the_other_is_approved_again(
    drawn, through, manager
):
    old = drawn(state=State.ACTIVE)
    new = through(drawn(replaces=old), State.APPROVED, activates_on=TODAY)
    lifecycle.activate_due(TODAY)
    old.refresh_from_db()
    before = rows(new)

    after = lifecycle.bring_back(old, on=TODAY, by=manager)

    assert after == new
    assert (state(old), state(new)) == (State.ACTIVE, State.APPROVED)
    assert rows(new) == before
    assert lifecycle.activate_due(TODAY) == 0  # the clock does not take it back
    new.refresh_from_db()
    lifecycle.activate(new, on=TODAY, by=manager)
    assert (state(old), state(new)) == (State.SUPERSEDED, State.ACTIVE)


def test_of_two_drafts_for_one_plan_the_later_supersedes_the_faster(drawn, through):
    old = drawn(state=State.ACTIVE)
    first, second = drawn(replaces=old), drawn(replaces=old)

    through(first, State.ACTIVE)
    through(second, State.ACTIVE)

    assert [state(plan) for plan in (old, first, second)] == ["superseded", "superseded", "active"]
    assert TerritoryPlan.objects.get(pk=second.pk).replaces == first


def test_any_plan_of_the_line_comes_back_and_one_alone_is_active(drawn, through, manager):
    one = drawn(state=State.ACTIVE)
    two = through(drawn(replaces=one), State.ACTIVE)
    three = through(drawn(replaces=two), State.ACTIVE)

    lifecycle.bring_back(TerritoryPlan.objects.get(pk=one.pk), on=TODAY, by=manager)

    assert [state(plan) for plan in (one, two, three)] == ["active", "superseded", "approved"]
    lifecycle.activate(TerritoryPlan.objects.get(pk=three.pk), on=TODAY, by=manager)
    assert [state(plan) for plan in (one, two, three)] == ["superseded", "superseded", "active"]


def test_whichever_of_two_stands_in_for_the_other_the_line_has_no_circle(drawn, through, manager):
    one = drawn(state=State.ACTIVE)
    two = through(drawn(replaces=one), State.ACTIVE)
    draft = drawn(replaces=one)

    for plan in (one, two, one):  # brought back, activated again, brought back
        found = TerritoryPlan.objects.get(pk=plan.pk)
        if found.state == State.SUPERSEDED:
            lifecycle.bring_back(found, on=TODAY, by=manager)
        else:
            lifecycle.activate(found, on=TODAY, by=manager)
        links = dict(TerritoryPlan.objects.values_list("pk", "replaces"))
        assert links == {one.pk: None, two.pk: one.pk, draft.pk: plan.pk}
        assert TerritoryPlan.objects.get(state=State.ACTIVE) == plan


def test_what_is_covered_twice_is_declared_before_a_plan_is_submitted(
    client, drawn, team, planner
):
    beside = drawn(state=State.ACTIVE)
    plan = drawn()
    shared = beside.assignments.get().organisation
    factories.version(shared)
    mine = plan.territories.get()
    factories.assignment(territory=mine, organisation=shared, opened_on=FIRST)

    with pytest.raises(lifecycle.Hindered, match="One unit is held by more than one") as hindered:
        lifecycle.submit(plan, on=TODAY, by=planner)
    assert state(plan) == State.DRAFT
    client.force_login(planner)
    assert shared.code in client.get(hindered.value.obstacles[0].address).content.decode()

    for territory in (mine, beside.territories.get()):
        factories.shared_unit(territory=territory, organisation=shared, share="0.5")
    lifecycle.submit(plan, on=TODAY, by=planner)
    assert state(plan) == State.SUBMITTED


def test_a_copy_does_not_overlap_what_it_takes_the_place_of(drawn, planner, through):
    old = drawn(state=State.ACTIVE)
    first, second = (copy_plan(old, opened_on=TODAY, by=planner) for _ in range(2))

    through(first, State.ACTIVE)
    through(second, State.ACTIVE)

    assert [state(plan) for plan in (old, first, second)] == ["superseded", "superseded", "active"]


def test_a_plan_of_another_role_never_gives_way(drawn, through):
    old = drawn(state=State.ACTIVE)
    mirror = through(drawn(replaces=old, role="mirror"), State.ACTIVE)

    assert (state(old), state(mirror)) == (State.ACTIVE, State.ACTIVE)


def test_a_plan_that_has_ended_is_not_brought_back(drawn, through, manager):
    old = drawn(state=State.ACTIVE, closed_on=LATER)
    new = through(drawn(replaces=old), State.ACTIVE)
    old.refresh_from_db()

    with pytest.raises(lifecycle.NotYet, match="has ended"):
        lifecycle.bring_back(old, on=LATER, by=manager)

    assert (state(old), state(new)) == (State.SUPERSEDED, State.ACTIVE)


def test_an_archived_plan_is_made_a_draft_again_with_all_it_held(drawn, planner):
    plan = drawn()
    before = rows(plan)

    lifecycle.archive(plan, by=planner)
    lifecycle.reopen(plan, by=planner)

    assert state(plan) == State.DRAFT
    assert rows(plan) == before


# --- Who may


@pytest.mark.parametrize("deed", lifecycle.WAYS)
@pytest.mark.parametrize("role", ["field", "steward", "planner", "manager"])
def test_who_may_take_which_step(drawn, team, deed, role):
    user = factories.user(role=role, team=team)
    plan = drawn(state=lifecycle.WAYS[deed][0][0])
    deciding = {"approve", "confirm", "send_back", "schedule", "bring_back"}

    expected = role == "manager" or (role == "planner" and deed not in deciding)

    assert lifecycle.may_do(deed, plan, user) is expected


def test_only_a_manager_archives_what_is_active(drawn, planner, manager):
    plan = drawn(state=State.ACTIVE)

    assert not lifecycle.may_do("archive", plan, planner)
    assert lifecycle.may_do("archive", plan, manager)


# --- The pages


def post(client, plan, deed, **data):
    address = reverse("accounts:plan_deed", args=[plan.pk, deed])
    return client.post(address, data, follow=True)


def test_the_way_is_walked_on_the_pages_by_two_people(client, drawn, planner, manager):
    plan = drawn(name="Next year")

    client.force_login(planner)
    page = post(client, plan, "submit", reason="Please look")
    assert "it stands as it is" in page.content.decode()
    assert "Assign a unit" not in page.content.decode()
    assert "way/approve/" not in page.content.decode()  # no link to what is not theirs
    assert client.post(reverse("accounts:plan_deed", args=[plan.pk, "approve"])).status_code == 403

    client.force_login(manager)
    page = post(client, plan, "approve", activates_on="")
    assert "way/activate/" in page.content.decode()
    page = post(client, plan, "activate")

    assert "Next year is active." in page.content.decode()
    assert state(plan) == State.ACTIVE


def test_a_stale_tab_is_told_what_the_plan_is_by_now(client, drawn, through, manager):
    plan = through(drawn(), State.SUBMITTED)
    client.force_login(manager)
    post(client, plan, "send-back", reason="Too large")

    page = post(client, plan, "approve")

    assert "is draft by now (sent back by" in page.content.decode()
    assert state(plan) == State.DRAFT


def test_the_page_says_what_is_in_the_way_and_leads_there(client, drawn, planner):
    plan = drawn()
    for number in range(2):
        factories.challenge(
            plan=plan,
            territory=plan.territories.get(),
            organisation=factories.organisation(),
            reason=f"Too far, {number}",
        )
    client.force_login(planner)

    page = client.get(plan.get_absolute_url()).content.decode()

    (obstacle,) = lifecycle.obstacles(plan, TODAY)
    assert "Two challenges are not decided yet." in page
    assert escape(obstacle.address) in page
    assert client.get(obstacle.address).content.decode().count("Too far") == 2
    assert "way/submit/" not in page


@pytest.mark.parametrize("bad", ["31/02/2027", "soon"])
def test_a_day_that_is_none_is_refused_in_words(client, drawn, through, manager, bad):
    plan = through(drawn(), State.SUBMITTED)
    client.force_login(manager)

    page = post(client, plan, "approve", activates_on=bad)

    assert "Write the day" in page.content.decode()
    assert state(plan) == State.SUBMITTED


def test_the_history_tells_the_steps_and_the_changes_in_time(client, drawn, through, manager):
    plan = through(drawn(name="Told"), State.SUBMITTED)
    factories.plan_change(plan=plan, says="Moved 91Q to T02", by=manager)
    lifecycle.send_back(plan, by=manager, reason="T07 is too large")
    client.force_login(manager)

    page = client.get(reverse("accounts:plan_history", args=[plan.pk])).content.decode()

    places = [page.index(text) for text in ("T07 is too large", "Moved 91Q", "Submitted")]
    assert places == sorted(places)


def test_a_long_history_is_told_a_page_at_a_time(client, drawn, manager, monkeypatch):
    monkeypatch.setattr("accounts.views.lifecycle.SHOWN", 3)
    plan = drawn()
    for number in range(5):
        factories.plan_change(plan=plan, says=f"Gesture {number}", by=manager)
    client.force_login(manager)
    address = reverse("accounts:plan_history", args=[plan.pk])

    first = client.get(address)
    second = client.get(address, {"until": first.context["earlier"]})

    assert [one.says for one in first.context["told"]] == ["Gesture 4", "Gesture 3", "Gesture 2"]
    assert [one.says for one in second.context["told"]] == ["Gesture 1", "Gesture 0"]


def test_a_field_user_sees_no_history(client, drawn, team):
    rep = factories.user(role="field", team=team)
    plan = drawn()
    address = reverse("accounts:plan_history", args=[plan.pk])
    client.force_login(rep)

    assert client.get(address).status_code == 404
    factories.roster_entry(territory=plan.territories.get(), user=rep)
    assert client.get(address).status_code == 403
    assert address not in client.get(plan.get_absolute_url()).content.decode()
