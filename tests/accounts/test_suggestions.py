"""Suggestions: asked for, worked out on the real register, taken whole, in part, or not."""

from datetime import date

import pytest

from accounts import tasks
from accounts.balancing import asking
from accounts.drawing import gestures
from accounts.models import PlanChange, Suggestion, TerritoryPlan, User
from accounts.territories import plans
from footprints.models import Kind, Organisation
from tests import factories

DAY = date(2026, 11, 22)
State = Suggestion.State
QUICK = 5


@pytest.fixture
def plan(register):
    """The 106 sub-ICB locations of today, in twelve territories by their code: far from even."""
    made = factories.plan(opened_on=date(2026, 4, 1), state="draft")
    made.kinds.set([Kind.objects.get(code="sub_icb")])
    homes = [factories.territory(plan=made, position=n) for n in range(12)]
    units = Organisation.objects.of_kind(DAY, kind="sub_icb").order_by("code")
    for number, unit in enumerate(units):
        home = homes[min(number // 5, 11)]
        factories.assignment(territory=home, organisation=unit, opened_on=made.opened_on)
    User.objects.filter(pk=made.owner_id).update(role="planner")
    made.owner.refresh_from_db()
    return made


def held(plan):
    rows = plan.assignments.on(DAY).values_list("organisation", "territory")
    return dict(rows)


def asked(plan, **given):
    made = asking.ask(plan, by=plan.owner, from_on=DAY, **given)
    asking.work(made, tries=given.pop("tries", QUICK))
    made.refresh_from_db()
    return made


def test_the_country_is_evened_and_told_beside_what_it_was(plan):
    made = asked(plan)

    assert (made.state, made.percent, made.error) == (State.DONE, 100, "")
    sides = made.told["sides"]
    assert sides["suggested"]["farthest"] < 0.15 < sides["now"]["farthest"]
    assert sides["suggested"]["farthest"] < sides["random"]["farthest"]
    assert sides["suggested"]["parts"] < sides["now"]["parts"]
    assert made.told["least"] <= sides["suggested"]["moved"] <= made.told["amount"]
    assert made.told["units"] == 106
    before = held(plan)
    assert {unit: was for unit, was, _ in made.found}.items() <= before.items()


def test_taking_it_whole_is_one_change_and_undone_as_one(plan):
    made, before = asked(plan), held(plan)

    asking.take(made, by=plan.owner)

    assert held(plan) == before | {unit: to for unit, _, to in made.found}
    number = len(made.found)
    told = f"{number} units moved, as suggested ({number} of {number})"
    assert PlanChange.objects.get().says == told
    assert Suggestion.objects.get().state == State.TAKEN
    with pytest.raises(asking.SuggestionError, match="taken"):
        asking.take(made, by=plan.owner)
    gestures.undo(plan, by=plan.owner)
    assert held(plan) == before


def test_a_part_of_it_is_taken_or_nothing(plan):
    made, before = asked(plan), held(plan)
    some = made.found[:3]

    with pytest.raises(asking.SuggestionError, match="No unit is chosen"):
        asking.take(made, by=plan.owner, units=[])
    asking.take(made, by=plan.owner, units=[row[0] for row in some])
    assert held(plan) == before | {unit: to for unit, _, to in some}
    asking.take(made, by=plan.owner)
    assert held(plan) == before | {unit: to for unit, _, to in made.found}

    other = asked(plan, still=0)
    after = held(plan)
    asking.throw_away(other, by=plan.owner)
    assert (other.state, Suggestion.objects.get(pk=other.pk).state) == ("done", "thrown_away")
    assert held(plan) == after


def test_the_page_says_what_was_asked_and_what_of_it_is_there(plan, client):
    first, second = plan.territories.order_by("position")[:2]
    kept = plan.assignments.on(DAY).filter(territory=second).first().organisation
    made = asked(plan, still=2, locked=[first.pk], locked_units=[kept.pk])
    client.force_login(plan.owner)
    page = client.get(made.get_absolute_url()).content.decode()
    assert f"Few changes 2, short ways 1; kept: {first.code}, {kept.code}" in page
    assert "Take it whole" in page

    asking.take(made, by=plan.owner, units=[made.found[0][0]])

    page = client.get(made.get_absolute_url()).content.decode()
    assert "1 of them is where suggested now" in page
    assert f"taken by {plan.owner}" in page
    assert "Take the rest" in page
    assert page.count('name="row"') == len(made.found) - 1
    client.post(f"{made.get_absolute_url()}take/", {"which": "all"})
    assert asking.left(made) == []
    page = client.get(made.get_absolute_url()).content.decode()
    assert "Take the rest" not in page


@pytest.mark.parametrize("weights", [(0, 0), (0, 1), (5, 0)])
def test_weights_choose_among_even_deals_and_make_none_less_even(plan, weights):
    """With nothing but evenness asked for, a deal had been less even than what there was."""
    still, compact = weights

    made = asked(plan, still=still, compact=compact)

    sides = made.told["sides"]
    assert sides["suggested"]["farthest"] <= sides["now"]["farthest"]
    assert sides["suggested"]["farthest"] <= sides["greedy"]["farthest"]
    assert made.told["within"] >= made.told["evenest"]
    assert made.told["least"] <= sides["suggested"]["moved"]


def test_what_moved_meanwhile_is_said_and_nothing_is_lost(plan):
    made = asked(plan)
    unit, was, to = made.found[0]
    other = plan.territories.exclude(pk__in=[was, to]).first()
    body = Organisation.objects.get(pk=unit)
    plans.assign_units(plan, other, [body], opened_on=DAY, by=plan.owner)
    now_held = held(plan)

    with pytest.raises(gestures.MovedUnderYou):
        asking.take(made, by=plan.owner)

    assert held(plan) == now_held
    assert Suggestion.objects.get(pk=made.pk).state == State.DONE


def test_locked_territories_keep_what_they_have(plan):
    locked = plan.territories.first()

    made = asked(plan, locked=[locked.pk])

    assert locked.pk not in {was for _, was, _ in made.found}


def test_number_of_units_and_a_measure_are_evened_too(plan):
    by_units = asked(plan, evens="units")
    assert by_units.told["amount"] == 106
    assert by_units.told["sides"]["suggested"]["farthest"] < 0.2

    measure = factories.measure(counted_on=DAY)
    with_figures = list(held(plan))[:60]
    for number, unit in enumerate(with_figures):
        body = Organisation.objects.get(pk=unit)
        factories.figure(measure=measure, organisation=body, amount=10 + number)
    by_measure = asked(plan, evens="measure", measure=measure)
    assert by_measure.told["amount"] == sum(range(10, 70))
    assert by_measure.told["uncounted"] == 46


@pytest.mark.django_db
def test_a_plan_that_cannot_be_dealt_says_why():
    bare = factories.plan(opened_on=date(2026, 4, 1))
    User.objects.filter(pk=bare.owner_id).update(role="planner")
    bare.owner.refresh_from_db()

    made = asked(bare)
    assert made.state == State.FAILED
    assert made.error.startswith("Add at least two territories")
    for _ in range(2):
        factories.territory(plan=bare)
    assert "no units" in asked(bare).error


@pytest.mark.django_db
def test_one_at_a_time_stopped_and_taken_up_again():
    made = factories.suggestion()
    plan = made.plan
    with pytest.raises(asking.SuggestionError, match="wait for it, or stop it"):
        asking.ask(plan, by=plan.owner, from_on=DAY)

    asking.stop(made, by=plan.owner)
    asking.work(made)
    assert Suggestion.objects.get().state == State.STOPPED
    with pytest.raises(asking.SuggestionError, match="over already"):
        asking.stop(made, by=plan.owner)

    # A worker that was lost: the clock takes it up, and not for ever.
    lost = factories.suggestion(plan=plan, state="working")
    tasks.resume_suggestions()
    lost.refresh_from_db()
    assert (lost.state, lost.tries) == (State.FAILED, 1)  # there is nothing to deal
    hopeless = factories.suggestion(plan=plan, state="working", tries=asking.TRIES)
    tasks.resume_suggestions()
    hopeless.refresh_from_db()
    assert "none came back" in hopeless.error


def test_the_pages_ask_watch_and_take(plan, client, django_capture_on_commit_callbacks):
    client.force_login(plan.owner)
    address = f"/plans/{plan.pk}/suggest/"
    assert client.get(address).status_code == 200
    wrong = {"evens": "measure", "still": "9", "compact": "1", "from_on": "2020-01-01"}
    page = client.post(address, wrong)
    assert page.status_code == 422
    assert set(page.context["form"].errors) == {"measure", "still", "from_on"}

    given = {"evens": "people", "still": "1", "compact": "1", "from_on": str(DAY)}
    page = client.post(address, given, follow=True)
    made = Suggestion.objects.get()
    assert "<progress" in page.content.decode()
    asking.work(made, tries=QUICK)
    page = client.get(made.get_absolute_url())
    assert "Suggested" in page.content.decode()
    assert len(page.context["homes"]) == 12

    client.post(f"{made.get_absolute_url()}take/", {"which": "some", "row": [made.pk * 10**9]})
    made.refresh_from_db()
    assert made.state == State.DONE
    client.post(f"{made.get_absolute_url()}take/", {"which": "all"})
    made.refresh_from_db()
    assert made.state == State.TAKEN


@pytest.mark.django_db
def test_suggestions_are_for_those_who_plan_and_only_where_a_plan_is_drawn(client):
    made = factories.suggestion(state="done")
    for role, status in (("field", 404), ("steward", 404), ("manager", 200)):
        client.force_login(factories.user(role=role))
        assert client.get(made.get_absolute_url()).status_code == status
        assert client.get(f"/plans/{made.plan.pk}/suggest/").status_code == status
    TerritoryPlan.objects.update(state="approved")
    assert client.get(f"/plans/{made.plan.pk}/suggest/").status_code == 404
    assert client.post(f"{made.get_absolute_url()}take/", {"which": "all"}).status_code == 404


def test_single_units_stay_and_a_territory_is_drawn_round_its_base(plan, client):
    """What the form writes is asked, and honoured: units, and a base far from what T had."""
    client.force_login(plan.owner)
    first = plan.territories.order_by("position").first()
    kept = list(plan.assignments.on(DAY).select_related("organisation").order_by("pk")[10:14])
    base = Organisation.objects.get(code="QT6")  # Cornwall
    given = {"evens": "units", "still": "0", "compact": "5", "from_on": str(DAY)}
    wrong = {"units": f"{kept[0].organisation.code} ZZ9", f"base_{first.pk}": "ZZ9"}
    page = client.post(f"/plans/{plan.pk}/suggest/", given | wrong)
    assert page.status_code == 422
    assert page.context["form"].errors["units"] == ["No unit that the plan has on that day: ZZ9."]
    said = page.context["form"].errors[f"base_{first.pk}"]
    assert said == ["The register has no body of this code."]

    right = {
        "units": ", ".join(row.organisation.code.lower() for row in kept),
        f"base_{first.pk}": " qt6 ",
    }
    client.post(f"/plans/{plan.pk}/suggest/", given | right)
    made = Suggestion.objects.get()
    assert made.locked_units == sorted(row.organisation_id for row in kept)
    assert made.homes == {str(first.pk): base.pk}
    asking.work(made, tries=2)
    made.refresh_from_db()
    assert made.state == State.DONE, made.error
    to = {unit: to for unit, _, to in made.found}
    assert to.keys().isdisjoint(made.locked_units)
    cornwall = Organisation.objects.get(code="11N")  # the only location of Cornwall's ICB
    assert to[cornwall.pk] == first.pk


def test_of_several_kinds_one_is_dealt_and_the_others_count_for_who_has_them(plan, client):
    plan.kinds.add("icb")
    wide = Organisation.objects.get(code="QT6")
    home = plan.territories.order_by("position").last()
    factories.assignment(territory=home, organisation=wide, opened_on=plan.opened_on)
    client.force_login(plan.owner)
    assert client.get(f"/plans/{plan.pk}/suggest/").context["form"]["kind"].initial == "sub_icb"
    given = {"evens": "people", "still": "1", "compact": "1", "from_on": str(DAY)}

    client.post(f"/plans/{plan.pk}/suggest/", given | {"kind": "sub_icb"})

    made = Suggestion.objects.get()
    asking.work(made, tries=2)
    made.refresh_from_db()
    assert (made.told["units"], made.told["beside"]) == (106, 1)
    assert wide.pk not in {row[0] for row in made.found}
    page = client.get(made.get_absolute_url()).content.decode()
    assert "1 of other kinds stay" in page
    assert '<svg class="tiles"' in page
