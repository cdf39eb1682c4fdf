"""Account leads: proposed where everybody keeps the line, never applied unasked, undone again."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import overview, radius
from accounts.models import AccountLead, Decision, Flag, TerritoryPlan
from accounts.services.flags import raise_flags
from accounts.sheets import applying, deciding, leads, undoing
from accounts.sheets.planning import planned
from accounts.territories import plans
from footprints.models import Outcome
from tests import factories
from tests.accounts.test_sheets import APRIL_2020, Case, rows
from tests.footprints.pages import text

APRIL_2021 = date(2021, 4, 1)


@pytest.fixture
def case(db):
    return Case()


@pytest.fixture
def planner(client, case):
    client.force_login(case.planner)
    return client


def proposed(case):
    found = planned(case.sheet)
    return leads.proposals(found, found.rows).get((case.new.pk, "owner"))


def uneven(case):
    """One more practice for the second territory."""
    practice = factories.body(kind_code="practice")
    factories.relationship(child=practice, parent=case.olds[1], closed_on=APRIL_2020)
    factories.relationship(child=practice, parent=case.new, opened_on=APRIL_2020)
    return practice


def table():
    return set(
        AccountLead.objects.values_list(
            "pk", "territory", "organisation", "opened_on", "closed_on", "ended_by"
        )
    )


# --- What is proposed --------------------------------------------------------------------------


def test_the_territory_with_most_practices_is_proposed_and_says_so(case):
    uneven(case)

    proposal = proposed(case)

    assert proposal.territory == case.homes[1]
    assert proposal.why == f"{case.homes[1].code} keeps 3 of the 5 practices."


def test_the_one_with_most_people_where_they_are_counted(case):
    uneven(case)
    for old, people in zip(case.olds, [900_000, 300_000], strict=True):
        factories.population(organisation=old, people=people, boundary_on=date(2019, 4, 1))

    proposal = proposed(case)

    assert proposal.territory == case.homes[0]
    assert proposal.why == f"{case.homes[0].code} keeps most people: 900,000, 75%."


def test_people_that_are_counted_in_part_count_for_nothing(case):
    uneven(case)
    factories.population(organisation=case.olds[0], people=9, boundary_on=date(2019, 4, 1))

    assert "practices" in proposed(case).why


def test_the_first_by_code_of_two_alike_and_it_says_so(case):
    assert proposed(case).territory == case.homes[0]
    assert f"as does {case.homes[1].code}" in proposed(case).why


@pytest.mark.parametrize(
    "choice", [{"outcome": "hold", "until_on": APRIL_2021}, {"outcome": "close"}]
)
def test_no_lead_is_proposed_where_the_line_is_not_kept(case, choice):
    case.choose(**choice)

    assert proposed(case) is None


def test_nor_where_one_territory_has_it_all(db):
    assert proposed(Case(territories=1)) is None


# --- Accepted, applied, undone -----------------------------------------------------------------


def test_nobody_leads_unasked(case):
    case.apply()

    assert not AccountLead.objects.exists()


def test_an_accepted_lead_stands_from_our_day_and_goes_with_the_sheet(case):
    before = rows(case.plan)
    case.choose(lead=case.homes[1])
    assert not AccountLead.objects.exists()

    case.apply()

    lead = AccountLead.objects.get()
    assert (lead.territory, lead.organisation, lead.opened_on) == (
        case.homes[1],
        case.new,
        APRIL_2020,
    )
    undoing.undo_sheet(case.flag, by=case.manager)
    assert not AccountLead.objects.exists()
    assert rows(case.plan) == before
    assert Decision.objects.get().lead == case.homes[1]  # what was decided stays decided


def test_a_preview_of_undoing_and_a_rehearsal_change_no_lead(case):
    case.choose(lead=case.homes[1])
    case.approve()
    applying.rehearse_sheet(case.flag)
    assert not AccountLead.objects.exists()
    applying.apply_sheet(case.flag, by=case.manager)
    before = table()

    undoing.preview_undo(case.flag, by=case.manager)

    assert table() == before


def follow_up(case, territory):
    """The survivor: the new body takes in another one the year after, and is led by somebody."""
    event = factories.reorganisation(effective_on=APRIL_2021)
    third = factories.territory(plan=case.plan)
    other = factories.body(closed_on=APRIL_2021)
    factories.succession(reorganisation=event, predecessor=other, successor=case.new, share=1)
    for practice in (factories.body(kind_code="practice") for _ in range(3)):
        factories.relationship(child=practice, parent=other, closed_on=APRIL_2021)
        factories.relationship(child=practice, parent=case.new, opened_on=APRIL_2021)
    factories.assignment(territory=third, organisation=other, opened_on=case.plan.opened_on)
    factories.assignment(territory=case.homes[0], organisation=case.new, opened_on=APRIL_2021)
    flag = factories.flag(case.plan, reorganisation=event, weight=3)
    choice = deciding.Choice(case.new.pk, "owner", lead=territory or third)
    deciding.decide(flag, [choice], by=case.planner)
    seen = planned(deciding.sheet_of(flag)).fingerprint
    deciding.prepare(flag, by=case.planner, seen=seen)
    deciding.approve(flag, by=case.manager)
    applying.apply_sheet(flag, by=case.manager)
    return flag, third


def test_another_lead_ends_the_one_before_and_undoing_gives_it_back(case):
    case.choose(lead=case.homes[1])
    case.apply()
    before = table()

    flag, third = follow_up(case, None)

    assert [
        (one.territory, one.opened_on, one.closed_on) for one in AccountLead.objects.all()
    ] == [
        (case.homes[1], APRIL_2020, APRIL_2021),
        (third, APRIL_2021, None),
    ]
    undoing.undo_sheet(flag, by=case.manager)
    assert table() == before


def test_whoever_leads_already_goes_on_without_a_write(case):
    case.choose(lead=case.homes[1])
    case.apply()
    before = table()

    follow_up(case, case.homes[1])

    assert table() == before


def test_two_leads_on_one_body_at_once_are_refused(case):
    case.choose(lead=case.homes[1])
    case.apply()

    with pytest.raises(IntegrityError, match="one_a_body_and_plan"), transaction.atomic():
        AccountLead.objects.create(
            plan=case.plan,
            territory=case.homes[0],
            organisation=case.new,
            opened_on=APRIL_2021,
            made_by=case.sheet,
        )
    with pytest.raises(IntegrityError, match="ended_by_a_sheet"), transaction.atomic():
        AccountLead.objects.update(closed_on=APRIL_2021)


def test_a_lead_of_another_plan_or_on_what_is_not_kept_is_refused(case):
    with pytest.raises(deciding.Undecidable, match="not of this plan"):
        case.choose(lead=factories.territory())
    with pytest.raises(deciding.Undecidable, match="not kept"):
        case.choose(Outcome.CLOSE, lead=case.homes[0])
    case.choose(lead=case.homes[0])

    with pytest.raises(IntegrityError, match="line_is_kept"), transaction.atomic():
        Decision.objects.update(outcome="close")


def test_whoever_mirrors_leads_nobody(case):
    for old, home in zip(case.olds, case.homes, strict=True):
        factories.assignment(
            territory=home, organisation=old, role="mirror", opened_on=case.plan.opened_on
        )
    found = planned(case.sheet)

    assert [key[1] for key in leads.proposals(found, found.rows)] == ["owner"]
    choice = deciding.Choice(case.new.pk, "mirror", lead=case.homes[0])
    with pytest.raises(deciding.Undecidable, match="owner's row"):
        deciding.decide(case.flag, [choice], by=case.planner)


def test_a_territory_that_leads_is_not_taken_away(case):
    third = factories.territory(plan=case.plan)
    case.choose(lead=third)

    with pytest.raises(plans.StillInUse):
        plans.remove_territory(third, by=case.planner)


def test_a_later_event_unsettles_the_lead_and_counts_it(case):
    case.choose(lead=case.homes[1])
    case.apply()
    event = factories.reorganisation(effective_on=APRIL_2021, state="proposed")
    factories.succession(reorganisation=event, predecessor=case.new)

    raise_flags()

    flag = Flag.objects.get(reorganisation=event, content_type__model="accountlead")
    assert flag.root == AccountLead.objects.get()
    assert [group.says for group in radius.by_owner(event)] == ["an account lead"]
    assert list(overview.lead_flags(case.planner)) == [flag]
    assert list(overview.lead_flags(factories.user())) == []
    assert flag not in Flag.objects.on_plans()


# --- Pages -------------------------------------------------------------------------------------


def sheet(case):
    return reverse("accounts:sheet", args=[case.flag.pk])


def test_the_sheet_proposes_and_one_press_accepts(planner, case):
    uneven(case)
    page = text(planner.get(sheet(case)))
    assert f"Account lead proposed: {case.homes[1]}" in page
    assert "keeps 3 of the 5 practices" in page

    many = reverse("accounts:decide_many", args=[case.flag.pk])
    page = planner.post(many, {"deed": "lead", "row": f"{case.new.code}/owner"}, follow=True)

    assert f"Account lead: {case.homes[1]}" in text(page)
    assert Decision.objects.get().lead == case.homes[1]


def test_another_is_named_in_the_form_and_dropped_with_the_line(planner, case):
    row = reverse("accounts:decide", args=[case.flag.pk, case.new.code, "owner"])
    assert "Proposed:" in text(planner.get(row))
    assert planner.post(row, {"outcome": "default", "lead": case.homes[1].pk}).status_code == 302
    decision = Decision.objects.get()
    assert decision.lead == case.homes[1]

    given = {"outcome": "close", "lead": case.homes[1].pk, "seen_at": decision.at.isoformat()}
    assert planner.post(row, given).status_code == 302

    assert Decision.objects.get().lead is None
    other = planner.post(row, {"outcome": "default", "lead": factories.territory().pk})
    assert (other.status_code, "valid choice" in text(other)) == (422, True)


def test_the_bodys_page_says_who_leads_to_those_who_may_see_the_plan(client, case):
    case.choose(lead=case.homes[1])
    case.apply()
    owner = factories.user(first_name="Ada", last_name="Quill")
    factories.roster_entry(territory=case.homes[1], user=owner, opened_on=case.plan.opened_on)
    page = case.new.get_absolute_url()

    client.force_login(case.planner)
    shown = text(client.get(page, {"on": "2020-05-01"}))
    assert "Ada Quill" in shown and str(case.homes[1]) in shown
    assert str(case.homes[1]) in text(client.get(sheet(case)))

    client.force_login(factories.user())
    assert "Account lead" not in text(client.get(page, {"on": "2020-05-01"}))
    TerritoryPlan.objects.get().team.__class__.objects.update(is_walled=True)
    client.force_login(case.planner)
    assert "Account lead" not in text(client.get(page, {"on": "2020-05-01"}))


@pytest.fixture
def unsettled(case):
    """The second territory leads on the new body, which an event of 2021 would close."""
    case.choose(lead=case.homes[1])
    case.apply()
    case.event = factories.reorganisation(
        effective_on=APRIL_2021, state="proposed", title="It would close"
    )
    factories.succession(reorganisation=case.event, predecessor=case.new, successor=None)
    case.owner, case.neighbour = (factories.user(team=case.plan.team) for _ in range(2))
    for user, home in ((case.owner, case.homes[1]), (case.neighbour, case.homes[0])):
        factories.roster_entry(territory=home, user=user, opened_on=case.plan.opened_on)
    raise_flags()
    case.lead_flag = Flag.objects.get(content_type__model="accountlead")
    case.says = f"{case.homes[1].code} leads on {case.new.code}"
    return case


@pytest.mark.parametrize("who", ["planner", "manager", "owner"])
def test_whoever_answers_for_a_lead_meets_it_at_home_in_the_alerts_and_on_the_event(
    client, unsettled, who
):
    client.force_login(getattr(unsettled, who))
    address = unsettled.lead_flag.get_absolute_url()

    home = client.get("/beside/")
    assert "Account leads to name again 1" in text(home)
    for page in (home, client.get("/alerts/"), client.get(unsettled.event.get_absolute_url())):
        assert unsettled.says in text(page)
        assert f'href="{address}"' in page.content.decode()
    page = text(client.get(address))
    assert "That body closes with it: It would close." in page
    assert "This is not decided." in page
    assert ("Mark dealt with" in page) == (who != "owner")


def test_nobody_else_meets_it(client, unsettled):
    address = unsettled.lead_flag.get_absolute_url()
    client.force_login(unsettled.neighbour)
    for page in ("/", "/beside/", "/alerts/", unsettled.event.get_absolute_url()):
        assert unsettled.says not in text(client.get(page))
    assert client.get(address).status_code == 404

    TerritoryPlan.objects.get().team.__class__.objects.update(is_walled=True)
    client.force_login(unsettled.planner)
    assert unsettled.says not in text(client.get("/alerts/"))
    assert client.get(address).status_code == 404
    assert client.post(f"{address}resolve/").status_code == 404


def test_it_is_dealt_with_by_those_who_plan_and_leaves_the_home_page(client, unsettled):
    resolve = f"{unsettled.lead_flag.get_absolute_url()}resolve/"
    client.force_login(unsettled.owner)
    assert client.post(resolve).status_code == 404

    client.force_login(unsettled.planner)
    assert "Dealt with on" in text(client.post(resolve, follow=True))

    assert "Account leads to name again" not in text(client.get("/beside/"))
    assert unsettled.says in text(client.get("/alerts/?dealt_with=yes"))
    assert unsettled.says not in text(client.get("/alerts/?dealt_with=no"))


def test_it_is_found_by_its_plan_and_no_plan_of_the_same_number_is(client, unsettled):
    other = factories.plan(pk=unsettled.lead_flag.object_id + 10_000)
    AccountLead.objects.update(id=other.pk)
    Flag.objects.filter(pk=unsettled.lead_flag.pk).update(object_id=other.pk)
    client.force_login(unsettled.planner)

    page = text(client.get("/alerts/", {"plan": unsettled.plan.pk}))
    assert f"{unsettled.plan.name}: {unsettled.says}" in page
    assert unsettled.says not in text(client.get("/alerts/", {"plan": other.pk}))


def test_an_event_that_is_dropped_takes_the_alert_of_a_lead_with_it(client, unsettled):
    unsettled.event.state = "rejected"
    unsettled.event.save()
    unsettled.event.__class__.objects.filter(pk=unsettled.event.pk).revise()
    raise_flags()
    client.force_login(unsettled.planner)

    assert unsettled.says not in text(client.get("/beside/"))
    assert "Nothing to do since" in text(client.get(unsettled.lead_flag.get_absolute_url()))
