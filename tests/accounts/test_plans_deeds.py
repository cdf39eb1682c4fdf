"""The deeds on a plan: what each does, that it may run again, what it refuses, without a trace."""

from datetime import date, timedelta

import pytest

from accounts.models import Assignment, CoverageRole, RosterEntry, Territory, TerritoryPlan, User
from accounts.services.flags import raise_flags
from accounts.territories import bringing_in, lifecycle, plans, roster
from accounts.territories.alignment import read
from accounts.territories.resolving import resolve
from footprints.models import Organisation
from tests import factories

pytestmark = pytest.mark.usefixtures("register")

FIRST, DAY = date(2026, 4, 1), date(2026, 7, 1)
BEFORE, AFTER = DAY - timedelta(days=1), DAY + timedelta(days=1)


@pytest.fixture
def plan():
    return factories.plan(opened_on=FIRST, team=factories.team())


@pytest.fixture
def by():
    return factories.user(role=User.Role.PLANNER)


def units(*codes):
    return list(Organisation.objects.with_codes(codes or ["91Q"]))


def holder(plan, code, day, role=CoverageRole.OWNER):
    """The code of the territory that has the unit on the day; None where none has."""
    found = Assignment.objects.filter(plan=plan, organisation__code=code, role=role).on(day)
    return found.values_list("territory__code", flat=True).first()


def is_news(plan):
    return TerritoryPlan.objects.unflagged().filter(pk=plan.pk).exists()


# --- Assigning


def test_units_belong_to_the_territory_from_the_day_on(plan, by):
    territory = factories.territory(plan=plan, code="T01")

    done = plans.assign_units(plan, territory, units("91Q", "92A"), opened_on=DAY, by=by)

    assert (done.added, done.moved, done.already) == (2, 0, 0)
    assert [holder(plan, "91Q", day) for day in (BEFORE, DAY, AFTER)] == [None, "T01", "T01"]


def test_a_unit_that_moves_leaves_its_territory_the_day_before(plan, by):
    old, new = (factories.territory(plan=plan, code=code) for code in ("T01", "T02"))
    plans.assign_units(plan, old, units(), opened_on=FIRST, by=by)

    done = plans.assign_units(plan, new, units(), opened_on=DAY, by=by)

    assert (done.added, done.moved) == (0, 1)
    assert [holder(plan, "91Q", day) for day in (FIRST, BEFORE, DAY)] == ["T01", "T01", "T02"]


def test_a_move_on_the_very_day_it_came_replaces_it(plan, by):
    old, new = (factories.territory(plan=plan, code=code) for code in ("T01", "T02"))
    plans.assign_units(plan, old, units(), opened_on=DAY, by=by)

    done = plans.assign_units(plan, new, units(), opened_on=DAY, by=by)

    assert done.moved == 1
    assert [holder(plan, "91Q", day) for day in (BEFORE, DAY)] == [None, "T02"]
    assert Assignment.objects.filter(plan=plan).count() == 1


def test_an_assignment_of_unknown_start_ends_like_any_other(plan, by):
    old, new = (factories.territory(plan=plan, code=code) for code in ("T01", "T02"))
    factories.assignment(territory=old, organisation=units()[0], opened_on=None)

    plans.assign_units(plan, new, units(), opened_on=DAY, by=by)

    assert [holder(plan, "91Q", day) for day in (BEFORE, DAY)] == ["T01", "T02"]


def test_a_later_change_that_the_plan_holds_stands(plan, by):
    one, two, three = (factories.territory(plan=plan, code=f"T0{n}") for n in (1, 2, 3))
    plans.assign_units(plan, one, units(), opened_on=FIRST, by=by)
    plans.assign_units(plan, three, units(), opened_on=date(2026, 10, 1), by=by)

    plans.assign_units(plan, two, units(), opened_on=DAY, by=by)

    days = (BEFORE, DAY, date(2026, 9, 30), date(2026, 10, 1))
    assert [holder(plan, "91Q", day) for day in days] == ["T01", "T02", "T02", "T03"]


def test_assigning_again_changes_nothing(plan, by):
    territory = factories.territory(plan=plan)
    plans.assign_units(plan, territory, units(), opened_on=FIRST, by=by)
    rows = list(Assignment.objects.filter(plan=plan).values())

    done = plans.assign_units(plan, territory, units(), opened_on=DAY, by=by)

    assert (done.changed, done.already) == (0, 1)
    assert list(Assignment.objects.filter(plan=plan).values()) == rows


def test_roles_stand_side_by_side(plan, by):
    owner, mirror = (factories.territory(plan=plan, code=code) for code in ("T01", "T02"))
    plans.assign_units(plan, owner, units(), opened_on=DAY, by=by)
    plans.assign_units(plan, mirror, units(), CoverageRole.MIRROR, opened_on=DAY, by=by)

    assert holder(plan, "91Q", DAY) == "T01"
    assert holder(plan, "91Q", DAY, CoverageRole.MIRROR) == "T02"


def test_another_plan_is_not_touched(plan, by):
    witness = factories.assignment(organisation=units()[0], opened_on=FIRST)

    plans.assign_units(plan, factories.territory(plan=plan), units(), opened_on=DAY, by=by)

    witness.refresh_from_db()
    assert witness.closed_on is None


def test_what_is_no_unit_of_that_day_is_refused_and_nothing_is_changed(plan, by):
    territory = factories.territory(plan=plan)

    with pytest.raises(plans.NotUnits, match="QNQ") as refused:
        plans.assign_units(plan, territory, units("91Q", "QNQ"), opened_on=DAY, by=by)

    assert refused.value.codes == ["QNQ"]  # Frimley ICB closed on 31 March 2026
    assert not Assignment.objects.filter(plan=plan).exists()
    plan.refresh_from_db()
    assert plan.revision == 1


def test_a_day_outside_the_plan_is_refused(plan, by):
    territory = factories.territory(plan=plan)

    with pytest.raises(plans.OutsideThePlan, match="1 April 2026"):
        plans.assign_units(plan, territory, units(), opened_on=FIRST - timedelta(days=1), by=by)


def test_units_are_freed_from_a_day_on(plan, by):
    territory = factories.territory(plan=plan, code="T01")
    plans.assign_units(plan, territory, units("91Q"), opened_on=FIRST, by=by)
    plans.assign_units(plan, territory, units("92A"), opened_on=DAY, by=by)

    freed = plans.unassign_units(plan, units("91Q", "92A", "13T"), closed_on=DAY, by=by)

    assert freed == 2
    assert [holder(plan, "91Q", day) for day in (BEFORE, DAY)] == ["T01", None]
    assert not Assignment.objects.filter(organisation__code="92A", plan=plan).exists()
    assert plans.unassign_units(plan, units("91Q"), closed_on=DAY, by=by) == 0


@pytest.mark.parametrize("number", [2, 30])  # one alone is looked up to be named
def test_assigning_takes_as_many_statements_for_two_units_as_for_thirty(
    plan, by, django_assert_num_queries, number
):
    old, new = factories.territory(plan=plan), factories.territory(plan=plan)
    chosen = list(Organisation.objects.of_kind(DAY, kind="sub_icb")[:number])
    plans.assign_units(plan, old, chosen, opened_on=FIRST, by=by)

    with django_assert_num_queries(14):
        plans.assign_units(plan, new, chosen, opened_on=DAY, by=by)


# --- News


@pytest.mark.parametrize(
    "deed",
    [
        lambda plan, t, by: plans.assign_units(plan, t, units("92A"), opened_on=DAY, by=by),
        lambda plan, t, by: plans.unassign_units(plan, units("91Q"), closed_on=DAY, by=by),
        lambda plan, t, by: plans.add_territory(plan, code="T99", by=by),
        lambda plan, t, by: plans.edit_territory(t, code="T98", name="", parent=None, by=by),
        lambda plan, t, by: roster.put_on_roster(t, name="Sam", opened_on=DAY, by=by),
        lambda plan, t, by: roster.take_off_roster(
            factories.roster_entry(territory=t, opened_on=FIRST), closed_on=DAY, by=by
        ),
        lambda plan, t, by: plans.edit_plan(plan, name="Other", kinds=[], by=by),
        lambda plan, t, by: lifecycle.submit(plan, on=DAY, by=by),
        lambda plan, t, by: lifecycle.archive(plan, by=by),
    ],
)
def test_every_deed_is_news_for_flagging(plan, by, deed):
    territory = factories.territory(plan=plan)
    factories.assignment(territory=territory, organisation=units()[0], opened_on=FIRST)
    raise_flags()
    assert not is_news(plan)

    deed(plan, territory, by)

    assert is_news(plan)


# --- Territories


def test_a_territory_is_added_at_the_end_and_named_by_its_code_where_it_has_no_name(plan, by):
    plans.add_territory(plan, code="T01", name="North", by=by)
    plans.add_territory(plan, code="T02", by=by)

    assert list(plan.territories.values_list("code", "name", "position")) == [
        ("T01", "North", 0),
        ("T02", "T02", 1),
    ]


def test_a_code_that_is_taken_is_refused_without_a_trace(plan, by):
    factories.territory(plan=plan, code="T01")
    other = factories.territory(plan=plan, code="T02")

    with pytest.raises(plans.CodeTaken, match="T01"):
        plans.add_territory(plan, code="T01", by=by)
    with pytest.raises(plans.CodeTaken, match="T01"):
        plans.edit_territory(other, code="T01", name="", parent=None, by=by)

    plan.refresh_from_db()
    assert plan.revision == 1
    assert plan.territories.count() == 2


def test_only_a_territory_that_never_held_a_unit_may_go(plan, by):
    empty, used = factories.territory(plan=plan), factories.territory(plan=plan)
    factories.assignment(territory=used, organisation=units()[0], opened_on=FIRST, closed_on=AFTER)

    plans.remove_territory(empty, by=by)
    with pytest.raises(plans.StillInUse):
        plans.remove_territory(used, by=by)

    assert list(plan.territories.all()) == [used]


# --- The roster


def test_an_owner_follows_the_one_before_who_leaves_the_day_before(plan, by):
    territory = factories.territory(plan=plan)
    user = factories.user()

    roster.put_on_roster(territory, name="Sam Hart", opened_on=FIRST, by=by)
    roster.put_on_roster(territory, user=user, opened_on=DAY, by=by)

    def owner(day):
        return str(RosterEntry.objects.on(day).get(territory=territory))

    assert [owner(day) for day in (FIRST, BEFORE, DAY)] == ["Sam Hart", "Sam Hart", str(user)]


def test_an_owner_put_in_before_a_later_one_works_it_until_then(plan, by):
    territory = factories.territory(plan=plan)
    roster.put_on_roster(territory, name="Later", opened_on=DAY, by=by)

    entry = roster.put_on_roster(territory, name="Earlier", opened_on=FIRST, by=by)

    assert entry.closed_on == DAY


def test_a_cover_stands_beside_the_owner(plan, by):
    territory = factories.territory(plan=plan)
    roster.put_on_roster(territory, name="Sam", opened_on=FIRST, by=by)
    roster.put_on_roster(territory, name="Kim", role="cover", opened_on=DAY, by=by)

    assert RosterEntry.objects.on(DAY).filter(territory=territory).count() == 2


def test_a_territory_may_be_left_vacant(plan, by):
    territory = factories.territory(plan=plan)
    entry = roster.put_on_roster(territory, name="Sam", opened_on=FIRST, by=by)

    roster.take_off_roster(entry, closed_on=DAY, by=by)

    assert RosterEntry.objects.on(BEFORE).get(territory=territory) == entry
    assert not RosterEntry.objects.on(DAY).filter(territory=territory).exists()


# --- A plan of an alignment


def brought_in(text, by, day=FIRST):
    resolution = resolve(read(text).lines, day)
    return bringing_in.make_plan_of(
        resolution.resolved, name="Ours", team=factories.team(), opened_on=day, by=by
    )


def test_an_alignment_becomes_a_draft_plan_with_territories_owners_and_units(by):
    sam = factories.user(first_name="Sam", last_name="Hart")
    text = (
        "code,territory,territory name,owner\n"
        "91Q,T07,Kent,sam hart\n"
        "99J,T07,,\n"  # merged into 91Q: the same unit
        "92A,T08,Surrey,Kim Lee\n"
        "13T,The far north of England,,\n"
    )

    plan = brought_in(text, by)

    assert (plan.state, plan.owner, plan.opened_on) == ("draft", by, FIRST)
    assert list(plan.territories.values_list("code", "name")) == [
        ("T07", "Kent"),
        ("T08", "Surrey"),
        ("T01", "The far north of England"),
    ]
    assert [holder(plan, code, FIRST) for code in ("91Q", "92A", "13T")] == ["T07", "T08", "T01"]
    assert plan.assignments.count() == 3
    roster = RosterEntry.objects.filter(territory__plan=plan)
    assert set(roster.values_list("territory__code", "user", "name")) == {
        ("T07", sam.pk, ""),
        ("T08", None, "Kim Lee"),
    }
    assert is_news(plan)
    told = "Brought in from an alignment: 3 units in 3 territories, 2 with an owner"
    assert list(plan.changes.values_list("says", "by", "rows")) == [(told, by.pk, [])]


def test_a_name_that_two_colleagues_have_is_kept_as_a_name(by):
    for _ in range(2):
        factories.user(first_name="Sam", last_name="Hart")

    plan = brought_in("code,territory,owner\n91Q,T07,Sam Hart\n", by)

    entry = RosterEntry.objects.get(territory__plan=plan)
    assert (entry.user, entry.name) == (None, "Sam Hart")


@pytest.mark.parametrize("field", ["username", "email"])
def test_an_owner_may_be_written_as_they_sign_in(by, field):
    user = factories.user(**{field: "sam@marlstone.example"})

    plan = brought_in("code,territory,owner\n91Q,T07,Sam@Marlstone.example\n", by)

    assert RosterEntry.objects.get(territory__plan=plan).user == user


def test_two_spellings_of_one_territory_are_one(by):
    plan = brought_in("code,territory\n91Q,North\n92A,NORTH\n", by)

    assert plan.territories.get().code == "North"


# --- Who may


@pytest.mark.parametrize(
    ("role", "may"), [("planner", True), ("manager", True), ("field", False), ("steward", False)]
)
def test_planners_and_managers_change_the_plans_they_see(role, may):
    user = factories.user(role=role, team=factories.team())
    plan = factories.plan(team=user.team)
    territory = factories.territory(plan=plan)
    factories.roster_entry(territory=territory, user=user)

    assert plans.plans_changeable_by(user).filter(pk=plan.pk).exists() is may
    assert plans.territories_changeable_by(user).filter(pk=territory.pk).exists() is may
    assert TerritoryPlan.objects.visible_to(user).filter(pk=plan.pk).exists()
    assert Territory.objects.visible_to(user).filter(pk=territory.pk).exists()


def test_nobody_changes_an_archived_plan_or_a_walled_team_s():
    planner = factories.user(role="planner")
    archived = factories.plan(state="archived")
    walled = factories.plan(team=factories.team(is_walled=True))

    changeable = plans.plans_changeable_by(planner)

    assert not changeable.filter(pk__in=[archived.pk, walled.pk]).exists()
    assert not plans.teams_open_to(planner).filter(pk=walled.team_id).exists()
