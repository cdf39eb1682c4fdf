"""Any day, and what was known then, on every list, page and file that shows the register."""

from datetime import UTC, date, datetime

import pytest
from django.urls import get_resolver

from footprints.lists import ListView
from footprints.models import Release, Reorganisation
from tests import factories
from tests.footprints.pages import text

REGISTER = {
    "footprints:organisations",
    "footprints:lead_providers",
    "footprints:reorganisations",
    "footprints:releases",
}


def lists():
    """(name, address, view class) of every list without arguments in its address."""

    def walk(patterns, prefix, space):
        for entry in patterns:
            route = prefix + str(entry.pattern)
            if hasattr(entry, "url_patterns"):
                inner = f"{entry.namespace}:" if entry.namespace else space
                yield from walk(entry.url_patterns, route, inner)
                continue
            view_class = getattr(entry.callback, "view_class", None)
            if view_class and issubclass(view_class, ListView) and "<" not in route:
                yield f"{space}{entry.name}", f"/{route}", view_class

    return list(walk(get_resolver().url_patterns, "", ""))


@pytest.fixture
def reader(client, register):
    Release.objects.filter(pk=register.pk).update(applied_at=datetime(2026, 1, 1, tzinfo=UTC))
    client.force_login(factories.user(role="planner", is_staff=True, is_superuser=True))
    return client


def test_every_list_of_the_register_is_found():
    assert {name for name, *_ in lists()} >= REGISTER


def test_every_list_says_the_day_and_the_knowledge_it_shows(reader):
    for _, address, _ in lists():
        page = reader.get(address, {"on": "2020-03-31", "known": "2026-02-01"})

        assert page.status_code == 200, address
        said = text(page)
        assert "Showing the NHS of 31 March 2020" in said, address
        assert "as recorded by the end of 1 February 2026" in said, address


@pytest.mark.parametrize("query", [{"on": "2020-02-30"}, {"known": "soon"}, {"on": "0000"}])
def test_every_list_refuses_what_is_no_day(reader, query):
    for _, address, _ in lists():
        assert reader.get(address, query).status_code == 400, address


def test_no_list_of_the_register_shows_what_was_not_known_yet(reader):
    found = {name: (address, view) for name, address, view in lists()}
    for name in REGISTER:
        address, _ = found[name]
        then = reader.get(address, {"on": "2021-04-01", "known": "2025-12-31"})
        later = reader.get(address, {"on": "2021-04-01", "known": "2026-01-02"})

        assert then.context["shown"] == 0, name
        assert later.context["shown"] > 0, name


def test_every_list_answers_a_program_of_any_day_as_known_at_any_moment(reader):
    for name, address, view_class in lists():
        asked = {"on": "2021-04-01", "known": "2025-12-31", "format": "json"}
        then = reader.get(address, asked).json()
        later = reader.get(address, asked | {"known": "2026-01-02"}).json()

        if view_class.depends_on_day:
            assert (then["on"], then["known"][:10]) == ("2021-04-01", "2025-12-31"), name
        if name in REGISTER:
            assert (then["rows"], then["next"]) == ([], None), name
            assert later["rows"], name


def test_every_file_says_its_day_and_its_knowledge_in_its_name(reader):
    for name, address, view_class in lists():
        if not view_class.depends_on_day:
            continue
        file = reader.get(
            address, {"on": "2020-03-31", "known": "2026-02-01T09:30", "format": "csv"}
        )
        said = file["Content-Disposition"]
        assert "-on-2020-03-31-as-known-2026-02-01T0930" in said, (name, said)
        now = reader.get(address, {"on": "2020-03-31", "format": "csv"})
        assert "-on-2020-03-31.csv" in now["Content-Disposition"], name


def test_a_file_of_the_register_holds_what_was_known_then(reader):
    query = {"on": "2021-04-01", "kind": "region", "format": "csv"}
    lines = {
        known: len(reader.get("/register/", query | {"known": known}).content.splitlines())
        for known in ("2025-12-31", "2026-01-02")
    }

    assert lines == {"2025-12-31": 1, "2026-01-02": 8}


def test_the_file_of_a_plan_names_the_day_that_it_is_of(reader):
    plan = factories.plan(opened_on=date(2020, 4, 1), closed_on=date(2021, 4, 1))

    file = reader.get(f"/plans/{plan.pk}/", {"on": "2026-11-21", "format": "csv"})

    assert "-on-2021-03-31" in file["Content-Disposition"]


def test_the_years_of_events_are_those_known_then(reader):
    assert reader.get("/reorganisations/", {"known": "2025-12-31"}).context["years"] == []
    years = reader.get("/reorganisations/").context["years"]
    assert sum(year["count"] for year in years) == Reorganisation.objects.count()


@pytest.mark.parametrize(
    "address", ["/register/91Q/", "/register/walk/?path=E92000001", "/register/walk/?to=91Q"]
)
def test_a_page_before_the_first_release_knows_nothing(reader, address):
    joint = "&" if "?" in address else "?"

    page = reader.get(f"{address}{joint}known=2025-12-31")

    if "walk" in address:
        assert page.context["walk"].end is None
        assert page.context["walk"].lost
    else:
        assert page.status_code == 404


@pytest.mark.parametrize("address", ["/register/QKS/", "/register/walk/", "/register/"])
def test_the_day_control_stands_in_the_same_place(reader, address):
    page = reader.get(address, {"on": "2020-03-31"}).content.decode()

    tools = page.split('<div class="bar-tools">')[1].split("</header>")[0]
    assert tools.count('<details class="as-at menu is-past">') == 1
    assert page.count('<details class="as-at menu') == 1
