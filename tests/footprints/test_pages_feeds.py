"""What is fetched by itself, as a page shows it, and asking for it now."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from footprints.models import Feed, Report
from tests import factories
from tests.footprints.nhs_server import File, serving
from tests.footprints.pages import breaks_the_policy, text

PAGE = "/register/feeds/"
FETCH = "/register/feeds/epraccur/fetch/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def steward(client):
    client.force_login(factories.user(role="steward", is_staff=True))
    return client


@pytest.fixture
def feeds(settings):
    settings.REPORT_FEEDS = ["epraccur", "changes", "map=https://example.com/map.csv"]


def feed(name="epraccur", **fields):
    return Feed.objects.create(name=name, **fields)


def test_where_nothing_is_fetched_the_page_says_how_to_switch_it_on(steward):
    page = steward.get(PAGE)

    assert "Nothing is fetched" in text(page)
    assert "REPORT_FEEDS=epraccur etr eccg" in text(page)
    assert breaks_the_policy(page) == []
    assert steward.post(FETCH).status_code == 404


def test_a_feed_nobody_has_looked_at_yet(steward, feeds):
    page = steward.get(PAGE)

    assert text(page).count("Begins within a minute") == 3
    assert "every 24 hours" in text(page)
    assert "https://example.com/map.csv" in text(page)
    assert breaks_the_policy(page) == []


def test_the_page_says_what_came_and_when_the_next_look_is(steward, feeds):
    report = Report.objects.create(
        name="epraccur.csv", size=1, sha256="0", via="fetch", received_at=now(), state="applied"
    )
    at = now()
    feed(report=report, looked_at=at, fetched_at=at, next_at=at + timedelta(hours=24))

    page = steward.get(PAGE)

    (row,) = [row for row in page.context["rows"] if row.source.name == "epraccur"]
    assert (row.doing, row.came, row.missing) == ("", "", [])
    assert f'href="{report.get_absolute_url()}"' in page.content.decode()
    assert "epraccur.csv" in text(page) and "Applied" in text(page)


def test_a_failure_is_told_in_words(steward, feeds):
    feed(
        looked_at=now(),
        next_at=now() + timedelta(hours=1),
        failures=3,
        error="It answered 404 (Not Found).",
        position={"done": 1_500_000, "length": 3_000_000},
    )

    page = steward.get(PAGE)

    assert "Failed 3 times running" in text(page)
    assert "It answered 404 (Not Found)." in text(page)
    assert "1.4 MB of 2.9 MB are here; it goes on from there" in text(page).replace("\xa0", " ")


def test_a_walk_under_way_is_followed(steward, feeds):
    soon = now() + timedelta(minutes=2)
    position = {"claimed": "2026-11-21", "listed": 30, "done": 12, "missing": ["8HD87"]}
    walk = feed("changes", next_at=soon, position=position)
    for name in ("epraccur", "map"):
        feed(name, next_at=soon)

    page = steward.get(PAGE)

    assert "Being fetched" in text(page) and "12 of 30 organisations so far" in text(page)
    assert "Listed, but without a record: 8HD87" in text(page)
    assert 'hx-trigger="every 3s"' in page.content.decode()

    Feed.objects.filter(pk=walk.pk).update(next_at=now() - timedelta(seconds=1))
    assert "Goes on within a minute" in text(steward.get(PAGE))

    Feed.objects.filter(pk=walk.pk).update(next_at=soon, position={})
    assert "hx-trigger" not in steward.get(PAGE).content.decode().split("<main")[1]


def test_a_steward_fetches_now(steward, settings, monkeypatch, django_capture_on_commit_callbacks):
    monkeypatch.setenv("NO_PROXY", "*")
    settings.REPORT_FEEDS = ["epraccur"]
    feed(next_at=now() + timedelta(hours=20))
    with serving() as nhs:
        settings.ODS_EXPORT_URL = f"{nhs.address}/getReport"
        nhs.files["/getReport?epraccur"] = File(b"no report at all\r\n")
        with django_capture_on_commit_callbacks(execute=True):
            page = steward.post(FETCH, follow=True)

    report = Report.objects.get()
    assert page.redirect_chain == [(PAGE, 302)]
    assert "epraccur is looked for now." in text(page)
    assert Feed.objects.get().report == report
    assert report.state == Report.State.REFUSED  # the reader's word, not ours


def test_what_is_being_fetched_is_not_asked_for_twice(steward, feeds):
    until = now() + timedelta(minutes=2)
    feed(next_at=until, position={"claimed": "2026-11-21"})

    page = steward.post(FETCH, follow=True)

    assert "epraccur is being fetched already." in text(page)
    assert Feed.objects.get().next_at == until


def test_only_who_may_release_fetches(client, feeds):
    assert client.get(PAGE).status_code == 302
    client.force_login(factories.user(role="planner"))

    page = client.get(PAGE)

    assert page.status_code == 200 and "Fetch now" not in text(page)
    assert client.post(FETCH).status_code == 403
    assert not Feed.objects.exists()


@pytest.mark.parametrize("rows", [1, 20])
def test_the_page_asks_the_database_the_same_however_many_feeds(
    steward, settings, rows, django_assert_num_queries
):
    settings.REPORT_FEEDS = [f"r{number}" for number in range(rows)]
    for name in settings.REPORT_FEEDS:
        feed(name)
    steward.get(PAGE)

    with django_assert_num_queries(6):  # session, user, what he may (2), the feeds, the alerts
        steward.get(PAGE)
