"""A copy of a plan: what it takes along, what it leaves, what it replaces, how fast."""

import time
from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from accounts.comparing.comparison import compare
from accounts.comparing.sides import Side
from accounts.models import (
    AccountLead,
    Assignment,
    Flag,
    RosterEntry,
    SharedUnit,
    Sheet,
    Territory,
    TerritoryPlan,
)
from accounts.services.flags import raise_flags
from accounts.sheets import leads
from accounts.territories import lifecycle, plans
from accounts.territories.copying import copy_plan
from footprints.models import Organisation
from tests import factories

pytestmark = pytest.mark.django_db

FIRST, DAY, LATER = date(2026, 1, 1), date(2026, 7, 1), date(2026, 10, 1)
State = TerritoryPlan.State


@pytest.fixture
def by():
    return factories.user(role="planner")


@pytest.fixture
def plan():
    """A nation over a region over a territory with a unit, an owner and a mirror."""
    made = factories.plan(
        opened_on=FIRST, name="Ours", state=State.ACTIVE, role="mirror", nations=["E", "W"]
    )
    made.kinds.add(factories.kind(is_unit=True))
    top = factories.territory(plan=made, code="N", position=0)
    region = factories.territory(plan=made, code="R", position=1, parent=top, colour="#0072b2")
    low = factories.territory(
        plan=made, code="T", position=2, parent=region, notes="By train", capacity=Decimal("180.5")
    )
    factories.assignment(territory=low, opened_on=FIRST, role="mirror")
    factories.roster_entry(
        territory=low, opened_on=FIRST, fte=Decimal("0.6"), is_agency=True, closed_on=LATER
    )
    factories.roster_entry(territory=low, opened_on=FIRST, role="mirror", name="Kim")
    return made


def held(plan, day):
    found = Assignment.objects.filter(plan=plan).on(day)
    return set(found.values_list("territory__code", "organisation", "role", "closed_on"))


def test_a_copy_has_everything_from_the_day_on_and_the_original_is_as_it_was(plan, by):
    before = list(Assignment.objects.filter(plan=plan).values())

    made = copy_plan(plan, opened_on=DAY, by=by)

    assert (made.state, made.owner, made.opened_on, made.role, made.nations) == (
        State.DRAFT,
        by,
        DAY,
        "mirror",
        ["E", "W"],
    )
    assert list(made.kinds.all()) == list(plan.kinds.all())
    assert held(made, DAY) == held(plan, DAY)
    fields = ("code", "name", "parent__code", "position", "colour", "notes", "capacity")
    assert list(made.territories.values_list(*fields)) == list(
        plan.territories.values_list(*fields)
    )
    assert not made.territories.filter(parent__plan=plan).exists()
    who = ("territory__code", "user", "name", "role", "fte", "is_agency", "closed_on")
    ours, theirs = (
        set(RosterEntry.objects.filter(territory__plan=one).values_list(*who))
        for one in (made, plan)
    )
    assert ours == theirs
    assert {entry.opened_on for entry in RosterEntry.objects.filter(territory__plan=made)} == {DAY}
    assert list(Assignment.objects.filter(plan=plan).values()) == before
    assert TerritoryPlan.objects.get(pk=plan.pk).revision == plan.revision
    assert list(made.steps.values_list("deed", "by", "reason")) == [
        ("copied", by.pk, "From Ours.")
    ]


def test_what_ended_before_the_day_stays_behind_and_what_comes_later_comes_along(by):
    plan = factories.plan(opened_on=FIRST)
    one, two = factories.territory(plan=plan, code="A"), factories.territory(plan=plan, code="B")
    unit = factories.organisation()
    factories.assignment(territory=one, organisation=unit, opened_on=FIRST, closed_on=LATER)
    factories.assignment(territory=two, organisation=unit, opened_on=LATER)
    factories.assignment(territory=one, opened_on=FIRST, closed_on=DAY)  # its last day: 30 June

    made = copy_plan(plan, opened_on=DAY, by=by)

    rows = made.assignments.values_list("territory__code", "organisation", "opened_on")
    assert set(rows) == {("A", unit.pk, DAY), ("B", unit.pk, LATER)}


def test_a_row_without_a_known_start_begins_with_the_copy(by):
    plan = factories.plan(opened_on=FIRST)
    factories.assignment(territory=factories.territory(plan=plan), opened_on=None)

    made = copy_plan(plan, opened_on=DAY, by=by)

    assert made.assignments.get().opened_on == DAY


def test_declared_credit_is_copied(plan, by):
    unit = plan.assignments.get()
    SharedUnit.objects.create(
        territory=unit.territory, organisation=unit.organisation, share="0.4", reason="Agreed"
    )

    made = copy_plan(plan, opened_on=DAY, by=by)

    share = SharedUnit.objects.get(territory__plan=made)
    assert (share.territory.code, share.share, share.reason) == ("T", Decimal("0.4"), "Agreed")


def led(territory, opened_on=FIRST, **fields):
    """A lead of the territory on a body of its own, made by a sheet of its plan."""
    sheet = Sheet.objects.create(flag=factories.flag(territory.plan))
    if "closed_on" in fields:
        fields["ended_by"] = sheet
    return AccountLead.objects.create(
        plan=territory.plan,
        territory=territory,
        organisation=fields.pop("organisation", None) or factories.body(),
        opened_on=opened_on,
        made_by=sheet,
        **fields,
    )


def leads_of(plan):
    return set(
        AccountLead.objects.filter(plan=plan).values_list(
            "territory__code", "organisation", "opened_on", "closed_on"
        )
    )


def test_account_leads_come_along_from_the_day_on(plan, by):
    low, region = plan.territories.get(code="T"), plan.territories.get(code="R")
    stands, later = led(low), led(region, opened_on=LATER)
    ends = led(low, closed_on=LATER)
    led(low, closed_on=DAY)  # its last day is the day before: the original's

    made = copy_plan(plan, opened_on=DAY, by=by)

    assert leads_of(made) == {
        ("T", stands.organisation_id, DAY, None),
        ("R", later.organisation_id, LATER, None),
        ("T", ends.organisation_id, DAY, LATER),
    }


def test_undoing_the_originals_sheets_leaves_the_leads_of_its_copy(plan, by):
    low = plan.territories.get(code="T")
    stands, ends = led(low), led(low, closed_on=LATER)
    made = copy_plan(plan, opened_on=DAY, by=by)
    before = leads_of(made)

    leads.take_back([stands.made_by_id, ends.ended_by_id])

    assert not AccountLead.objects.filter(plan=plan).exists()
    assert leads_of(made) == before


def test_an_event_that_unsettles_a_lead_unsettles_its_copy(plan, by):
    lead = led(plan.territories.get(code="T"))
    made = copy_plan(plan, opened_on=DAY, by=by)
    event = factories.reorganisation(effective_on=LATER)
    factories.succession(
        reorganisation=event, predecessor=lead.organisation, successor=factories.body(), share=1
    )

    raise_flags()

    flagged = {flag.root for flag in Flag.objects.filter(reorganisation=event)}
    assert flagged == {lead, AccountLead.objects.get(plan=made)}


def test_the_comparison_sees_who_leads_in_the_copy(plan, by):
    other = factories.territory(plan=plan, code="U", position=3)
    factories.roster_entry(territory=other, opened_on=FIRST)
    lead = led(plan.territories.get(code="T"))
    made = copy_plan(plan, opened_on=DAY, by=by)
    assert compare(Side(plan, DAY), Side(made, DAY)).disruption.is_none

    copied = made.territories.get(code="U")
    AccountLead.objects.filter(plan=made, organisation=lead.organisation).update(territory=copied)
    found = compare(Side(plan, DAY), Side(made, DAY))

    assert (found.disruption.accounts, found.disruption.of_accounts) == (1, 1)
    won = {row.code: row.won.accounts for row in found.rows if row.won.accounts}
    assert (won, found.whole.accounts) == ({"U": 1}, 1)


def test_a_bodys_page_names_the_lead_of_a_copy_and_no_sheet_of_it(client, plan, by):
    body = factories.body()
    led(plan.territories.get(code="T"), organisation=body)
    copy_plan(plan, opened_on=DAY, by=by)
    client.force_login(by)

    page = client.get(reverse("footprints:organisation", args=[body.code]) + f"?on={DAY}")

    content = page.content.decode()
    assert "Ours, copy</a>" in content
    assert content.count("decided here") == 1


def test_leads_begin_with_a_draft_that_begins_on_another_day(plan, by):
    lead = led(plan.territories.get(code="T"))
    made = copy_plan(plan, opened_on=DAY, by=by)

    plans.edit_plan(made, by=by, kinds=made.kinds.all(), opened_on=LATER)

    assert leads_of(made) == {("T", lead.organisation_id, LATER, None)}


def test_a_territory_of_a_copy_goes_with_the_leads_that_came_along(client, plan, by):
    spare = factories.territory(plan=plan, code="Z", position=9)
    lead = led(spare)
    made = copy_plan(plan, opened_on=DAY, by=by)
    copied = made.territories.get(code="Z")
    client.force_login(by)

    page = client.get(reverse("accounts:territory", args=[made.pk, copied.pk]))

    assert f"With it go: the account lead on {lead.organisation.code}" in page.content.decode()
    plans.remove_territory(copied, by=by)
    assert not made.territories.filter(code="Z").exists()
    with pytest.raises(plans.StillInUse):
        plans.remove_territory(spare, by=by)


def test_several_drafts_stand_side_by_side_each_with_a_name_of_its_own(plan, by):
    made = [copy_plan(plan, opened_on=DAY, by=by) for _ in range(3)]

    assert [one.name for one in made] == ["Ours, copy", "Ours, copy 2", "Ours, copy 3"]
    assert {one.replaces for one in made} == {plan}
    assert {one.copied_from for one in made} == {plan}
    assert all(plans.may_change(one, by) for one in made)


def test_a_name_as_long_as_there_can_be_still_has_a_copy(by):
    plan = factories.plan(name="n" * 120, opened_on=FIRST)

    assert len(copy_plan(plan, opened_on=DAY, by=by).name) <= 120
    assert copy_plan(plan, opened_on=DAY, by=by).name.endswith(", copy 2")


def test_a_copy_replaces_the_active_plan_whichever_plan_of_its_line_is_copied(plan, by):
    draft = copy_plan(plan, opened_on=DAY, by=by)
    of_the_draft = copy_plan(draft, opened_on=DAY, by=by)
    archived = factories.plan(state=State.ARCHIVED, opened_on=FIRST)

    assert of_the_draft.replaces == plan
    assert copy_plan(archived, opened_on=DAY, by=by).replaces is None


def test_a_day_outside_the_plan_is_refused_without_a_trace(plan, by):
    with pytest.raises(plans.OutsideThePlan):
        copy_plan(plan, opened_on=date(2025, 12, 31), by=by)

    assert TerritoryPlan.objects.count() == 1


def test_a_copy_is_changed_submitted_and_takes_the_place_of_the_original(plan, by):
    manager = factories.user(role="manager")
    made = copy_plan(plan, opened_on=DAY, by=by)
    plans.add_territory(made, code="NEW", by=by)

    lifecycle.submit(made, on=DAY, by=by)
    lifecycle.approve(made, on=DAY, by=manager)
    before = lifecycle.activate(made, on=DAY, by=by)

    assert before == plan
    assert not plan.territories.filter(code="NEW").exists()
    assert TerritoryPlan.objects.get(pk=plan.pk).state == State.SUPERSEDED


def test_ten_thousand_units_are_copied_in_a_few_statements_and_about_a_second(
    by, django_assert_max_num_queries
):
    plan = factories.plan(opened_on=FIRST)
    patches = Territory.objects.bulk_create(
        Territory(plan=plan, code=f"T{n}", name=f"T{n}", position=n) for n in range(100)
    )
    units = Organisation.objects.bulk_create(
        Organisation(code=f"ZU{n:05}", is_provisional=False) for n in range(10_000)
    )
    Assignment.objects.bulk_create(
        [
            Assignment(plan=plan, territory=patches[n % 100], organisation=unit, opened_on=FIRST)
            for n, unit in enumerate(units)
        ],
        batch_size=2000,
    )

    with django_assert_max_num_queries(20):
        start = time.perf_counter()
        made = copy_plan(plan, opened_on=DAY, by=by)
        took = time.perf_counter() - start

    print(f"10,000 units copied in {took:.2f} s")
    assert made.assignments.count() == 10_000
    assert took < 5  # about half a second on a machine that does nothing else


# --- The page


def test_one_click_makes_a_copy_and_leads_to_it(client, plan, by):
    client.force_login(by)

    page = client.post(
        reverse("accounts:copy_plan", args=[plan.pk]) + "?on=2026-07-01", follow=True
    )

    made = TerritoryPlan.objects.get(copied_from=plan)
    assert page.redirect_chain[-1][0].startswith(made.get_absolute_url())
    assert made.opened_on == DAY
    assert "takes that plan’s place" in page.content.decode()


def test_the_list_tells_drafts_from_what_they_are_copies_of(client, plan, by):
    copy_plan(plan, opened_on=DAY, by=by)
    client.force_login(by)

    def listed(**query):
        page = client.get(reverse("accounts:plans"), query)
        return {record.name for record in page.context["table"].data}

    assert "copy of Ours" in client.get(reverse("accounts:plans")).content.decode()
    assert listed(line="copies") == {"Ours, copy"}
    assert listed(line="own") == {"Ours"}
    assert listed(state="draft") == {"Ours, copy"}
    assert listed(role="mirror") == {"Ours", "Ours, copy"}
    assert listed(role="owner") == set()
