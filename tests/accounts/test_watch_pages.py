"""The pages of watches: begin, see, stop, answer; each only their own."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts.models import Alert, Flag, User, Watch, WatchMove
from accounts.watches import moving
from footprints.models import Organisation, Reorganisation
from tests import factories
from tests.accounts.ticks import look

WATCHES = "/watches/"
BEGIN = "/watches/follow/"
TODAY = date(2026, 11, 22)
LONG_AGO = date(2020, 1, 1)


@pytest.fixture
def reader(db):
    return factories.user(role=User.Role.PLANNER)


@pytest.fixture
def signed_in(client, reader, register):
    client.force_login(reader)
    return client


def org(code):
    return Organisation.objects.get(code=code)


def text(answer):
    return answer.content.decode()


def watched(person, *codes):
    """Watches of these bodies since 2020, moved to where they are today."""
    for code in codes:
        factories.watch(person=person, organisation=org(code), opened_on=LONG_AGO)
    moving.move_watches(on=TODAY, moment=now())


def things(person):
    return {watch.thing for watch in Watch.objects.visible_to(person).filter(is_own=True)}


# --- Begin and stop


@pytest.mark.parametrize("kind", ["organisation", "reorganisation", "plan", "stakeholder"])
def test_each_page_has_a_button_that_begins_and_one_that_stops(signed_in, reader, kind):
    person = factories.person()
    thing, name = {
        "organisation": lambda: (org("QKS"), "QKS"),
        "reorganisation": lambda: (Reorganisation.objects.first(),) * 2,
        "plan": lambda: (factories.plan(owner=reader),) * 2,
        "stakeholder": lambda: (person, person.pk),
    }[kind]()
    name = getattr(name, "slug", getattr(name, "pk", name))
    address = thing.get_absolute_url()
    assert f'<input type="hidden" name="{kind}" value="{name}">' in text(signed_in.get(address))

    answer = signed_in.post(BEGIN, {kind: name}, follow=True)

    assert answer.redirect_chain[-1][0] == address
    assert things(reader) == {thing}
    assert "You watch it" in text(answer) and 'name="stop"' in text(answer)

    signed_in.post(BEGIN, {kind: name, "stop": "1"})
    assert things(reader) == set()


@pytest.mark.parametrize("address", ["/register/?q=kent&kind=practice", "/search/?q=kent"])
def test_a_search_has_a_button_and_is_kept_as_its_words(signed_in, reader, address):
    page = text(signed_in.get(address))
    assert "Watch this search" in page

    signed_in.post(BEGIN, {"search": address.partition("?")[2]})

    (search,) = things(reader)
    assert search == "&".join(sorted(address.partition("?")[2].split("&"), reverse=True))
    assert "Watching" in text(signed_in.get(address))


def test_all_of_the_register_is_no_search(signed_in):
    assert "Watch this search" not in text(signed_in.get("/register/"))


def test_a_body_that_is_gone_leads_to_what_came_of_it(signed_in, reader):
    answer = signed_in.post(BEGIN, {"organisation": "09C"}, follow=True)

    assert "It is no more: you watch 91Q, where its area is now." in text(answer)
    assert "Your watch went on" in text(signed_in.get("/register/09C/"))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"organisation": "NO"},
        {"organisation": "\x00"},
        {"plan": "x"},
        {"plan": "999999"},
        {"stakeholder": "-1"},
        {"reorganisation": "nothing"},
    ],
)
def test_what_there_is_not_is_not_watched(signed_in, reader, given):
    assert signed_in.post(BEGIN, given).status_code == 404
    assert not Watch.objects.exists()


def test_a_plan_that_one_may_not_open_is_not_there(signed_in):
    walled = factories.plan(team=factories.team(is_walled=True))

    assert signed_in.post(BEGIN, {"plan": walled.pk}).status_code == 404


def test_too_long_a_search_is_refused_in_words(signed_in):
    answer = signed_in.post(BEGIN, {"search": "q=" + "kent " * 200}, follow=True)

    assert "too long to be watched" in text(answer)
    assert not Watch.objects.exists()


@pytest.mark.parametrize("address", [WATCHES, "/watches/questions/"])
def test_a_stranger_signs_in_first(client, register, address):
    assert client.get(address).status_code == 302
    assert client.post(BEGIN, {"organisation": "QKS"}).status_code == 302
    assert not Watch.objects.exists()


@pytest.mark.parametrize("address", [BEGIN, "/watches/stop/", "/watches/1/answer/"])
def test_nothing_is_done_by_looking(signed_in, address):
    assert signed_in.get(address).status_code == 405


# --- The list


def test_the_list_says_where_each_came_from_and_what_is_coming(signed_in, reader):
    watched(reader, "09C", "09E", "QKK", "RYK")

    page = text(signed_in.get(WATCHES))

    assert "09C and 09E" in page
    assert "QKK → P-QKK-QWE" in page
    assert "Ended 1 Oct 2024, no successor." in page
    assert "Your watches went along" in page


def test_another_s_watches_are_nowhere_on_it(signed_in, reader):
    watched(factories.user(), "09C", "QNQ")

    assert "You watch nothing yet" in text(signed_in.get(WATCHES))
    assert "Nothing is asked" in text(signed_in.get("/watches/questions/"))


def test_what_hangs_on_a_body_counts_one_s_own_watch_alone(signed_in, reader):
    watched(factories.user(), "QKS")
    assert "a watch of yours" not in text(signed_in.get("/register/QKS/"))

    watched(reader, "QKS")
    page = text(signed_in.get("/register/QKS/"))
    assert "a watch of yours" in page and "Watching" in page


def test_the_ticked_are_stopped_and_nobody_else_s(signed_in, reader):
    watched(reader, "QKS", "QKK", "QWE")
    watched(factories.user(), "QKS")
    rows = Watch.objects.filter(organisation__code__in=["QKS", "QKK"])

    signed_in.post("/watches/stop/", {"row": [row.pk for row in rows] + ["x"]})

    assert {thing.code for thing in things(reader)} == {"QWE"}
    assert Watch.objects.filter(organisation__code="QKS").count() == 1


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("q=frimley", "NHS Frimley", "“kent”"),
        ("q=QKS", "Kent and Medway", "“ashford”"),
        ("kind=search", "“ashford”", "Kent and Medway"),
        ("kind=organisation", "Kent and Medway", "“ashford”"),
    ],
)
def test_the_list_is_narrowed_by_words_codes_and_kinds(signed_in, reader, query, shown, hidden):
    factories.watch(person=reader, organisation=org("QKS"), opened_on=TODAY)
    factories.watch(person=reader, organisation=org("QNQ"), opened_on=TODAY)
    factories.watch(person=reader, search="q=ashford")

    page = text(signed_in.get(f"{WATCHES}?{query}")).split('id="results"')[1]

    assert shown in page and hidden not in page


def test_a_plan_that_one_may_open_no_more_is_not_named(signed_in, reader):
    plan = factories.plan(owner=reader, name="Cardiology secrets")
    factories.watch(person=reader, plan=plan)
    plan.team.is_walled = True
    plan.team.save()

    page = text(signed_in.get(WATCHES))

    assert "A plan that you may not open any more" in page
    assert "Cardiology secrets" not in page.split('id="results"')[1]


def test_it_says_what_one_hears_of_without_asking(signed_in, reader):
    plan = factories.plan(owner=reader, name="North", opened_on=LONG_AGO)
    territory = factories.territory(plan=plan)
    for _ in range(3):
        factories.assignment(territory=territory)
    factories.roster_entry(territory=territory, user=reader)
    factories.assignment(territory=territory, closed_on=TODAY)  # gone

    page = text(signed_in.get(WATCHES))

    assert "You hear of these without asking" in page
    assert f"Your territory {territory}" in page and "Your plan North" in page
    assert page.count("3 bodies") == 2


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_costs_the_same_however_long_it_is(
    signed_in, reader, django_assert_max_num_queries, rows
):
    bodies = Organisation.objects.of_kind(TODAY, kind="icb")[:rows]
    for body in bodies:
        factories.watch(person=reader, organisation=body, opened_on=TODAY)
    signed_in.get(WATCHES)

    with django_assert_max_num_queries(21):
        signed_in.get(WATCHES)


# --- Questions


def test_the_question_is_answered_on_one_page(signed_in, reader):
    watched(reader, "QNQ")
    page = text(signed_in.get("/watches/questions/"))
    assert "NHS Frimley" in page and "59%" in page and page.count("checked") == 3

    question = Watch.objects.get(organisation__code="QNQ")
    answer = signed_in.post(
        f"/watches/{question.pk}/answer/", {"follow": [org("S9B9J").pk, "x"]}, follow=True
    )

    assert "You follow one successor of QNQ." in text(answer)
    assert "Answered before" in text(answer) and text(answer).count("checked") == 1
    moves = WatchMove.objects.filter(choice="kept")
    assert [move.successor.code for move in moves] == ["S9B9J"]


def test_none_is_an_answer(signed_in, reader):
    watched(reader, "QNQ")
    question = Watch.objects.get(organisation__code="QNQ")

    answer = signed_in.post(f"/watches/{question.pk}/answer/", follow=True)

    assert "You follow none of the successors of QNQ." in text(answer)
    assert not Watch.objects.visible_to(reader).open().exists()


def test_nobody_answers_another_s_question(signed_in, reader):
    other = factories.user()
    watched(other, "QNQ")
    question = Watch.objects.get(organisation__code="QNQ")

    assert signed_in.post(f"/watches/{question.pk}/answer/").status_code == 404
    assert WatchMove.objects.filter(choice="asked").count() == 3


# --- In the inbox, and its own page


def test_the_inbox_shows_what_is_watched_the_question_and_the_notice(signed_in, reader):
    watched(reader, "09C", "QNQ", "QKK")
    look()

    page = text(signed_in.get("/"))

    assert "QNQ was split." in page and "/watches/questions/" in page
    assert "Your watches went along" in page
    assert "QNQ → S0E4D, QRL and S9B9J" in page
    assert "You watch it" in page


def test_an_alert_of_a_watch_has_a_page_for_its_watcher_alone(signed_in, reader, client):
    watched(reader, "QNQ")
    look()
    alert = Alert.objects.filter(person=reader, weight=2).get()

    page = signed_in.get(alert.get_absolute_url())

    assert "was split into" in text(page) and "Say which successors you follow" in text(page)
    assert "Hand it to a colleague" not in text(page)
    client.force_login(factories.user(role=User.Role.MANAGER))
    assert client.get(alert.get_absolute_url()).status_code == 404


def test_a_watch_s_alert_is_handed_to_nobody(signed_in, reader):
    watched(reader, "QNQ")
    look()
    alert = Alert.objects.filter(person=reader).first()
    colleague = factories.user(team=reader.team, role=User.Role.MANAGER)

    signed_in.post(reverse("accounts:alert_deed", args=[alert.pk, "hand"]), {"to": colleague.pk})

    alert.refresh_from_db()
    assert alert.holder == reader


def test_the_lists_of_alerts_about_plans_know_nothing_of_watches(signed_in, reader):
    watched(reader, "QNQ")
    look()
    assert Flag.objects.exists()

    assert "Nothing unsettles your plans" in text(signed_in.get("/alerts/"))


def test_a_notice_stands_for_some_weeks(signed_in, reader):
    watched(reader, "09C")
    assert "Your watches went along" in text(signed_in.get(WATCHES))

    WatchMove.objects.update(moved_at=now() - timedelta(days=91))

    assert "Your watches went along" not in text(signed_in.get(WATCHES))
    assert "09C" in text(signed_in.get(WATCHES))
