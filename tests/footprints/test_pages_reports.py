"""Reports dropped in, previewed, applied, set aside, refused: by a steward, and by nobody else."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.timezone import now

from accounts.models import User
from footprints import uploads
from footprints.models import Release, Report, Version
from footprints.services import taking_in
from footprints.services.receiving import receive_report
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

LIST = "/register/reports/"
NEW = "/register/reports/new/"

# Kent Community Health as it is in etr, here under another name; and a trust that is news.
TRUST = (
    '"{}","{}","Y59","QKS","1 STREET","","TOWN","","","{}","{}","","","","","","","","","","","0",'
    '"","{}","","",""\r\n'
)
KNOWN = TRUST.format("RYY", "KENT COMMUNITY HEALTH TRUST", "ME1 1AA", "20110401", "")
NEWS = TRUST.format("RZ1", "NORTHERN SEA TRUST", "ME1 2AA", "20130401", "")


@pytest.fixture
def ada(db):
    return factories.user(first_name="Ada", last_name="Quill", role="steward")


@pytest.fixture
def steward(client, ada):
    client.force_login(ada)
    return client


@pytest.fixture
def at_once(django_capture_on_commit_callbacks):
    """A context in which a worker does at once what a page asks of it."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def etr(*rows):
    return SimpleUploadedFile("trusts of today.csv", "".join(rows).encode())


def dropped(client, at_once, *rows):
    """A report that was dropped in and read."""
    with at_once():
        client.post(NEW, {"files": etr(*rows)})
    return Report.objects.latest("pk")


def test_a_report_is_dropped_in_previewed_applied_and_undone(steward, at_once, ada):
    with at_once():
        answer = steward.post(NEW, {"files": etr(KNOWN, NEWS)})

    report = Report.objects.get()
    assert answer.url == f"{LIST}{report.pk}/"
    assert (report.state, report.via, report.by) == ("previewed", "form", ada)
    assert not Version.objects.filter(name="Northern Sea Trust").exists()
    page = steward.get(answer.url)
    said = text(page)
    assert "NHS trusts (etr) Waiting for a steward trusts of today.csv" in said
    assert "2 lines read" in said
    assert "RZ1 Northern Sea Trust, Trust, since 1 Apr 2013" in said
    assert "RYY opened on 2011-04-01 in the report, on 2010-11-01 in the register" in said
    body = page.content.decode()
    assert 'href="/register/RYY/"' in body
    assert 'href="/register/RZ1/"' not in body  # it has no page before it is applied
    assert 'href="#new"' in body and 'id="new"' in body
    assert breaks_the_policy(page) == []

    with at_once():
        applied = steward.post(f"{answer.url}apply/")

    assert applied.url == answer.url
    release = Release.objects.get(report=report)
    assert (release.by, release.kind) == (ada, "file")
    assert Version.objects.now().filter(name="Northern Sea Trust").exists()
    page = steward.get(answer.url)
    assert "It is part of the register, applied by Ada Quill." in text(page)
    assert f'href="/register/releases/{release.pk}/"' in page.content.decode()
    assert 'href="/register/RZ1/"' in page.content.decode()
    assert f"Report trusts of today.csv Source {report.source}" in text(
        steward.get(f"/register/releases/{release.pk}/")
    )

    steward.post(f"/register/releases/{release.pk}/undo/")

    assert "It was applied, and undone by release" in text(steward.get(answer.url))
    assert "Applied, undone since" in text(steward.get(LIST))
    assert not Version.objects.now().filter(name="Northern Sea Trust").exists()
    assert dropped(steward, at_once, KNOWN, NEWS) != report


def test_what_changes_is_shown_as_old_and_new_and_newer_reports_as_applied_again(steward, at_once):
    first, second = (
        TRUST.format("RZ1", name, "ME1 2AA", "20130401", "")
        for name in ("SEA TRUST", "SHORE TRUST")
    )
    for day, row in (("2024-01-01", first), ("2025-01-01", second)):
        with at_once():
            answer = steward.post(NEW, {"files": etr(row), "about_on": day})
        page = steward.get(answer.url)
        with at_once():
            steward.post(f"{answer.url}apply/")
    said = text(page)
    assert "What is held, and what it becomes" in said
    assert "RZ1 Sea Trust, Trust, since 1 Apr 2013" in said
    assert "Shore Trust, Trust" in said
    assert page.content.decode().count('aria-label="becomes"') == 1

    older = NEWS.replace("NORTHERN SEA", "OLDER SEA")
    with at_once():
        answer = steward.post(NEW, {"files": etr(older), "about_on": "2023-01-01"})

    page = steward.get(answer.url)
    said = text(page)
    assert "Reports that are undone and read again" in said
    assert "NHS trusts (etr) 1 Jan 2024" in said
    assert "NHS trusts (etr) 1 Jan 2025" in said
    assert "Other reports would be undone and read again" in said


def test_what_could_not_be_placed_or_is_odd_is_shown_by_topic_with_its_line(steward, at_once):
    nowhere = TRUST.format("RZ2", "SOUTHERN SEA TRUST", "", "20130401", "").replace("QKS", "QZZ")
    unread = TRUST.format("RZ3", "EASTERN SEA TRUST", "", "20131301", "")
    filler = TRUST.format("RZ4", "WESTERN SEA TRUST", "", "19000101", "")

    report = dropped(steward, at_once, KNOWN, nowhere, unread, filler)

    page = steward.get(f"{LIST}{report.pk}/")
    preview = page.context["preview"]
    lines = {row["line"] for topic in preview.unplaced_topics for row in topic.rows}
    assert lines == {2, 3}
    assert preview.unplaced == 2
    assert preview.anomalies >= 1
    said = text(page)
    assert "2 not read or placed" in said
    assert "QZZ, where RZ2 is, is not in the register" in said
    assert "Look at this first" in said
    assert "50.0% of its lines could not be read or placed." in said
    for topic in preview.unplaced_topics + preview.anomaly_topics:
        assert f"{topic.name.capitalize()} {topic.count}" in said.replace(
            topic.name[0].upper() + topic.name[1:], topic.name.capitalize()
        )


def test_more_changes_than_are_kept_are_counted(steward, at_once):
    report = dropped(steward, at_once, KNOWN, NEWS)
    preview = report.preview
    for fact in preview["facts"]:
        fact["new"] += 12_000
    Report.objects.update(preview=preview)

    said = text(steward.get(f"{LIST}{report.pk}/"))

    assert re.search(r"The first 1 of 12,001\.", said)


def test_several_files_come_at_once_and_one_that_is_known_is_named(steward, at_once):
    known = dropped(steward, at_once, KNOWN)
    files = [
        etr(KNOWN),
        SimpleUploadedFile("one.csv", NEWS.encode()),
        SimpleUploadedFile("two.csv", (NEWS + KNOWN).encode()),
    ]

    with at_once():
        answer = steward.post(NEW, {"files": files}, follow=True)

    assert answer.redirect_chain[-1][0] == LIST
    said = text(answer)
    assert "2 files are received." in said
    assert "trusts of today.csv is here already: NHS trusts (etr), waiting for a steward." in said
    assert f'href="{LIST}{known.pk}/"' in answer.content.decode()
    assert list(Report.objects.order_by("pk").values_list("state", flat=True)) == ["previewed"] * 3


def test_the_day_it_tells_of_may_be_said(steward, at_once):
    with at_once():
        steward.post(NEW, {"files": etr(NEWS), "about_on": "2025-12-01"})

    report = Report.objects.get()
    assert report.about_on.isoformat() == "2025-12-01"
    assert "tells of 1 Dec 2025" in text(steward.get(f"{LIST}{report.pk}/"))


def test_a_file_without_a_day_is_refused_until_somebody_says_it(steward, at_once):
    bricks = SimpleUploadedFile(
        "bricks.csv", b"Brick code,Brick name,Practice code\nB1,East,G82001\n"
    )
    with at_once():
        answer = steward.post(NEW, {"files": bricks})
    assert "which day it tells of" in text(steward.get(answer.url))
    again = f"{answer.url}again/"

    steward.post(again, {"about_on": "31 June"})
    assert Report.objects.get().state == "refused"
    with at_once():
        steward.post(again, {"about_on": "2026-11-23"})

    report = Report.objects.get()
    assert (report.state, report.about_on.isoformat()) == ("previewed", "2026-11-23")


def test_a_file_that_is_no_report_is_refused_in_words_and_can_be_read_again(steward, at_once):
    with at_once():
        answer = steward.post(NEW, {"files": SimpleUploadedFile("cats.csv", b"cat,age\nTom,3\n")})

    page = steward.get(answer.url)
    assert "Nothing was written. No report that is known" in text(page)
    assert "Known are: a CSV without header" in text(page)
    assert "Apply" not in text(page)
    with at_once():
        steward.post(f"{answer.url}again/")
    assert Report.objects.get().state == "refused"
    steward.post(f"{answer.url}discard/")
    assert Report.objects.get().state == "discarded"


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ([], "Choose a file, or drop one here."),
        ([("empty.csv", b"")], "An empty file says nothing"),
        ([("x" * 300 + ".csv", b"1")], "at most 200 characters"),
    ],
)
def test_what_cannot_be_taken_is_said_beside_the_field(steward, files, says):
    files = [SimpleUploadedFile(name, content) for name, content in files]

    page = steward.post(NEW, {"files": files})

    assert page.status_code == 200
    assert says in text(page)
    assert not Report.objects.exists()


def test_a_file_larger_than_any_report_is_dropped_while_it_comes_in(steward, monkeypatch):
    monkeypatch.setattr(uploads.BoundedUpload, "most", 100_000)
    large = SimpleUploadedFile("fullfile.xml", b"x" * 200_000)

    page = steward.post(NEW, {"files": [large]})

    assert "fullfile.xml is larger than 1,536 MB: no report is." in text(page)
    assert "Choose a file" not in text(page)
    assert not Report.objects.exists()

    small = SimpleUploadedFile("small.csv", b"x")
    large.seek(0)
    page = steward.post(NEW, {"files": [small, large]})
    assert "fullfile.xml is larger" in text(page)


def received(content=b"x", **fields):
    return receive_report(io.BytesIO(content), name="etr.csv", via=Report.Via.FORM, **fields)


def test_while_it_moves_the_page_looks_again_each_second_and_then_no_more(steward):
    report = received()
    Report.objects.update(state="reading", doing="Reading", done=2_000, total=14_357)

    page = steward.get(f"{LIST}{report.pk}/")

    body = page.content.decode()
    assert re.search(r'<div id="report" hx-get="[^"]*" hx-trigger="every 1s"', body)
    assert '<progress aria-labelledby="doing" value="2000" max="14357">' in body
    assert "2,000 of 14,357" in text(page)
    assert breaks_the_policy(page) == []
    Report.objects.update(state="refused", error="No.")
    body = steward.get(f"{LIST}{report.pk}/").content.decode()
    assert '<div id="report">' in body


def test_a_report_that_no_worker_takes_up_says_so(steward):
    report = received()
    assert "No worker" not in text(steward.get(f"{LIST}{report.pk}/"))

    Report.objects.update(received_at=now() - 2 * taking_in.A_COMMAND_TAKES)

    assert "No worker has taken it up yet." in text(steward.get(f"{LIST}{report.pk}/"))


@pytest.mark.parametrize(("state", "after"), [("received", "discarded"), ("reading", "discarded")])
def test_reading_is_stopped(steward, state, after):
    report = received()
    Report.objects.update(state=state)

    said = text(steward.post(f"{LIST}{report.pk}/stop/", follow=True))

    assert Report.objects.get().state == after
    assert "Stopped. Nothing of it was written." in said


def test_applying_is_stopped_and_waits_for_a_steward_again(steward, at_once):
    report = dropped(steward, at_once, NEWS)
    Report.objects.update(state="applying", applied_by=factories.user())

    steward.post(f"{LIST}{report.pk}/stop/")

    report.refresh_from_db()
    assert (report.state, report.applied_by) == ("previewed", None)
    assert "Ada Quill stopped it." in text(steward.get(f"{LIST}{report.pk}/"))


@pytest.mark.parametrize("deed", ["apply", "stop", "discard", "again"])
def test_a_deed_that_comes_too_late_is_said_and_changes_nothing(steward, at_once, deed):
    report = dropped(steward, at_once, NEWS)
    with at_once():
        steward.post(f"{LIST}{report.pk}/apply/")
    before = Report.objects.values().get()
    assert before["state"] == "applied"

    answer = steward.post(f"{LIST}{report.pk}/{deed}/", follow=True)

    assert Report.objects.values().get() == before
    assert 'class="note note-error"' in answer.content.decode()


@pytest.mark.parametrize("deed", ["apply", "stop", "discard", "again"])
def test_nobody_but_a_steward_moves_a_report(client, at_once, deed):
    report = received(NEWS.encode())
    taking_in.take_in(report)
    address = f"{LIST}{report.pk}/{deed}/"

    assert client.post(address).url.startswith("/sign-in/")
    client.force_login(factories.user(role="planner"))
    assert client.post(address).status_code == 403

    client.force_login(factories.user(role="steward"))
    assert client.get(address).status_code == 405
    assert Report.objects.get().state == "previewed"


def test_a_planner_may_read_and_nothing_else(client):
    report = received(NEWS.encode())
    taking_in.take_in(report)
    assert client.get(LIST).url.startswith("/sign-in/")
    assert client.get(NEW).url.startswith("/sign-in/")

    client.force_login(factories.user(role="planner"))

    assert "Drop in" not in text(client.get(LIST))
    page = client.get(f"{LIST}{report.pk}/")
    assert "1 lines read" not in text(page) and "1 line read" in text(page)
    assert "Apply" not in text(page)
    for address in (NEW, f"{LIST}{report.pk}/file/"):
        assert client.get(address).status_code == 403
    assert client.post(NEW, {"files": etr(KNOWN)}).status_code == 403
    assert Report.objects.count() == 1


def test_the_file_comes_back_as_it_was_received(steward):
    report = received(NEWS.encode())

    answer = steward.get(f"{LIST}{report.pk}/file/")

    assert b"".join(answer.streaming_content) == NEWS.encode()
    assert answer["Content-Disposition"] == 'attachment; filename="etr.csv"'
    assert answer["Content-Type"] == "application/octet-stream"
    report.file.storage.delete(report.file.name)
    assert steward.get(f"{LIST}{report.pk}/file/").status_code == 404


def test_the_list_is_narrowed_and_says_how_each_came(steward, ada):
    received(b"1", by=ada)
    receive_report(io.BytesIO(b"2"), name="epraccur.csv", via=Report.Via.FOLDER)
    Report.objects.filter(name="epraccur.csv").update(state="refused")

    said = text(steward.get(LIST))
    assert "dropped in by Ada Quill" in said
    assert "found in the folder" in said
    rows = steward.get(LIST, {"state": "refused"}).context["page"].rows
    assert [row.name for row in rows] == ["epraccur.csv"]
    assert len(steward.get(LIST, {"q": "etr"}).context["page"].rows) == 1
    csv = steward.get(LIST, {"format": "csv"}).content.decode()
    assert "epraccur.csv,,,Refused" in csv


def test_an_empty_list_says_how_to_begin(steward):
    page = steward.get(LIST)

    assert "No report has come yet" in text(page)
    assert page.content.decode().count(f'href="{NEW}"') == 2


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    steward, rows, django_assert_num_queries
):
    for number in range(rows):
        received(str(number).encode(), by=factories.user())
    steward.get(LIST)

    with django_assert_num_queries(7):  # session, user, may they, the rows, views, alerts
        steward.get(LIST)


def test_a_page_asks_the_database_the_same_however_long_the_preview_is(
    steward, at_once, django_assert_max_num_queries
):
    rows = [TRUST.format(f"RZ{n}", f"SEA TRUST {n}", "", "20130401", "") for n in range(10)]
    report = dropped(steward, at_once, *rows)
    steward.get(f"{LIST}{report.pk}/")  # the days that every page offers, once a process

    with django_assert_max_num_queries(9):
        steward.get(f"{LIST}{report.pk}/")


def test_the_register_says_how_many_reports_wait_for_a_steward(steward, client, ada):
    User.objects.filter(pk=ada.pk).update(is_staff=True)
    assert "Reports, " not in text(steward.get("/register/"))
    for number in range(3):
        received(str(number).encode())
    Report.objects.update(state="previewed")

    page = steward.get("/register/")

    assert "Reports, 3 waiting" in text(page)
    client.force_login(factories.user(role="planner"))
    assert "waiting" not in text(client.get("/register/"))
