"""The tasks of an event: due by its own day, whose they are, and the calendar they go to."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils.timezone import localdate, now
from icalendar import Calendar

from accounts import timetable
from accounts.models import CalendarKey, Milestone, Team, TimelineTask, User
from accounts.models.teams import months_after
from accounts.services.flags import raise_flags
from accounts.services.timetable import change_calendar, keep_task
from accounts.sheets import deciding
from footprints.models import Reorganisation
from footprints.services.dating import move_date
from footprints.services.declaring import move_event
from tests import factories
from tests.footprints.pages import text

APRIL_2027 = date(2027, 4, 1)
NOVEMBER = date(2026, 11, 22)


class World:
    """A plan over a body that would close on a day, and a colleague of each sort."""

    def __init__(self, on):
        self.event = factories.reorganisation(
            effective_on=on, state="proposed", title="Norland with Southland"
        )
        self.old = factories.body(closed_on=None)
        factories.succession(
            reorganisation=self.event, predecessor=self.old, successor=factories.body(), share=1
        )
        self.unit = factories.assignment(organisation=self.old)
        self.planner = factories.user(role="planner")
        self.steward = factories.user(role="steward")
        self.rep = factories.user()
        raise_flags()

    def due(self, milestone, user=None):
        dues = timetable.of_events([Reorganisation.objects.get(pk=self.event.pk)])
        return next(due for due in dues if due.milestone == milestone)

    def keep(self, milestone="twelve-weeks", *, owner=None, note="", is_done=False, by=None):
        given = {"owner": owner, "note": note, "is_done": is_done, "by": by or self.planner}
        return keep_task(self.event, Milestone(milestone), **given)

    def open_for(self, user, today=NOVEMBER):
        dues = timetable.open_for(user, timetable.events_of(user, today=today))
        return [(due.event, str(due.milestone)) for due in dues]


@pytest.fixture
def world(db):
    return World(APRIL_2027)


@pytest.fixture
def coming(db):
    """The same, some five months from the day the test runs: pages ask the clock."""
    return World(months_after(localdate(), 4))


# --- When --------------------------------------------------------------------------------------


def test_the_five_days_of_an_event_of_april_2027(world):
    assert {due.milestone: due.on for due in timetable.of_events([world.event])} == {
        "five-months": date(2026, 11, 1),
        "twelve-weeks": date(2027, 1, 7),
        "four-weeks": date(2027, 3, 4),
        "legal-day": APRIL_2027,
        "first-data": date(2027, 5, 1),
    }


@pytest.mark.parametrize(
    ("legal", "first_data"),
    [(date(2026, 12, 31), date(2027, 2, 1)), (date(2027, 4, 2), date(2027, 6, 1))],
)
def test_the_first_month_of_data_is_a_whole_one(legal, first_data):
    assert timetable.due_on(legal, Milestone.FIRST_DATA) == first_data


def test_moving_the_date_moves_the_tasks_and_what_was_said_of_them_stays(world):
    world.keep(owner=world.rep, note="Ask the board.", is_done=True)

    move_date(world.event, date(2027, 7, 1), reason="Later.", by=world.steward, at=now())

    due = world.due("twelve-weeks")
    assert due.on == date(2027, 4, 8)
    assert (due.owner, due.note, due.is_done) == (world.rep, "Ask the board.", True)
    assert TimelineTask.objects.count() == 1


@pytest.mark.parametrize("state", ["rejected", "paused"])
def test_a_dropped_event_has_no_tasks_and_a_revived_one_has_them_again(world, state):
    world.keep(owner=world.rep)
    move_event(world.event, state, on=None, reason="No.", by=world.steward, at=now())
    raise_flags()
    assert world.open_for(world.rep) == world.open_for(world.planner) == []

    move_event(world.event, "proposed", on=None, reason="Yes.", by=world.steward, at=now())
    raise_flags()

    assert world.open_for(world.rep) == [(world.event, "twelve-weeks")]


# --- Whose -------------------------------------------------------------------------------------


def test_only_what_departs_is_stored(world):
    task = world.keep(owner=world.rep, note=" Ask. ")
    assert (task.owner, task.note, task.done_by) == (world.rep, "Ask.", None)

    assert world.keep() is None

    assert not TimelineTask.objects.exists()


def test_the_first_to_say_that_it_is_done_stands(world):
    first = world.keep(is_done=True).done_at

    again = world.keep(is_done=True, by=world.steward)

    assert (again.done_at, again.done_by) == (first, world.planner)


def test_a_task_is_kept_once_and_done_by_somebody(world):
    world.keep(note="Once.")
    event = world.event

    with pytest.raises(IntegrityError, match="once_a_milestone"), transaction.atomic():
        factories.timeline_task(reorganisation=event, milestone="twelve-weeks")
    with pytest.raises(IntegrityError, match="done_by_somebody"), transaction.atomic():
        TimelineTask.objects.update(done_at=now())


def test_those_who_plan_have_what_nobody_owns_and_the_owner_has_theirs(world):
    world.keep("legal-day", owner=world.rep)
    world.keep("five-months", is_done=True)

    assert world.open_for(world.planner) == [
        (world.event, "twelve-weeks"),
        (world.event, "four-weeks"),
        (world.event, "first-data"),
    ]
    assert world.open_for(world.rep) == [(world.event, "legal-day")]
    assert world.open_for(world.steward) == []


def test_events_that_touch_nothing_of_the_reader_ask_nothing(world):
    Team.objects.filter(plans=world.unit.plan).update(is_walled=True)

    assert world.open_for(world.planner) == []


def test_of_an_event_that_touches_only_others_the_owner_has_their_task_alone(world):
    Team.objects.filter(plans=world.unit.plan).update(is_walled=True)
    world.keep(owner=world.planner)

    assert world.open_for(world.planner) == [(world.event, "twelve-weeks")]


def test_long_past_events_ask_nothing_any_more(world):
    assert len(world.open_for(world.planner, today=date(2027, 7, 2))) == 5
    assert world.open_for(world.planner, today=date(2027, 7, 3)) == []


def test_what_is_late_or_soon_is_gathered_by_day(world):
    other = factories.reorganisation(effective_on=APRIL_2027, state="proposed", title="Another")
    dues = timetable.of_events([world.event, other])

    moments = timetable.soon(dues, today=NOVEMBER)

    assert [(one.on, len(one.dues), one.is_late) for one in moments] == [
        (date(2026, 11, 1), 2, True),
        (date(2027, 1, 7), 2, False),
    ]


def test_a_field_user_sees_only_their_own_tasks_of_an_event(world):
    assert timetable.of_event(world.event, world.rep, today=NOVEMBER) == []
    world.keep(owner=world.rep)

    (due,) = timetable.of_event(world.event, world.rep, today=NOVEMBER)

    assert due.milestone == "twelve-weeks"
    assert len(timetable.of_event(world.event, world.steward, today=NOVEMBER)) == 5


# --- Pages -------------------------------------------------------------------------------------


def address(world, milestone="twelve-weeks"):
    return reverse("accounts:task", args=[world.event.slug, milestone])


def test_the_events_page_shows_the_timetable_and_a_planner_keeps_it(client, coming):
    client.force_login(coming.planner)
    assert "See what is coming" in text(client.get(coming.event.get_absolute_url()))
    given = {"owner": coming.rep.pk, "note": "Ask the board.", "is_done": "on"}

    page = client.post(address(coming), given, follow=True)

    assert page.redirect_chain[0][0].endswith("#timetable")
    assert "Ask the board." in text(page) and str(coming.rep) in text(page)
    assert TimelineTask.objects.get().done_by == coming.planner


def test_the_owner_says_that_it_is_done_and_gives_it_to_nobody(client, coming):
    coming.keep(owner=coming.rep)
    client.force_login(coming.rep)

    client.post(address(coming), {"is_done": "on", "owner": coming.planner.pk})

    task = TimelineTask.objects.get()
    assert (task.owner, task.done_by) == (coming.rep, coming.rep)


@pytest.mark.parametrize("who", ["rep", "steward"])
def test_others_keep_no_task(client, coming, who):
    client.force_login(getattr(coming, who))

    assert client.get(address(coming)).status_code == 403
    assert client.post(address(coming), {"is_done": "on"}).status_code == 403
    assert address(coming) not in text(client.get(coming.event.get_absolute_url()))


def test_what_is_no_task_is_not_found(client, coming):
    client.force_login(coming.planner)
    assert client.get(address(coming, "ten-weeks")).status_code == 404
    Reorganisation.objects.update(state="rejected")

    assert client.get(address(coming)).status_code == 404


def test_a_note_that_is_too_long_is_said_to_be(client, coming):
    client.force_login(coming.planner)

    page = client.post(address(coming), {"note": "x" * 501})

    assert (page.status_code, "at most 500" in text(page)) == (422, True)


def test_the_home_page_says_what_is_due(client, coming):
    client.force_login(coming.planner)
    page = text(client.get(reverse("accounts:beside")))
    assert "See what is coming: Norland with Southland" in page and "late" in page

    coming.keep("five-months", is_done=True)

    assert "See what is coming" not in text(client.get(reverse("accounts:beside")))


# --- The calendar ------------------------------------------------------------------------------


def entries(client, key):
    """``{uid: entry}`` of the feed as a calendar reads it."""
    answer = client.get(key.get_absolute_url())
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    return {str(one["uid"]): one for one in Calendar.from_ical(answer.content).walk("VEVENT")}


def test_the_feed_is_read_without_signing_in_and_holds_whole_days(client, coming):
    found = entries(client, change_calendar(coming.planner))

    slug = coming.event.slug
    assert set(found) == {
        f"event-{slug}@waymark",
        *(f"task-{slug}-{milestone}@waymark" for milestone in Milestone),
    }
    entry = found[f"task-{slug}-legal-day@waymark"]
    assert entry.decoded("dtstart") == coming.event.effective_on
    assert str(entry["summary"]) == "Check the day: Norland with Southland"
    assert (str(entry["status"]), str(entry["url"])) == (
        "TENTATIVE",
        f"http://testserver{coming.event.get_absolute_url()}",
    )


def test_an_entry_keeps_its_identity_when_its_day_moves(client, coming):
    key = change_calendar(coming.planner)
    uid = f"task-{coming.event.slug}-legal-day@waymark"
    before = entries(client, key)[uid]

    to = months_after(coming.event.effective_on, 2)
    move_date(coming.event, to, reason="Later.", by=coming.steward, at=now())
    after = entries(client, key)[uid]

    assert after.decoded("dtstart") == to
    assert after["sequence"] > before["sequence"]


def test_a_feed_that_nothing_changed_is_the_same_to_the_byte(client, coming):
    key = change_calendar(coming.planner)

    first, second = (client.get(key.get_absolute_url()).content for _ in range(2))

    assert first == second
    assert b"\r\n" in first and max(map(len, first.split(b"\r\n"))) <= 75


def test_titles_cannot_break_out_of_their_line(client, coming):
    title = "A, B; C\\D\r\nEND:VEVENT\nBEGIN:VALARM ünïcödé " + "long " * 30
    Reorganisation.objects.filter(pk=coming.event.pk).update(title=title)

    found = entries(client, change_calendar(coming.planner))

    assert len(found) == 6
    told = str(found[f"event-{coming.event.slug}@waymark"]["summary"])
    assert "ünïcödé" in told and "A, B; C\\D" in told


def test_what_is_done_leaves_the_feed(client, coming):
    key = change_calendar(coming.planner)
    coming.keep("four-weeks", is_done=True)

    assert f"task-{coming.event.slug}-four-weeks@waymark" not in entries(client, key)


def test_our_day_of_a_sheet_is_in_the_feed_of_those_who_plan(client, coming):
    flag = coming.event.flags.get(content_type__model="territoryplan")
    ours = months_after(coming.event.effective_on, 1)
    deciding.set_days(flag, align_on=ours, data_on=None, credit_on=None, by=coming.planner)
    factories.roster_entry(
        territory=coming.unit.territory, user=coming.rep, opened_on=coming.unit.opened_on
    )
    uid = f"our-day-{deciding.sheet_of(flag).pk}@waymark"

    found = entries(client, change_calendar(coming.planner))[uid]

    assert found.decoded("dtstart") == ours
    assert str(found["summary"]) == f"Our day: {coming.unit.plan.name}"
    assert set(entries(client, change_calendar(coming.rep))) == {
        f"event-{coming.event.slug}@waymark"
    }


def test_nobody_elses_things_are_in_a_feed(client, coming):
    Team.objects.filter(plans=coming.unit.plan).update(is_walled=True)

    for user in (coming.planner, coming.rep, coming.steward):
        assert entries(client, change_calendar(user)) == {}


def test_a_changed_address_ends_the_old_one(client, coming):
    client.force_login(coming.planner)
    page = reverse("accounts:calendar")
    assert "no feed yet" in text(client.get(page))
    client.post(page)
    old = CalendarKey.objects.get()
    assert old.secret in client.get(page).content.decode()
    assert len(old.secret) >= 43

    client.post(page)

    assert client.get(old.get_absolute_url()).status_code == 404
    assert entries(client, CalendarKey.objects.get())
    assert CalendarKey.objects.count() == 1


def test_whoever_has_left_has_no_feed(client, coming):
    key = change_calendar(coming.planner)
    User.objects.filter(pk=coming.planner.pk).update(is_active=False)

    assert client.get(key.get_absolute_url()).status_code == 404
    assert client.get("/calendar/guessed.ics").status_code == 404


def test_the_feed_is_only_read(client, coming):
    assert client.post(change_calendar(coming.planner).get_absolute_url()).status_code == 405


def test_the_secret_is_not_shown_in_the_admin(client, coming):
    key = change_calendar(coming.planner)
    client.force_login(factories.user(is_staff=True, is_superuser=True))

    page = client.get(reverse("admin:accounts_calendarkey_change", args=[key.pk]))

    assert page.status_code == 200
    assert key.secret not in page.content.decode()


@pytest.mark.parametrize("events", [1, 9])
def test_the_feed_asks_the_database_the_same_however_much_is_coming(
    client, coming, events, django_assert_num_queries
):
    for _ in range(events - 1):
        event = factories.reorganisation(effective_on=coming.event.effective_on, state="proposed")
        factories.succession(reorganisation=event, predecessor=coming.old)
    raise_flags()
    key = change_calendar(coming.planner)
    entries(client, key)

    with django_assert_num_queries(QUERIES):
        assert len(entries(client, key)) == 6 * events


QUERIES = 5
