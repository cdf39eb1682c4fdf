"""What is said and done about a sheet is kept; who is asked finds it on the home page."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import SheetComment, SheetDeed, User
from accounts.sheets import deciding, history, undoing
from footprints.models import Outcome
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, JULY_2020, Case
from tests.accounts.ticks import tick
from tests.footprints.pages import text


@pytest.fixture
def case(db):
    return Case()


@pytest.fixture
def planner(client, case):
    client.force_login(case.planner)
    return client


def deeds(case):
    return [(one.deed, one.by) for one in SheetDeed.objects.filter(sheet=case.sheet)]


def sheet(case):
    return reverse("accounts:sheet", args=[case.flag.pk])


def talk(case, body=None):
    args = [case.flag.pk, (body or case.new).code, "owner"]
    return reverse("accounts:talk", args=args)


def test_every_deed_is_kept_with_who_did_it_and_undo_takes_none_away(case):
    case.choose(Outcome.CARRY, territory=case.homes[0])
    case.apply()
    undoing.undo_sheet(case.flag, by=case.manager)
    case.prepare()
    deciding.take_back(case.flag, by=case.manager)

    assert deeds(case) == [
        ("decided", case.planner),
        ("prepared", case.planner),
        ("approved", case.manager),
        ("applied", case.manager),
        ("undone", case.manager),
        ("prepared", case.planner),
        ("taken_back", case.manager),
    ]
    told = dict(SheetDeed.objects.values_list("deed", "says"))
    assert told["decided"] == f"{case.new.code} all to {case.homes[0].code}"
    assert told["applied"] == "two assignments end, 1 begin"
    assert told["undone"] == "one row goes, 2 as before"
    kept = SheetDeed.objects.filter(deed__in=["approved", "applied"])
    assert len(set(kept.values_list("fingerprint", flat=True))) == 1


def test_the_clock_and_the_days_are_in_the_history(case):
    deciding.set_days(case.flag, align_on=JULY_2020, data_on=None, credit_on=None, by=case.planner)
    case.choose(Outcome.HOLD, until_on=JULY_2020.replace(month=10))
    case.approve()

    tick(JULY_2020)
    tick(JULY_2020.replace(month=10))

    assert deeds(case)[-2:] == [("applied", None), ("released", None)]
    assert SheetDeed.objects.get(deed="dated").says == "our day 1 July 2020, credit 1 July 2020"


def test_a_deed_that_is_refused_leaves_none_in_the_history(case):
    case.prepare()

    with pytest.raises(deciding.SamePerson):
        deciding.approve(case.flag, by=case.planner)

    assert [deed for deed, _ in deeds(case)] == ["prepared"]


def test_only_the_clock_applies_and_releases_in_nobodys_name(case):
    case.prepare()

    with pytest.raises(IntegrityError, match="or_the_clock"), transaction.atomic():
        SheetDeed.objects.update(by=None)


def test_a_comment_is_never_lost(planner, case):
    assert planner.post(talk(case), {"text": "  Who knows\nher?  "}).status_code == 302
    assert "1 comment" in text(planner.get(sheet(case)))

    case.apply()
    assert "Who knows" in text(planner.get(sheet(case)))  # of a row that is done with
    planner.post(talk(case), {"text": "Done."})
    undoing.undo_sheet(case.flag, by=case.manager)

    comments = SheetComment.objects.all()
    assert [(one.text, one.by) for one in comments] == [
        ("Who knows\nher?", case.planner),
        ("Done.", case.planner),
    ]
    assert "Done." in text(planner.get(talk(case)))
    assert "2 comments" in text(planner.get(sheet(case)))


@pytest.mark.parametrize(("said", "says"), [("", "Write something"), ("x" * 2001, "at most")])
def test_a_comment_says_something_and_no_book(planner, case, said, says):
    page = planner.post(talk(case), {"text": said})

    assert (page.status_code, says in text(page)) == (422, True)
    assert not SheetComment.objects.exists()


def test_what_the_event_does_not_touch_is_not_talked_about(planner, case):
    assert planner.get(talk(case, factories.body())).status_code == 404
    assert planner.post(talk(case, factories.body()), {"text": "?"}).status_code == 404


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_whoever_does_not_plan_hears_nothing_of_it(client, case, role):
    history.comment(case.flag, case.new.pk, "owner", "Hush.", by=case.planner)
    client.force_login(factories.user(role=role))

    assert client.get(talk(case)).status_code == 404
    assert client.post(talk(case), {"text": "Hm."}).status_code == 404


def test_whoever_is_asked_finds_it_on_the_home_page_until_they_have_answered(client, case):
    case.choose(assigned_to=case.manager, reason="You know them.")
    client.force_login(case.manager)
    home = reverse("accounts:beside")

    assert "You know them." in text(client.get(home))
    assert f"{sheet(case)}#row-{case.new.code}-owner" in client.get(home).content.decode()
    given = {"outcome": "default", "assigned_to": case.manager.pk, "reason": "Fine."}
    given["seen_at"] = case.sheet.decisions.get().at.isoformat()
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])
    assert client.post(row, given).status_code == 302

    assert "Asked of you" not in text(client.get(home))
    client.force_login(case.planner)
    assert "Asked of you" not in text(client.get(home))


def test_nobody_is_asked_about_a_plan_that_they_may_not_see(planner, case):
    team = case.plan.team
    type(team).objects.filter(pk=team.pk).update(is_walled=True)
    case.planner.team = team
    case.planner.save()
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])

    asked = planner.post(row, {"outcome": "default", "assigned_to": case.manager.pk})

    assert (asked.status_code, "Select a valid choice" in text(asked)) == (422, True)
    with pytest.raises(deciding.Undecidable, match="does not work sheets of this plan"):
        case.choose(assigned_to=case.manager)
    assert history.asked_of(case.manager) == []


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_whoever_may_not_open_a_sheet_is_not_asked(planner, case, role):
    """A question to a field user would lead to a page that is not found."""
    asked = factories.user(role=role, team=case.plan.team, first_name="Sam", last_name="Hart")
    factories.roster_entry(territory=case.homes[0], user=asked, opened_on=case.plan.opened_on)
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])
    many = reverse("accounts:decide_many", args=[case.flag.pk])
    ask = {"deed": "ask", "assigned_to": asked.pk, "row": f"{case.new.code}/owner"}

    assert "Sam Hart" not in text(planner.get(row))
    one = planner.post(row, {"outcome": "default", "assigned_to": asked.pk})
    some = planner.post(many, ask, follow=True)

    assert (one.status_code, "Select a valid choice" in text(one)) == (422, True)
    assert "Select a valid choice" in text(some)
    with pytest.raises(deciding.Undecidable, match="Sam Hart does not work sheets of this plan"):
        case.choose(assigned_to=asked)
    assert not case.sheet.pk or not case.sheet.decisions.exists()


def test_whoever_no_longer_plans_holds_up_no_decision(planner, case):
    case.choose(assigned_to=case.manager)
    User.objects.filter(pk=case.manager.pk).update(role=User.Role.FIELD)
    many = reverse("accounts:decide_many", args=[case.flag.pk])

    hold = {"deed": "hold", "until_on": "2020-07-01", "row": f"{case.new.code}/owner"}
    assert "One row decided" in text(planner.post(many, hold, follow=True))

    assert case.sheet.decisions.get().assigned_to == case.manager
    planner.force_login(User.objects.get(pk=case.manager.pk))
    assert "Asked of you" not in text(planner.get("/beside/"))


def test_the_rows_narrow_to_conflicts(planner, case):
    assert len(planner.get(sheet(case) + "?show=conflicts").context["page"]) == 1
    case.plan.assignments.filter(organisation=case.olds[1]).delete()

    assert len(planner.get(sheet(case) + "?show=conflicts").context["page"]) == 0


def test_the_home_page_asks_the_database_the_same_however_much_is_asked(
    client, db, django_assert_max_num_queries
):
    first = Case()
    for case in (first, Case(), Case()):
        choice = deciding.Choice(case.new.pk, "owner", assigned_to=first.manager)
        deciding.decide(case.flag, [choice], by=case.planner)

    with django_assert_max_num_queries(3):
        assert len(history.asked_of(first.manager)) == 3
    assert history.asked_of(first.manager)[0].sheet.flag.reorganisation.effective_on == APRIL_2020
