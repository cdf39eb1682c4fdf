"""What watchers are told: alerts and letters, once, and nothing of it on others' pages."""

from datetime import date, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.utils.timezone import now

from accounts.models import Alert, Flag, TerritoryPlan, User, Watch, WatchList
from accounts.overview import my_flags
from accounts.services.digests import send_letter
from accounts.services.flags import raise_flags
from accounts.watches import keeping, moving
from footprints.dated import ONE_DAY
from footprints.models import Organisation, Reorganisation, Succession, Touch
from stakeholders.models import Post
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.test_watches import bulk_watch, change, event_of, org, stands, successors
from tests.accounts.ticks import look

APRIL_2020, JULY_2022, APRIL_2026 = date(2020, 4, 1), date(2022, 7, 1), date(2026, 4, 1)
LONG_AGO = date(2013, 4, 1)
KENT = "Kent and Medway CCG: eight CCGs merge"


@pytest.fixture
def reader(db):
    return factories.user(email="reader@example.com", first_name="Ada")


def clock(on):
    """What the clock does: watches go along, then what is new is flagged and told."""
    moving.move_watches(on=on, moment=now())
    look()


def letters(person, today):
    """Send what is owed, all of it, what is routine too; how many letters."""
    sent = 0
    while send_letter(person, moment=now() + timedelta(days=2), today=today):
        sent += 1
    return sent


def watch(person, code, on=LONG_AGO):
    return keeping.watch(person, organisation=org(code), on=on)


def told(person):
    """Titles of the events of which the person has open alerts."""
    alerts = Alert.objects.open().filter(person=person)
    return set(alerts.values_list("flag__reorganisation__title", flat=True))


# --- Whom an event reaches


def test_a_watcher_is_alerted_of_what_touches_the_body_and_of_nothing_else(register, reader):
    watch(reader, "QKS", on=date(2026, 1, 1))

    clock(date(2026, 11, 22))

    touched = Touch.objects.of_area().filter(
        organisation__code="QKS", reorganisation__effective_on__gte=date(2026, 1, 1)
    )
    titles = set(touched.values_list("reorganisation__title", flat=True))
    assert told(reader) == titles
    assert set(Alert.objects.values_list("because", flat=True)) <= {Alert.Because.WATCH}


@pytest.mark.parametrize("day", [APRIL_2020, JULY_2022, APRIL_2026])
def test_who_is_alerted_of_a_great_day_equals_a_recount(register, day):
    """A watcher of every commissioner of the eve, who began that year; a person an event."""
    kinds = ("ccg", "sub_icb", "icb", "stp")
    bodies = Organisation.objects.of_kind(day - ONE_DAY, kind__in=kinds)
    codes = sorted(bodies.values_list("code", flat=True))
    people = {code: key for key, code in bulk_watch(codes).items()}
    Watch.objects.update(opened_on=day.replace(month=1, day=1))

    clock(day)

    expected = set()
    events = Reorganisation.objects.filter(effective_on=day).exclude(
        state__in=Reorganisation.State.dropped()
    )
    rows = Touch.objects.of_area().filter(reorganisation__in=events)
    for event, code in rows.values_list("reorganisation", "organisation__code"):
        if code in people:
            expected.add((people[code], event))
    alerts = Alert.objects.filter(flag__reorganisation__in=events)
    assert set(alerts.values_list("person", "flag__reorganisation")) == expected
    assert alerts.count() == len(expected) >= {APRIL_2020: 74, JULY_2022: 106}.get(day, 10)
    ended = set(
        Succession.objects.now()
        .filter(reorganisation__in=events, passes="area", becomes=None)
        .values_list("predecessor__code", flat=True)
    )
    went = alerts.filter(news__contains="moved") | alerts.filter(news__contains="asked")
    assert set(went.values_list("person", flat=True)) == {
        people[code] for code in ended if code in people
    }


def test_who_watches_the_event_is_alerted_whatever_it_touches(register, reader):
    event = factories.reorganisation(
        title="Something may be", state="rumoured", effective_on=date(2028, 4, 1)
    )
    keeping.watch(reader, reorganisation=event, on=date(2026, 11, 22))

    clock(date(2026, 11, 22))

    assert told(reader) == {"Something may be"}


def test_who_watches_a_plan_hears_of_its_flags_so_long_as_they_may_open_it(register, reader):
    plan = plan_of_2020()
    User.objects.filter(pk=reader.pk).update(role=User.Role.PLANNER)
    reader.refresh_from_db()
    keeping.watch(reader, plan=plan, on=date(2019, 5, 1))

    look()

    flags = Flag.objects.on_plans().filter(object_id=plan.pk, lapsed_at=None)
    flags = flags.filter(reorganisation__effective_on__gte=date(2019, 5, 1))
    titles = set(flags.values_list("reorganisation__title", flat=True))
    assert told(reader) == titles and KENT in titles

    plan.team.is_walled = True
    plan.team.save()
    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    look()
    assert told(reader) == set()


@pytest.mark.parametrize("role", list(User.Role))
@pytest.mark.parametrize("is_walled", [True, False])
@pytest.mark.parametrize("how", ["stranger", "owner", "rostered", "member"])
def test_the_plans_seen_for_many_people_are_those_each_of_them_may_open(db, role, is_walled, how):
    team = factories.team(is_walled=is_walled)
    person = factories.user(role=role, team=team if how == "member" else None)
    plan = factories.plan(team=team, **({"owner": person} if how == "owner" else {}))
    if how == "rostered":
        factories.roster_entry(territory=factories.territory(plan=plan), user=person)
    held = factories.watch(person=person, plan=plan)

    may = TerritoryPlan.objects.visible_to(person).filter(pk=plan.pk).exists()

    assert Watch.objects.of_plans_seen().filter(pk=held.pk).exists() is may


def test_who_watches_somebody_hears_of_the_bodies_of_their_posts(register, reader):
    person = factories.person(given_name="Grace", family_name="Hopper")
    factories.tenure(person=person, post=factories.post(organisation=org("09C")))
    left = factories.post(organisation=org("99J"))
    factories.tenure(person=person, post=left, closed_on=date(2019, 1, 1))
    keeping.watch(reader, stakeholder=person, on=date(2019, 5, 1))

    look()

    assert KENT in told(reader)


def test_who_moves_to_another_body_takes_their_watchers_along(register, reader):
    person = factories.person()
    first = factories.tenure(person=person, post=factories.post(organisation=org("RYK")))
    keeping.watch(reader, stakeholder=person, on=date(2019, 5, 1))
    look()
    assert KENT not in told(reader)

    first.closed_on = date(2019, 6, 1)
    first.save()
    new = factories.post(organisation=org("09C"))
    factories.tenure(person=person, post=new, opened_on=date(2019, 6, 1))
    Post.objects.filter(pk__in=[new.pk, first.post_id]).revise()
    look()

    assert told(reader) == {KENT}


def test_a_search_is_told_what_touches_what_it_finds_on_the_day_or_the_eve(register, reader):
    keeping.watch(reader, search="q=ashford&kind=ccg", on=date(2019, 5, 1))

    look()

    assert told(reader) == {KENT}


def test_a_body_that_is_found_only_before_or_after_is_not_told(register, reader):
    keeping.watch(reader, search="q=ashford&kind=icb", on=date(2019, 5, 1))

    look()

    assert told(reader) == set()


# --- Once


def test_who_hears_of_it_by_a_plan_is_not_told_twice(register, reader):
    watch(reader, "09C", on=date(2019, 5, 1))
    look()
    assert told(reader) == {KENT}

    plan_of_2020(owner=reader)
    look()

    alerts = Alert.objects.open().filter(person=reader, flag__reorganisation__title=KENT)
    assert [alert.because for alert in alerts] == [Alert.Because.OWNER]


def test_who_no_longer_has_the_plan_hears_of_it_by_their_watch(register, reader):
    plan = plan_of_2020(owner=reader)
    watch(reader, "09C", on=date(2019, 5, 1))
    look()

    TerritoryPlan.objects.filter(pk=plan.pk).update(owner=factories.user())
    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    look()

    alerts = Alert.objects.open().filter(person=reader, flag__reorganisation__title=KENT)
    assert [alert.because for alert in alerts] == [Alert.Because.WATCH]


def test_eight_watches_of_one_event_are_one_alert(register, reader):
    for row in event_of("09C").successions.now():
        watch(reader, row.predecessor.code)

    clock(APRIL_2020)

    assert Alert.objects.filter(person=reader, flag__reorganisation__title=KENT).count() == 1


def test_to_begin_to_watch_is_told_in_the_inbox_and_not_by_letter(register, reader, mailoutbox):
    look()
    watch(reader, "09C", on=date(2019, 5, 1))

    look()

    assert told(reader) == {KENT}
    assert letters(reader, date(2019, 5, 2)) == 0


def test_what_a_watch_meets_where_it_went_is_written_of_however_long_it_is_known(
    register, reader, mailoutbox
):
    """91Q became a sub-ICB location in 2022, which was known of long before."""
    watch(reader, "09C", on=date(2019, 5, 1))
    look()
    letters(reader, date(2019, 6, 1))
    mailoutbox.clear()

    clock(APRIL_2020)
    letters(reader, APRIL_2020)

    assert len(mailoutbox) == 2
    assert "91Q NHS Kent and Medway CCG keeps its code" in mailoutbox[1].body
    assert "What I watch" in mailoutbox[1].body and "Not like this" not in mailoutbox[1].body


def test_whom_one_watches_takes_a_new_post_and_what_is_known_there_is_written_of(
    register, reader, mailoutbox
):
    person = factories.person()
    keeping.watch(
        reader, stakeholder=person, on=date(2019, 5, 1), moment=now() - timedelta(days=30)
    )
    look()
    post = factories.post(organisation=org("09C"))
    factories.tenure(person=person, post=post, opened_on=date(2019, 6, 1))
    look()

    assert letters(reader, date(2019, 6, 1)) == 1
    assert f"It touches {person}, whom you watch" in mailoutbox[0].body


def test_watches_put_nothing_into_the_figures_of_plans(register, reader):
    planner = factories.user(role=User.Role.PLANNER)
    plan_of_2020(owner=planner)
    look()
    before = set(my_flags(planner).values_list("pk", flat=True))

    watch(planner, "09C"), watch(reader, "09C"), watch(planner, "QKS")
    look()

    assert set(my_flags(planner).values_list("pk", flat=True)) == before
    kind = ContentType.objects.get_for_model(WatchList)
    assert Flag.objects.filter(content_type=kind).exists()


# --- What the letters say


def test_a_letter_counts_what_is_watched_apart_from_what_touches_the_patch(
    register, reader, mailoutbox
):
    watch(reader, "00C", on=date(2019, 5, 1))
    look()
    plan = factories.plan(owner=reader, opened_on=date(2019, 4, 1))
    home = factories.territory(plan=plan)
    factories.assignment(territory=home, organisation=org("09C"), opened_on=plan.opened_on)

    clock(APRIL_2020)
    letters(reader, date(2020, 2, 1))

    letter = next(mail for mail in mailoutbox if KENT in mail.body)
    assert letter.subject == (
        f"1 April 2020: 1 NHS change touches your patch {plan.name}, and 1 what you watch"
    )
    said = "2 changes in the NHS touch your plans or what you watch on 1 April 2020."
    assert said in letter.body
    assert said in letter.alternatives[0].content


def test_on_the_day_a_letter_says_where_the_watch_went(register, reader, mailoutbox):
    watch(reader, "09C", on=date(2019, 5, 1)), watch(reader, "09E", on=date(2019, 5, 1))
    look()
    letters(reader, date(2019, 6, 1))
    mailoutbox.clear()

    clock(APRIL_2020)
    letters(reader, APRIL_2020)

    (letter,) = [mail for mail in mailoutbox if KENT in mail.subject]
    assert letter.subject == f"1 April 2020: {KENT}; your watch moved to 91Q"
    for code in ("09C", "09E"):
        (said,) = [line for line in letter.body.splitlines() if f"Your watch on {code} " in line]
        assert "moved to 91Q" in said
    assert "Find out where" not in letter.body and "Tell us where" not in letter.body
    clock(APRIL_2020)
    assert letters(reader, APRIL_2020) == 0


def test_a_letter_asks_once_and_the_answer_needs_none(register, reader, mailoutbox):
    question = watch(reader, "QNQ", on=date(2026, 1, 1))
    clock(APRIL_2026)
    letters(reader, APRIL_2026)

    (letter,) = mailoutbox
    assert letter.subject.endswith("; say which successor you follow")
    assert "/watches/questions/" in letter.body
    assert "S0E4D" in letter.body and "59%" in letter.body
    alert = Alert.objects.get(person=reader)
    assert alert.weight == 2 and alert.resolved_at is None

    question.refresh_from_db()
    keeping.answer(reader, question, [successors("QNQ")["S9B9J"]], on=APRIL_2026)
    clock(APRIL_2026)

    alert.refresh_from_db()
    assert alert.resolved_at and alert.note == "Answered."
    assert letters(reader, APRIL_2026) == 0


def test_a_question_brings_back_an_alert_that_was_dealt_with(register, reader):
    watch(reader, "QNQ", on=date(2026, 1, 1))
    look()
    Alert.objects.update(resolved_at=now(), resolved_by=reader)

    clock(APRIL_2026)

    assert Alert.objects.open().filter(person=reader).exists()


def test_a_body_that_closed_without_successor_is_told_with_what_to_do(
    register, reader, mailoutbox
):
    watch(reader, "RYK", on=date(2024, 1, 1))

    clock(date(2024, 10, 1))
    letters(reader, date(2024, 10, 1))

    (letter,) = mailoutbox
    assert "has ended" in letter.body and "Watch another body in its place" in letter.body
    assert Alert.objects.open().filter(person=reader).exists()


def test_an_event_that_is_called_off_says_that_watches_came_back(register, reader, mailoutbox):
    watch(reader, "09C", on=date(2019, 5, 1))
    clock(APRIL_2020)
    letters(reader, APRIL_2020)
    mailoutbox.clear()

    change(event_of("09C"), state="rejected")
    clock(date(2020, 4, 2))
    letters(reader, date(2020, 4, 2))

    assert stands(reader) == {"09C"}
    (letter,) = mailoutbox
    assert letter.subject.startswith("Called off: ")
    assert "watches that had gone along came back" in letter.body


def test_a_chain_after_years_of_downtime_is_told_event_by_event_and_ends_at_the_last(
    register, reader, mailoutbox
):
    """09F, of East Sussex since 2020, whose location kept its code in 2022."""
    watch(reader, "09F", on=date(2019, 5, 1))

    clock(date(2026, 11, 22))
    letters(reader, date(2026, 11, 22))

    assert stands(reader) == {"97R"}
    assert mailoutbox and len(mailoutbox) == len({mail.subject for mail in mailoutbox})
    clock(date(2026, 11, 22))
    assert letters(reader, date(2026, 11, 22)) == 0


def test_raising_again_writes_nothing(register, reader):
    watch(reader, "09C", on=date(2019, 5, 1)), watch(reader, "QNQ", on=date(2019, 5, 1))
    clock(date(2026, 11, 22))
    before = list(Alert.objects.order_by("pk").values())

    WatchList.objects.all().revise()
    raise_flags()
    clock(date(2026, 11, 22))

    assert list(Alert.objects.order_by("pk").values()) == before


def test_who_stops_is_alerted_no_more_and_told_nothing_of_it(register, reader, mailoutbox):
    held = watch(reader, "09C", on=date(2019, 5, 1))
    look()
    letters(reader, date(2019, 6, 1))

    keeping.stop(reader, [held.pk], on=date(2019, 6, 1))
    look()
    mailoutbox.clear()

    assert told(reader) == set()
    assert letters(reader, date(2019, 6, 1)) == 0
