"""The pages that record an event, show them on a board and move them."""

from datetime import date
from decimal import Decimal

import pytest

from footprints.models import Organisation, Release, Reorganisation, Succession
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

NEW, BOARD = "/reorganisations/new/", "/reorganisations/board/"
SPLIT = {
    "kind": "split",
    "before": "QKS",
    "after": "S9B9J",
    "new_name": "East",
    "new_kind": "icb",
    "effective_on": "2028-04-01",
    "part:QKS>S9B9J": "41",
    "part:QKS>new1": "59",
    "said_by": "The board",
    "quotation": "We split.",
}


@pytest.fixture
def steward(client):
    client.force_login(factories.user(first_name="Ada", last_name="Quill", role="steward"))
    return client


def test_only_stewards_record_and_move(client):
    client.force_login(factories.user(role="planner"))
    event = Reorganisation.objects.get(slug="p-qhl-qua-2027-04-01").get_absolute_url()

    for address in (NEW, f"{event}move/", f"{event}day/"):
        assert client.get(address).status_code == 403
        assert client.post(address).status_code == 403
    assert "Record a reorganisation" not in text(client.get("/reorganisations/"))
    assert "Move on" not in text(client.get(event))
    assert "Move on" not in text(client.get(BOARD))


def test_an_event_is_recorded_and_its_page_leads_to_its_undo(steward):
    done = steward.post(NEW, {**SPLIT, "record": "1"}, follow=True)

    event = Reorganisation.objects.get(effective_on=date(2028, 4, 1))
    assert done.redirect_chain[-1][0] == event.get_absolute_url()
    assert [str(s.share) for s in event.successions.order_by("pk")] == ["0.410000", "0.590000"]
    said = text(done)
    assert "is recorded. It can be undone as a release." in said
    assert "“We split.”" in said
    assert "Said by The board" in said
    release = Release.objects.latest("pk")
    assert f"/register/releases/{release.pk}/undo/" in done.content.decode()
    assert breaks_the_policy(done) == []

    steward.post(f"/register/releases/{release.pk}/undo/")

    assert not Succession.objects.now().filter(reorganisation=event).exists()


def test_the_way_to_the_undo_costs_the_events_page_no_query(
    steward, django_assert_max_num_queries
):
    steward.post(NEW, {**SPLIT, "record": "1"})
    event = Reorganisation.objects.get(effective_on=date(2028, 4, 1))
    release = Release.objects.latest("pk")
    move = {"to": "2028-05-01", "reason": "Later.", "said_by": "The board", "seen": event.revision}
    assert steward.post(f"{event.get_absolute_url()}day/", move).status_code == 302

    with django_assert_max_num_queries(15):
        page = steward.get(event.get_absolute_url())

    assert f"/register/releases/{release.pk}/undo/" in page.content.decode()


def test_the_page_says_while_typing_what_would_be_recorded_and_records_nothing(steward):
    before = Release.objects.count()
    factories.assignment(
        organisation=Succession.objects.filter(predecessor__code="QKS").first().predecessor
    )

    page = steward.get(NEW, SPLIT)

    said = text(page)
    assert "Kent and Medway ICB splits into Surrey and Sussex, and East" in said
    assert "41%" in said and "59%" in said
    assert "Opens: East (ICB, for now P-QKS)" in said
    assert "1 × a unit of a territory" in said
    assert Release.objects.count() == before
    assert breaks_the_policy(page) == []


def test_what_it_would_do_is_shown_before_anybody_says_where_it_comes_from(steward):
    said = text(steward.get(NEW, {**SPLIT, "said_by": "", "quotation": ""}))

    assert "splits into Surrey and Sussex, and East" in said
    assert "Still to say Say where it comes from" in said
    page = steward.post(NEW, {**SPLIT, "said_by": "", "quotation": "", "record": "1"})
    assert page.status_code == 422


def test_what_is_wrong_is_said_while_typing_and_when_it_is_refused(steward):
    wrong = {**SPLIT, "part:QKS>new1": "58"}

    assert "The shares of QKS sum to 99%, not to 100%." in text(steward.get(NEW, wrong))
    page = steward.post(NEW, {**wrong, "record": "1"})

    assert page.status_code == 422
    said = page.content.decode()
    assert "Nothing is recorded yet." in said
    assert "sum to 99%" in said
    for kept in ('value="58"', 'value="East"', ">We split.</textarea>", 'value="QKS"'):
        assert kept in said
    assert not Reorganisation.objects.filter(effective_on=date(2028, 4, 1)).exists()


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ({}, "Say what happens."),
        ({"kind": "merger"}, "Say on which day it takes effect."),
        ({"kind": "merger", "effective_on": "1.4.27"}, "“1.4.27” is no day"),
        ({**SPLIT, "part:QKS>S9B9J": "much"}, "“much” is no share"),
        ({**SPLIT, "part:QKS>S9B9J": "41.00001"}, "is no share: write per cent, to four decimals"),
        ({**SPLIT, "effective_on": "1066-10-14"}, "lies outside what is planned"),
        ({**SPLIT, "part:QKS>S9B9J": "1e999"}, "is no share"),
    ],
)
def test_what_makes_no_sense_is_answered(steward, typed, answer):
    page = steward.post(NEW, {**typed, "record": "1"})

    assert page.status_code == 422
    assert answer in text(page)
    assert steward.get(NEW, typed).status_code == 200


def test_without_scripts_a_body_is_found_added_and_taken_off_by_buttons(steward):
    found = steward.get(NEW, {"kind": "abolition", "find_before": "kent and medway"})
    assert 'name="add_before" value="QKS"' in found.content.decode()

    added = steward.post(
        NEW,
        {"kind": "abolition", "find_before": "kent", "add_before": "QKS", "quotation": "Long."},
    )

    assert added.status_code == 302
    assert "add_before" not in added.url and "csrf" not in added.url
    page = steward.get(added.url).content.decode()
    assert '<input type="hidden" name="before" value="QKS">' in page
    assert ">Long.</textarea>" in page
    off = steward.post(
        NEW, {"kind": "abolition", "before": ["QKS", "S9B9J"], "drop_before": "QKS"}
    )
    assert "before=S9B9J" in off.url and "QKS" not in off.url


def test_codes_pasted_from_a_sheet_are_added_at_once(steward):
    page = steward.get(NEW, {"kind": "abolition", "find_before": "QKS, s9b9j\tQU9"})

    assert "All 3 of these codes" in text(page)
    assert 'value="QKS S9B9J QU9"' in page.content.decode()
    added = steward.get(NEW, {"kind": "abolition", "add_before": "QKS S9B9J QU9"})
    assert added.content.decode().count('type="hidden" name="before"') == 3


def test_a_rival_is_named_with_its_link_and_may_be_superseded(steward):
    merger = {
        "kind": "merger",
        "before": ["QHL", "QUA"],
        "new_name": "North",
        "new_kind": "icb",
        "effective_on": "2028-04-01",
        "said_by": "The board",
    }
    page = steward.get(NEW, merger)
    source = page.content.decode()
    assert "already closes on 1 April 2027 by another event (rumoured)" in text(page)
    assert 'href="/reorganisations/p-qhl-qua-2027-04-01/"' in source
    assert 'name="supersedes" value="p-qhl-qua-2027-04-01"' in source

    steward.post(NEW, {**merger, "supersedes": "p-qhl-qua-2027-04-01", "record": "1"})

    assert Reorganisation.objects.get(slug="p-qhl-qua-2027-04-01").state == "superseded"
    assert Reorganisation.objects.filter(effective_on=date(2028, 4, 1)).exists()


def test_a_creation_shows_what_it_opens(steward):
    page = steward.post(
        NEW,
        {
            "kind": "creation",
            "new_name": "NHS Nowhere ICB",
            "new_kind": "icb",
            "effective_on": "2028-04-01",
            "said_by": "The board",
            "record": "1",
        },
        follow=True,
    )

    assert "What opens" in text(page)
    assert "NHS Nowhere ICB" in text(page)
    board = text(steward.get(BOARD))
    assert "Nowhere is created" in board
    assert "P-NEW" in board
    assert "Nowhere is created" in text(steward.get("/reorganisations/", {"body": "P-NEW"}))

    steward.post(f"/register/releases/{Release.objects.latest('pk').pk}/undo/")

    assert "Nowhere is created" not in text(steward.get(BOARD))
    assert "Nowhere is created" not in text(steward.get("/reorganisations/"))


def test_a_button_that_is_pressed_twice_records_one_event(steward):
    rename = {
        "kind": "rename",
        "before": "QKS",
        "name": "NHS Garden of England ICB",
        "effective_on": "2028-04-01",
        "said_by": "The board",
        "record": "1",
    }
    steward.post(NEW, rename)

    twice = steward.post(NEW, rename)

    assert twice.status_code == 422
    assert "This is recorded already" in text(twice)
    event = Reorganisation.objects.get(effective_on=date(2028, 4, 1))
    assert f'href="{event.get_absolute_url()}"' in twice.content.decode()


# --- Members and shares that are pasted ----------------------------------------------------------


@pytest.fixture
def practices():
    """Four practices of a location of Hampshire and Isle of Wight."""
    location = Organisation.objects.get(code="D9Y0V")
    made = [
        factories.body(f"J8200{n}", kind_code="practice", name=f"Surgery {n}") for n in range(4)
    ]
    for practice in made:
        factories.relationship(child=practice, parent=location)
    return made


HAMPSHIRE = {**SPLIT, "before": "QRL", "part:QKS>S9B9J": "", "part:QKS>new1": ""}


def test_members_are_named_by_search_and_by_pasted_codes_and_recorded(steward, practices):
    found = steward.get(NEW, {**HAMPSHIRE, "find_to:new1": "surgery 2"}).content.decode()
    assert 'name="add_to:new1" value="J82002"' in found

    added = steward.post(
        NEW, {**HAMPSHIRE, "to:new1": "J82000", "find_to:new1": "s", "add_to:new1": "J82002"}
    )
    page = steward.get(added.url)
    assert ">J82000 J82002</textarea>" in page.content.decode()
    assert "2 named: Surgery 0, Surgery 2" in text(page)
    assert "2 bodies move to another parent" in text(page)
    pasted = {**HAMPSHIRE, "to:new1": "j82000,\nJ82002", "to:S9B9J": "J82001\tJ82003"}
    refused = steward.post(NEW, {**pasted, "to:S9B9J": "J82000 NONE", "record": "1"})
    done = steward.post(NEW, {**pasted, "record": "1"}, follow=True)

    assert "J82000 goes to one body after, not to several." in text(refused)
    assert "No organisation has the code NONE." in text(refused)
    event = Reorganisation.objects.get(effective_on=date(2028, 4, 1))
    assert {(m.child.code, m.to_parent.code) for m in event.moves.now()} == {
        ("J82000", "P-QRL"),
        ("J82002", "P-QRL"),
        ("J82001", "S9B9J"),
        ("J82003", "S9B9J"),
    }
    assert "Surgery 3" in text(done)
    assert breaks_the_policy(done) == []


def test_a_new_body_that_is_taken_off_takes_its_shares_and_members_along(steward):
    form = {
        **HAMPSHIRE,
        "new_name": ["East", "West"],
        "new_kind": ["icb", "icb"],
        "part:QRL>new1": "10",
        "part:QRL>new2": "90",
        "to:new1": "J82000",
        "to:new2": "J82001",
        "drop_new": "1",
    }

    page = steward.get(steward.post(NEW, form).url).content.decode()

    assert 'name="part:QRL&gt;new1" value="90"' in page
    assert ">J82001</textarea>" in page
    assert "J82000" not in page and "new2&gt;" not in page


def test_shares_are_pasted_as_lines_and_fill_the_boxes(steward):
    lines = "before,after,share\nQKS,S9B9J,41\nQKS\tEast\t59 %\n\n"

    page = steward.post(NEW, {**SPLIT, "part:QKS>S9B9J": "1", "shares": lines}, follow=True)

    source = page.content.decode()
    assert 'name="part:QKS&gt;S9B9J" value="41"' in source
    assert 'name="part:QKS&gt;new1" value="59 %"' in source
    assert "41%" in text(page) and "59%" in text(page)
    wrong = steward.get(NEW, {**SPLIT, "shares": "QKS,S9B9J,41\nQKS,QQQ,5\nABC,East,much"})
    said = text(wrong)
    assert "line 2: “QQQ” does not stand after" in said
    assert "line 3: “ABC” does not stand before" in said
    assert "“much” is no share" in text(steward.get(NEW, {**SPLIT, "shares": "QKS,East,much"}))


def test_a_thousand_shares_are_recorded_from_one_field(steward):
    olds = [factories.body(f"O{n}", kind_code="icb", name=f"Old {n}").code for n in range(32)]
    news = [factories.body(f"N{n}", kind_code="icb", name=f"New {n}").code for n in range(32)]
    lines = "\n".join(f"{old};{new};3.125" for old in olds for new in news)
    form = {
        "kind": "regrouping",
        "before": olds,
        "after": news,
        "effective_on": "2028-04-01",
        "said_by": "The board",
        "shares": lines,
    }

    page = steward.post(NEW, form)
    assert page.status_code == 200, "too long for an address, so it is answered as it is"
    assert "1,024 ways there may be" in text(page)
    assert "sum to" not in text(page)
    assert page.content.decode().count("<input") < 200
    steward.post(NEW, {**form, "record": "1"})

    event = Reorganisation.objects.get(effective_on=date(2028, 4, 1))
    assert event.successions.now().count() == 1024
    assert {row.share for row in event.successions.now()} == {Decimal("0.03125")}


def test_more_codes_than_are_taken_are_not_dropped_silently(steward):
    page = steward.get(NEW, {"kind": "abolition", "add_before": " ".join(map(str, range(420)))})

    assert "400 codes are taken at once; the last 20 are left out." in text(page)


def test_while_somebody_types_a_piece_is_answered_and_the_address_follows(steward):
    typing = {"headers": {"HX-Request": "true", "HX-Target": "rehearsal"}}

    page = steward.post(NEW, SPLIT, **typing)
    long = steward.post(NEW, {**SPLIT, "quotation": "w " * 900}, **typing)
    hits = {"HX-Request": "true", "HX-Target": "hits-after"}
    found = steward.post(NEW, {**SPLIT, "find_after": "kent"}, headers=hits)

    address = page.headers["HX-Replace-Url"]
    assert "part%3AQKS%3ES9B9J=41" in address and "quotation=We+split." in address
    assert page.status_code == 200 and "41%" in text(page)
    assert "quotation" not in long.headers["HX-Replace-Url"]
    assert "HX-Replace-Url" not in found.headers
    pressed = steward.post(NEW, {**SPLIT, "record": "1"}, **typing)
    assert pressed.status_code == 200, "the button itself records, the piece beside it does not"
    assert not Reorganisation.objects.filter(effective_on=date(2028, 4, 1)).exists()


# --- The board and the moves --------------------------------------------------------------------


def test_the_board_shows_each_state_and_where_an_event_may_go(
    steward, django_assert_max_num_queries
):
    factories.reorganisation(state="paused", title="Paused merger")

    with django_assert_max_num_queries(40):
        page = steward.get(BOARD)

    said, source = text(page), page.content.decode()
    for label in ("Rumoured", "Proposed", "Approved", "In law", "Effective", "Paused"):
        assert label in said
    assert "Rejected 0" not in said  # no column for nothing that was dropped
    assert "Paused merger" in said
    assert "/reorganisations/p-qhl-qua-2027-04-01/move/?to=rejected" in source
    assert breaks_the_policy(page) == []
    assert steward.get(BOARD, {"state": "effective"}).content.decode().count("is-shown") == 1


def test_an_event_whose_recording_was_undone_leaves_the_board(steward):
    steward.post(NEW, {**SPLIT, "record": "1"})
    assert "Surrey and Sussex, and East" in text(steward.get(BOARD))

    steward.post(f"/register/releases/{Release.objects.latest('pk').pk}/undo/")

    assert "Surrey and Sussex, and East" not in text(steward.get(BOARD))


@pytest.fixture
def event():
    return Reorganisation.objects.get(slug="p-qhl-qua-2027-04-01")


def test_an_event_is_rejected_through_its_form_with_a_reason(steward, event):
    address = f"{event.get_absolute_url()}move/"
    form = steward.get(address, {"to": "rejected"})
    assert '<option value="rejected" selected>' in form.content.decode()
    assert "It becomes rejected: say why" in text(form)
    given = {"to": "rejected", "seen": event.revision}

    refused = steward.post(address, given)
    done = steward.post(address, {**given, "reason": "NHS England said no."}, follow=True)

    assert refused.status_code == 422
    assert "Say why: whoever looks for the event next will ask." in text(refused)
    event.refresh_from_db()
    assert event.state == "rejected"
    assert "NHS England said no." in text(done)


def test_a_stale_tab_is_told_what_changed(steward, event):
    address = f"{event.get_absolute_url()}move/"
    Reorganisation.objects.filter(pk=event.pk).revise()

    page = steward.post(address, {"to": "approved", "seen": event.revision})

    assert page.status_code == 422
    assert "changed meanwhile: it is rumoured, for 1 April 2027" in text(page)
    assert steward.post(address, {"to": "effective", "seen": "1"}).status_code == 422


def test_the_day_of_an_event_is_moved_through_its_form(steward, event):
    address = f"{event.get_absolute_url()}day/"
    given = {"to": "2027-10-01", "seen": event.revision}

    refused = steward.post(address, given)
    done = steward.post(address, {**given, "reason": "No time."}, follow=True)

    assert "Say why the day moves" in text(refused)
    event.refresh_from_db()
    assert event.effective_on == date(2027, 10, 1)
    assert "From 1 April 2027 to 1 October 2027: No time." in text(done)
    assert steward.post(address, {**given, "to": "1066-10-14"}).status_code == 422
