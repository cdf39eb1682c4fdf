"""What was loaded, what came of it, and undoing it."""

import pytest

from footprints.models import Finding, Release, Version
from footprints.services.entries import enter_fact
from tests import factories
from tests.footprints.pages import breaks_the_policy, text

pytestmark = pytest.mark.usefixtures("register")

LIST = "/register/releases/"


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
    assert (table.first_gone, table.first_back) == (["Zebra and Lion CCG"], ["Zebra CCG"])


def test_what_stands_in_the_way_of_an_undo_is_listed(steward):
    first, second = entered("Zebra CCG"), entered("Lion CCG")

    page = steward.get(f"{LIST}{first.pk}/undo/")

    assert "This release cannot be undone." in text(page)
    assert page.context["rehearsal"].blocking == [second]
    refused = steward.post(f"{LIST}{first.pk}/undo/", follow=True)
    assert "Later releases of the same source stand; undo them first" in text(refused)
    assert not Release.objects.filter(undoes=first).exists()


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

    with django_assert_num_queries(4):  # session, user, the rows, the alerts
        steward.get(LIST)
