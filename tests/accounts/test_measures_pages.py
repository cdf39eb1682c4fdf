"""The doors of measures: who may, the preview and the deed, the figures, and out again."""

import re
from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from accounts.models import Measure
from footprints.models import Organisation
from tests import factories as make
from tests.accounts.test_measures_reading import workbook

pytestmark = pytest.mark.usefixtures("register")

NEW = "/measures/new/"
GIVEN = {"name": "Sales 2025", "unit": "£", "source": "IQVIA", "counted_on": "2026-03-31"}


@pytest.fixture
def planner(client):
    user = make.user(role="planner")
    client.force_login(user)
    return user


@pytest.fixture
def measure(planner):
    made = make.measure(by=planner, name="Sales 2025")
    for code, amount in (("91Q", 1234.5), ("QKS", 3)):
        make.figure(measure=made, organisation=Organisation.objects.get(code=code), amount=amount)
    return made


def post(client, text="", *, follow=False, **fields):
    answer = client.post(NEW, {**GIVEN, "text": text, **fields}, follow=follow)
    answer.text = answer.content.decode()
    return answer


def seen(answer):
    return re.search(r'name="seen" value="([^"]*)"', answer.text)[1]


@pytest.mark.parametrize("role", ["field", "steward"])
def test_measures_are_for_those_who_plan(client, measure, role):
    client.force_login(make.user(role=role))

    for address in (
        "/measures/",
        NEW,
        f"/measures/{measure.pk}/",
        f"/measures/{measure.pk}/delete/",
    ):
        assert client.get(address).status_code == 403
    assert "/measures/" not in client.get("/plans/").content.decode()


def test_a_walled_team_s_measure_is_not_found_by_others(client, planner):
    hidden = make.measure(team=make.team(is_walled=True), name="Medical secret")

    assert "Medical secret" not in client.get("/measures/").content.decode()
    for address in (f"/measures/{hidden.pk}/", f"/measures/{hidden.pk}/delete/"):
        assert client.get(address).status_code == 404
        assert client.post(address).status_code in (404, 405)


def test_a_preview_keeps_nothing_and_the_deed_keeps_what_it_showed(client, planner):
    shown = post(client, "91Q\t£1,200\nQKS\t3\n", check="1")

    assert not Measure.objects.exists()
    assert "Keep the 2 figures" in shown.text
    assert "1,203" in shown.text

    kept = post(client, "91Q\t£1,200\nQKS\t3\n", keep="1", seen=seen(shown), follow=True)

    made = Measure.objects.get()
    assert kept.redirect_chain[-1][0] == made.get_absolute_url()
    assert (made.name, made.unit, made.counted_on) == ("Sales 2025", "£", date(2026, 3, 31))
    assert "1,200" in kept.text


def test_what_is_left_out_must_be_agreed_to(client, planner):
    text = "91Q\t12\nZZ9\t7\nQKS\tlots\n"
    shown = post(client, text, check="1")
    assert "ZZ9" in shown.text
    assert "is text, not an amount" in shown.text

    refused = post(client, text, keep="1")
    assert refused.status_code == 422
    assert not Measure.objects.exists()

    post(client, text, keep="1", leave_out="on")
    assert Measure.objects.get().unplaced == [["ZZ9", "7.0000"]]


def test_a_file_s_text_stays_in_the_form(client, planner):
    data = workbook({1: ["code", "amount"], 2: ["91Q", 12.5], 3: ["QKS", 1000]})
    file = SimpleUploadedFile("sales.xlsx", data)

    shown = post(client, file=file, check="1")

    assert "91Q\t12.5\nQKS\t1000" in shown.text
    assert "1,012.5" in shown.text


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"text": ""}, "Paste lines of a code and an amount"),
        ({"text": "91Q\t1", "source": ""}, "required"),
        ({"text": "91Q\t1", "counted_on": "2999-01-01"}, "has not come"),
        ({"text": "91Q\t1", "days_each": "-1"}, "fewer than none"),
        ({"text": "just words"}, "only one column"),
        ({"file": SimpleUploadedFile("x.csv", b"caf\xe9,1")}, "not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_lost(client, planner, fields, says):
    answer = post(client, **fields)

    assert answer.status_code == 422
    assert says in answer.text
    assert "Sales 2025" in answer.text
    assert not Measure.objects.exists()


def test_the_same_name_shows_what_would_change(client, planner, measure):
    shown = post(client, "91Q\t99\nQHL\t5\n", check="1")

    assert "is there already" in shown.text
    assert "1 body new, 1 with another amount, 1 gone, 0 as before" in shown.text
    kept = post(client, "91Q\t99\nQHL\t5\n", keep="1", seen=seen(shown))
    assert kept.status_code == 302
    assert Measure.objects.get().figures.count() == 2


def test_a_name_of_somebody_else_s_offers_no_keeping(client, measure):
    client.force_login(make.user(role="planner"))

    shown = post(client, "91Q\t99\n", check="1")

    assert "choose another name" in shown.text
    assert 'name="keep"' not in shown.text
    assert post(client, "91Q\t99\n", keep="1", seen=seen(shown)).status_code == 422


def test_a_preview_that_is_out_of_date_shows_itself_again(client, planner, measure):
    answer = post(client, "91Q\t99\n", keep="1", seen="")

    assert answer.status_code == 422
    assert "look at the difference again" in answer.text
    assert "91Q\t99" in answer.text


def test_a_hundred_thousand_unknown_codes_are_counted_and_none_is_lost(client, planner):
    lines = "\n".join(f"ZQ{i:06}\t{i}" for i in range(100_000))

    answer = post(client, lines, check="1")

    assert answer.status_code == 200
    assert "<strong>100,000</strong> codes not known" in answer.text
    assert "The first 100 of 100,000" in answer.text
    assert "nothing to keep" in answer.text
    assert "The register has no practices yet" in answer.text
    make.body(kind_code="practice")
    assert "no practices yet" not in post(client, "Z1\t1\n", check="1").text
    assert "ZQ099999\t99999" in answer.text  # it is all in the form still


def test_the_columns_can_be_put_right_on_the_preview(client, planner):
    text = "code,items,nic\n91Q,5,70\n"
    assert "with 70" in post(client, text, check="1").text

    again = post(client, text, check="1", **{"column-code": "0", "column-amount": "1"})

    assert "with 5" in again.text


def test_the_page_lists_the_figures_and_says_where_they_are_from(client, measure):
    page = client.get(measure.get_absolute_url()).content.decode()

    assert "91Q" in page
    assert "1,234.5" in page
    assert "1,237.5" in page  # together
    rows = client.get(measure.get_absolute_url(), {"format": "csv"}).content.decode()
    assert "91Q" in rows


def test_the_page_leads_to_each_plan_with_the_measure_as_its_column(client, measure):
    plan = make.plan(name="Ours")

    page = client.get(measure.get_absolute_url()).content.decode()

    address = reverse("accounts:balance", args=[plan.pk])
    assert f'<a href="{address}?measure={measure.pk}">Ours</a>' in page
    assert '<section aria-labelledby="plans">' in page


def test_deleting_is_previewed_and_for_its_owner_or_a_manager(client, measure):
    address = reverse("accounts:delete_measure", args=[measure.pk])
    assert "2 figures" in client.get(address).content.decode()
    assert Measure.objects.exists()

    client.force_login(make.user(role="planner"))
    assert client.post(address).status_code == 403
    assert address not in client.get(measure.get_absolute_url()).content.decode()

    client.force_login(make.user(role="manager"))
    assert client.post(address).status_code == 302
    assert not Measure.objects.exists()


@pytest.mark.parametrize("rows", [1, 30])
def test_the_lists_ask_the_same_however_long_they_are(
    client, planner, django_assert_max_num_queries, rows
):
    made = make.measure()
    for _ in range(rows):
        make.measure()
        make.figure(measure=made, organisation=make.body())

    with django_assert_max_num_queries(8):
        client.get("/measures/")
    with django_assert_max_num_queries(9):
        client.get(made.get_absolute_url())
