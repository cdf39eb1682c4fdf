"""Gestures on a plan: what each does and refuses, undo and redo, and what others see of it."""

from datetime import date, timedelta
from time import perf_counter

import pytest
from django.urls import reverse

from accounts.drawing import gestures
from accounts.drawing.state import state_of
from accounts.models import Assignment, PlanChange, TerritoryPlan, User
from accounts.territories import plans
from accounts.territories.reading import PlanOnDay
from footprints.models import Kind, Organisation, Relationship, Version
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

FIRST, DAY = date(2026, 4, 1), date(2026, 11, 22)
BEFORE = DAY - timedelta(days=1)


@pytest.fixture
def plan():
    return factories.plan(opened_on=FIRST, team=factories.team(), name="Drawn")


@pytest.fixture
def north(plan):
    return factories.territory(plan=plan, code="N", name="North", position=0)


@pytest.fixture
def south(plan):
    return factories.territory(plan=plan, code="S", name="South", position=1)


@pytest.fixture
def pia():
    return factories.user(role=User.Role.PLANNER, username="pia", first_name="Pia")


@pytest.fixture
def max_():
    return factories.user(role=User.Role.MANAGER, username="max", first_name="Max")


def key(code):
    return Organisation.objects.get(code=code).pk


def locations(number=None):
    """Keys of sub-ICB locations of the day, by code."""
    found = Organisation.objects.of_kind(DAY, kind="sub_icb").order_by("code")
    return list(found.values_list("pk", flat=True)[:number])


def give(plan, units, to, *, by, was=None, on=DAY, **more):
    """A gesture of units that are all believed to be in one territory, or in none."""
    where = dict.fromkeys(units, was and was.pk)
    return gestures.move(plan, where, to and to.pk, from_on=on, by=by, **more)


def held(plan, unit, day=DAY):
    found = Assignment.objects.filter(plan=plan, organisation=unit).on(day)
    return found.values_list("territory__code", flat=True).first()


def lives(plan, unit):
    """The unit's periods in the plan: [(territory, first day, closing day)]."""
    found = Assignment.objects.filter(plan=plan, organisation=unit).order_by("opened_on")
    return list(found.values_list("territory__code", "opened_on", "closed_on"))


# --- A gesture


def test_a_gesture_gives_its_units_to_the_territory_and_says_so(plan, north, pia):
    one, two = locations(2)

    done = give(plan, [one, two], north, by=pia)

    assert [held(plan, unit) for unit in (one, two)] == ["N", "N"]
    assert held(plan, one, BEFORE) is None
    change = PlanChange.objects.get()
    assert (change.says, change.by, change.from_on) == ("2 units to N North", pia, DAY)
    assert change.rows == [[one, "owner", None, north.pk], [two, "owner", None, north.pk]]
    plan.refresh_from_db()
    assert done.revision == change.revision == plan.revision == 2
    assert TerritoryPlan.objects.unflagged().filter(pk=plan.pk).exists()


def test_a_gesture_on_one_unit_names_it(plan, north, pia):
    assert (
        give(plan, [key("91Q")], north, by=pia).says
        == "Kent and Medway ICB - 91Q (91Q) to N North"
    )


def test_a_gesture_is_made_in_the_plan_s_role(north, plan, pia):
    TerritoryPlan.objects.filter(pk=plan.pk).update(role="overlay")
    (unit,) = locations(1)

    give(plan, [unit], north, by=pia)

    assert Assignment.objects.get().role == "overlay"
    assert PlanChange.objects.get().rows[0][1] == "overlay"


def test_units_are_freed_from_the_day_on(plan, north, pia):
    (unit,) = locations(1)
    give(plan, [unit], north, by=pia, on=FIRST)

    done = give(plan, [unit], None, was=north, by=pia)

    assert done.says.endswith("freed")
    assert (held(plan, unit, BEFORE), held(plan, unit)) == ("N", None)


def test_a_gesture_that_is_sent_twice_does_nothing_the_second_time(plan, north, pia):
    units = locations(3)
    give(plan, units, north, by=pia)

    again = give(plan, units, north, by=pia)

    assert again.rows == []
    assert again.revision == 2
    assert PlanChange.objects.count() == 1


# --- What moved under you


def test_a_gesture_on_what_somebody_moved_is_refused_whole_with_the_units_that_moved(
    plan, north, south, pia, max_
):
    one, two = locations(2)
    give(plan, [one], south, by=max_)

    with pytest.raises(
        gestures.MovedUnderYou, match="One unit moved under you, by Max"
    ) as refused:
        give(plan, [one, two], north, by=pia, since=1)

    (moved,) = refused.value.units
    assert (moved.unit, moved.expected, moved.now, moved.by) == (one, None, south.pk, "Max")
    assert (held(plan, one), held(plan, two)) == ("S", None)
    assert PlanChange.objects.count() == 1
    plan.refresh_from_db()
    assert plan.revision == 2  # a refusal leaves no trace


def test_keeping_mine_moves_what_moved_and_keeping_theirs_leaves_it(plan, north, south, pia, max_):
    one, two, three = locations(3)
    give(plan, [one, two], south, by=max_)

    gestures.move(plan, {one: south.pk, three: None}, north.pk, from_on=DAY, by=pia)

    assert [held(plan, unit) for unit in (one, two, three)] == ["N", "S", "N"]


def test_where_two_had_the_same_idea_nothing_moved_under_anybody(plan, north, pia, max_):
    one, two = locations(2)
    give(plan, [one], north, by=max_)

    done = give(plan, [one, two], north, by=pia)

    assert [row[0] for row in done.rows] == [two]


# --- Undo and redo


def test_undo_and_redo_go_step_by_step_and_leave_the_periods_as_they_were(plan, north, south, pia):
    (unit,) = locations(1)
    give(plan, [unit], north, by=pia, on=FIRST)
    before = lives(plan, unit)
    give(plan, [unit], south, was=north, by=pia)
    after = lives(plan, unit)
    give(plan, [unit], None, was=south, by=pia)

    assert gestures.can_undo(plan, pia)["undo"].endswith("freed")
    gestures.undo(plan, by=pia)
    assert lives(plan, unit) == after
    gestures.undo(plan, by=pia)
    assert lives(plan, unit) == before == [("N", FIRST, None)]
    gestures.redo(plan, by=pia)
    assert lives(plan, unit) == after
    gestures.redo(plan, by=pia)
    assert held(plan, unit) is None
    with pytest.raises(gestures.NothingToDo):
        gestures.redo(plan, by=pia)


def test_undoing_a_freeing_gives_back_the_end_that_was_set(plan, north, pia):
    (unit,) = locations(1)
    ends = date(2027, 4, 1)
    Assignment.objects.create(
        plan=plan, territory=north, organisation_id=unit, opened_on=FIRST, closed_on=ends
    )
    give(plan, [unit], None, was=north, by=pia)

    gestures.undo(plan, by=pia)

    assert lives(plan, unit) == [("N", FIRST, ends)]


def test_a_unit_that_was_to_leave_still_leaves_wherever_it_moved(plan, north, south, pia):
    (unit,) = locations(1)
    ends = date(2027, 4, 1)
    Assignment.objects.create(
        plan=plan, territory=north, organisation_id=unit, opened_on=FIRST, closed_on=ends
    )

    give(plan, [unit], south, was=north, by=pia)

    assert lives(plan, unit) == [("N", FIRST, DAY), ("S", DAY, ends)]
    gestures.undo(plan, by=pia)
    assert lives(plan, unit) == [("N", FIRST, ends)]


def test_something_else_ends_what_can_be_done_again(plan, north, south, pia):
    one, two = locations(2)
    give(plan, [one], north, by=pia)
    gestures.undo(plan, by=pia)
    assert gestures.can_undo(plan, pia)["redo"]

    give(plan, [two], south, by=pia)

    assert gestures.can_undo(plan, pia)["redo"] is None


def test_nobody_undoes_what_somebody_else_did(plan, north, pia, max_):
    give(plan, locations(2), north, by=max_)

    with pytest.raises(gestures.NothingToDo):
        gestures.undo(plan, by=pia)


def test_an_undo_of_what_somebody_changed_since_is_refused_unit_by_unit(
    plan, north, south, pia, max_
):
    one, two = locations(2)
    seen = give(plan, [one, two], north, by=pia).revision
    give(plan, [one], south, was=north, by=max_)

    with pytest.raises(gestures.MovedUnderYou) as refused:
        gestures.undo(plan, by=pia, since=seen)

    (moved,) = refused.value.units
    assert (moved.unit, moved.expected, moved.now, moved.by) == (one, north.pk, south.pk, "Max")
    assert (held(plan, one), held(plan, two)) == ("S", "N")


@pytest.mark.parametrize(("keep", "left"), [("theirs", "S"), ("mine", None)])
def test_an_undo_keeps_theirs_or_mine_as_its_person_says(
    plan, north, south, pia, max_, keep, left
):
    one, two = locations(2)
    give(plan, [one, two], north, by=pia)
    give(plan, [one], south, was=north, by=max_)

    gestures.undo(plan, by=pia, keep=keep, seen={one: south.pk})

    assert (held(plan, one), held(plan, two)) == (left, None)
    gestures.redo(plan, by=pia)
    assert held(plan, two) == "N"
    assert held(plan, one) == ("S" if keep == "theirs" else "N")


def test_what_moved_again_after_it_was_seen_is_asked_about_again(plan, north, south, pia, max_):
    one = locations(1)[0]
    east = factories.territory(plan=plan, code="E")
    give(plan, [one], north, by=pia)
    give(plan, [one], east, was=north, by=max_)

    with pytest.raises(gestures.MovedUnderYou):
        gestures.undo(plan, by=pia, keep="mine", seen={one: south.pk})


def test_an_undo_leaves_what_came_from_a_territory_that_is_gone(plan, north, south, pia):
    one = locations(1)[0]
    give(plan, [one], north, by=pia)
    give(plan, [one], south, was=north, by=pia)
    plans.remove_territory(north, by=pia)

    gestures.undo(plan, by=pia)

    assert held(plan, one) == "S"


# --- What it refuses


def test_a_plan_that_was_submitted_meanwhile_is_drawn_no_more(plan, north, pia):
    give(plan, locations(1), north, by=pia)
    TerritoryPlan.objects.filter(pk=plan.pk).update(state="submitted")

    for deed in (
        lambda: give(plan, locations(2)[1:], north, by=pia),
        lambda: gestures.undo(plan, by=pia),
    ):
        with pytest.raises(plans.Standing, match="Drawn is submitted and stands as it is"):
            deed()

    assert Assignment.objects.count() == 1


def test_a_unit_that_does_not_live_on_the_day_is_refused(plan, north, pia):
    closed = key("99J")  # NHS West Kent CCG, until 31 March 2020

    with pytest.raises(plans.NotUnits, match="99J") as refused:
        give(plan, [closed, *locations(1)], north, by=pia)

    assert refused.value.codes == ["99J"]
    assert not Assignment.objects.exists()
    assert not PlanChange.objects.exists()


def test_a_territory_of_another_plan_is_none_of_this_one(plan, pia):
    with pytest.raises(gestures.BadGesture, match="The territory is gone"):
        give(plan, locations(1), factories.territory(), by=pia)


def test_units_that_nobody_knows_are_refused(plan, north, pia):
    with pytest.raises(gestures.BadGesture, match="10,000 units are not in the register"):
        give(plan, range(10**9, 10**9 + 10_000), north, by=pia)
    with pytest.raises(gestures.BadGesture, match="20,000 are the most"):
        give(plan, range(10**9, 10**9 + 20_001), north, by=pia)


def test_a_day_outside_the_plan_is_refused(plan, north, pia):
    with pytest.raises(plans.OutsideThePlan):
        give(plan, locations(1), north, by=pia, on=FIRST - timedelta(days=1))


# --- What others see


def test_since_tells_each_gesture_in_its_order_and_an_undo_by_its_inverse(
    plan, north, south, pia, max_
):
    one, two = locations(2)
    give(plan, [one], north, by=pia)
    seen = give(plan, [two], north, by=pia).revision
    give(plan, [two], south, was=north, by=max_)

    found = gestures.since(plan, seen, DAY, pia)

    assert not found["whole"]
    (change,) = found["changes"]
    assert (change["by"], change["mine"], change["rows"]) == ("Max", False, [[two, south.pk]])
    gestures.undo(plan, by=max_)
    (undone,) = gestures.since(plan, found["revision"], DAY, pia)["changes"]
    assert undone["rows"] == [[two, north.pk]]
    assert undone["says"].startswith("Undone: ")


def test_since_says_that_all_must_be_read_again_where_more_than_units_moved(plan, north, pia):
    one, two = locations(2)
    seen = give(plan, [one], north, by=pia).revision

    assert gestures.since(plan, seen, DAY, pia) == {
        "revision": seen,
        "whole": False,
        "changes": [],
    }
    plans.assign_units(plan, north, Organisation.objects.filter(pk=two), opened_on=DAY, by=pia)
    found = gestures.since(plan, seen, DAY, pia)
    assert (found["whole"], found["changes"][0]["rows"]) == (False, [[two, north.pk]])
    plans.add_territory(plan, code="T99", by=pia)
    assert gestures.since(plan, seen, DAY, pia)["whole"]


def test_a_change_from_a_later_day_does_not_show_and_one_from_an_earlier_day_may(plan, north, pia):
    one, two = locations(2)
    seen = give(plan, [one], north, by=pia, on=DAY + timedelta(days=30)).revision - 1

    later = gestures.since(plan, seen, DAY, pia)
    assert (later["whole"], later["changes"]) == (False, [])
    give(plan, [two], north, by=pia, on=BEFORE)
    assert gestures.since(plan, seen, DAY, pia)["whole"]


# --- What is drawn


def state(plan, user, kinds=None):
    kinds = (
        list(Kind.objects.filter(code__in=kinds))
        if kinds
        else PlanOnDay(plan, user, DAY).gap_kinds
    )
    return state_of(plan, DAY, kinds, user)


def test_the_state_has_every_unit_of_the_kinds_with_its_place_people_and_system(plan, north, pia):
    give(plan, [key("91Q")], north, by=pia)
    plan.kinds.set(["sub_icb"])

    found = state(plan, pia)

    units = found["units"]
    assert units["key"] == locations()
    assert len({len(column) for column in units.values()}) == 1
    place = units["code"].index("91Q")
    assert units["held"][place] == 0
    assert sum(where != -1 for where in units["held"]) == 1
    assert found["systems"][units["system"][place]] == ("QKS", "Kent and Medway")
    assert units["people"][place] > 1_500_000
    assert len({tuple(cell) for cell in found["tiles"]}) == len(units["key"])
    assert found["territories"][0]["code"] == "N"
    assert found["undo"].endswith("to N North")


def test_an_empty_plan_draws_nothing_until_a_kind_is_named(plan, pia):
    assert state(plan, pia)["units"]["key"] == []
    assert len(state(plan, pia, ["sub_icb"])["units"]["key"]) == len(locations())


def test_what_is_held_and_gone_is_drawn_without_a_kind(plan, north, pia):
    plan.kinds.set(["sub_icb"])
    factories.assignment(territory=north, organisation=Organisation.objects.get(code="99J"))

    units = state(plan, pia)["units"]

    assert units["kind"][units["code"].index("99J")] == -1


def test_a_part_points_to_the_unit_that_it_is_part_of(plan, north, pia):
    plan.kinds.set(["icb", "sub_icb"])

    units = state(plan, pia)["units"]

    assert units["code"][units["up"][units["code"].index("91Q")]] == "QKS"


def test_a_unit_of_another_active_plan_of_the_team_in_the_same_role_overlaps(plan, north, pia):
    plan.kinds.set(["sub_icb"])
    other = factories.plan(team=plan.team, opened_on=FIRST, state="active", name="Ours too")
    theirs = factories.territory(plan=other, code="X")
    factories.assignment(
        territory=theirs,
        organisation_id=key("91Q"),
        organisation=(Organisation.objects.get(code="91Q")),
    )
    factories.shared_unit(
        territory=theirs, organisation=Organisation.objects.get(code="91Q"), share="0.5"
    )
    factories.shared_unit(
        territory=north, organisation=Organisation.objects.get(code="91Q"), share="0.5"
    )

    found = state(plan, pia)

    place = found["units"]["code"].index("91Q")
    assert found["elsewhere"] == [[place, "X, Ours too", 0.5, {0: 0.5}]]
    plan.replaces = other
    plan.save()
    assert state(plan, pia)["elsewhere"] == []


def test_drawing_asks_the_database_the_same_however_much_there_is(
    plan, north, pia, django_assert_max_num_queries
):
    plan.kinds.set(["sub_icb"])
    give(plan, locations(), north, by=pia)

    with django_assert_max_num_queries(20):
        state(plan, pia)


def practices(number):
    """So many made-up practices in the register, spread over the country."""
    release = factories.release()
    made = Organisation.objects.bulk_create(
        Organisation(
            code=f"Z{number:05}",
            longitude=-3 + (number * 0.6180339) % 4,
            latitude=50.5 + (number * 0.7548776) % 4.5,
        )
        for number in range(number)
    )
    parents = locations()
    Version.objects.bulk_create(
        Version(
            organisation=body,
            kind_id="practice",
            name=f"The Surgery {body.code}",
            opened_on=date(2013, 4, 1),
            asserted_by=release,
        )
        for body in made
    )
    Relationship.objects.bulk_create(
        Relationship(
            child=body,
            parent_id=parents[number % len(parents)],
            type="part_of",
            opened_on=date(2023, 4, 1),
            asserted_by=release,
        )
        for number, body in enumerate(made)
    )
    return [body.pk for body in made]


def test_seven_thousand_practices_are_read_in_half_a_second_and_500_given_in_a_fifth(
    plan, north, pia
):
    plan.kinds.set(["practice"])
    units = practices(7000)

    best = min(_timed(lambda: state(plan, pia)) for _ in range(3))
    gesture = min(
        _timed(lambda start=start: give(plan, units[start : start + 500], north, by=pia))
        for start in (0, 500, 1000)
    )

    print(f"state of 7,000: {best * 1000:.0f} ms; 500 units: {gesture * 1000:.0f} ms")
    assert len(state(plan, pia)["units"]["key"]) == 7000
    # Half a second and a fifth are promised; a machine that is busy with others is given thrice.
    assert best < 1.5
    assert gesture < 0.6


def _timed(deed):
    start = perf_counter()
    deed()
    return perf_counter() - start


# --- The doors


NAMES = ["draw", "draw_state", "draw_change", "draw_undo", "draw_redo", "draw_since"]
NAMES += ["draw_territory", "draw_weights"]
ASKED = {"draw", "draw_state", "draw_since", "draw_weights"}


def door(name, plan):
    return reverse(f"accounts:{name}", args=[plan.pk])


def knock(client, name, plan, body=None):
    if name in ASKED:
        return client.get(door(name, plan), {"revision": 1, "day": DAY.isoformat()})
    return client.post(door(name, plan), body or {}, content_type="application/json")


def post(client, name, plan, body):
    return client.post(door(name, plan), body, content_type="application/json")


@pytest.mark.parametrize("name", NAMES)
def test_a_walled_team_s_plan_is_not_found_at_any_door(client, pia, name):
    hidden = factories.plan(team=factories.team(is_walled=True), opened_on=FIRST)
    client.force_login(pia)

    assert knock(client, name, hidden).status_code == 404


@pytest.mark.parametrize("role", ["field", "steward"])
@pytest.mark.parametrize("name", NAMES)
def test_who_does_not_plan_is_refused_at_every_door(client, plan, north, role, name):
    user = factories.user(role=role)
    factories.roster_entry(territory=north, user=user, opened_on=FIRST)
    client.force_login(user)

    assert knock(client, name, plan).status_code == 403
    page = client.get(plan.get_absolute_url(), {"on": DAY.isoformat()})
    assert door("draw", plan) not in page.content.decode()


@pytest.mark.parametrize("name", NAMES)
def test_a_session_that_is_over_is_said_in_words_or_led_to_signing_in(client, plan, name):
    answer = knock(client, name, plan)

    if name == "draw":
        assert answer.status_code == 302
    else:
        assert (answer.status_code, answer.json()["problem"]) == (401, "signed_out")


def test_a_gesture_by_http_is_undone_and_done_again(client, plan, north, pia):
    client.force_login(pia)
    unit = key("91Q")
    body = {"day": DAY.isoformat(), "to": north.pk, "units": [[unit, None]], "since": 1}

    done = post(client, "draw_change", plan, body).json()

    assert (done["rows"], done["revision"]) == ([[unit, north.pk]], 2)
    assert done["undo"].endswith("to N North")
    assert post(client, "draw_undo", plan, {}).json()["rows"] == [[unit, None]]
    assert post(client, "draw_redo", plan, {}).json()["rows"] == [[unit, north.pk]]
    assert post(client, "draw_redo", plan, {}).status_code == 409


def test_what_moved_is_answered_with_409_and_the_units(client, plan, north, south, pia, max_):
    unit = key("91Q")
    give(plan, [unit], south, by=max_)
    client.force_login(pia)

    answer = post(
        client,
        "draw_change",
        plan,
        {"day": DAY.isoformat(), "to": north.pk, "units": [[unit, None]], "since": 1},
    )

    assert answer.status_code == 409
    assert answer.json()["problem"] == "moved"
    ((moved, code, name, expected, now, by),) = answer.json()["units"]
    assert (moved, code, expected, now, by) == (unit, "91Q", None, south.pk, "Max")
    assert "Kent and Medway" in name


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ("no json", 400, "no JSON"),
        ([], 400, "no gesture"),
        ({"units": []}, 400, "names its units"),
        ({"units": [[1, None], [1, None]]}, 400, "comes twice"),
        ({"units": [["91Q", None]]}, 400, "with the territory"),
        ({"units": [[True, None]]}, 400, "with the territory"),
        ({"units": [[2**70, None]]}, 400, "with the territory"),
        ({"units": [[1, "T01"]]}, 400, "with the territory"),
        ({"to": "T01", "units": [[1, None]]}, 400, "by its key"),
        ({"day": "tomorrow", "units": [[1, None]]}, 400, "is no day"),
        ({"day": "2026-02-30", "units": [[1, None]]}, 400, "is no day"),
        ({"since": "x", "units": [[1, None]]}, 400, "is a number"),
        ({"to": 10**12, "units": [[1, None]]}, 422, "territory is gone"),
        ({"units": [[10**12, 5]]}, 422, "not in the register"),
        ({"units": [[n, None] for n in range(10**9, 10**9 + 10_000)]}, 422, "10,000 units are"),
        ({"units": [[n, None] for n in range(1, 20_002)]}, 422, "are the most"),
    ],
)
def test_bad_input_is_answered_in_words_and_changes_nothing(
    client, plan, north, pia, body, status, says
):
    client.force_login(pia)
    if isinstance(body, dict):
        body = {"day": DAY.isoformat(), "to": north.pk, "since": 1, **body}

    answer = client.post(door("draw_change", plan), body, content_type="application/json")

    assert (answer.status_code, says in answer.json()["says"]) == (status, True), answer.json()
    assert not Assignment.objects.exists()
    assert not PlanChange.objects.exists()


def test_a_closed_unit_is_named_by_http(client, plan, north, pia):
    client.force_login(pia)
    body = {"day": DAY.isoformat(), "to": north.pk, "units": [[key("99J"), None]]}

    answer = post(client, "draw_change", plan, body)

    assert (answer.status_code, answer.json()["codes"]) == (422, ["99J"])


def test_a_submitted_plan_is_said_to_stand_at_every_door(client, plan, north, pia):
    TerritoryPlan.objects.filter(pk=plan.pk).update(state="submitted")
    client.force_login(pia)
    gesture = {"day": DAY.isoformat(), "to": north.pk, "units": [[key("91Q"), None]]}

    for name, body in (
        ("draw_change", gesture),
        ("draw_undo", {}),
        ("draw_redo", {}),
        ("draw_territory", {"code": "X"}),
    ):
        answer = post(client, name, plan, body)
        assert (answer.status_code, answer.json()["problem"]) == (409, "stands"), name
    assert "submitted" in knock(client, "draw_since", plan).json()["stands"]
    assert client.get(door("draw", plan)).status_code == 302
    assert plan.territories.count() == 1


def test_a_territory_is_added_and_a_code_that_is_taken_is_refused(client, plan, north, pia):
    client.force_login(pia)

    added = post(client, "draw_territory", plan, {"code": "W", "name": "West"}).json()

    assert added["territory"]["code"] == "W"
    assert added["revision"] == 2
    taken = post(client, "draw_territory", plan, {"code": "W", "name": "Other"})
    assert (taken.status_code, "already" in taken.json()["says"]) == (422, True)
    assert post(client, "draw_territory", plan, {"code": ""}).status_code == 422
