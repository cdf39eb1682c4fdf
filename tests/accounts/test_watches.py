"""Watches: what is asked for is told, and goes along when its body ends."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from time import perf_counter

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from accounts import tasks
from accounts.models import User, Watch, WatchList, WatchMove
from accounts.watches import keeping, moving
from footprints.dated import ONE_DAY
from footprints.models import Organisation, Reorganisation, Succession
from tests import factories

LONG_AGO = date(2013, 4, 1)
TODAY = date(2026, 11, 22)
APRIL_2020, JULY_2022, APRIL_2026 = date(2020, 4, 1), date(2022, 7, 1), date(2026, 4, 1)
Choice = WatchMove.Choice


def org(code):
    return Organisation.objects.get(code=code)


def watch(person, code, on=LONG_AGO):
    return keeping.watch(person, organisation=org(code), on=on)


def move(on=TODAY):
    return moving.move_watches(on=on, moment=now())


def stands(person):
    """Codes of the bodies that the person's open watches are of."""
    found = Watch.objects.visible_to(person).open().exclude(organisation=None)
    return set(found.values_list("organisation__code", flat=True))


def asked(person):
    return [each.organisation.code for each in keeping.questions(person)]


def successors(code):
    """Keys of the bodies that a watch of this body asks about."""
    moves = WatchMove.objects.filter(watch__organisation__code=code, choice=Choice.ASKED)
    return {move.successor.code: move.successor_id for move in moves}


@pytest.fixture
def reader(db):
    return factories.user(email="reader@example.com")


# --- Where a watch goes


def test_a_watch_of_a_ccg_that_merges_goes_to_its_successor_on_the_day(register, reader):
    watch(reader, "09C")

    assert move(on=APRIL_2020 - ONE_DAY) == 0
    assert stands(reader) == {"09C"}

    assert move(on=APRIL_2020) == 1
    assert stands(reader) == {"91Q"}
    gone = Watch.objects.get(organisation__code="09C")
    (step,) = gone.moves.all()
    assert (gone.closed_on, step.successor.code, step.choice) == (APRIL_2020, "91Q", Choice.MOVED)
    assert move(on=APRIL_2020) == 0


def test_two_watches_that_meet_are_one_and_both_say_where_they_came_from(register, reader):
    watch(reader, "09C"), watch(reader, "09E")

    move()

    assert stands(reader) == {"91Q"}
    moved = WatchMove.objects.filter(successor__code="91Q")
    assert set(moved.values_list("watch__organisation__code", flat=True)) == {"09C", "09E"}


def test_what_was_watched_already_stays_one_s_own(register, reader):
    watch(reader, "91Q"), watch(reader, "09C")

    move()

    assert stands(reader) == {"91Q"}
    assert Watch.objects.get(organisation__code="91Q").is_own


@pytest.mark.parametrize(
    "day",
    [date(2013, 10, 1), APRIL_2020, date(2021, 4, 1), JULY_2022, APRIL_2026, TODAY],
)
@pytest.mark.parametrize("by_the_day", [True, False], ids=["in time", "after years of downtime"])
def test_watchers_of_every_commissioner_stand_where_a_recount_has_them(register, day, by_the_day):
    """A person a body that lived on 1 October 2013 or on the eve of the day."""
    kinds = ("ccg", "sub_icb", "icb", "stp")
    codes = set()
    for eve in (date(2013, 10, 1), day - ONE_DAY):
        found = Organisation.objects.of_kind(eve, kind__in=kinds)
        codes.update(found.values_list("code", flat=True))
    watchers = bulk_watch(sorted(codes))
    days = [event_day for event_day in event_days() if event_day < day]

    for earlier in days if by_the_day else []:
        move(on=earlier)
    move(on=day)

    ways = passings_by_day(day)
    expected = {code: recount(code, ways) for code in codes}
    found = {code: set() for code in codes}
    for person, code in Watch.objects.open().values_list("list__person", "organisation__code"):
        found[watchers[person]].add(code)
    assert found == expected
    changed = sum(expected[code] != {code} for code in codes)
    assert changed >= {APRIL_2020: 74, TODAY: 100}.get(day, 0)


def bulk_watch(codes):
    """A person a code, who watches the body of it since long ago: key of the person → code."""
    people = User.objects.bulk_create(User(username=f"watcher-{code}") for code in codes)
    lists = WatchList.objects.bulk_create(WatchList(person=person) for person in people)
    bodies = {body.code: body for body in Organisation.objects.filter(code__in=codes)}
    Watch.objects.bulk_create(
        Watch(list=held, organisation=bodies[code], opened_on=LONG_AGO, made_at=now())
        for held, code in zip(lists, codes, strict=True)
    )
    return {person.pk: code for person, code in zip(people, codes, strict=True)}


def event_days():
    settled = Reorganisation.objects.filter(state__in=Reorganisation.State.settled())
    return sorted(set(settled.values_list("effective_on", flat=True)))


def passings():
    """(day, predecessor, successor) of what passed in area by what was decided, in Python."""
    rows = Succession.objects.now().filter(passes="area").select_related("reorganisation")
    rows = rows.select_related("predecessor", "successor", "reorganisation")
    settled = set(Reorganisation.State.settled())
    return [
        (
            row.reorganisation.effective_on,
            row.predecessor.code,
            row.successor.code if row.successor_id else None,
        )
        for row in rows
        if row.reorganisation.state in settled and row.predecessor_id != row.successor_id
    ]


def passings_by_day(until):
    """Day → body → where its area went then; nowhere: an empty list."""
    found = {}
    for on, body, to in passings():
        if on <= until:
            found.setdefault(on, {}).setdefault(body, []).extend([to] if to else [])
    return dict(sorted(found.items()))


def recount(code, ways):
    """Where the area of a body is in the end, by walking the days one by one; within a day on and
    on, as where a body came to be and ended on one day."""
    here = {code}
    for of_the_day in ways.values():
        while going := here & of_the_day.keys():
            here -= going
            here.update(to for body in going for to in of_the_day[body])
    return here


# --- A split asks


def test_a_split_asks_and_nothing_is_lost_until_answered(register, reader):
    watch(reader, "QNQ")

    move(on=APRIL_2026)

    assert asked(reader) == ["QNQ"]
    assert stands(reader) == {"S0E4D", "S9B9J", "QRL"}


@pytest.mark.parametrize("follow", [["S9B9J"], ["S9B9J", "QRL"], ["S0E4D", "S9B9J", "QRL"], []])
def test_the_answer_stands_however_often_the_clock_looks(register, reader, follow):
    question = watch(reader, "QNQ")
    move(on=APRIL_2026)
    question.refresh_from_db()
    keys = successors("QNQ")

    keeping.answer(reader, question, [keys[code] for code in follow], on=APRIL_2026)

    assert stands(reader) == set(follow)
    assert asked(reader) == []
    assert move() == 0
    assert stands(reader) == set(follow)


def test_an_answer_may_be_given_again(register, reader):
    question = watch(reader, "QNQ")
    move()
    question.refresh_from_db()
    keys = successors("QNQ")
    keeping.answer(reader, question, [], on=TODAY)

    keeping.answer(reader, question, [keys["QRL"]], on=TODAY)

    assert stands(reader) == {"QRL"}


def test_of_two_splits_into_one_each_is_asked_and_what_either_follows_is_followed(
    register, reader
):
    """QM7 and QJG both gave a part to D7T5G on 1 April 2026."""
    first, second = watch(reader, "QM7"), watch(reader, "QJG")
    move()
    first.refresh_from_db(), second.refresh_from_db()
    keys = successors("QM7") | successors("QJG")

    keeping.answer(reader, first, [keys["S1Y5D"]], on=TODAY)
    assert stands(reader) == {"S1Y5D", "D7T5G", "T6Y0W"}
    keeping.answer(reader, second, [keys["T6Y0W"]], on=TODAY)

    assert stands(reader) == {"S1Y5D", "T6Y0W"}


def test_what_is_no_successor_and_another_s_question_are_refused(register, reader):
    question = watch(reader, "QNQ")
    move()
    question.refresh_from_db()

    with pytest.raises(keeping.WatchError, match="none of its successors"):
        keeping.answer(reader, question, [org("91Q").pk], on=TODAY)
    with pytest.raises(keeping.WatchError, match="Nothing is asked"):
        keeping.answer(factories.user(), question, list(successors("QNQ").values()), on=TODAY)
    assert asked(reader) == ["QNQ"]


# --- A body that ends with no successor


def test_a_body_that_closes_without_successor_closes_its_watch_and_says_so(register, reader):
    """RYK closed on 1 October 2024, and nothing is known to follow it."""
    held = watch(reader, "RYK")

    move()

    held.refresh_from_db()
    assert held.closed_on == date(2024, 10, 1)
    assert [step.successor for step in held.moves.all()] == [None]
    assert stands(reader) == set()


# --- An event that is undone, moved, dropped or corrected


def event_of(code):
    return Succession.objects.now().get(predecessor__code=code, passes="area").reorganisation


def change(event, **fields):
    Reorganisation.objects.filter(pk=event.pk).update(**fields)
    Reorganisation.objects.filter(pk=event.pk).revise()


@pytest.mark.parametrize(
    "fields",
    [{"state": "rejected"}, {"state": "approved"}, {"effective_on": date(2027, 4, 1)}],
    ids=["dropped", "not decided after all", "moved to a day to come"],
)
def test_what_an_event_moved_comes_back_with_it(register, reader, fields):
    watch(reader, "09C"), watch(reader, "09E")
    move()
    event = event_of("09C")
    before = event.state, event.effective_on

    change(event, **fields)
    move()

    assert stands(reader) == {"09C", "09E"}
    assert not WatchMove.objects.exists()

    change(event, state=before[0], effective_on=before[1])
    move()
    assert stands(reader) == {"91Q"}


def test_what_one_follows_oneself_stays_where_an_event_is_undone(register, reader):
    watch(reader, "09C"), watch(reader, "91Q")
    move()

    change(event_of("09C"), state="rejected")
    move()

    assert stands(reader) == {"09C", "91Q"}


def test_an_event_moved_to_another_day_gone_by_leaves_what_was_answered(register, reader):
    question = watch(reader, "QNQ")
    move()
    question.refresh_from_db()
    keeping.answer(reader, question, [successors("QNQ")["QRL"]], on=TODAY)

    change(question.closed_by, effective_on=date(2026, 5, 1))
    move()

    question.refresh_from_db()
    assert question.closed_on == date(2026, 5, 1)
    assert stands(reader) == {"QRL"} and asked(reader) == []


def test_an_event_undone_in_the_middle_of_a_chain_takes_back_what_came_of_it(register, reader):
    """A body that merged into one that merged on."""
    ways = {}
    for _, body, to in passings():
        ways.setdefault(body, []).append(to)
    code, middle = next(
        (code, middle)
        for code, (middle, *others) in ways.items()
        if not others and len(ways.get(middle, [])) == 1
    )
    watch(reader, code)
    move()
    assert not stands(reader) & {code, middle}

    change(event_of(middle), state="paused")
    move()

    assert stands(reader) == {middle}
    change(event_of(code), state="paused")
    move()
    assert stands(reader) == {code}
    assert Watch.objects.count() == 1


def test_a_successor_that_is_recorded_later_is_asked_about_then(register, reader):
    held = watch(reader, "QNQ")
    move()
    held.refresh_from_db()
    keeping.answer(reader, held, [successors("QNQ")["QRL"]], on=TODAY)

    factories.succession(
        reorganisation=held.closed_by, predecessor=org("QNQ"), successor=org("QKS")
    )
    move()

    assert set(successors("QNQ")) == {"QKS"}
    assert stands(reader) == {"QRL", "QKS"}


def test_one_that_was_left_behind_by_a_late_successor_is_found_among_others(register, reader):
    """Two watch QNQ; for one of them alone the clock knows of a successor recorded since."""
    watch(reader, "QNQ"), watch(factories.user(), "QNQ")
    move()
    event = Watch.objects.filter(organisation__code="QNQ").first().closed_by
    factories.succession(reorganisation=event, predecessor=org("QNQ"), successor=org("QKS"))

    moving.settle([reader.watch_list.pk], on=TODAY, moment=now())
    assert Watch.objects.filter(organisation__code="QKS").count() == 1
    move()

    assert Watch.objects.filter(organisation__code="QKS").count() == 2


# --- Begin and stop


def test_to_watch_a_body_long_gone_is_to_watch_what_came_of_it(register, reader):
    watch(reader, "09C", on=TODAY)

    assert stands(reader) == {"91Q"}
    assert not WatchMove.objects.get().is_news
    assert move() == 0


def test_what_was_due_of_other_watches_is_news_still(register, reader):
    watch(reader, "09C")

    watch(reader, "QKS", on=APRIL_2020)

    assert WatchMove.objects.get(watch__organisation__code="09C").is_news


def test_to_watch_again_changes_nothing(register, reader):
    first = watch(reader, "QKS")

    assert watch(reader, "QKS", on=TODAY).pk == first.pk
    assert Watch.objects.get().opened_on == LONG_AGO


def test_whoever_stops_watching_hears_no_more_even_if_what_led_there_is_undone(register, reader):
    watch(reader, "09C"), watch(reader, "09E"), watch(reader, "QKS")
    move()

    kent = Watch.objects.open().get(organisation__code="91Q")
    assert keeping.stop(reader, [kent.pk], on=TODAY) == 1

    assert stands(reader) == {"QKS"}
    change(event_of("09C"), state="rejected")
    move()
    assert stands(reader) == {"QKS"}


def test_to_stop_one_part_of_a_split_leaves_the_others(register, reader):
    watch(reader, "QNQ")
    move()

    part = Watch.objects.open().get(organisation__code="QRL")
    keeping.stop(reader, [part.pk], on=TODAY)

    assert stands(reader) == {"S0E4D", "S9B9J"}
    move()
    assert stands(reader) == {"S0E4D", "S9B9J"}


def test_nobody_stops_another_s_watch(register, reader):
    held = watch(reader, "QKS")

    assert keeping.stop(factories.user(), [held.pk], on=TODAY) == 0
    assert stands(reader) == {"QKS"}


def test_a_plan_that_one_may_not_open_is_not_watched(reader):
    walled = factories.plan(team=factories.team(is_walled=True))

    with pytest.raises(keeping.WatchError, match="may open"):
        keeping.watch(reader, plan=walled, on=TODAY)
    assert not Watch.objects.exists()


@pytest.mark.parametrize("search", ["", "q=", "q=%00&on=2020-03-31", "kind="])
def test_everything_there_is_is_no_search(reader, search):
    with pytest.raises(keeping.WatchError, match="Say what to search for"):
        keeping.watch(reader, search=search, on=TODAY)


def test_the_same_search_written_otherwise_is_watched_once(reader):
    first = keeping.watch(reader, search="kind=ccg&q=kent+med&on=2020-03-31", on=TODAY)

    assert keeping.watch(reader, search="q=kent  med&kind=ccg&sort=code", on=TODAY) == first


@pytest.mark.parametrize("search", ["kind=no", "q=kent&family=no", "within=NOSUCH"])
def test_a_search_that_cannot_be_is_refused(register, reader, search):
    with pytest.raises(keeping.WatchError, match="knows no such"):
        keeping.watch(reader, search=search, on=TODAY)
    assert not Watch.objects.exists()


def test_searches_are_few(reader):
    for number in range(keeping.MOST_SEARCHES):
        keeping.watch(reader, search=f"q=kent{number}", on=TODAY)

    with pytest.raises(keeping.WatchError, match="You watch 50 already"):
        keeping.watch(reader, search="q=one+more", on=TODAY)


# --- Two at once, and at size


@pytest.mark.django_db(transaction=True)
def test_two_workers_move_each_watch_once(register):
    reader = factories.user()
    for code in ("09C", "09E", "QNQ"):
        watch(reader, code)
    together = Barrier(2)

    def work(_):
        try:
            together.wait()
            return move()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        done = sorted(pool.map(work, range(2)))

    assert done == [0, 3]
    assert stands(reader) == {"91Q", "S0E4D", "S9B9J", "QRL"}
    assert WatchMove.objects.count() == 5


def test_a_tick_with_nothing_due_over_ten_thousand_watches_takes_under_50_ms(register):
    people = User.objects.bulk_create(User(username=f"watcher-{n}") for n in range(1_000))
    lists = WatchList.objects.bulk_create(WatchList(person=person) for person in people)
    living = Organisation.objects.of_kind(TODAY, kind__in=["icb", "sub_icb", "trust"])
    gone = Organisation.objects.filter(code__in=["09C", "00C", "QNQ"])
    bodies = [*living.values_list("pk", flat=True)[:7], *gone.values_list("pk", flat=True)]
    Watch.objects.bulk_create(
        Watch(list=held, organisation_id=body, opened_on=LONG_AGO, made_at=now())
        for held in lists
        for body in bodies
    )
    move()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    assert Watch.objects.open().count() >= 10_000 and WatchMove.objects.count() >= 5_000

    tasks.raise_flags()  # all of it is new
    took = []
    for _ in range(5):
        start = perf_counter()
        assert not tasks.raise_flags()
        took.append(perf_counter() - start)

    assert min(took) < 0.05, took
