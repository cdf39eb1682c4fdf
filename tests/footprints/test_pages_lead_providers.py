"""Who leads which provider collaborative, on any day."""

from datetime import date

import pytest

from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

LIST = "/register/lead-providers/"


@pytest.fixture
def reader(client):
    client.force_login(factories.user())
    return client


def rows(response):
    return response.context["page"].rows


def test_every_lead_provider_of_the_facts_is_listed_today(reader):
    page = reader.get(LIST)

    assert len(rows(page)) == 16
    assert "PROSPECT" in text(page)
    assert "Mersey Care NHS Foundation Trust" in text(page)
    assert breaks_the_policy(page) == []


def test_it_shows_those_of_the_day(reader):
    before, after = (reader.get(LIST, {"on": day}) for day in ("2020-09-30", "2020-10-01"))

    assert "IMPACT East Midlands" not in text(before)
    assert "IMPACT East Midlands" in text(after)


def test_a_lead_that_has_closed_says_so(reader):
    assert "RRP closed by this day" in text(reader.get(LIST, {"q": "forensic"}))


@pytest.mark.parametrize(
    ("words", "number"), [("mersey", 1), ("RWV", 1), ("eating disorders", 2), ("zebra", 0)]
)
def test_it_is_searched_by_name_code_and_service(reader, words, number):
    assert len(rows(reader.get(LIST, {"q": words}))) == number


@pytest.mark.parametrize("number", [1, 30])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    reader, django_assert_num_queries, number
):
    for _ in range(number):
        collaborative = factories.body(kind_code="provider_collaborative")
        factories.lead_provider(
            collaborative=collaborative, provider=factories.body(), opened_on=date(2013, 4, 1)
        )
    reader.get(LIST)

    with django_assert_num_queries(5):
        reader.get(LIST)
