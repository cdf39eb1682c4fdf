"""The doors of what is taken along: who may, what the files hold, and what is refused."""

import csv
import io
from datetime import date

import pypdfium2
import pytest
from django.urls import reverse

from accounts.models import RosterEntry, User
from accounts.services.flags import raise_flags
from accounts.sheets import deciding
from accounts.taking_along.brief import brief
from accounts.taking_along.brief_pdf import as_pdf, drawable
from footprints.models import Outcome
from tests import factories
from tests.accounts.test_sheets import Case

TODAY = date(2020, 1, 15)


@pytest.fixture
def case(db):
    made = Case()
    raise_flags()
    return made


@pytest.fixture
def planner(client, case):
    client.force_login(case.planner)
    return client


def rows_of(answer):
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def cells_of(rows):
    return [cell for row in rows for cell in row]


def text_of(pdf):
    """The words of a PDF of one page."""
    pages = pypdfium2.PdfDocument(pdf)
    assert len(pages) == 1
    return " ".join(pages[0].get_textpage().get_text_range().split())


def address(case, name):
    return reverse(f"accounts:{name}", args=[case.event.slug])


def test_the_page_leads_to_the_files_and_shows_the_first_lines(planner, case):
    page = planner.get(address(case, "take_along")).content.decode()

    assert case.practices[0][0].code in page
    assert address(case, "crosswalk") in page
    assert address(case, "brief") in page
    assert f"?plan={case.plan.pk}" in page


def test_an_event_and_a_sheet_lead_to_it(planner, case):
    for page in (
        case.event.get_absolute_url(),
        reverse("accounts:sheet", args=[case.flag.pk]),
    ):
        assert address(case, "take_along") in planner.get(page).content.decode()
    assert reverse("accounts:ledger") in planner.get(case.plan.get_absolute_url()).content.decode()


def test_the_file_has_our_territories_where_they_are_asked_for(planner, case):
    bare = rows_of(planner.get(address(case, "crosswalk")))
    ours = rows_of(planner.get(address(case, "crosswalk"), {"plan": case.plan.pk}))

    assert len(bare) == len(ours) == 5
    assert case.homes[0].code not in cells_of(bare)
    heads = [f"{case.plan.name}, owner: {what}" for what in ("before", "after", "from")]
    assert ours[0][-3:] == heads
    assert {row[-3] for row in ours[1:]} == {home.code for home in case.homes}


def test_no_cell_is_run_as_a_formula(planner, case):
    practice = factories.body(kind_code="practice", name="=HYPERLINK(1)")
    factories.relationship(child=practice, parent=case.olds[0])
    case.homes[0].code = "+T1"
    case.homes[0].save()

    asked = {"plan": case.plan.pk}
    cells = cells_of(rows_of(planner.get(address(case, "crosswalk"), asked)))

    assert "'=HYPERLINK(1)" in cells
    assert "'+T1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+"))]


@pytest.mark.parametrize("plan", ["0", "abc", "99999999999999999999"])
def test_a_plan_that_is_not_the_readers_is_said_to_be_none(planner, case, plan):
    answer = planner.get(address(case, "crosswalk"), {"plan": plan})

    assert answer.status_code == 422
    assert "not a plan" in answer.content.decode()


def test_a_walled_plan_is_not_in_anybody_elses_file(client, case):
    case.plan.team.is_walled = True
    case.plan.team.save()
    client.force_login(factories.user(role=User.Role.MANAGER))

    assert client.get(address(case, "crosswalk"), {"plan": case.plan.pk}).status_code == 422
    assert case.plan.name not in client.get(address(case, "take_along")).content.decode()


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_the_brief_is_for_those_who_decide(client, case, role):
    user = factories.user(role=role, team=case.plan.team)
    RosterEntry.objects.create(territory=case.homes[0], user=user, opened_on=case.plan.opened_on)
    client.force_login(user)

    assert client.get(address(case, "brief")).status_code == 403
    assert address(case, "brief") not in client.get(case.event.get_absolute_url()).content.decode()
    assert address(case, "brief") not in client.get(address(case, "take_along")).content.decode()


def test_strangers_sign_in_first(client, case):
    for name in ("take_along", "crosswalk", "brief"):
        assert client.get(address(case, name)).status_code == 302


def test_the_brief_says_what_is_touched_and_what_must_be_decided_by_whom_by_when(planner, case):
    answer = planner.get(address(case, "brief"))

    assert answer["Content-Type"] == "application/pdf"
    text = text_of(answer.content)
    assert case.event.title in text
    assert case.olds[0].code in text and case.new.code in text
    assert "2 × a unit of a territory" in text
    assert "By default two assignments end, 4 begin" in text
    assert str(case.plan.owner) in text
    assert "31 Mar 2020" in text


def tasks(case):
    return [(task.what.split(":")[0], task.who) for task in brief(case.event, case.planner).tasks]


def test_the_brief_follows_the_sheet_from_undecided_to_done(db):
    case = Case(practices=0)
    raise_flags()
    owner = str(case.plan.owner)
    assert tasks(case) == [(f"Decide who takes {case.new.code}, or hold it until a day.", owner)]

    asked = factories.user(first_name="Ada", role="manager")
    case.choose(assigned_to=asked)
    assert tasks(case)[0][1] == "Ada"
    case.choose(Outcome.CARRY, territory=case.homes[0])
    assert tasks(case) == [("By default two assignments end, 1 begin", owner)]
    case.prepare()
    assert tasks(case) == [
        ("Approve", f"a colleague of {case.planner}"),
    ]
    deciding.approve(case.flag, by=case.manager)
    assert tasks(case) == [("Approved", "the clock")]


def test_however_much_there_is_the_brief_is_one_page(db):
    """Sixty plans with long names, forty bodies: what has no room is counted."""
    case = Case(practices=0)
    for _ in range(40):
        factories.succession(
            reorganisation=case.event,
            predecessor=factories.body(name="NHS Somewhere Rather Long And Windy CCG"),
            successor=case.new,
            share=1,
        )
    for number in range(60):
        plan = factories.plan(
            name=f"A plan with quite a long name, and number {number}",
            opened_on=case.plan.opened_on,
            owner=case.planner,
        )
        for old in case.olds:
            factories.assignment(
                territory=factories.territory(plan=plan),
                organisation=old,
                opened_on=plan.opened_on,
            )
    raise_flags()

    found = brief(case.event, case.planner)
    text = text_of(as_pdf(found, asked_by="A", on=TODAY, address="http://localhost/"))

    assert len(found.tasks) == 20
    assert "and 32 more" in text
    shown = text.count("Decide who takes")
    assert 5 < shown < 20
    assert f"and {61 - shown} more" in text
    assert "Taken by A on 15 January 2020" in text


def test_letters_that_the_fonts_lack_are_written_as_the_nearest():
    assert drawable("Siân Llŷr, Ŵ → “£5”") == "Siân Llyr, W to “£5”"
    assert drawable("<b>") == "&lt;b&gt;"


def test_the_ledger_is_a_file_of_the_period(planner, case):
    asked = {"since": "2019-10-01", "until": "2020-03-31", "plan": case.plan.pk}

    page = planner.get(reverse("accounts:ledger"), {"plan": case.plan.pk}).content.decode()
    assert "checked" in page
    answer = planner.get(reverse("accounts:ledger_file"), asked)

    assert "2019-10-01-to-2020-03-31" in answer["Content-Disposition"]
    rows = rows_of(answer)
    assert len(rows) == 5
    assert {row[10] for row in rows[1:]} == {"2019-10-01"}


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"until": "2019-01-01"}, "before the first"),
        ({"until": "2039-01-01"}, "10 years at most"),
        ({"since": "yesterday"}, "valid date"),
        ({"plan": "0"}, "not a plan that you may see"),
        ({"plan": ""}, "required"),
    ],
)
def test_a_ledger_that_cannot_be_is_refused_in_words(planner, case, wrong, says):
    asked = {"since": "2019-10-01", "until": "2020-03-31", "plan": case.plan.pk} | wrong

    answer = planner.get(reverse("accounts:ledger_file"), asked)

    assert answer.status_code == 422
    assert says in answer.content.decode()
