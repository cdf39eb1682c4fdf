"""The pages of those who look after Waymark: schedules, runs, jobs, health."""

from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from accounts.models import Job, Suggestion, User
from config.clock import install
from config.context import forget
from config.models import Run, Standing
from footprints.models import Report
from tests import factories

State = Run.State
PAGES = ["clock:schedules", "clock:health", "clock:runs", "clock:jobs"]


@pytest.fixture
def schedules(db):
    """The settings' own, laid down a while ago."""
    install(settings.CELERY_BEAT_SCHEDULE)
    Standing.objects.update(since_at=now() - timedelta(days=2))


@pytest.fixture
def admin(db):
    """An administrator, who is no steward."""
    return factories.user(username="ada", role=User.Role.MANAGER, is_staff=True)


@pytest.fixture
def client(client, admin):
    client.force_login(admin)
    return client


def row(name="raise_flags"):
    return PeriodicTask.objects.select_related("interval", "crontab", "standing").get(name=name)


def page(name="raise_flags"):
    return reverse("clock:schedule", args=[row(name).pk])


def run(state, *, name="raise_flags", **fields):
    at = now()
    fields = {"asked_at": at, "began_at": at} | fields
    if state not in State.under_way():
        fields["ended_at"] = at
    return Run.objects.create(task=f"accounts.tasks.{name}", schedule=name, state=state, **fields)


def words(answer):
    return " ".join(str(message) for message in answer.context["messages"])


# --- Who ----------------------------------------------------------------------------------------


def addresses():
    one = row().pk
    return [
        *(reverse(name) for name in PAGES),
        reverse("clock:schedule", args=[one]),
    ], [
        reverse("clock:run_now", args=[one]),
        reverse("clock:as_installed", args=[one]),
        reverse("clock:stop_run", args=[run(State.WAITING, began_at=None).pk]),
        reverse("clock:stop_job", args=["sheets", 1]),
        reverse("clock:again", args=["reports", 1]),
    ]


@pytest.mark.parametrize("role", ["field", "planner", "manager"])
def test_others_are_told_that_it_is_not_theirs_and_see_no_way_there(client, schedules, role):
    client.force_login(factories.user(role=role))
    pages, deeds = addresses()

    assert {client.get(address).status_code for address in pages} == {403}
    assert {client.post(address).status_code for address in deeds} == {403}
    assert not Run.objects.exclude(state=State.WAITING).exists()
    home = client.get("/").content.decode()
    assert all(address not in home for address in pages)


def test_a_data_steward_and_an_administrator_find_them_in_their_menu(client, schedules):
    for user in (factories.user(role="steward", is_staff=True), User.objects.get(username="ada")):
        client.force_login(user)
        home = client.get("/").content.decode()
        for name in ("schedules", "jobs", "health"):
            assert f'href="{reverse(f"clock:{name}")}"' in home
            assert client.get(reverse(f"clock:{name}")).status_code == 200


def test_a_stranger_signs_in_first(client, schedules):
    client.logout()
    pages, deeds = addresses()

    for answer in [client.get(each) for each in pages] + [client.post(each) for each in deeds]:
        assert (answer.status_code, answer.url[:9]) == (302, "/sign-in/")


def test_a_deed_is_not_done_by_a_link(client, schedules):
    _, deeds = addresses()

    assert {client.get(each).status_code for each in deeds} == {405}


# --- Schedules ----------------------------------------------------------------------------------


def test_each_schedule_says_what_it_is_for_when_it_runs_and_how_its_last_run_went(
    client, schedules
):
    run(State.DONE, says="3 alerts raised")
    run(State.FAILED, name="send_digests", says="SMTPException: no post office")

    text = client.get(reverse("clock:schedules")).content.decode()

    for said in (
        "Raise alerts",
        "every minute",
        "3 alerts raised",
        "no post office",
        "every hour",
    ):
        assert said in text
    assert text.count("Run now") == 2 * len(settings.CELERY_BEAT_SCHEDULE)


@pytest.mark.parametrize("runs", [1, 30])
def test_the_page_asks_the_database_the_same_however_many_runs_there_are(
    client, schedules, runs, django_assert_num_queries
):
    for _ in range(runs):
        run(State.DONE, says="1 alert raised")
    client.get(reverse("clock:schedules"))

    with django_assert_num_queries(5):
        client.get(reverse("clock:schedules"))


def test_a_clock_that_was_never_started_is_said(client, db):
    assert b"has never been started" in client.get(reverse("clock:schedules")).content
    assert b"has never been started" in client.get(reverse("clock:health")).content


def change(client, **given):
    data = {"seen": client.get(page()).context["form"]["seen"].value(), "is_on": "on"} | given
    return client.post(page(), {k: v for k, v in data.items() if v is not None}, follow=True)


def test_an_interval_is_changed_and_who_did_so_is_said(client, schedules, admin):
    answer = change(client, way="interval", every="5", unit="minutes")

    assert "Saved" in words(answer)
    assert (row().interval.every, row().interval.period) == (5, "minutes")
    assert row().expire_seconds == 295
    assert row().standing.changed_by == admin
    assert "every 5 minutes" in answer.content.decode()


def test_a_time_of_day_is_in_london_time(client, schedules):
    answer = change(client, way="time", time="07:30", days=["1", "2", "3", "4", "5"])

    assert "on weekdays at 07:30, London time" in answer.content.decode()
    assert row().interval is None
    assert row().expire_seconds == 3600


def test_what_is_changed_stays_when_the_clock_starts_again(client, schedules):
    change(client, way="time", time="07:30", days=["1"])

    install(settings.CELERY_BEAT_SCHEDULE)

    assert row().crontab.hour == "7"


def test_it_may_follow_waymark_s_own_settings_again(client, schedules):
    change(client, way="interval", every="5", unit="minutes", is_on=None)
    assert not row().enabled

    client.post(reverse("clock:as_installed", args=[row().pk]))

    assert row().enabled
    own = settings.CELERY_BEAT_SCHEDULE["raise_flags"]
    assert row().schedule.run_every == timedelta(seconds=own["schedule"])
    assert row().expire_seconds == own["options"]["expire_seconds"]
    assert b"Back to Waymark" not in client.get(page()).content


def test_a_schedule_is_switched_off_and_on_again_without_being_missed_at_once(client, schedules):
    change(client, way="interval", every="1", unit="minutes", is_on=None)
    assert not row().enabled
    assert "Switched off" in client.get(page()).content.decode()
    Standing.objects.update(since_at=now() - timedelta(days=9))

    change(client, way="interval", every="1", unit="minutes")

    assert client.get(page()).context["schedule"].state == "new"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"way": None}, "required"),
        ({"way": "interval", "every": "", "unit": "minutes"}, "Say how many"),
        ({"way": "interval", "every": "0", "unit": "minutes"}, "shortest is 1 minute"),
        ({"way": "interval", "every": "-3", "unit": "days"}, "shortest is 1 minute"),
        ({"way": "interval", "every": "32", "unit": "days"}, "longest is 31 days"),
        ({"way": "interval", "every": "9" * 30, "unit": "minutes"}, "longest is 31 days"),
        ({"way": "interval", "every": "five", "unit": "minutes"}, "whole number"),
        ({"way": "interval", "every": "5", "unit": "fortnights"}, "valid choice"),
        ({"way": "interval", "every": "5", "unit": ""}, "Say of what"),
        ({"way": "time", "time": "", "days": ["1"]}, "at what time"),
        ({"way": "time", "time": "25:00", "days": ["1"]}, "as 07:30"),
        ({"way": "time", "time": "07:30"}, "at least one day"),
        ({"way": "time", "time": "07:30", "days": ["8"]}, "valid choice"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_changes_nothing(
    client, schedules, given, said
):
    before = row().date_changed

    answer = change(client, **given)

    assert said in " ".join(str(errors) for errors in answer.context["form"].errors.values())
    assert said in answer.content.decode()
    assert row().date_changed == before


def test_of_two_who_change_it_at_once_the_second_is_told(client, schedules):
    seen = client.get(page()).context["form"]["seen"].value()
    change(client, way="interval", every="5", unit="minutes")

    answer = change(client, way="interval", every="9", unit="minutes", seen=seen)

    assert "Somebody has changed it" in answer.content.decode()
    assert row().interval.every == 5


def test_what_is_more_intricate_than_the_form_may_stay_as_it_is(client, schedules):
    quarterly = CrontabSchedule.objects.create(hour="7", minute="*/15", month_of_year="1,4")
    PeriodicTask.objects.filter(name="raise_flags").update(interval=None, crontab=quarterly)

    change(client, way="same", is_on=None)

    assert (row().crontab, row().enabled) == (quarterly, False)


def test_a_schedule_that_there_is_not(client, schedules):
    assert client.get(reverse("clock:schedule", args=[10**9])).status_code == 404
    assert client.post(reverse("clock:run_now", args=[10**9])).status_code == 404


# --- Run now, and stop --------------------------------------------------------------------------


def test_what_is_run_now_has_a_row_that_says_for_whom(client, schedules, admin):
    answer = client.post(reverse("clock:run_now", args=[row().pk]), follow=True)

    assert "Asked for" in words(answer)
    made = Run.objects.get()
    assert (made.schedule, made.asked_by, made.state) == ("raise_flags", admin, State.NOTHING)


@pytest.fixture
def no_broker():
    """Tasks go through a broker, and none is there."""
    was = current_app.conf.broker_write_url
    current_app.conf.update(task_always_eager=False, broker_write_url="redis://127.0.0.1:1/0")
    current_app.amqp._producer_pool = None  # it would keep the connection it has
    yield
    current_app.conf.update(task_always_eager=True, broker_write_url=was)
    current_app.amqp._producer_pool = None


def test_without_a_broker_nothing_is_run_nothing_is_kept_and_it_is_said(
    client, schedules, no_broker
):
    answer = client.post(reverse("clock:run_now", args=[row().pk]), follow=True)

    assert "Nothing is lost" in words(answer)
    assert not Run.objects.exists()


def test_what_waits_or_is_at_work_is_not_asked_for_again(client, schedules):
    run(State.WAITING, began_at=None)

    answer = client.post(reverse("clock:run_now", args=[row().pk]), follow=True)

    assert "Waiting for a worker already" in words(answer)
    assert Run.objects.count() == 1


def test_a_task_that_this_version_does_not_know_is_said(client, schedules):
    PeriodicTask.objects.filter(name="raise_flags").update(task="accounts.tasks.of_yesterday")

    answer = client.post(reverse("clock:run_now", args=[row().pk]), follow=True)

    assert "knows no task" in words(answer)
    assert client.get(reverse("clock:schedules")).status_code == 200


def test_a_run_that_waits_is_stopped_before_it_begins(client, schedules, admin):
    waits = run(State.WAITING, began_at=None)

    answer = client.post(reverse("clock:stop_run", args=[waits.pk]), follow=True)

    waits.refresh_from_db()
    assert (waits.state, waits.stopped_by) == (State.STOPPED, admin)
    assert "Stopped before" in words(answer)
    again = client.post(reverse("clock:stop_run", args=[waits.pk]), follow=True)
    assert "over already" in words(again)


# --- Runs ---------------------------------------------------------------------------------------


def test_runs_are_listed_and_narrowed_by_task_and_result(client, schedules):
    run(State.DONE, says="3 alerts raised")
    run(State.FAILED, name="send_digests", says="No post office")
    run(State.RUNNING, name="send_digests", backend="1 0")

    def found(query):
        return client.get(f"{reverse('clock:runs')}?format=json&{query}").json()["rows"]

    assert len(found("")) == 3
    assert [each["says"] for each in found("schedule=raise_flags")] == ["3 alerts raised"]
    page = client.get(reverse("clock:runs")).text
    assert '<option value="raise_flags">Raise alerts</option>' in page
    assert '<option value="activate_due">Activate plans</option>' in page
    assert [each["fate"] for each in found("schedule=send_digests")] == ["Lost", "Failed"]
    assert [each["name"] for each in found("fate=lost")] == ["Send letters"]
    wrong = client.get(f"{reverse('clock:runs')}?fate=unheard")
    assert "valid choice" in wrong.content.decode()


# --- Long jobs ----------------------------------------------------------------------------------


def test_long_jobs_of_every_kind_are_listed_with_how_far_they_are(client, admin):
    event = factories.reorganisation(title="Kent merges")
    Job.objects.create(
        deed="apply",
        event=event,
        by=admin,
        asked_at=now(),
        began_at=now(),
        state="working",
        done=20,
        total=74,
    )
    plan = factories.plan(name="Primary care")
    Suggestion.objects.create(
        plan=plan,
        by=admin,
        asked_at=now(),
        began_at=now(),
        from_on="2026-11-01",
        state="working",
        percent=40,
    )
    Report.objects.create(
        name="etr.csv",
        size=1,
        sha256="a" * 64,
        via="form",
        received_at=now(),
        state="reading",
        doing="Reading the lines",
        done=5,
        total=10,
    )

    text = client.get(reverse("clock:jobs")).content.decode()

    for said in ("Kent merges", "20 of 74 sheets", "40 %", "etr.csv", "Reading the lines"):
        assert said in text
    assert text.count("<progress") == 3


def test_a_job_on_sheets_is_stopped_by_an_administrator(client, admin):
    job = Job.objects.create(
        deed="apply",
        event=factories.reorganisation(),
        by=factories.user(),
        asked_at=now(),
        total=74,
    )

    client.post(reverse("clock:stop_job", args=["sheets", job.pk]))

    job.refresh_from_db()
    assert (job.state, job.stopped_by) == ("stopped", admin)
    again = client.post(reverse("clock:stop_job", args=["sheets", job.pk]), follow=True)
    assert "over already" in words(again)


def test_a_suggestion_is_stopped_by_an_administrator_who_is_not_told_of_whose_plan(client):
    client.force_login(factories.user(role="steward", is_staff=True))
    walled = factories.plan(name="A walled plan", team=factories.team(is_walled=True))
    made = Suggestion.objects.create(
        plan=walled, by=factories.user(), asked_at=now(), from_on="2026-11-01"
    )

    text = client.get(reverse("clock:jobs")).content.decode()
    client.post(reverse("clock:stop_job", args=["suggestions", made.pk]))

    assert "A walled plan" not in text
    made.refresh_from_db()
    assert made.state == "stopped"


def test_a_report_is_stopped_and_read_again_by_a_steward_alone(client, admin):
    refused = Report.objects.create(
        name="etr.csv",
        size=1,
        sha256="a" * 64,
        via="form",
        received_at=now(),
        state="refused",
        error="It is no report.",
    )
    assert b"Try again" not in client.get(reverse("clock:jobs")).content
    answer = client.post(reverse("clock:again", args=["reports", refused.pk]), follow=True)
    assert "data stewards" in words(answer)

    client.force_login(factories.user(role="steward", is_staff=True))
    assert b"Try again" in client.get(reverse("clock:jobs")).content
    client.post(reverse("clock:again", args=["reports", refused.pk]))

    refused.refresh_from_db()
    assert refused.state == "received"


@pytest.mark.parametrize("where", [("sheets", 10**9), ("reports", 10**9), ("dishes", 1)])
def test_a_job_that_there_is_not(client, where):
    client.force_login(factories.user(role="steward", is_staff=True))

    assert client.post(reverse("clock:stop_job", args=where)).status_code == 404


# --- Health -------------------------------------------------------------------------------------


def test_the_health_page_says_what_answers_and_when_each_job_was_due_and_done(
    client, schedules, broker
):
    run(State.DONE, says="3 alerts raised")

    text = client.get(reverse("clock:health")).content.decode()

    assert text.count("Answers") == 2
    assert "None answers" in text  # no worker is up in this test
    assert "Missed" in text and "On time" in text


def test_the_health_page_says_that_the_broker_is_away(client, schedules, monkeypatch):
    monkeypatch.setattr(current_app.conf, "broker_write_url", "redis://127.0.0.1:1/0")

    text = client.get(reverse("clock:health")).content.decode()

    assert "Does not answer" in text
    assert "Nobody can be asked" in text


@pytest.mark.parametrize(
    ("names", "says"),
    [(["a@here"], "1 worker answers"), (["a@here", "b@there"], "2 workers answer")],
)
def test_health_says_how_many_workers_answer(client, schedules, monkeypatch, names, says):
    monkeypatch.setattr("config.health._broker", lambda: None)
    pong = [{name: {"ok": "pong"}} for name in names]
    monkeypatch.setattr(current_app.control, "ping", lambda **kwargs: pong)

    text = client.get(reverse("clock:health")).text

    assert f"{says}</span>" in text and ", ".join(names) in text


# --- The strip on every page --------------------------------------------------------------------


def test_an_administrator_is_told_on_every_page_that_a_schedule_is_missed(client, schedules):
    for name in settings.CELERY_BEAT_SCHEDULE:
        run(State.NOTHING, name=name)
    assert b"clock-strip" not in client.get("/").content

    Run.objects.filter(schedule="send_digests").delete()
    forget()
    text = client.get("/register/").content.decode()

    assert "“Send letters” is missed." in text
    assert f'href="{reverse("clock:health")}"' in text


def test_where_most_are_missed_the_strip_says_that_nothing_is_done(client, schedules):
    many = len(settings.CELERY_BEAT_SCHEDULE)

    text = client.get("/").content.decode()

    assert f"{many} of {many} schedules are missed: nothing is done by itself." in text


def test_a_clock_that_was_never_started_is_on_every_page_of_an_administrator(client):
    assert "The clock has never been started" in client.get("/").content.decode()


def test_others_are_not_troubled_with_it(client, schedules):
    client.force_login(factories.user(role="planner"))

    assert b"clock-strip" not in client.get("/").content
