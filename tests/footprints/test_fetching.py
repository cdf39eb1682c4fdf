"""Fetching, from a real server on this machine that serves real files, fails and cuts off."""

import fcntl
import gzip
import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from django.core.checks.registry import registry
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils.timezone import now

from config.embedded import BASE_DIR
from footprints import tasks
from footprints.fetching.checks import check_feeds
from footprints.fetching.pace import wait_for_turn
from footprints.fetching.sources import Way, configured
from footprints.models import Feed, Report
from footprints.services.fetching import Claim, Overtaken, ask_for_feed, due_feeds, fetch_feed
from footprints.services.receiving import receive_report

from .nhs_server import (
    MODIFIED,
    File,
    changes_to,
    cut,
    dripping,
    endless,
    page,
    record,
    redirect,
    refusing_port,
    serving,
    silence,
    status,
)

REPORT = "/api/getReport?epraccur"
# A line of epraccur as published, and enough like it for a file that comes in several pieces.
LINE = (
    b'"A81001","THE DENSHAM SURGERY","Y63","QHM","THE HEALTH CENTRE","LAWSON STREET",'
    b'"STOCKTON-ON-TEES","CLEVELAND","","TS18 1HU","19740401","","A","B","16C","20130401","",'
    b'"01642 672351","","","","0","","16C","","4",""\r\n'
)
BODY = b"".join(LINE.replace(b"A81001", b"A%05d" % number) for number in range(3_000))
QUICK = {
    "requests_a_second": 1_000,
    "connect_timeout": 1,
    "read_timeout": 0.3,
    "retries": 3,
    "backoff": 0.02,
    "longest_wait": 2,
    "time_limit": 20,
    "lease": 30,
}


@pytest.fixture
def nhs(settings, tmp_path, monkeypatch):
    """The server; feeds lead to it, and patience is short."""
    monkeypatch.setenv("NO_PROXY", "*")
    with serving() as nhs:
        settings.ODS_EXPORT_URL = f"{nhs.address}/api/getReport"
        settings.ODS_API_URL = f"{nhs.address}/ORD/2-0-0"
        settings.REPORT_FEEDS = ["epraccur"]
        settings.FETCHING = QUICK
        settings.FETCHING_DIR = tmp_path / "fetching"
        yield nhs


def visit(name="epraccur", *, at=None):
    """One visit, made due; its report, and the feed as it is afterwards."""
    due_feeds(at=now())
    at = at or now()
    assert ask_for_feed(name, at=at)
    report = fetch_feed(name, at=at)
    return report, Feed.objects.get(name=name)


def kept(report) -> bytes:
    with report.file.open("rb") as file:
        return file.read()


def left_behind(settings) -> list:
    return list(settings.FETCHING_DIR.glob("*")) if settings.FETCHING_DIR.exists() else []


# --- What is fetched ----------------------------------------------------------------------------


def test_the_setting_names_reports_changes_and_addresses(settings):
    settings.REPORT_FEEDS = "epraccur changes map=https://example.com/a/map%202022.csv".split()
    settings.ODS_API_URL = "https://directory.example.com/ORD/2-0-0/"

    export, changes, file = configured().values()

    assert (export.way, export.file_name) == (Way.EXPORT, "epraccur.csv")
    assert export.address == f"{settings.ODS_EXPORT_URL}?report=epraccur"
    assert (changes.way, changes.address) == (
        Way.CHANGES,
        "https://directory.example.com/ORD/2-0-0",
    )
    assert (file.way, file.name, file.file_name) == (Way.FILE, "map", "map 2022.csv")


@pytest.mark.parametrize(
    ("feeds", "says"),
    [
        (["Epraccur"], "'Epraccur' is neither"),
        (["../etc"], "'../etc' is neither"),
        (["etr", "etr"], "names 'etr' twice"),
        (["map=ftp://example.com/map.csv"], "is no http.s. address"),
        (["map=https://"], "is no http.s. address"),
        (["map="], "is no http.s. address"),
    ],
)
def test_a_wrong_word_stops_the_start_and_is_named(settings, feeds, says):
    settings.REPORT_FEEDS = feeds

    with pytest.raises(ImproperlyConfigured, match=says):
        configured()
    assert [error.id for error in check_feeds(None)] == ["footprints.E001"]


def test_nobody_is_asked_all_the_time(settings):
    settings.REPORTS_FETCHED_EVERY = timedelta(minutes=1)

    assert [error.id for error in check_feeds(None)] == ["footprints.E002"]
    assert check_feeds in registry.registered_checks


def test_nothing_is_fetched_unless_it_is_switched_on(db, settings, django_assert_num_queries):
    assert settings.REPORT_FEEDS == []
    with django_assert_num_queries(0):
        assert due_feeds(at=now()) == []


def test_only_what_is_due_is_started_and_that_costs_one_look(
    db, settings, django_assert_num_queries
):
    settings.REPORT_FEEDS = ["epraccur", "etr", "eccg"]
    at = now()
    Feed.objects.create(name="etr", next_at=at + timedelta(seconds=1))
    Feed.objects.create(name="eccg", next_at=at - timedelta(seconds=1))
    Feed.objects.create(name="former", next_at=at - timedelta(days=1))

    assert due_feeds(at=at) == ["epraccur", "eccg"]
    assert Feed.objects.filter(name="epraccur", next_at=None).exists()
    Feed.objects.update(next_at=at + timedelta(minutes=1))
    with django_assert_num_queries(1):
        assert due_feeds(at=at) == []


# --- One file -----------------------------------------------------------------------------------


def test_a_file_is_kept_as_received(db, nhs, settings, shared):
    published = (shared / "ods" / "epraccur_2025-11.csv").read_bytes()
    nhs.files[REPORT] = File(published, etag='"a1"', modified=MODIFIED)

    report, feed = visit()

    assert kept(report) == published
    assert (report.via, report.name, report.state) == ("fetch", "epraccur.csv", "received")
    assert (feed.report, feed.etag, feed.last_modified) == (report, '"a1"', MODIFIED)
    assert (feed.failures, feed.error) == (0, "")
    assert feed.next_at - feed.looked_at == timedelta(hours=24)
    assert left_behind(settings) == []
    assert nhs.asked[0].headers["user-agent"] == "Waymark (http://localhost:8000)"


@pytest.mark.parametrize(
    ("modified", "day"),
    [
        (MODIFIED, date(2025, 11, 13)),
        ("Tue, 30 Jun 2026 23:30:00 GMT", date(2026, 7, 1)),  # past midnight in London
        ("Wed, 01 Jan 2125 00:00:00 GMT", None),  # a clock that is ahead
        ("the other day", None),
        ("", None),
    ],
)
def test_a_report_tells_of_the_day_it_was_last_modified_else_sent(db, nhs, modified, day):
    nhs.files[REPORT] = File(BODY, modified=modified)

    report, _ = visit()

    today = datetime.now(UTC).astimezone().date()
    assert report.about_on == day or (day is None and abs((report.about_on - today).days) <= 1)


def test_later_news_from_one_place_is_never_older_news(db, nhs):
    nhs.files[REPORT] = File(BODY, modified=MODIFIED)
    visit()
    nhs.files[REPORT] = File(BODY + LINE, modified="Mon, 03 Nov 2025 00:00:00 GMT")

    report, _ = visit()

    assert report.about_on == date(2025, 11, 13)


def test_a_file_at_an_address_is_left_to_its_reader_for_the_day(db, nhs, settings):
    settings.REPORT_FEEDS = [f"map={nhs.address}/some/map.csv"]
    nhs.files["/some/map.csv"] = File(BODY, modified=MODIFIED)

    report, _ = visit("map")

    assert (report.name, report.about_on) == ("map.csv", None)


def test_what_has_not_changed_is_not_sent_again(db, nhs):
    nhs.files[REPORT] = File(BODY, etag='"a1"', modified=MODIFIED)
    first, before = visit()

    again, feed = visit()

    assert again is None
    assert (nhs.asked[-1].status, nhs.asked[-1].sent) == (304, 0)
    assert nhs.asked[-1].headers["if-none-match"] == '"a1"'
    assert nhs.asked[-1].headers["if-modified-since"] == MODIFIED
    assert feed.looked_at > before.looked_at and feed.fetched_at == before.fetched_at
    assert (feed.report, feed.etag, feed.error) == (first, '"a1"', "")


def test_the_same_bytes_are_one_report_whatever_became_of_it(db, nhs):
    nhs.files[REPORT] = File(BODY)  # a server without conditional requests
    first, _ = visit()
    Report.objects.update(state=Report.State.DISCARDED)

    again, feed = visit()

    assert again is None and Report.objects.count() == 1
    assert (feed.report, feed.failures) == (first, 0)


def test_bytes_that_somebody_dropped_in_are_known(db, nhs, tmp_path):
    (tmp_path / "dropped.csv").write_bytes(BODY)
    with (tmp_path / "dropped.csv").open("rb") as file:
        dropped = receive_report(file, name="dropped.csv", via="form")
    nhs.files[REPORT] = File(BODY)

    report, feed = visit()

    assert report is None and feed.report == dropped and feed.fetched_at is None


def test_what_was_learnt_at_one_address_is_not_told_to_another(db, nhs, settings):
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    visit()
    settings.ODS_EXPORT_URL = f"{nhs.address}/moved/getReport"
    nhs.files["/moved/getReport?epraccur"] = File(BODY + LINE, etag='"a1"')

    report, _ = visit()

    assert "if-none-match" not in nhs.asked[-1].headers
    assert kept(report) == BODY + LINE


def test_a_file_in_chunks_comes_whole(db, nhs):
    nhs.files[REPORT] = File(BODY, chunked=True)

    report, _ = visit()

    assert kept(report) == BODY


@pytest.mark.parametrize("times", [1, 20])
def test_a_packed_file_is_unpacked_within_the_limit(db, nhs, settings, times):
    settings.FETCHING = QUICK | {"size_limit": 2**20}
    packed = gzip.compress(BODY * times)

    def pack(handler, file):
        handler.head(200, {"Content-Encoding": "gzip", "ETag": '"a1"'}, len(packed))
        handler.wfile.write(packed)

    nhs.trouble(REPORT, pack)

    report, feed = visit()

    if times == 1:
        assert kept(report) == BODY
    else:
        assert report is None and "larger than 1 MB" in feed.error


# --- Trouble ------------------------------------------------------------------------------------


def test_a_server_that_fails_twice_is_asked_again(db, nhs):
    nhs.files[REPORT] = File(BODY)
    nhs.trouble(REPORT, status(500), status(503))

    report, feed = visit()

    assert kept(report) == BODY and feed.failures == 0
    assert [each.status for each in nhs.asked] == [500, 503, 200]


def test_a_server_that_asks_for_time_is_given_it(db, nhs):
    nhs.files[REPORT] = File(BODY)
    nhs.trouble(REPORT, status(429, Retry_After=1))

    report, _ = visit()

    assert kept(report) == BODY
    assert nhs.asked[1].at - nhs.asked[0].at >= 1


def test_a_server_that_asks_for_long_is_left_alone_so_long(db, nhs):
    nhs.trouble(REPORT, status(429, Retry_After=7200))

    report, feed = visit()

    assert report is None and len(nhs.asked) == 1
    assert feed.error == "It answered 429 (Too Many Requests)."
    assert feed.next_at - feed.looked_at == timedelta(hours=2)


def test_what_is_not_there_is_not_asked_for_again(db, nhs):
    report, feed = visit()

    assert report is None and len(nhs.asked) == 1
    assert (feed.failures, feed.error) == (1, "It answered 404 (Not Found).")


def test_each_failure_puts_off_the_next_visit_up_to_a_day(db, nhs):
    waits = []
    for _ in range(13):
        _, feed = visit()
        waits.append((feed.next_at - feed.looked_at) / timedelta(minutes=1))

    assert feed.failures == 13
    assert all(0.75 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:10]))
    assert waits[11:] == [1440, 1440]
    nhs.files[REPORT] = File(BODY)
    _, feed = visit()
    assert (feed.failures, feed.error) == (0, "")


def test_a_silent_server_is_not_waited_for(db, nhs):
    nhs.trouble(REPORT, *[silence()] * 9)
    began = time.monotonic()

    _, feed = visit()

    assert "did not answer within 0.3 seconds" in feed.error
    assert len(nhs.asked) == 1 + QUICK["retries"]
    assert time.monotonic() - began < 10  # four times five seconds, if it were waited for


def test_nobody_at_the_address(db, nhs, settings):
    settings.ODS_EXPORT_URL = f"http://127.0.0.1:{refusing_port()}/getReport"

    _, feed = visit()

    assert "No connection to 127.0.0.1" in feed.error and "Connection refused" in feed.error


def test_a_certificate_that_does_not_hold_is_refused(db, nhs, settings):
    settings.ODS_EXPORT_URL = nhs.address.replace("http:", "https:") + "/getReport"

    _, feed = visit()

    assert feed.failures == 1 and "127.0.0.1" in feed.error
    assert nhs.asked == []


def test_a_redirect_is_followed(db, nhs):
    nhs.files["/elsewhere"] = File(BODY)
    nhs.trouble(REPORT, redirect("/elsewhere"))

    report, _ = visit()

    assert kept(report) == BODY


def test_the_body_of_a_redirect_is_not_read(db, nhs):
    nhs.files["/elsewhere"] = File(BODY)

    def chatty(handler, file):
        handler.head(302, {"Location": "/elsewhere", "Transfer-Encoding": "chunked"}, None)
        nhs.closing.wait(5)
        handler.hang_up()

    nhs.trouble(REPORT, chatty)

    report, _ = visit()

    assert kept(report) == BODY


@pytest.mark.parametrize("to", ["file:///etc/passwd", "ftp://127.0.0.1/a", "http://[::1"])
def test_a_redirect_out_of_the_web_is_not(db, nhs, to):
    nhs.trouble(REPORT, redirect(to))

    report, feed = visit()

    assert report is None and "It sends us to" in feed.error and len(nhs.asked) == 1


def test_redirects_end(db, nhs):
    nhs.trouble(REPORT, *[redirect(REPORT.replace("?", "?report="))] * 20)

    _, feed = visit()

    assert "without an end" in feed.error and len(nhs.asked) == 4


@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE html><title>Service unavailable</title>",
        '\ufeff\n <html lang="en"><body>Sorry</body></html>',
        '<?xml version="1.0"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
    ],
)
def test_a_web_page_is_no_report(db, nhs, settings, text):
    nhs.trouble(REPORT, page(text), page(text))
    for failures in (1, 2):
        report, feed = visit()

        assert report is None and feed.failures == failures
        assert feed.error == "It sent a web page, no report."
    assert not Report.objects.exists() and left_behind(settings) == []


def test_an_empty_file_is_no_report(db, nhs):
    nhs.files[REPORT] = File(b"")

    report, feed = visit()

    assert report is None and feed.error == "It sent an empty file."


@pytest.mark.parametrize("promised", [True, False])
def test_a_file_beyond_the_limit_is_left(db, nhs, settings, promised):
    settings.FETCHING = QUICK | {"size_limit": 2**20}
    nhs.files[REPORT] = File(b"x" * (2**20 + 1))
    if not promised:
        nhs.trouble(REPORT, endless)

    report, feed = visit()

    assert report is None and feed.error == "It is larger than 1 MB, the most that is taken."
    assert len(nhs.asked) == 1
    assert left_behind(settings) == []


def test_a_server_that_sends_a_byte_now_and_then_is_left(db, nhs, settings):
    settings.FETCHING = QUICK | {"time_limit": 0.6}
    nhs.files[REPORT] = File(BODY)
    nhs.trouble(REPORT, dripping(0.1))
    began = time.monotonic()

    report, feed = visit()

    assert report is None and "It took longer than" in feed.error
    assert time.monotonic() - began < 10  # days, if it were left to its pace


def test_a_body_whose_end_cannot_be_told_is_not_taken(db, nhs):
    nhs.files[REPORT] = File(BODY, says_length=False)

    report, feed = visit()

    assert report is None and "does not say where it ends" in feed.error


# --- Going on where it stopped ------------------------------------------------------------------


def test_a_download_that_breaks_off_goes_on(db, nhs):
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    nhs.trouble(REPORT, cut(100_000), cut(200_000))

    report, _ = visit()

    assert kept(report) == BODY
    ranges = [each.headers.get("range") for each in nhs.asked]
    assert ranges == [None, "bytes=100000-", "bytes=300000-"]
    assert sum(each.sent for each in nhs.asked) == len(BODY)


def test_a_body_that_falls_silent_goes_on(db, nhs):
    nhs.files[REPORT] = File(BODY, modified=MODIFIED)  # no ETag: its date will do
    nhs.trouble(REPORT, cut(100_000, then=3))

    report, _ = visit()

    assert kept(report) == BODY
    assert nhs.asked[1].headers["if-range"] == MODIFIED


@pytest.mark.parametrize(
    "file",
    [
        File(BODY, etag='"a1"', ranges=False),
        File(BODY, etag='W/"a1"'),
        File(BODY),
        File(BODY, etag='"a1"', chunked=True, ranges=False),
    ],
)
def test_where_parts_cannot_be_had_it_begins_anew(db, nhs, file):
    nhs.files[REPORT] = file
    nhs.trouble(REPORT, cut(100_000))

    report, _ = visit()

    assert kept(report) == BODY
    assert nhs.asked[1].status == 200


def test_two_halves_of_two_files_are_never_one(db, nhs):
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    later = BODY.replace(b"DENSHAM", b"RIVERSIDE")
    nhs.trouble(REPORT, cut(100_000), changes_to(File(later, etag='"a2"')))

    report, feed = visit()

    assert kept(report) == later
    assert feed.etag == '"a2"'


def test_a_server_that_ignores_if_range_is_found_out(db, nhs):
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    later = File(BODY.replace(b"DENSHAM", b"SEASIDE"), etag='"a2"')  # as long as the first

    def careless(handler, file):
        nhs.files[REPORT] = later
        start = int(handler.asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
        rest = later.body[start:]
        told = f"bytes {start}-{len(later.body) - 1}/{len(later.body)}"
        handler.head(206, {"Content-Range": told, "ETag": '"a2"'}, len(rest))
        handler.wfile.write(rest)

    nhs.trouble(REPORT, cut(100_000), careless)

    report, _ = visit()

    assert kept(report) == later.body
    assert [each.status for each in nhs.asked] == [200, 206, 200]


def test_half_a_file_is_never_taken_for_whole_and_the_next_visit_goes_on(db, nhs, settings):
    settings.FETCHING = QUICK | {"retries": 0}
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    nhs.trouble(REPORT, cut(100_000))

    report, feed = visit()

    assert report is None and not Report.objects.exists()
    assert "broke off in the middle" in feed.error
    assert feed.position["done"] == 100_000

    report, feed = visit()

    assert kept(report) == BODY
    assert nhs.asked[-1].headers["range"] == "bytes=100000-"
    assert "part" not in feed.position and left_behind(settings) == []


def test_another_machine_begins_anew(db, nhs, settings, tmp_path):
    settings.FETCHING = QUICK | {"retries": 0}
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    nhs.trouble(REPORT, cut(100_000))
    visit()
    settings.FETCHING_DIR = tmp_path / "its own disk"

    report, _ = visit()

    assert kept(report) == BODY and "range" not in nhs.asked[-1].headers


def test_a_part_that_another_process_writes_is_left_to_it(db, nhs, settings):
    settings.FETCHING = QUICK | {"retries": 0}
    nhs.files[REPORT] = File(BODY, etag='"a1"')
    nhs.trouble(REPORT, cut(100_000))
    visit()
    (part,) = settings.FETCHING_DIR.iterdir()

    with part.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        report, _ = visit()
        held.write(b"late")

    assert kept(report) == BODY and "range" not in nhs.asked[-1].headers


# --- What changed -------------------------------------------------------------------------------

CODES = [f"Y{number:05}" for number in range(30)]
SYNC = "/ORD/2-0-0/sync"


def organisation(code):
    return f"/ORD/2-0-0/organisations/{code}"


@pytest.fixture
def changes(nhs, settings):
    settings.REPORT_FEEDS = ["changes"]
    nhs.organisations(CODES)
    return nhs


def test_changes_are_one_file_with_an_answer_a_line(db, changes, settings):
    report, feed = visit("changes")

    lines = kept(report).decode().splitlines()
    assert [json.loads(line)["Organisation"]["OrgId"]["extension"] for line in lines] == CODES
    assert json.loads(lines[0]) == json.loads(record(CODES[0]).body)
    today = report.about_on
    since = today - timedelta(days=60)
    assert changes.requests(SYNC)[0].query == {
        "LastChangeDate": since.isoformat(),
        "_format": "json",
    }
    assert report.name == f"changes-since-{since}.jsonl"
    assert feed.position["since"] == (today - timedelta(days=2)).isoformat()
    assert left_behind(settings) == []


def test_the_next_walk_begins_a_little_before_the_last_one(db, changes):
    _, feed = visit("changes")
    changes.organisations([])

    report, feed = visit("changes")

    assert report is None and feed.error == "" and feed.failures == 0
    assert changes.requests(SYNC)[-1].query["LastChangeDate"] == feed.position["since"]


def test_a_walk_goes_no_further_back_than_the_api_answers(db, changes):
    visit("changes")
    feed = Feed.objects.get()
    feed.position["since"] = "2020-01-01"
    feed.save()

    visit("changes")

    asked = date.fromisoformat(changes.requests(SYNC)[-1].query["LastChangeDate"])
    assert (now().date() - asked).days in (179, 180, 181)


def test_a_walk_that_fails_goes_on_at_the_next_organisation(db, changes):
    changes.trouble(organisation(CODES[12]), *[status(500)] * (1 + QUICK["retries"]))

    report, feed = visit("changes")

    assert report is None
    assert (feed.position["done"], feed.position["listed"]) == (12, 30)
    assert feed.error == "It answered 500 (Internal Server Error)."

    report, feed = visit("changes")

    lines = kept(report).decode().splitlines()
    assert [json.loads(line)["Organisation"]["OrgId"]["extension"] for line in lines] == CODES
    counts = changes.counts()
    assert counts.pop(organisation(CODES[12])) == 2 + QUICK["retries"]
    assert set(counts.values()) == {1}  # the list, too


def test_a_walk_makes_room_for_others_and_goes_on_at_once(db, changes, settings):
    settings.FETCHING = QUICK | {"walk_slice": 0.001}
    visits = 0
    report = None
    while report is None:
        report, feed = visit("changes")
        visits += 1
        assert feed.failures == 0 and visits < 50

    assert visits > 2
    assert len(kept(report).splitlines()) == 30
    assert set(changes.counts().values()) == {1}


def test_a_walk_whose_file_is_lost_begins_anew(db, changes, settings, tmp_path):
    changes.trouble(organisation(CODES[12]), status(400))
    visit("changes")
    settings.FETCHING_DIR = tmp_path / "its own disk"

    report, _ = visit("changes")

    assert len(kept(report).splitlines()) == 30
    since = [each.query["LastChangeDate"] for each in changes.requests(SYNC)]
    assert len(since) == 2 and since[0] == since[1]


def test_a_line_that_was_half_written_is_written_again(db, changes, settings):
    changes.trouble(organisation(CODES[12]), status(400))
    visit("changes")
    (part,) = settings.FETCHING_DIR.glob("*.part")
    with part.open("ab") as file:
        file.write(b'{"Organisation": {"Na')

    report, _ = visit("changes")

    assert len([json.loads(line) for line in kept(report).splitlines()]) == 30


def test_an_organisation_without_a_record_is_named_and_passed_over(db, changes):
    del changes.files[organisation(CODES[3])]

    report, feed = visit("changes")

    assert len(kept(report).splitlines()) == 29
    assert feed.position["missing"] == [CODES[3]]


def test_where_none_has_a_record_the_address_is_wrong(db, changes, settings):
    changes.files = {SYNC: changes.files[SYNC]}

    report, feed = visit("changes")

    assert report is None and left_behind(settings) == []
    assert feed.error == "None of the 30 organisations listed has a record."


def test_one_broken_record_does_not_hold_up_the_others_for_ever(db, changes, settings):
    settings.FETCHING = QUICK | {"retries": 0}
    changes.files[organisation(CODES[3])] = record(CODES[4])  # another's
    for _ in range(4):
        report, feed = visit("changes")
        assert report is None and feed.error == f"Asked for {CODES[3]}, it gave {CODES[4]}."

    report, feed = visit("changes")

    assert len(kept(report).splitlines()) == 29
    assert feed.position["missing"] == [CODES[3]]


def test_a_server_that_is_away_loses_no_organisation(db, changes, settings):
    settings.FETCHING = QUICK | {"retries": 0}
    changes.trouble(organisation(CODES[3]), *[status(500)] * 6)
    changes.trouble(SYNC, changes_to(changes.files[SYNC]), *[status(500)] * 2)
    for _ in range(6):
        report, _ = visit("changes")
        assert report is None

    report, feed = visit("changes")

    assert len(kept(report).splitlines()) == 30 and feed.position["missing"] == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b'{"error": "not today"}', "no list of organisations"),
        (b"[]", "no list of organisations"),
        (b'{"Organisations": [{"OrgLink": "https://example.com/a/../../?x"}]}', "no code"),
        (b"<html>Sorry</html>", "no JSON"),
    ],
)
def test_a_list_that_is_none_is_refused(db, changes, body, says):
    changes.files[SYNC] = File(body)

    report, feed = visit("changes")

    assert report is None and says in feed.error


# --- Several workers ----------------------------------------------------------------------------


def test_a_worker_that_was_overtaken_stops_and_writes_nothing(db, nhs):
    nhs.files[REPORT] = File(BODY)
    due_feeds(at=now())
    source = configured()["epraccur"]
    slow = Claim.of("epraccur", source, now())
    quick = Claim.of("epraccur", source, slow.until + timedelta(seconds=1))
    before = Feed.objects.get()

    with pytest.raises(Overtaken):
        slow.keep({"done": 1})
    with pytest.raises(Overtaken):
        slow.let_go(next_at=now())
    slow.fail("too late")

    after = Feed.objects.get()
    assert (after.next_at, after.position) == (before.next_at, before.position)
    assert (after.failures, after.error) == (0, "")
    quick.keep({"done": 2})
    assert Feed.objects.get().position["done"] == 2


def test_a_claim_that_lapsed_is_taken_over(db, nhs):
    nhs.files[REPORT] = File(BODY)
    due_feeds(at=now())
    claim = Claim.of("epraccur", configured()["epraccur"], now())
    assert fetch_feed("epraccur", at=now()) is None
    assert not ask_for_feed("epraccur", at=now())

    report = fetch_feed("epraccur", at=claim.until + timedelta(seconds=1))

    assert kept(report) == BODY


def together(*works):
    """Each in a thread with a connection of its own, all begun at once; what they return."""
    barrier, results = threading.Barrier(len(works)), [None] * len(works)

    def run(number, work):
        try:
            barrier.wait(5)
            results[number] = work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_fetch_once(nhs):
    nhs.files[REPORT] = File(BODY)
    due_feeds(at=now())
    at = now()

    reports = together(*[lambda: fetch_feed("epraccur", at=at)] * 4)

    assert len(nhs.asked) == 1
    assert [kept(report) for report in reports if report is not None] == [BODY]
    assert Report.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_all_workers_together_ask_five_times_a_second_at_most(nhs, settings):
    settings.REPORT_FEEDS = ["epraccur", "etr"]
    settings.FETCHING = QUICK | {"requests_a_second": 5}
    other = REPORT.replace("epraccur", "etr")
    nhs.files |= {REPORT: File(BODY), other: File(BODY + LINE)}
    for path in (REPORT, other):
        nhs.trouble(path, *[redirect(path.replace("?", "?report="))] * 3)
    due_feeds(at=now())
    at = now()

    together(*[lambda name=name: fetch_feed(name, at=at) for name in ("epraccur", "etr")])

    moments = sorted(each.at for each in nhs.asked)
    assert len(moments) == 8 and Report.objects.count() == 2
    assert moments[-1] - moments[0] >= 0.95 * (len(moments) - 1) / 5


@pytest.mark.django_db(transaction=True)
def test_turns_go_round_among_those_who_wait():
    moments = []

    def work():
        for _ in range(3):
            wait_for_turn(20)
            moments.append(time.monotonic())

    together(work, work)

    gaps = [after - before for before, after in pairwise(sorted(moments))]
    assert len(gaps) == 5 and sum(gaps) >= 0.95 * 5 / 20


WORKER = """
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = {database!r}
settings.FETCHING = {manners!r}
from django.utils.timezone import now
from footprints.services.fetching import fetch_feed
fetch_feed("changes", at=now())
"""


@pytest.mark.django_db(transaction=True)
def test_after_kill_9_another_worker_goes_on(changes, settings):
    settings.FETCHING = QUICK | {"lease": 1}
    changes.trouble(organisation(CODES[12]), silence(10))
    due_feeds(at=now())
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "REPORT_FEEDS": "changes",
        "ODS_API_URL": settings.ODS_API_URL,
        "FETCHING_DIR": str(settings.FETCHING_DIR),
    }
    manners = QUICK | {"lease": 1, "read_timeout": 9}
    code = WORKER.format(database=connection.settings_dict["NAME"], manners=manners)
    worker = subprocess.Popen(
        [sys.executable, "-c", code], cwd=BASE_DIR, env=os.environ | environment
    )
    try:
        deadline = time.monotonic() + 20
        while organisation(CODES[12]) not in changes.counts() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        worker.kill()
        worker.wait()
    feed = Feed.objects.get()
    assert feed.position["done"] == 12 and "claimed" in feed.position
    assert fetch_feed("changes", at=now()) is None  # it may live, for all that is known

    report = fetch_feed("changes", at=feed.next_at)

    lines = [json.loads(line) for line in kept(report).splitlines()]
    assert [line["Organisation"]["OrgId"]["extension"] for line in lines] == CODES
    counts = changes.counts()
    assert counts.pop(organisation(CODES[12])) == 2  # the one that was under way
    assert set(counts.values()) == {1}


# --- From the clock to the register -------------------------------------------------------------


def test_the_clock_fetches_a_published_report_and_applies_it(
    register, nhs, settings, shared, django_capture_on_commit_callbacks
):
    settings.REPORT_FEEDS = ["etr"]
    published = (shared / "ods" / "etr_2025-12.csv").read_bytes()
    nhs.files["/api/getReport?etr"] = File(published, modified="Mon, 01 Dec 2025 06:00:00 GMT")

    with django_capture_on_commit_callbacks(execute=True):
        tasks.fetch_due_feeds()

    report = Feed.objects.get(name="etr").report
    assert report.state == Report.State.APPLIED, (report.error, report.preview)
    assert (report.release.published_on, report.via) == (date(2025, 12, 1), "fetch")
    tasks.fetch_due_feeds()
    assert len(nhs.asked) == 1


def test_the_clock_fetches_what_changed_and_it_is_read(
    register, changes, settings, django_capture_on_commit_callbacks
):
    settings.FETCHING = QUICK | {"walk_slice": 0.05}  # several visits, one after another
    with django_capture_on_commit_callbacks(execute=True):
        tasks.fetch_due_feeds()

    report = Feed.objects.get(name="changes").report
    assert report.source == "ods-ord", report.error
    assert report.preview["read"]["lines"] == len(CODES)
