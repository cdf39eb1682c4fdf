"""The calendars of teams: cycles, freezes, data and credit, and the sheets that follow them."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts.models import DataSupplier, Freeze, Sheet, SheetDeed, Team
from accounts.models.decisions import lend_teams
from accounts.models.teams import first_of_month, months_after
from accounts.services.teams import keep_calendar
from accounts.sheets import applying, deciding, undoing
from accounts.sheets.planning import planned
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, JULY_2020, Case, held_on, rows
from tests.accounts.ticks import tick
from tests.footprints.pages import text

MAY_2020 = date(2020, 5, 1)


@pytest.fixture
def case(db):
    return Case()


def keep(case, **fields):
    """Give the team of the case a calendar."""
    Team.objects.filter(plans=case.plan).update(**fields)
    return Team.objects.get(plans=case.plan)


def trimesters(case):
    return keep(case, cycle_months=4, cycle_on=date(2026, 1, 1))


@pytest.mark.parametrize(
    ("months", "first", "day", "start"),
    [
        (3, date(2026, 1, 1), date(2020, 3, 31), date(2020, 4, 1)),
        (3, date(2026, 1, 1), date(2020, 4, 1), date(2020, 4, 1)),
        (3, date(2026, 1, 1), date(2020, 4, 2), date(2020, 7, 1)),
        (4, date(2026, 1, 1), date(2027, 4, 1), date(2027, 5, 1)),
        (12, date(2026, 4, 6), date(2027, 4, 1), date(2027, 4, 6)),
        (1, date(2026, 1, 31), date(2027, 2, 1), date(2027, 2, 28)),
        (6, date(2026, 8, 31), date(2027, 3, 1), date(2027, 8, 31)),
    ],
)
def test_the_next_cycle_starts_on_or_after_the_day(months, first, day, start):
    assert Team(cycle_months=months, cycle_on=first).next_cycle(day) == start


def test_months_are_counted_on_the_calendar():
    assert months_after(date(2026, 11, 30), 3) == date(2027, 2, 28)
    assert first_of_month(date(2027, 4, 1)) == date(2027, 4, 1)
    assert first_of_month(date(2027, 12, 2)) == date(2028, 1, 1)


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (Team, {"cycle_months": 3}, "cycle_lasts_and_starts"),
        (Team, {"cycle_on": APRIL_2020}, "cycle_lasts_and_starts"),
        (Freeze, {"closed_on": APRIL_2020}, "opens_before_it_closes"),
        (DataSupplier, {"lag_months": 25}, "two_years"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(db, model, fields, constraint):
    factories.freeze(), factories.data_supplier()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        model.objects.update(**fields)


def test_without_a_calendar_everything_follows_the_law(case):
    days = case.sheet.days

    assert (days.ours.on, days.data.on, days.credit.on) == (APRIL_2020, None, APRIL_2020)
    assert "no cycles" in days.ours.why


def test_our_day_is_the_next_cycle_start_and_the_changes_begin_on_it(case):
    team = trimesters(case)

    assert case.sheet.days.ours.on == MAY_2020
    assert case.sheet.days.ours.why == f"Next cycle start of the {team.called}."
    case.apply()

    assert set(held_on(case.plan, MAY_2020 - timedelta(days=1))) == {o.code for o in case.olds}
    assert len(held_on(case.plan, MAY_2020)) == 4


def test_a_default_that_falls_into_a_freeze_moves_to_the_day_after_it_and_says_so(case):
    team = trimesters(case)
    factories.freeze(team=team, opened_on=MAY_2020, closed_on=date(2020, 5, 9))
    factories.freeze(team=team, opened_on=date(2020, 5, 9), closed_on=date(2020, 5, 12), reason="")

    ours = case.sheet.days.ours

    assert ours.on == date(2020, 5, 12)
    assert "1 May 2020 is frozen" in ours.why


def test_a_day_before_and_the_day_after_a_freeze_are_free(case):
    team = trimesters(case)
    factories.freeze(team=team, opened_on=APRIL_2020, closed_on=MAY_2020)

    assert case.sheet.day == MAY_2020
    assert team.frozen(MAY_2020 - timedelta(days=1)) and not team.frozen(MAY_2020)
    assert not team.frozen(date(2020, 3, 31))


@pytest.mark.parametrize(
    ("credit", "counts"),
    [("ours", MAY_2020), ("legal", APRIL_2020), ("data", date(2020, 6, 1)), ("cycle", MAY_2020)],
)
def test_data_follow_their_supplier_and_credit_its_rule(case, credit, counts):
    trimesters(case)
    keep(case, supplier=factories.data_supplier(lag_months=2), credit=credit)

    days = case.sheet.days

    assert days.data.on == date(2020, 6, 1)
    assert "two months after the change" in days.data.why
    assert days.credit.on == counts


def test_a_day_within_a_freeze_is_refused_in_words(case):
    factories.freeze(team=case.plan.team, opened_on=MAY_2020, closed_on=date(2020, 6, 1))

    with pytest.raises(deciding.Undecidable, match=r"year end.*1 June 2020 is free"):
        deciding.set_days(
            case.flag, align_on=date(2020, 5, 31), data_on=None, credit_on=None, by=case.planner
        )

    assert case.sheet.align_on is None


def by_hand(case, day):
    deciding.set_days(case.flag, align_on=day, data_on=None, credit_on=None, by=case.planner)


def move_event(case, day):
    Reorganisation.objects.filter(pk=case.event.pk).update(effective_on=day)


def test_a_day_set_by_hand_stays_when_the_event_moves_and_is_checked_again(case):
    by_hand(case, JULY_2020)

    move_event(case, MAY_2020)
    assert (case.sheet.day, case.sheet.days.ours.is_by_hand) == (JULY_2020, True)

    move_event(case, date(2020, 10, 1))
    assert case.sheet.day == date(2020, 10, 1)
    assert "1 July 2020 was set by hand" in case.sheet.days.ours.why

    move_event(case, APRIL_2020)
    factories.freeze(team=case.plan.team, opened_on=JULY_2020, closed_on=date(2020, 7, 6))
    assert case.sheet.day == date(2020, 7, 6)
    assert "1 July 2020 is frozen (year end)" in case.sheet.days.ours.why


def test_what_is_held_until_a_day_that_our_day_overtook_is_to_be_decided_again(case):
    case.choose("hold", until_on=date(2020, 4, 20))
    assert not planned(case.sheet).undecided

    trimesters(case)

    (row,) = planned(case.sheet).undecided
    assert row.problem == "It is held until 20 April 2020, not after our day."


def test_only_a_day_that_departs_from_the_calendar_is_stored(case):
    trimesters(case)

    by_hand(case, MAY_2020)

    assert case.sheet.align_on is None


def test_a_calendar_that_changes_after_approval_asks_for_it_again(case):
    case.approve()
    trimesters(case)

    with pytest.raises(deciding.Moved):
        applying.apply_sheet(case.flag, by=case.manager)


def test_the_clock_keeps_to_our_day_and_to_freezes(case):
    team = trimesters(case)
    case.approve()

    assert tick(MAY_2020 - timedelta(days=1))["applied"] == 0
    factories.freeze(team=team, opened_on=date(2020, 5, 2), closed_on=date(2020, 5, 4))
    assert tick(date(2020, 5, 3)) == {"released": 0}
    with pytest.raises(applying.Frozen, match="before 4 May 2020"):
        applying.apply_sheet(case.flag, by=case.manager, on=date(2020, 5, 3))
    assert tick(date(2020, 5, 4))["applied"] == 1


@pytest.fixture
def frozen(case):
    """A sheet that is applied, in a freeze that came after: 2 and 3 May 2020."""
    case.before = rows(case.plan)
    case.approve()
    applying.apply_sheet(case.flag, by=case.manager, on=MAY_2020)
    factories.freeze(team=case.plan.team, opened_on=date(2020, 5, 2), closed_on=date(2020, 5, 4))
    return case


@pytest.mark.parametrize(
    ("role", "despite"),
    [("planner", ""), ("planner", "It is urgent."), ("manager", ""), ("manager", "  ")],
)
def test_a_freeze_holds_for_an_undo_too(frozen, role, despite):
    by = factories.user(role=role)
    applied = rows(frozen.plan)

    with pytest.raises(applying.Frozen, match="before 4 May 2020: undo it then, or a manager"):
        undoing.undo_sheet(frozen.flag, by=by, on=date(2020, 5, 3), despite=despite)

    assert rows(frozen.plan) == applied
    assert frozen.sheet.state == "applied"
    assert not SheetDeed.objects.filter(deed="undone").exists()


def test_a_manager_undoes_within_a_freeze_and_the_history_keeps_why(frozen):
    undoing.undo_sheet(
        frozen.flag, by=frozen.manager, on=date(2020, 5, 3), despite=" Two reps lost all. "
    )

    assert frozen.sheet.state == "deciding"
    (deed,) = SheetDeed.objects.filter(deed="undone")
    freeze = f"within a freeze of the {frozen.plan.team.called}: Two reps lost all."
    assert deed.by == frozen.manager
    assert deed.says.endswith(f"as before; {freeze}")


@pytest.mark.parametrize("day", [MAY_2020, date(2020, 5, 4)])
def test_the_day_before_a_freeze_and_the_day_after_undo_as_ever(frozen, day):
    undoing.undo_sheet(frozen.flag, by=frozen.planner, on=day, despite="Not asked.")

    assert rows(frozen.plan) == frozen.before
    assert "freeze" not in SheetDeed.objects.get(deed="undone").says


def test_what_holds_after_the_freeze_alone_may_be_undone_within_it(case):
    """Applied ahead: our day comes after the freeze, so that within it nothing changes."""
    deciding.set_days(case.flag, align_on=JULY_2020, data_on=None, credit_on=None, by=case.planner)
    case.approve()
    factories.freeze(team=case.plan.team, opened_on=MAY_2020, closed_on=date(2020, 5, 4))
    applying.apply_sheet(case.flag, by=case.manager, on=date(2020, 5, 2))

    undoing.undo_sheet(case.flag, by=case.planner, on=date(2020, 5, 3))

    assert case.sheet.state == "deciding"


def test_the_page_of_an_undo_in_a_freeze_asks_a_manager_why_and_others_to_wait(
    client, frozen, time_machine
):
    time_machine.move_to("2020-05-03 12:00Z", tick=False)
    undo = reverse("accounts:undo_sheet", args=[frozen.flag.pk])
    applied = rows(frozen.plan)
    client.force_login(frozen.planner)
    page = client.get(undo)
    assert "changes before 4 May 2020. Undo it then. A manager may undo it now" in text(page)
    assert '<button class="btn btn-primary">' not in page.content.decode()
    assert "before 4 May 2020: undo it then" in text(client.post(undo, follow=True))

    client.force_login(frozen.manager)
    assert "Undo all the same" in text(client.get(undo))
    without = client.post(undo, {"despite": ""})
    assert without.status_code == 422
    assert "Say why it cannot wait." in text(without)
    assert rows(frozen.plan) == applied

    done = text(client.post(undo, {"despite": "Two reps lost all."}, follow=True))
    assert "Undone: the plan is as it was before." in done
    assert "Two reps lost all." in done
    assert rows(frozen.plan) == frozen.before


def test_many_sheets_get_their_teams_in_three_queries(case, django_assert_num_queries):
    others = [Sheet(flag=factories.flag(factories.plan())) for _ in range(4)]
    with django_assert_num_queries(4):  # and one for the freezes
        lend_teams([case.sheet, *others])  # one of the four finds the sheet itself
        assert [sheet.day for sheet in others] == [sheet.days.legal.on for sheet in others]


def test_a_calendar_that_is_put_right_lets_the_clock_try_again_the_same_day(case):
    case.approve()
    team = trimesters(case)
    assert [tick(MAY_2020)["unready"] for _ in range(2)] == [1, 0]

    team.cycle_months = team.cycle_on = None
    keep_calendar(team, by=case.planner)

    assert tick(MAY_2020)["applied"] == 1


# --- Pages -------------------------------------------------------------------------------------


def data(team, *freezes, **fields):
    given = {
        "name": team.name,
        "cycle_months": "4",
        "cycle_on": "2026-01-01",
        "supplier": "",
        "credit": "ours",
        "freeze-TOTAL_FORMS": len(freezes),
        "freeze-INITIAL_FORMS": sum("id" in freeze for freeze in freezes),
        **fields,
    }
    for number, freeze in enumerate(freezes):
        given |= {f"freeze-{number}-{name}": value for name, value in freeze.items()}
    return given


def test_a_planner_keeps_a_calendar_and_is_told_what_moves(client, case):
    case.approve()
    client.force_login(case.planner)
    team = case.plan.team
    frozen = {"opened_on": "2020-05-01", "closed_on": "2020-05-10", "reason": "targets"}

    page = client.post(team.get_absolute_url(), data(team, frozen), follow=True)

    assert "sheet moves with it; one is to be approved again" in text(page)
    assert Freeze.objects.get().closed_on == date(2020, 5, 11)
    assert case.sheet.day == date(2020, 5, 11)
    assert team.name in text(page)

    known = {**frozen, "id": Freeze.objects.get().pk, "DELETE": "on"}
    client.post(team.get_absolute_url(), data(team, known, cycle_months="", cycle_on=""))
    assert (Freeze.objects.count(), case.sheet.day) == (0, APRIL_2020)


@pytest.mark.parametrize(
    ("fields", "freeze", "says"),
    [
        ({"cycle_on": ""}, {}, "needs both"),
        ({}, {"opened_on": "2020-05-02", "closed_on": "2020-05-01"}, "before the first"),
        ({}, {"opened_on": "2020-05-02"}, "required"),
        ({"name": ""}, {}, "required"),
    ],
)
def test_a_calendar_that_cannot_be_says_what_is_wrong(client, case, fields, freeze, says):
    client.force_login(case.planner)

    page = client.post(case.plan.team.get_absolute_url(), data(case.plan.team, freeze, **fields))

    assert (page.status_code, says in text(page)) == (422, True)
    assert case.sheet.day == APRIL_2020 and not Freeze.objects.exists()


@pytest.mark.parametrize("role", ["field", "steward"])
def test_whoever_does_not_plan_keeps_no_calendar(client, case, role):
    client.force_login(factories.user(role=role))

    for name in ("teams", "make_team", "make_data_supplier"):
        assert client.get(reverse(f"accounts:{name}")).status_code == 403
    team = case.plan.team
    assert client.post(team.get_absolute_url(), data(team)).status_code == 403
    assert "/teams/" not in text(client.get(reverse("accounts:plans")))
    assert Team.objects.get(pk=team.pk).cycle_months is None


def test_a_walled_teams_calendar_is_its_own(client, case):
    keep(case, is_walled=True)
    client.force_login(case.planner)

    assert client.get(case.plan.team.get_absolute_url()).status_code == 404
    assert case.plan.team.name not in text(client.get(reverse("accounts:teams")))


def test_a_team_and_a_data_supplier_are_added(client, case):
    client.force_login(case.planner)
    add = reverse("accounts:make_data_supplier")
    assert client.post(add, {"name": "Bricks", "lag_months": "99"}).status_code == 422
    client.post(add, {"name": "Bricks", "lag_months": "2"})
    supplier = DataSupplier.objects.get(name="Bricks")

    made = data(Team(name="Respiratory"), supplier=supplier.pk)
    page = client.post(reverse("accounts:make_team"), made, follow=True)

    assert "Respiratory" in text(page) and "Bricks" in text(page)
    client.post(supplier.get_absolute_url(), {"name": "Bricks", "lag_months": "3"})
    assert Team.objects.get(name="Respiratory").supplier.lag_months == 3


def test_the_sheet_says_the_four_days_and_why_and_refuses_a_frozen_one_in_its_form(client, case):
    team = trimesters(case)
    factories.freeze(team=team, opened_on=JULY_2020, closed_on=date(2020, 8, 1))
    client.force_login(case.planner)
    sheet = reverse("accounts:sheet", args=[case.flag.pk])
    assert f"Next cycle start of the {team.called}." in text(client.get(sheet))

    page = client.post(
        reverse("accounts:set_sheet_days", args=[case.flag.pk]), {"align_on": "2020-07-01"}
    )

    assert page.status_code == 422
    assert "1 August 2020 is free" in text(page)
    assert 'value="2020-07-01"' in page.content.decode()
    assert not Sheet.objects.filter(flag=case.flag).exclude(align_on=None).exists()
