"""What was loaded, what came of it, and undoing it."""

from datetime import date

import pytest

from footprints.models import (
    Boundary,
    Finding,
    Identifier,
    Population,
    Release,
    Version,
)
from footprints.services import undoing
from footprints.services.entries import enter_fact
from footprints.services.releases import RECORDED
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

LIST = "/register/releases/"
DAY = date(2031, 4, 1)


@pytest.fixture
def steward(client):
    client.force_login(factories.user(role="steward", is_staff=True))
    return client


def entered(name="Zebra CCG"):
    """A release by hand: one version."""
    fact = Version(organisation=factories.organisation(), kind=factories.kind(), name=name)
    return enter_fact(fact, by=factories.user(first_name="Ada", last_name="Quill")).asserted_by


def test_the_list_says_who_wrote_what(steward):
    release = entered()

    row = steward.get(LIST).context["page"].rows[0]

    assert (row, row.asserted, row.retracted) == (release, 1, 0)
    assert "Ada Quill" in text(steward.get(LIST))
    assert breaks_the_policy(steward.get(LIST)) == []


def test_a_release_shows_its_rows_and_its_findings_by_topic(steward, register):
    page = steward.get(f"{LIST}{register.pk}/")

    wrote = {table["name"]: table["wrote"] for table in page.context["tables"]}
    assert wrote["successions"] == 487
    topics = {row["topic"]: row["count"] for row in page.context["topics"]}
    assert topics == {topic: Finding.objects.filter(topic=topic).count() for topic in topics}
    assert topics["lead provider that has closed"] == 1
    assert breaks_the_policy(page) == []


def test_the_findings_of_a_topic_lead_to_their_bodies(steward, register):
    address = f"{LIST}{register.pk}/findings/"

    page = steward.get(address, {"topic": "committee that covers nothing that lives"})

    rows = page.context["page"].rows
    assert len(rows) == 8
    assert all(f'href="/register/{row.code}/"' in page.content.decode() for row in rows)
    unplaced = steward.get(address, {"severity": "unplaced"})
    assert "successions.csv, 420" in text(unplaced)


def test_an_undo_is_shown_before_it_is_done(steward):
    release = entered()
    address = f"{LIST}{release.pk}/undo/"

    page = steward.get(address)

    assert "1 fact changes" in text(page)
    assert "Zebra CCG" in text(page)
    assert Version.objects.now().filter(name="Zebra CCG").exists()
    assert not Release.objects.filter(undoes=release).exists()

    done = steward.post(address, follow=True)

    undo = Release.objects.get(undoes=release)
    assert done.redirect_chain[-1][0] == f"{LIST}{undo.pk}/"
    assert not Version.objects.now().filter(name="Zebra CCG").exists()
    assert f"Release {release.pk} is undone, by release {undo.pk}." in text(done)
    assert f"Undone by release {undo.pk}" in text(steward.get(f"{LIST}{release.pk}/"))


def test_a_correction_is_undone_to_what_stood_before(steward):
    fact = factories.version(name="Zebra CCG")
    fixed = Version.objects.get(pk=fact.pk)
    fixed.name = "Zebra and Lion CCG"
    release = enter_fact(fixed, by=factories.user(), replaces=fact).asserted_by

    page = steward.get(f"{LIST}{release.pk}/undo/")

    (table,) = page.context["rehearsal"].tables
    code = fact.organisation.code
    assert [str(line) for line in table.first_gone + table.first_back] == [
        f"{code} Zebra and Lion CCG, CCG, since 1 Apr 2013",
        f"{code} Zebra CCG, CCG, since 1 Apr 2013",
    ]
    assert f'href="/register/{code}/"' in page.content.decode()


def test_an_undo_names_the_body_of_each_fact(steward):
    body = factories.body("ZZ91Q")
    people = Population(organisation=body, year=2031, boundary_on=DAY, people=1234567)
    label = Identifier(organisation=body, scheme="gss", value="E38999999", opened_on=DAY)
    for fact, says in [
        (people, "ZZ91Q 1,234,567 people in 2031"),
        (label, "ZZ91Q ONS code E38999999, since 1 Apr 2031"),
    ]:
        release = enter_fact(fact, by=factories.user()).asserted_by

        assert says in text(steward.get(f"{LIST}{release.pk}/undo/"))
        assert says in text(steward.get(f"{LIST}{release.pk}/"))


def test_an_older_release_is_undone_with_the_later_ones_which_are_listed_first(steward):
    first, second, third = entered("Zebra CCG"), entered("Lion CCG"), entered("Tiger CCG")
    address = f"{LIST}{first.pk}/undo/"

    page = steward.get(address)

    assert page.context["later"] == [third, second]
    assert page.context["rehearsal"].rows == 3
    assert "2 later releases of the same source stand on it" in text(page)
    assert "Undo these 3 releases" in text(page)

    done = steward.post(address, {"later": [third.pk, second.pk]}, follow=True)

    assert f"Release {first.pk} is undone with two later ones" in text(done)
    undos = Release.objects.filter(kind=Release.Kind.UNDO).order_by("pk")
    assert [undo.undoes for undo in undos] == [third, second, first]
    assert not Version.objects.now().filter(asserted_by__in=[first, second, third]).exists()


@pytest.mark.parametrize("listed", [[], ["second"]])
def test_a_later_release_that_the_page_did_not_list_is_not_undone(steward, listed):
    first = entered("Zebra CCG")
    later = {"second": entered("Lion CCG"), "third": entered("Tiger CCG")}
    address = f"{LIST}{first.pk}/undo/"

    refused = steward.post(address, {"later": [later[name].pk for name in listed]}, follow=True)

    assert "Nothing was undone. Later releases of the same source stand" in text(refused)
    assert refused.context["later"] == [later["third"], later["second"]]
    assert not Release.objects.filter(kind=Release.Kind.UNDO).exists()


def test_what_is_too_much_for_a_page_is_left_to_the_command(steward, monkeypatch):
    first, second = entered("Zebra CCG"), entered("Lion CCG")
    address = f"{LIST}{first.pk}/undo/"
    monkeypatch.setattr(undoing, "LARGE", 2)
    assert "Undo these 2 releases" in text(steward.get(address))
    monkeypatch.setattr(undoing, "LARGE", 1)

    said = text(steward.get(address))

    assert f"./run undo_release {first.pk} --with-later" in said
    assert "Undo these" not in said
    refused = steward.post(address, {"later": [second.pk]}, follow=True)
    assert "Too much to undo while a page waits." in text(refused)
    assert not Release.objects.filter(kind=Release.Kind.UNDO).exists()


def test_what_stands_in_the_way_of_an_undo_is_listed(steward, register):
    kent = Version.objects.now().get(organisation__code="91Q", kind="sub_icb")
    built = Version.objects.get(pk=kent.pk)
    built.name = "Kent"
    entry = enter_fact(built, by=factories.user(), replaces=kent).asserted_by

    page = steward.get(f"{LIST}{register.pk}/undo/")

    assert "This release cannot be undone." in text(page)
    assert page.context["rehearsal"].blocking == [entry]
    refused = steward.post(f"{LIST}{register.pk}/undo/", follow=True)
    assert "Another source built on this release" in text(refused)
    assert not Release.objects.filter(undoes=register).exists()


def test_a_release_shows_the_first_facts_it_wrote_and_retracted(steward):
    fact = factories.version(name="Zebra CCG")
    fixed = Version.objects.get(pk=fact.pk)
    fixed.name = "Zebra and Lion CCG"
    release = enter_fact(fixed, by=factories.user(), replaces=fact).asserted_by

    page = text(steward.get(f"{LIST}{release.pk}/"))

    code = fact.organisation.code
    assert f"Wrote 1 {code} Zebra and Lion CCG, CCG, since 1 Apr 2013" in page
    assert f"Retracted 1 {code} Zebra CCG, CCG, since 1 Apr 2013" in page

    address = f"{LIST}{release.pk}/facts/version/"
    for query, name in (("", "Zebra and Lion CCG"), ("?did=retracted", "Zebra CCG")):
        assert f'href="{address}{query}"' in steward.get(f"{LIST}{release.pk}/").content.decode()
        listed = steward.get(address + query)
        assert len(listed.context["page"].rows) == 1
        assert f"{code} {name}, CCG, since 1 Apr 2013" in text(listed)
        assert breaks_the_policy(listed) == []
    assert steward.get(f"{LIST}{release.pk}/facts/finding/").status_code == 404


@pytest.mark.parametrize(
    "model", [model._meta.model_name for model in RECORDED if model is not Boundary]
)
def test_all_facts_of_a_release_are_listed_in_words(
    steward, register, model, django_assert_max_num_queries
):
    address = f"{LIST}{register.pk}/facts/{model}/"
    steward.get(address)

    with django_assert_max_num_queries(6):
        page = steward.get(address)

    (table,) = [
        each
        for each in steward.get(f"{LIST}{register.pk}/").context["tables"]
        if each["model"] == model
    ]
    shown = len(page.context["page"].rows)
    assert shown == min(50, table["wrote"]) > 0
    lines = steward.get(address, {"format": "csv"}).content.decode().splitlines()
    assert len(lines) == table["wrote"] + 1


def test_only_a_steward_may_undo(client, register):
    address = f"{LIST}{register.pk}/undo/"
    assert client.get(address).status_code == 302

    client.force_login(factories.user(role="manager"))

    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403
    assert "Undo" not in text(client.get(f"{LIST}{register.pk}/"))


@pytest.mark.parametrize("rows", [1, 20])
def test_the_list_asks_the_database_the_same_however_long_it_is(
    steward, rows, django_assert_num_queries
):
    for _ in range(rows):
        factories.release()
    steward.get(LIST)

    with django_assert_num_queries(5):  # session, user, the rows, views, alerts
        steward.get(LIST)
