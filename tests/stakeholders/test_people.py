"""The list of people and a person's page, over the bundled register."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from footprints.models import Organisation
from footprints.within import bodies_within
from stakeholders.models import Person, Post, Tenure
from stakeholders.timeline import Timeline

pytestmark = pytest.mark.usefixtures("register")

TODAY = "2026-11-21"
LIST = "/people/"


@pytest.fixture
def reader(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("reader"))
    return client


def holder(code, role="Chief pharmacist", name="Ada Quill", opened_on=None, closed_on=None):
    """Somebody in a post at the body with this code; the person."""
    given_name, family_name = name.split()
    person = Person.objects.create(given_name=given_name, family_name=family_name)
    post = Post.objects.create(organisation=Organisation.objects.get(code=code), role=role)
    Tenure.objects.create(post=post, person=person, opened_on=opened_on, closed_on=closed_on)
    return person


def names(response):
    return [str(tenure.person) for tenure in response.context["page"].rows]


def within(code, day):
    bodies = Organisation.objects.filter(pk__in=bodies_within(code, day))
    return set(bodies.values_list("code", flat=True))


# --- Within a footprint -------------------------------------------------------------------------


def test_within_an_icb_are_its_locations_its_trusts_and_the_committees_that_cover_it():
    bodies = within("QYG", date(2026, 11, 21))

    assert {"QYG", "99A", "27D", "RW4", "APC-02"} <= bodies
    assert not bodies & {"QOP", "14L", "Y62", "APC-21"}


def test_a_committee_that_covers_only_a_part_is_within_the_whole():
    # 02X is in South Yorkshire and 02Q left it for Nottinghamshire on 1 July 2022.
    assert "APC-15" in within("QF7", date(2026, 11, 21))
    assert "APC-15" in within("QT1", date(2026, 11, 21))
    assert "APC-15" not in within("QT1", date(2022, 6, 30))


@pytest.mark.parametrize("day, system", [(date(2026, 3, 31), "QNQ"), (date(2026, 4, 1), "S9B9J")])
def test_what_is_within_follows_the_day_of_the_reorganisation(day, system):
    others = {"QNQ", "S9B9J", "S0E4D"} - {system}

    assert "RDU" in within(system, day)  # Frimley Health NHS Foundation Trust
    assert all("RDU" not in within(other, day) for other in others)


def test_a_body_that_is_gone_has_itself_alone_and_an_unknown_code_nothing():
    assert within("QNQ", date(2026, 11, 21)) == {"QNQ"}
    assert within("ZZZ", date(2026, 11, 21)) == set()


# --- The list -----------------------------------------------------------------------------------


def test_it_shows_who_holds_a_post_on_the_day_and_nobody_else(reader):
    holder("QKS", name="Ann Before", closed_on=date(2026, 4, 1))
    holder("QKS", name="Bea Since", opened_on=date(2026, 4, 1))

    assert names(reader.get(LIST, {"on": "2026-03-31"})) == ["Ann Before"]
    assert names(reader.get(LIST, {"on": "2026-04-01"})) == ["Bea Since"]


def test_a_body_has_the_name_of_the_day_and_says_when_it_is_not_there(reader):
    holder("QKS")
    holder("QNQ", name="Zoe Last")

    then = reader.get(LIST, {"on": "2020-03-31"}).content.decode()
    now = reader.get(LIST, {"on": TODAY}).content.decode()

    assert "NHS Kent and Medway Integrated Care Board" in now
    assert "NHS Kent and Medway Integrated Care Board" not in then
    assert now.count("not there on this day") == 1
    assert "NHS Frimley Integrated Care Board" in now


def test_it_narrows_by_footprint_role_kind_and_name(reader):
    holder("QYG", name="Ida Board")
    holder("RW4", role="Medical director", name="Tom Trust")
    holder("APC-02", role="Chair", name="Cat Committee")
    holder("QOP", name="Out Side")

    def narrowed(**filters):
        return set(names(reader.get(LIST, {"on": TODAY, **filters})))

    assert narrowed(within="QYG") == {"Ida Board", "Tom Trust", "Cat Committee"}
    assert narrowed(within="QYG", role="medic") == {"Tom Trust"}
    assert narrowed(role="director") == {"Tom Trust"}
    assert narrowed(role="irector") == set()
    assert narrowed(kind="icb") == {"Ida Board", "Out Side"}
    assert narrowed(q="cat") == narrowed(q="commit CAT") == {"Cat Committee"}
    assert narrowed(q="ommittee") == set()


def test_a_body_that_is_not_among_the_widest_may_be_asked_for_by_its_code(reader):
    holder("99A", role="Respiratory lead", name="Liv Pool")
    holder("QYG", name="Ida Board")

    response = reader.get(LIST, {"on": TODAY, "within": "99A"})

    assert names(response) == ["Liv Pool"]
    assert [chip.text for chip in response.context["chips"]] == [
        "NHS Cheshire and Merseyside ICB - 99A (99A)"
    ]


def test_an_invented_person_is_marked_as_such(reader):
    person = holder("QKS")
    assert b"invented" not in reader.get(LIST, {"on": TODAY}).content

    Person.objects.filter(pk=person.pk).update(is_invented=True)
    assert b'<span class="kind">invented</span>' in reader.get(LIST, {"on": TODAY}).content
    assert b"invented" in reader.get(person.get_absolute_url()).content


def queries(client, address, params=None):
    """How many queries the page asks once the presets of the day are kept."""
    client.get(address, params)
    with CaptureQueriesContext(connection) as asked:
        client.get(address, params)
    return len(asked)


@pytest.mark.parametrize("sort", ["person", "-code"])
def test_the_list_asks_the_database_the_same_however_long_it_is(reader, sort):
    holder("QNQ")
    of_one = queries(reader, LIST, {"sort": sort})
    for row in range(1, 30):
        holder("QKS" if row % 2 else "QNQ", role=f"Role {row}")

    assert queries(reader, LIST, {"sort": sort}) == of_one <= 8


def test_a_persons_page_asks_the_database_the_same_however_many_posts(reader):
    person = holder("QM7")  # a split whose shares are derived, which asks once more
    of_one = queries(reader, person.get_absolute_url())
    for code in Organisation.objects.filter(versions__kind="icb").values_list("code", flat=True):
        post = Post.objects.create(
            organisation=Organisation.objects.get(code=code), role="Non-executive"
        )
        Tenure.objects.create(post=post, person=person)

    assert queries(reader, person.get_absolute_url()) == of_one <= 15


# --- A person -----------------------------------------------------------------------------------


def test_a_persons_posts_are_told_apart_by_the_day(reader):
    person = holder("00C", role="Head of medicines", closed_on=date(2020, 4, 1))
    post = Post.objects.create(organisation=Organisation.objects.get(code="16C"), role="Lead")
    Tenure.objects.create(post=post, person=person, opened_on=date(2020, 4, 1))

    def roles(day):
        groups = reader.get(person.get_absolute_url(), {"on": day}).context["groups"]
        return {title: [t.post.role for t in held] for title, held in groups}

    assert roles("2020-03-31") == {
        "On this day": ["Head of medicines"],
        "Later": ["Lead"],
        "Before": [],
    }
    assert roles("2020-04-01") == {
        "On this day": ["Lead"],
        "Later": [],
        "Before": ["Head of medicines"],
    }


def test_whose_body_is_gone_is_asked_after_and_moved_nowhere(reader):
    person = holder("QNQ")

    before = reader.get(person.get_absolute_url(), {"on": "2026-03-31"})
    after = reader.get(person.get_absolute_url(), {"on": "2026-04-01"})

    assert before.context["stranded"] == []
    [(tenure, places)] = after.context["stranded"]
    assert tenure.person == person
    assert [place.code for place in places] == ["S0E4D", "QRL", "S9B9J"]
    assert f"say where {person} went" in after.content.decode()
    assert list(person.tenures.values_list("post__organisation__code", flat=True)) == ["QNQ"]


def test_nobody_reads_about_people_without_signing_in(client):
    person = holder("QKS")

    for address in (LIST, person.get_absolute_url()):
        assert client.get(address).url.startswith(reverse("account_login"))


# --- The picture --------------------------------------------------------------------------------


def test_bars_lie_within_the_picture_and_in_order_of_time():
    day = date(2026, 11, 21)
    tenures = [
        Tenure(opened_on=date(2020, 4, 1), closed_on=date(2022, 7, 1)),
        Tenure(opened_on=date(2022, 7, 1)),
        Tenure(closed_on=date(2020, 4, 1)),
    ]

    timeline = Timeline.of(tenures, day)

    first, second, third = timeline.bars
    assert first.x + first.width == pytest.approx(second.x, abs=0.2)
    assert third.x == 0
    assert [bar.holds for bar in timeline.bars] == [False, True, False]
    assert second.x < timeline.day_x < timeline.width
    assert all(bar.x >= 0 and bar.x + bar.width <= timeline.width for bar in timeline.bars)
    assert Timeline.of([], day) is None
