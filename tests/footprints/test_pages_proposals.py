"""Proposals on a page: what the members tell, and what a steward decides."""

from datetime import UTC, date, datetime

import pytest

from footprints.models import Proposal, Release, Reorganisation, Succession
from footprints.services.proposals import propose, propose_from_passings
from tests import factories
from tests.footprints.pages import breaks_the_policy, text
from tests.footprints.practices import DAY, Register

LIST = "/register/proposals/"
AT = datetime(2022, 2, 1, 9, tzinfo=UTC)


@pytest.fixture
def nhs(empty_register):
    return Register()


@pytest.fixture
def split(nhs):
    """OLD closed: of its ten practices six sit in EST, three in WST; one went nowhere."""
    old = nhs.body("OLD", closed_on=DAY)
    east, west = nhs.body("EST", opened_on=DAY), nhs.body("WST", opened_on=DAY)
    members = nhs.join(old, 10)
    nhs.move(members[:6], east)
    nhs.move(members[6:9], west)
    (proposal,) = propose(at=AT)
    return proposal


@pytest.fixture
def steward(client, db):
    client.force_login(factories.user(first_name="Ada", last_name="Quill", role="steward"))
    return client


def test_the_list_shows_what_is_proposed_and_how_sure_it_is(steward, split):
    page = steward.get(LIST)

    said = text(page)
    assert "OLD CCG splits in two" in said
    assert "1 Apr 2020" in said
    assert "90%" in said
    assert "Waiting for a steward" in said
    assert breaks_the_policy(page) == []
    assert "OLD CCG" not in text(steward.get(LIST, {"state": "dismissed"}))
    assert "90%" in steward.get(LIST, {"format": "csv"}).content.decode()


def test_a_proposal_shows_old_and_new_with_the_members_behind_each_number(steward, split):
    page = steward.get(split.get_absolute_url())
    source, said = page.content.decode(), text(page)

    for code in ("OLD", "EST", "WST"):
        assert f'href="/register/{code}/' in source
    assert '<a href="#OLD-EST">6</a>' in source
    assert 'id="OLD-EST"' in source
    assert "67%" in said  # of those that could be followed
    assert "6 of 10 practices of OLD sit in EST" in said
    assert "1 of OLD could not be followed" in said
    assert "The day is told by its last day and the first day of its successor" in said
    assert "Nobody counted the people of these members." in said
    assert said.count("share not known") == 2
    member = split.evidence[0]["went"][0]["members"][0]["code"]
    assert f'href="/register/{member}/' in source
    assert breaks_the_policy(page) == []


def test_shares_by_people_are_shown_where_people_are_known(steward, nhs):
    old = nhs.body("OLD", kind="icb", closed_on=DAY)
    members = nhs.join(old, 2, kind="sub_icb")
    for member, people, code in zip(members, (1_000, 3_000), ("EST", "WST"), strict=True):
        factories.population(organisation=member, people=people, boundary_on=date(2019, 4, 1))
        nhs.move([member], nhs.body(code, kind="icb", opened_on=DAY))
    (proposal,) = propose(at=AT)

    said = text(steward.get(proposal.get_absolute_url()))

    assert "3,000" in said
    assert "75%" in said
    assert "share not known" not in said
    assert "Nobody counted" not in said


def test_a_steward_accepts_and_what_became_of_it_is_shown(steward, split):
    done = steward.post(f"{split.get_absolute_url()}accept/", follow=True)

    event = Reorganisation.objects.get()
    assert done.redirect_chain[-1][0] == event.get_absolute_url()
    assert "is recorded. It can be undone as a release." in text(done)
    assert (event.state, Succession.objects.now().count()) == ("effective", 2)
    said = text(steward.get(split.get_absolute_url()))
    release = Release.objects.latest("pk")
    assert f"Accepted by Ada Quill on {release.applied_at:%-d %b %Y}" in said
    assert f"release {release.pk}" in said
    assert "Dismiss it" not in said

    undo = steward.post(f"/register/releases/{release.pk}/undo/", follow=True)

    assert f"Release {release.pk} is undone" in text(undo)
    assert "and undone since" in text(steward.get(split.get_absolute_url()))


def test_what_is_still_to_come_is_approved_and_not_in_effect(steward, nhs):
    day = date(2190, 4, 1)
    nhs.body("OLD", closed_on=day)
    nhs.body("NEW", opened_on=day)
    (proposal,) = propose_from_passings([("OLD", "NEW", day)], at=AT)

    page = steward.get(proposal.get_absolute_url())
    steward.post(f"{proposal.get_absolute_url()}accept/")

    assert "states the succession" in text(page)
    assert "Where the members went" not in text(page)
    assert Reorganisation.objects.get().state == "approved"


def test_a_steward_dismisses_with_a_reason(steward, split):
    address = f"{split.get_absolute_url()}dismiss/"

    refused = steward.post(address, {"reason": " "})

    assert refused.status_code == 422
    assert "Say why: whoever meets the same evidence again will ask." in text(refused)
    assert Proposal.objects.get().state == "open"

    done = steward.post(address, {"reason": "A clean-up of records."}, follow=True)

    assert done.redirect_chain[-1][0] == LIST
    split.refresh_from_db()
    assert (split.state, split.reason) == ("dismissed", "A clean-up of records.")
    said = text(steward.get(split.get_absolute_url()))
    assert "Dismissed by Ada Quill" in said
    assert "A clean-up of records." in said


def test_who_comes_second_is_told(steward, split):
    steward.post(f"{split.get_absolute_url()}dismiss/", {"reason": "No."})

    for deed, given in (("accept", {}), ("dismiss", {"reason": "Me too."})):
        late = steward.post(f"{split.get_absolute_url()}{deed}/", given, follow=True)
        assert "was dismissed meanwhile" in text(late)

    assert not Succession.objects.exists()
    split.refresh_from_db()
    assert split.reason == "No."


def test_everybody_may_read_and_only_a_steward_may_decide(client, split):
    address = split.get_absolute_url()
    assert client.get(address).status_code == 302

    client.force_login(factories.user(role="manager"))

    assert client.get(LIST).status_code == 200
    said = text(client.get(address))
    assert "OLD CCG splits in two" in said
    assert "Accept " not in said
    assert "Dismiss it" not in said
    for deed in ("accept", "dismiss"):
        assert client.post(f"{address}{deed}/", {"reason": "No."}).status_code == 403
    assert Proposal.objects.get().state == "open"


@pytest.mark.parametrize("number", [1, 12])
def test_the_pages_ask_the_database_the_same_however_much_they_show(
    steward, nhs, number, django_assert_max_num_queries
):
    for n in range(number):
        old, new = nhs.body(f"O{n}", closed_on=DAY), nhs.body(f"N{n}", opened_on=DAY)
        nhs.move(nhs.join(old, 3), new)
    first, *_ = propose(at=AT)
    steward.get(LIST)

    with django_assert_max_num_queries(6):
        steward.get(LIST)
    with django_assert_max_num_queries(8):
        steward.get(first.get_absolute_url())
