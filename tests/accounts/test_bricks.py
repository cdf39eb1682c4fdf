"""A data supplier's bricks from a dropped file to a plan that is made of them."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.measures.rolling_up import roll_up
from accounts.measures.uploading import bodies_called
from accounts.models import TerritoryPlan
from accounts.territories.alignment import read
from accounts.territories.reading import PlanOnDay
from accounts.territories.resolving import resolve
from footprints.models import Organisation, Report, Version
from tests import factories as make
from tests.footprints.pages import text

FIRST, DAY = date(2026, 11, 1), date(2026, 11, 22)
NEW = "/register/reports/new/"
FILE = (
    "Brick code,Brick name,Practice code,Location code\n"
    "LS01,Leeds North,B86001,15F\n"
    "LS01,Leeds North,B86002,15F\n"
    "LS01,Leeds North,B87001,15F\n"
    "LS02,Leeds South,B86003,15F\n"
    "LS03,Wakefield,B87002,\n"
    "LS04,Nowhere,,\n"
)


@pytest.fixture(autouse=True)
def practices(register, tmp_path, settings):
    """Three practices of Leeds and two of Wakefield, by code; of one of these the brick is said to
    lie in Leeds."""
    reports = {**settings.STORAGES["reports"], "OPTIONS": {"location": tmp_path / "reports"}}
    settings.STORAGES = {**settings.STORAGES, "reports": reports}
    found = {}
    places = dict.fromkeys(["B86001", "B86002", "B86003"], "15F")
    for code, location in {**places, "B87001": "03R", "B87002": "03R"}.items():
        found[code] = make.body(code, kind_code="practice")
        parent = Organisation.objects.get(code=location)
        make.relationship(child=found[code], parent=parent, opened_on=date(2020, 4, 1))
    return found


@pytest.fixture
def steward(client):
    user = make.user(role="steward")
    client.force_login(user)
    return user


@pytest.fixture
def drop(client, django_capture_on_commit_callbacks):
    """Drop the file in, as of the first day; the report as it was read."""

    def dropped():
        file = SimpleUploadedFile("bricks of ours.csv", FILE.encode())
        with django_capture_on_commit_callbacks(execute=True):
            client.post(NEW, {"files": file, "about_on": FIRST.isoformat()})
        return Report.objects.latest("pk")

    return dropped


@pytest.fixture
def apply(client, django_capture_on_commit_callbacks):
    def applied(report):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(f"/register/reports/{report.pk}/apply/")
        report.refresh_from_db()
        return report

    return applied


@pytest.fixture
def bricks(steward, drop, apply):
    """The bricks of the file, by code."""
    assert apply(drop()).state == "applied"
    return {code: Organisation.objects.get(code=code) for code in ("LS01", "LS02", "LS03", "LS04")}


@pytest.fixture
def planner(bricks, client):
    user = make.user(role="planner", team=make.team())
    client.force_login(user)
    return user


@pytest.fixture
def plan(client, planner):
    """A plan of bricks, as a planner makes it on its page; LS01 has a territory."""
    fields = {"name": "By brick", "team": planner.team.pk, "role": "owner", "kinds": ["brick"]}
    fields |= {"nations": ["E"], "opened_on": FIRST.isoformat()}
    client.post(reverse("accounts:make_plan"), fields)
    made = TerritoryPlan.objects.get(name="By brick")
    territory = make.territory(plan=made, code="T1")
    unit = Organisation.objects.get(code="LS01")
    make.assignment(territory=territory, organisation=unit, opened_on=FIRST)
    return made


def live():
    return set(
        Version.objects.now()
        .on(DAY)
        .filter(kind="brick")
        .values_list("organisation__code", flat=True)
    )


def test_a_steward_drops_bricks_in_sees_what_they_do_applies_and_undoes_it(
    client, steward, drop, apply
):
    report = drop()

    assert (report.state, report.title) == ("previewed", "Bricks of a data supplier")
    assert live() == set()
    page = text(client.get(f"/register/reports/{report.pk}/"))
    assert "7 lines read" in page
    assert "LS01 Leeds North, Supplier brick, since 1 Nov 2026" in page
    apply(report)
    assert live() == {"LS01", "LS02", "LS03", "LS04"}
    assert client.get("/register/LS01/").status_code == 200
    register = client.get("/register/", {"on": DAY.isoformat(), "kind": "brick"})
    assert "Areas of data suppliers" in register.content.decode()

    client.post(f"/register/releases/{report.release.pk}/undo/")

    assert live() == set()
    report.refresh_from_db()
    assert report.release is None


def test_a_plan_may_be_made_of_bricks_and_those_that_nobody_has_are_gaps(plan, planner, bricks):
    on_day = PlanOnDay(plan, planner, DAY)

    assert [kind.plural for kind in on_day.kinds] == ["Supplier bricks"]
    assert on_day.gaps == {bricks[code].pk for code in ("LS02", "LS03", "LS04")}
    assert on_day.systems[bricks["LS01"].pk][0] == "QWO"  # of the location that it lies in
    tiles = on_day.tiles(on_day.kinds[0])
    assert {tile.code for tile in tiles.tiles} == {"LS01", "LS02", "LS03"}
    assert [unit[1] for unit in tiles.unplaced] == ["LS04"]


def test_a_brick_in_a_location_that_has_a_territory_is_no_gap(plan, planner, bricks):
    leeds = Organisation.objects.get(code="15F")
    make.assignment(territory=plan.territories.get(), organisation=leeds, opened_on=FIRST)

    gaps = PlanOnDay(plan, planner, DAY).gaps

    assert gaps == {bricks["LS03"].pk, bricks["LS04"].pk}


def test_the_workspace_draws_them(client, plan, bricks):
    page = client.get(reverse("accounts:draw", args=[plan.pk]), {"on": DAY.isoformat()})
    state = client.get(
        reverse("accounts:draw_state", args=[plan.pk]), {"on": DAY.isoformat()}
    ).json()

    assert page.status_code == 200
    units = state["units"]
    assert units["code"] == ["LS01", "LS02", "LS03", "LS04"]
    assert units["held"] == [0, -1, -1, -1]
    assert [x is not None for x in units["x"]] == [True, True, True, False]
    assert units["near"] == [1, 1, 1, 0]


def test_a_bricks_figure_is_that_of_its_practices_and_a_location_has_its_own(bricks, practices):
    """LS01 lies in Leeds, by its supplier: its practice of Wakefield stays Wakefield's."""
    sales = make.measure(name="Sales", counted_on=FIRST)
    for amount, code in enumerate(["B86001", "B86002", "B86003", "B87001", "B87002"], 1):
        make.figure(measure=sales, organisation=practices[code], amount=amount)
    locations = {
        body.code: body.pk for body in Organisation.objects.filter(code__in=["15F", "03R"])
    }

    by_brick = roll_up(sales, {body.pk for body in bricks.values()}, DAY)
    by_location = roll_up(sales, set(locations.values()), DAY)

    assert by_brick.amounts == {
        bricks["LS01"].pk: Decimal(1 + 2 + 4),
        bricks["LS02"].pk: Decimal(3),
        bricks["LS03"].pk: Decimal(5),
    }
    assert not by_brick.unplaced
    assert by_location.amounts == {locations["15F"]: Decimal(6), locations["03R"]: Decimal(9)}


def test_alignments_and_measures_name_bricks_by_their_codes(bricks):
    lines = read("Brick code,Territory\nLS01,T1\nls02,T1\nLS99,T2\n").lines

    resolution = resolve(lines, DAY)

    found = {line.body.code: line.body.kind for line in resolution.resolved}
    assert found == {"LS01": "Supplier brick", "LS02": "Supplier brick"}
    assert bodies_called({"LS01", "LS99"}) == {"LS01": bricks["LS01"].pk}
