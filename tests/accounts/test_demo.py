"""The demo company over the whole register: what it holds, and who may see it."""

from collections import defaultdict
from datetime import date

import pytest
from django.core.management import call_command
from django.db import transaction
from django.db.models import Count, Max, Q

from accounts.demo import LOGINS, company, tables
from accounts.models import (
    Assignment,
    CoverageRole,
    Flag,
    Reminder,
    RosterEntry,
    Team,
    Territory,
    TerritoryPlan,
    User,
)
from footprints.models import Organisation, Population, Release, Succession
from stakeholders.models import Person, Post, Tenure

TODAY = date(2026, 11, 21)
TABLES = [Assignment, RosterEntry, Team, Territory, TerritoryPlan, User, Person, Post, Tenure]


@pytest.fixture(scope="module", autouse=True)
def made(django_db_setup, django_db_blocker):
    """The company over the bundled register, made once and taken back after this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield company.found(logins=True)
        transaction.set_rollback(True)


pytestmark = pytest.mark.django_db


def plan(name):
    return TerritoryPlan.objects.get(name=name)


def units(name, day):
    """Code → territory code of a plan's alignment on a day."""
    rows = Assignment.objects.filter(plan__name=name).on(day)
    return dict(rows.values_list("organisation__code", "territory__code"))


def live(kind, day):
    return set(Organisation.objects.of_kind(day, kind=kind).values_list("code", flat=True))


def test_it_has_six_teams_one_of_them_walled_and_a_plan_for_each():
    assert dict(Team.objects.values_list("name", "is_walled")) == {
        row.name: row.is_walled for row in tables.teams()
    }
    assert Team.objects.filter(is_walled=True).count() == 1
    territories = TerritoryPlan.objects.annotate(n=Count("territories")).order_by()
    assert dict(territories.values_list("name", "n")) == {
        "Primary care 2026/27": 24,
        "Hospital 2026/27": 10,
        "Key accounts 2026/27": 8,
        "Mental health 2026/27": 4,
        "Medical 2026/27": 4,
        "Devolved nations 2026/27": 3,
        "Primary care 2019/20 (replay)": 12,
        "Primary care 2022/23 (replay)": 12,
        "Key accounts 2025/26 (replay)": 8,
    }
    archived = TerritoryPlan.objects.filter(state="archived").values_list("name", flat=True)
    assert set(archived) == {"Primary care 2022/23 (replay)", "Key accounts 2025/26 (replay)"}
    assert not TerritoryPlan.objects.filter(state="draft").exists()


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Primary care", date(2027, 4, 1)),  # a quarter begins with the legal day
        ("Hospital", date(2027, 4, 12)),  # so it does, but targets are set on it
        ("Key accounts", date(2027, 5, 1)),  # the next trimester
        ("Medical", date(2027, 4, 1)),
    ],
)
def test_each_team_has_days_of_its_own_for_april_2027(name, ours):
    team = Team.objects.get(name=name)

    assert team.days(date(2027, 4, 1)).ours.on == ours


@pytest.mark.parametrize(
    "day", [date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 1), TODAY, date(2027, 4, 1)]
)
def test_primary_care_holds_exactly_the_sub_icb_locations_of_any_day(day):
    held = units("Primary care 2026/27", day)

    assert set(held) == live("sub_icb", day)
    assert len(held) == 106
    assert len(set(held.values())) == 24


def test_frimleys_location_was_replaced_by_hand_on_the_day():
    frimley, thames = (
        Assignment.objects.get(plan__name="Primary care 2026/27", organisation__code=code)
        for code in ("D4U1Y", "U2G6B")
    )

    assert (frimley.opened_on, frimley.closed_on) == (date(2026, 1, 1), date(2026, 4, 1))
    assert (thames.opened_on, thames.closed_on) == (date(2026, 4, 1), None)


def test_the_territories_of_primary_care_are_even_and_hang_together():
    people = defaultdict(int)
    places = defaultdict(list)
    populations = dict(
        Population.objects.now().on(TODAY).values_list("organisation__code", "people")
    )
    spots = {o.code: (o.longitude, o.latitude) for o in Organisation.objects.all()}
    for code, territory in units("Primary care 2026/27", TODAY).items():
        people[territory] += populations[code]
        places[territory].append(spots[code])

    assert max(people.values()) / min(people.values()) < 1.8
    for spots in places.values():  # no unit further than some 110 km from the next of its own
        reached, rest = [spots[0]], spots[1:]
        while rest:
            gap, nearest = min((_kilometres(a, b), b) for a in reached for b in rest)
            assert gap < 110
            reached.append(nearest)
            rest.remove(nearest)


def _kilometres(here, there):
    return (((here[0] - there[0]) * 68) ** 2 + ((here[1] - there[1]) * 111) ** 2) ** 0.5


@pytest.mark.parametrize(
    "name, kind, day",
    [
        ("Primary care 2022/23 (replay)", "ccg", date(2022, 6, 30)),
        ("Key accounts 2025/26 (replay)", "icb", date(2026, 3, 31)),
    ],
)
def test_the_plans_of_the_other_worst_days_hold_every_body_of_the_day_before(name, kind, day):
    assert set(units(name, day)) == live(kind, day)


def test_the_replayed_plan_holds_the_191_ccgs_until_its_last_day():
    for day in (date(2019, 4, 1), date(2020, 3, 31), date(2020, 4, 1), date(2021, 3, 31)):
        assert set(units("Primary care 2019/20 (replay)", day)) == live("ccg", date(2020, 3, 31))
    assert len(units("Primary care 2019/20 (replay)", date(2020, 3, 31))) == 191
    assert units("Primary care 2019/20 (replay)", date(2021, 4, 1)) == {}


def test_of_the_18_mergers_of_april_2020_six_meet_between_territories():
    territory = units("Primary care 2019/20 (replay)", date(2020, 3, 31))
    claims = defaultdict(set)
    mergers = Succession.objects.now().filter(
        reorganisation__effective_on=date(2020, 4, 1), successor__versions__kind="ccg"
    )
    for old, new in mergers.values_list("predecessor__code", "successor__code"):
        claims[new].add(territory[old])

    assert len(claims) == 18
    assert {new for new, by in claims.items() if len(by) > 1} == {
        "18C", "27D", "42D", "71E", "91Q", "92G",
    }  # fmt: skip


def test_the_other_plans_hold_the_bodies_they_are_laid_over():
    assert set(units("Key accounts 2026/27", TODAY)) == live("icb", TODAY)
    assert set(units("Medical 2026/27", TODAY)) == live("region", TODAY)
    assert len(units("Devolved nations 2026/27", TODAY)) == 26
    assert len(units("Mental health 2026/27", TODAY)) == 14
    welsh = {"RQF", "RT4", "RYT"}
    assert set(units("Hospital 2026/27", TODAY)) == live("trust", date(2026, 4, 1)) - welsh


def test_of_the_clusters_three_straddle_two_account_managers_and_six_lie_within_one():
    manager = units("Key accounts 2026/27", TODAY)
    clusters = defaultdict(set)
    planned = Succession.objects.now().filter(reorganisation__effective_on=date(2027, 4, 1))
    for event, code in planned.values_list("reorganisation__title", "predecessor__code"):
        clusters[event].add(manager[code])

    assert sorted(map(len, clusters.values())) == [1, 1, 1, 1, 1, 1, 2, 2, 2]


def test_one_territory_is_vacant_one_is_covered_and_two_mirror_each_other():
    on = RosterEntry.objects.on(TODAY)

    owned = on.filter(role=CoverageRole.OWNER).values("territory")
    vacant = Territory.objects.filter(Q(plan__closed_on=None) | Q(plan__closed_on__gt=TODAY))
    assert [t.code for t in vacant.exclude(pk__in=owned)] == ["T13"]
    cover = on.get(role=CoverageRole.COVER)
    assert on.get(territory=cover.territory, role=CoverageRole.OWNER).user != cover.user
    one, other = on.filter(role=CoverageRole.MIRROR)
    owners = {
        entry.territory: entry.user
        for entry in on.filter(
            role=CoverageRole.OWNER, territory__in=[one.territory, other.territory]
        )
    }
    assert (owners[one.territory], owners[other.territory]) == (other.user, one.user)


def test_every_stakeholder_is_invented_and_says_so():
    people = Person.objects.all()

    assert 200 < people.count() < 300
    assert not people.exclude(is_invented=True).exists()
    assert not people.filter(source="").exists()
    assert len({(p.given_name, p.family_name) for p in people}) == len(people)
    assert not people.filter(tenures=None).exists()


def test_posts_have_vacancies_movers_shared_chiefs_and_an_end_with_their_ccg():
    posts, held = Post.objects.on(TODAY), Tenure.objects.on(TODAY)

    assert 10 < posts.exclude(tenures__in=held).count() < 40
    chiefs = held.filter(post__role="Chief executive").values("person").annotate(n=Count("pk"))
    assert sorted(chief["n"] for chief in chiefs)[-3:] == [2, 2, 3]
    left = Person.objects.filter(tenures__closed_on=date(2026, 4, 1))
    assert left.filter(tenures__opened_on__gte=date(2026, 4, 1)).count() == 6
    ended = Post.objects.filter(organisation__code="00C").get()
    assert ended.closed_on == date(2020, 4, 1)
    assert ended.tenures.get().closed_on == date(2020, 4, 1)
    assert posts.filter(organisation__code="QNQ").count() >= 1  # where did they go?


def test_a_second_run_changes_nothing():
    before = [sorted(model.objects.values_list()) for model in TABLES]
    release = Release.objects.aggregate(Max("pk"))

    assert not company.found(logins=True)

    assert [sorted(model.objects.values_list()) for model in TABLES] == before
    assert Release.objects.aggregate(Max("pk")) == release


def test_a_field_user_sees_their_own_patch_and_the_walled_plan_is_the_teams_own():
    kam, medical, planner, rep = (
        User.objects.get(username=name) for name in ("kam", "medical", "planner", "rep")
    )

    assert [p.name for p in TerritoryPlan.objects.visible_to(kam)] == ["Key accounts 2026/27"]
    assert [t.code for t in Territory.objects.visible_to(kam)] == ["K3"]
    assert {p.name for p in TerritoryPlan.objects.visible_to(rep)} == {
        "Primary care 2026/27",
        "Primary care 2019/20 (replay)",
    }
    walled = plan("Medical 2026/27")
    assert walled not in TerritoryPlan.objects.visible_to(planner)
    assert TerritoryPlan.objects.visible_to(planner).count() == 8
    assert [p.name for p in TerritoryPlan.objects.visible_to(medical)] == ["Medical 2026/27"]


def test_the_logins_open_and_nobody_elses_account_does(client):
    for _, username, password in LOGINS:
        assert client.login(username=username, password=password)
    others = User.objects.exclude(username__in=[name for _, name, _ in LOGINS])
    assert not any(user.has_usable_password() for user in others)
    assert {user.role for user in User.objects.all()} == set(User.Role.values)
    steward = User.objects.get(username="steward")
    assert steward.is_staff and steward.has_perm("stakeholders.change_tenure")
    assert not User.objects.filter(is_superuser=True).exists()


def test_the_command_says_what_is_here_and_keeps_the_passwords_to_a_trial(
    capsys, monkeypatch, settings
):
    settings.DEBUG = False
    monkeypatch.delenv("WAYMARK_DEMO", raising=False)
    call_command("load_demo")
    assert "marlstone-planner" not in capsys.readouterr().out
    assert Flag.objects.open().exists()
    assert Reminder.objects.exists()

    monkeypatch.setenv("WAYMARK_DEMO", "1")
    call_command("load_demo")
    said = capsys.readouterr().out
    assert "here already" in said
    assert "Planner: planner, password marlstone-planner" in said
