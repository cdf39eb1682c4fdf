"""Challenges: "not like this" from the field, answered by a manager, seen by who should."""

from datetime import date

import pytest

from accounts.challenges import deeds
from accounts.models import Challenge, TerritoryPlan
from tests import factories

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 22)
FIRST = date(2026, 4, 1)
State = Challenge.State


class Patch:
    """A plan of two territories with two units each; each territory has its field user."""

    def __init__(self):
        self.team = factories.team()
        self.planner = factories.user(role="planner", team=self.team)
        self.manager = factories.user(role="manager", team=self.team)
        self.plan = factories.plan(
            team=self.team, owner=self.planner, state="draft", opened_on=FIRST
        )
        self.homes, self.reps, self.units = [], [], []
        for _ in range(2):
            home = factories.territory(plan=self.plan)
            rep = factories.user(role="field", team=self.team)
            factories.roster_entry(territory=home, user=rep, opened_on=FIRST)
            units = [factories.body(kind_code="sub_icb", opened_on=FIRST) for _ in range(2)]
            for unit in units:
                factories.assignment(territory=home, organisation=unit, opened_on=FIRST)
            self.homes.append(home)
            self.reps.append(rep)
            self.units.append(units)

    def challenge(self, unit=None, **given):
        given = {"wanted": self.homes[1], "reason": "Too far", "on": TODAY, **given}
        return deeds.challenge(
            self.homes[0], unit or self.units[0][0], by=given.pop("by", self.reps[0]), **given
        )

    def held(self, unit, day=TODAY):
        return deeds.held_by(self.plan, unit, "owner", day)


@pytest.fixture
def patch():
    return Patch()


# --- What is said ------------------------------------------------------------------------------


def test_a_unit_is_challenged_away_and_another_is_asked_for(patch):
    away = patch.challenge()
    wherever = patch.challenge(patch.units[0][1], wanted=None)
    here = patch.challenge(patch.units[1][0], wanted=patch.homes[0])

    assert [one.state for one in (away, wherever, here)] == [State.OPEN] * 3
    assert patch.held(patch.units[0][0]) == patch.homes[0]  # nothing has changed


def test_what_would_change_nothing_or_is_no_business_of_the_patch_is_refused(patch):
    own, other = patch.units[0][0], patch.units[1][0]
    dead = factories.body(kind_code="sub_icb", opened_on=FIRST, closed_on=date(2026, 5, 1))
    third = factories.territory(plan=patch.plan)

    for unit, wanted, says in (
        (other, None, "is not in"),
        (own, patch.homes[0], "already"),
        (other, third, "no matter of"),
        (dead, patch.homes[0], "no unit that lives on 22 November 2026"),
    ):
        with pytest.raises(deeds.ChallengeError, match=says):
            patch.challenge(unit, wanted=wanted)
    patch.challenge()
    with pytest.raises(deeds.ChallengeError, match="challenged already"):
        patch.challenge(wanted=None)


@pytest.mark.parametrize("state", ["approved", "superseded", "archived"])
def test_a_plan_that_is_settled_takes_no_challenge(patch, state):
    TerritoryPlan.objects.filter(pk=patch.plan.pk).update(state=state)
    patch.homes[0].plan.refresh_from_db()

    with pytest.raises(deeds.ChallengeError, match=state):
        patch.challenge()


# --- What is answered --------------------------------------------------------------------------


def test_accepting_puts_the_unit_where_it_was_wanted_from_the_day_on(patch):
    made, unit = patch.challenge(), patch.units[0][0]

    done = deeds.accept(made, by=patch.manager, on=TODAY)

    assert (done.state, done.granted, done.decided_by) == (
        *(State.ACCEPTED, patch.homes[1]),
        patch.manager,
    )
    assert patch.held(unit, date(2026, 11, 21)) == patch.homes[0]
    assert patch.held(unit) == patch.homes[1]
    with pytest.raises(deeds.Answered):
        deeds.accept(made, by=patch.manager, on=TODAY)
    with pytest.raises(deeds.Answered):
        deeds.withdraw(made, by=patch.reps[0])


def test_a_manager_may_accept_otherwise_and_must_say_where_to(patch):
    third = factories.territory(plan=patch.plan)

    changed = deeds.accept(patch.challenge(), by=patch.manager, on=TODAY, to=third, answer="Here")
    assert (changed.state, changed.granted, changed.answer) == (State.CHANGED, third, "Here")

    open_ended = patch.challenge(patch.units[0][1], wanted=None)
    with pytest.raises(deeds.ChallengeError, match="Say which territory"):
        deeds.accept(open_ended, by=patch.manager, on=TODAY)
    done = deeds.accept(open_ended, by=patch.manager, on=TODAY, to=third)
    assert done.state == State.ACCEPTED


def test_refusing_needs_a_reason_and_leaves_the_unit_where_it_is(patch):
    made = patch.challenge()

    with pytest.raises(deeds.ChallengeError, match="Say why"):
        deeds.refuse(made, by=patch.manager, answer="  ")
    done = deeds.refuse(made, by=patch.manager, answer="It is as near")

    assert (done.state, done.answer) == (State.REFUSED, "It is as near")
    assert patch.held(patch.units[0][0]) == patch.homes[0]
    assert patch.challenge().state == State.OPEN  # it may be said again


def test_a_plan_that_was_submitted_is_sent_back_before_a_challenge_is_accepted(patch):
    made = patch.challenge()
    TerritoryPlan.objects.filter(pk=patch.plan.pk).update(state="submitted")

    with pytest.raises(deeds.ChallengeError, match="sent back to draft"):
        deeds.accept(made, by=patch.manager, on=TODAY)

    assert Challenge.objects.get().state == State.OPEN
    assert deeds.refuse(made, by=patch.manager, answer="No").state == State.REFUSED


def test_a_unit_that_ended_meanwhile_is_said_and_nothing_changes(patch):
    ending = factories.body(kind_code="sub_icb", opened_on=FIRST, closed_on=date(2026, 12, 1))
    factories.assignment(territory=patch.homes[0], organisation=ending, opened_on=FIRST)
    made = patch.challenge(ending)

    with pytest.raises(deeds.ChallengeError, match="Not a unit that lives on 1 December 2026"):
        deeds.accept(made, by=patch.manager, on=date(2026, 12, 1))

    assert Challenge.objects.get().state == State.OPEN


# --- Pages -------------------------------------------------------------------------------------


def test_three_steps_for_the_field_user_and_one_click_for_the_manager(patch, client):
    rep, unit = patch.reps[0], patch.units[0][0]
    client.force_login(rep)
    page = client.get(f"{patch.homes[0].get_absolute_url()}?on={TODAY}").content.decode()
    address = f"/plans/{patch.plan.pk}/territories/{patch.homes[0].pk}/challenge/"
    assert f'href="{address}?unit={unit.code}&amp;on={TODAY}"' in page or (
        f"{address}?unit={unit.code}" in page
    )

    form = client.get(f"{address}?unit={unit.code}")
    assert form.context["form"]["unit"].value() == unit.code
    sent = client.post(address, {"unit": unit.code, "reason": "Two hours' drive"}, follow=True)
    assert "Two hours&#x27; drive" in sent.content.decode()
    made = Challenge.objects.get()
    assert (made.by, made.wanted, made.organisation) == (rep, None, unit)

    client.post(
        address, {"unit": "another", "code": patch.units[1][0].code.lower(), "reason": "Mine"}
    )
    wanted = Challenge.objects.last()
    assert (wanted.wanted, wanted.territory) == (patch.homes[0], patch.homes[0])
    answer = f"{wanted.get_absolute_url()}answer/"
    assert client.post(answer, {"deed": "accept"}).status_code == 404

    client.force_login(patch.manager)
    asked = client.get("/challenges/", {"state": "open"})
    assert len(asked.context["table"].records) == 2
    for what in ("leave", "come to"):
        assert f"{what} {patch.homes[0]}" in asked.content.decode()
    client.post(answer, {"deed": "accept"})
    wanted.refresh_from_db()
    assert wanted.state == State.ACCEPTED
    refused = client.post(f"{made.get_absolute_url()}answer/", {"deed": "refuse"})
    assert refused.status_code == 422
    assert "This field is required" in refused.content.decode()


def test_what_cannot_be_is_said_on_the_form_and_nothing_typed_is_lost(patch, client):
    client.force_login(patch.reps[0])
    address = f"/plans/{patch.plan.pk}/territories/{patch.homes[0].pk}/challenge/"

    for given, says in (
        ({"unit": "another", "code": "", "reason": "Why"}, "Write the code"),
        ({"unit": "another", "code": "ZZZ999", "reason": "Why"}, "no body ZZZ999"),
        ({"unit": "another", "code": patch.units[0][0].code, "reason": "Why"}, "already"),
        ({"unit": patch.units[0][0].code, "reason": ""}, "required"),
    ):
        page = client.post(address, given)
        assert page.status_code == 422
        assert says in page.content.decode()
        assert page.context["form"]["reason"].value() == given["reason"]
    assert not Challenge.objects.exists()


def test_a_field_user_sees_their_own_and_nothing_of_whose_patch_another_is(patch, client):
    made = patch.challenge(patch.units[1][0], wanted=patch.homes[0])
    others = deeds.challenge(
        patch.homes[1], patch.units[1][1], reason="Far", by=patch.reps[1], on=TODAY
    )
    stranger = factories.user(role="field", team=patch.team)
    client.force_login(patch.reps[0])

    page = client.get(f"{made.get_absolute_url()}?on={TODAY}").content.decode()
    assert "In another territory." in page
    assert patch.homes[1].code not in page
    assert client.get(others.get_absolute_url()).status_code == 404
    assert client.post(f"{others.get_absolute_url()}withdraw/").status_code == 404
    address = f"/plans/{patch.plan.pk}/territories/{patch.homes[1].pk}/challenge/"
    assert client.get(address).status_code == 404
    client.force_login(stranger)
    assert client.get(made.get_absolute_url()).status_code == 404

    client.force_login(patch.reps[0])
    client.post(f"{made.get_absolute_url()}withdraw/")
    made.refresh_from_db()
    assert made.state == State.WITHDRAWN


def test_the_list_costs_the_same_however_long(patch, client, django_assert_max_num_queries):
    for units in patch.units[:1]:
        for unit in units:
            patch.challenge(unit)
    client.force_login(patch.manager)
    client.get("/challenges/")

    with django_assert_max_num_queries(8):
        page = client.get("/challenges/")
    assert len(page.context["table"].records) == 2


def test_the_home_page_tells_those_who_plan_what_waits_for_an_answer(patch, client):
    made = patch.challenge()
    for user, shown in ((patch.manager, True), (patch.planner, True), (patch.reps[1], False)):
        client.force_login(user)
        assert ("Too far" in client.get("/beside/").content.decode()) is shown

    deeds.refuse(made, by=patch.manager, answer="No")

    client.force_login(patch.manager)
    assert "Too far" not in client.get("/beside/").content.decode()
