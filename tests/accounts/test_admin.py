"""Our side in the admin: who may enter it, and what a change there unsettles."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from accounts import saved_views
from accounts.alerts.wanting import want
from accounts.certifying.keeping import ask_from
from accounts.models import (
    AccountLead,
    Assignment,
    Decision,
    Digest,
    Flag,
    FlagRun,
    Letter,
    PlanChange,
    PlanStep,
    RosterEntry,
    Sheet,
    SheetChange,
    SheetComment,
    SheetDeed,
    Territory,
    TerritoryPlan,
    UrgencyRule,
    User,
    WritingHours,
)
from accounts.services.timetable import change_calendar
from footprints.written import period
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(client):
    client.force_login(factories.user(is_staff=True, is_superuser=True))
    return client


def address(model, page="changelist", *args):
    return reverse(f"admin:accounts_{model._meta.model_name}_{page}", args=args)


def errors(page):
    return " ".join(" ".join(messages) for messages in page.context["errors"])


def settled(**fields):
    """A plan with nothing left to look at."""
    return factories.plan(revision=7, flagged_revision=7, **fields)


def unsettled(plan):
    return plan in TerritoryPlan.objects.unflagged()


def a_sheet():
    """A sheet with a decision, and a change that it wrote."""
    unit = factories.assignment()
    sheet = Sheet.objects.create(flag=factories.flag())
    given = {"sheet": sheet, "territory": unit.territory, "role": unit.role}
    by = factories.user()
    Decision.objects.create(
        **given, body=unit.organisation, outcome="carry", by=by, at=timezone.now()
    )
    SheetComment.objects.create(
        sheet=sheet, body=unit.organisation, role=unit.role, text="Why?", by=by, at=timezone.now()
    )
    AccountLead.objects.create(
        plan=unit.plan,
        territory=unit.territory,
        organisation=unit.organisation,
        opened_on=unit.opened_on,
        made_by=sheet,
    )
    SheetDeed.objects.create(sheet=sheet, deed="prepared", by=by, at=timezone.now())
    SheetChange.objects.create(
        **given, organisation=unit.organisation, deed="opened", assignment=unit.pk
    )


def test_every_model_of_ours_is_in_the_admin():
    models = apps.get_app_config("accounts").get_models()

    assert [model for model in models if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize(
    "model", [m for m in admin.site._registry if m.__module__.startswith("accounts")]
)
def test_every_list_and_every_form_opens_and_keeps_to_the_policy(keeper, model):
    factories.flag(), factories.digest(), factories.roster_entry(), factories.assignment()
    a_sheet()
    factories.freeze()
    factories.timeline_task(owner=factories.user())
    factories.job()
    change_calendar(factories.user())
    factories.data_supplier()
    factories.scenario()
    factories.plan(copied_from=factories.plan())
    factories.challenge(), factories.figure(), factories.shared_unit()
    factories.suggestion(), factories.alert()
    factories.delivery(webhook=factories.webhook("plan.active"))
    factories.watch_move(), factories.watch(search="q=kent")
    FlagRun.objects.create(at=timezone.now())
    factories.reminder()
    saved_views.save(factories.user(), "/", "weight=3", name="Urgent")
    factories.certificate()
    ask_from(factories.DAY, by=factories.user())
    want([], of=factories.user())
    UrgencyRule.objects.create(position=1, pace="at_once")
    WritingHours.objects.create(user=factories.user())
    made = {"plan": factories.plan(), "at": timezone.now(), "revision": 1}
    PlanStep.objects.create(**made, deed="made")
    PlanChange.objects.create(**made, from_on=made["plan"].opened_on, says="Assigned", rows=[])
    Letter.objects.create(to="ada@example.org", subject="By 13 March", text="Sam,")
    row = model.objects.first()

    for page in (
        keeper.get(address(model)),
        keeper.get(address(model), {"q": "zebra"}),
        keeper.get(address(model, "change", row.pk)),
    ):
        assert page.status_code == 200
        assert breaks_the_policy(page) == []


def test_a_steward_has_no_business_with_plans_and_colleagues(client):
    client.force_login(factories.user(role="steward", is_staff=True))

    for model in (User, TerritoryPlan, Assignment):
        assert client.get(address(model)).status_code == 403


def user_data(user, **fields):
    return {
        "username": user.username,
        "first_name": "Ada",
        "last_name": "Quill",
        "email": "ada@example.org",
        "role": user.role,
        "team": "",
        "is_active": "on",
        **fields,
    }


def test_a_new_steward_may_enter_the_admin_and_a_former_one_no_longer(keeper):
    user = factories.user(role="planner")
    change = address(User, "change", user.pk)

    keeper.post(change, user_data(user, role="steward"))

    user.refresh_from_db()
    assert (user.role, user.is_staff) == ("steward", True)

    keeper.post(change, user_data(user, role="planner", is_staff="on"))

    user.refresh_from_db()
    assert (user.role, user.is_staff) == ("planner", False)


def test_a_colleague_is_added_with_role_and_team(keeper):
    team = factories.team()
    data = {
        "username": "ada",
        "usable_password": "true",
        "password1": "a long enough secret",
        "password2": "a long enough secret",
        "first_name": "Ada",
        "last_name": "Quill",
        "email": "ada@example.org",
        "role": "steward",
        "team": team.pk,
    }

    keeper.post(address(User, "add"), data)

    ada = User.objects.get(username="ada")
    assert (ada.role, ada.team, ada.is_staff) == ("steward", team, True)


def assignment_data(territory, body, **fields):
    return {
        "territory": territory.pk,
        "organisation": body.pk,
        "role": "owner",
        "opened_on": "01/04/2020",
        "closed_on": "",
        **fields,
    }


def test_an_assignment_takes_its_plan_from_its_territory_and_unsettles_it(keeper):
    plan = settled()
    territory, body = factories.territory(plan=plan), factories.body()

    keeper.post(
        address(Assignment, "add"), assignment_data(territory, body, closed_on="31/03/2021")
    )

    assignment = Assignment.objects.get(organisation=body)
    assert assignment.plan == plan
    assert assignment.closed_on.isoformat() == "2021-04-01"
    assert unsettled(plan)


def test_a_unit_in_two_territories_of_a_plan_is_refused_in_words(keeper):
    held = factories.assignment()
    other = factories.territory(plan=held.plan)

    page = keeper.post(address(Assignment, "add"), assignment_data(other, held.organisation))

    assert "The unit already belongs to a territory of this plan." in errors(page)
    assert Assignment.objects.count() == 1


def test_a_move_to_another_plan_unsettles_both(keeper):
    old, new = settled(), settled()
    held = factories.assignment(territory=factories.territory(plan=old))
    territory = factories.territory(plan=new)

    keeper.post(
        address(Assignment, "change", held.pk), assignment_data(territory, held.organisation)
    )

    held.refresh_from_db()
    assert held.plan == new
    assert unsettled(old)
    assert unsettled(new)


@pytest.mark.parametrize("way", ["one", "many"])
def test_a_deleted_assignment_unsettles_its_plan(keeper, way):
    plan = settled()
    held = factories.assignment(territory=factories.territory(plan=plan))

    if way == "one":
        keeper.post(address(Assignment, "delete", held.pk), {"post": "yes"})
    else:
        data = {"action": "delete_selected", "_selected_action": [held.pk], "post": "yes"}
        keeper.post(address(Assignment), data)

    assert not Assignment.objects.exists()
    assert unsettled(plan)
    (line,) = plan.changes.all()
    gone = f"{held.organisation} in {held.territory}, owner, {period(held.opened_on, None)}"
    assert line.says == f"Put right: {gone} removed"


def test_what_is_put_right_of_a_plan_is_told_in_its_history(keeper):
    plan = settled(state="approved")
    territory = factories.territory(plan=plan, code="T01", name="Kent")
    entry = factories.roster_entry(
        territory=territory, user=None, name="Sam", opened_on=factories.DAY
    )
    of_roster = {"territory": territory.pk, "role": "owner", "fte": "1", "name": "Kim"}
    of_roster["opened_on"] = factories.DAY.strftime("%d/%m/%Y")
    inline = {"roster-TOTAL_FORMS": 0, "roster-INITIAL_FORMS": 0}
    kept = {"code": "T01", "name": "Up", "position": 0, **inline}

    for _ in range(2):  # the second time nothing is otherwise
        keeper.post(address(RosterEntry, "change", entry.pk), of_roster)
        keeper.post(address(Territory, "change", territory.pk), kept)

    since = period(factories.DAY, None)
    assert list(plan.changes.values_list("says", flat=True)) == [
        f"Put right: Sam in T01 Kent, owner, {since}: name: Sam → Kim",
        "Put right: T01 Up: Changed Name.",
    ]
    assert {change.by for change in plan.changes.all()} == {User.objects.get(is_superuser=True)}


def test_what_an_inline_breaks_is_said_and_not_a_broken_page(keeper):
    territory = factories.roster_entry().territory
    held = territory.roster.get()
    data = {
        "code": territory.code,
        "name": territory.name,
        "position": 0,
        "roster-TOTAL_FORMS": 2,
        "roster-INITIAL_FORMS": 1,
        "roster-0-id": held.pk,
        "roster-0-territory": territory.pk,
        "roster-0-role": "owner",
        "roster-0-user": held.user_id,
        "roster-0-opened_on": "01/04/2020",
        "roster-1-territory": territory.pk,
        "roster-1-role": "owner",
        "roster-1-name": "Somebody else",
        "roster-1-opened_on": "01/05/2020",
    }

    page = keeper.post(reverse("admin:accounts_territory_change", args=[territory.pk]), data)

    assert page.status_code == 200
    assert "On some of these days somebody else owns the territory." in text(page)
    assert territory.roster.count() == 1


@pytest.mark.parametrize("make", [factories.flag, factories.digest])
def test_what_the_machine_writes_is_only_read(keeper, make):
    row = make()
    model = type(row)
    assert model in (Flag, Digest)

    assert keeper.post(address(model, "add"), {}).status_code == 403
    assert keeper.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert keeper.post(address(model, "change", row.pk), {"weight": 3}).status_code == 403
