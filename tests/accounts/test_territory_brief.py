"""A territory on one page: map, numbers, people, what is coming."""

from datetime import date

import pypdfium2
import pytest
from django.db.models import F

from accounts.models import User
from accounts.services.flags import raise_flags
from accounts.taking_along.territory_brief import territory_brief
from accounts.territories.reading import PlanOnDay
from tests import factories
from tests.accounts.test_taking_along_pages import text_of

YEAR, APRIL = date(2026, 4, 1), date(2027, 4, 1)


class Case:
    """T1 with two ICBs, one of which would merge; T2 with a third, which would merge with it."""

    def __init__(self):
        self.planner = factories.user(role=User.Role.PLANNER, first_name="Pat")
        self.plan = factories.plan(name="Key accounts", opened_on=YEAR, state="active")
        self.here = factories.territory(plan=self.plan, code="T1", name="The East")
        self.there = factories.territory(plan=self.plan, code="T2", name="The West")
        self.rep = factories.user(
            role=User.Role.FIELD, team=self.plan.team, first_name="Ann", last_name="Lee"
        )
        factories.roster_entry(territory=self.here, user=self.rep, opened_on=YEAR)
        factories.roster_entry(
            territory=self.here, name="Bo Cover", role="cover", opened_on=YEAR, closed_on=APRIL
        )
        self.bodies = [
            factories.body(kind_code="icb", name=f"NHS {name} ICB")
            for name in ("Alder", "Beech", "Cedar")
        ]
        places = (self.here, self.here, self.there)
        for home, body, people in zip(places, self.bodies, (100, 200, 900), strict=True):
            factories.assignment(territory=home, organisation=body, opened_on=YEAR)
            factories.population(organisation=body, people=people)
            body.longitude, body.latitude = people / 1000, 52
            body.save()
        for practice in range(3):
            below = factories.body(kind_code="practice", name=f"Practice {practice}")
            factories.relationship(child=below, parent=self.bodies[0])
        post = factories.post(organisation=self.bodies[0], role="Chief pharmacist")
        factories.tenure(post=post, person=factories.person(given_name="Zoe", family_name="Hale"))
        factories.post(organisation=self.bodies[1], role="Medical director")
        factories.tenure(
            post=factories.post(organisation=self.bodies[2]),
            person=factories.person(family_name="Elsewhere"),
        )
        self.event = factories.reorganisation(
            effective_on=APRIL, state="proposed", title="Beech and Cedar would merge"
        )
        new = factories.organisation(is_provisional=True)
        factories.version(new, kind_code="icb", opened_on=APRIL)
        for old in self.bodies[1:]:
            factories.succession(
                reorganisation=self.event, predecessor=old, successor=new, share=1
            )
        raise_flags()

    def brief(self, user=None, territory=None, on=date(2026, 11, 22)):
        on_day = PlanOnDay(self.plan, user or self.planner, on)
        return territory_brief(territory or self.here, on_day)

    @property
    def address(self):
        return f"{self.here.get_absolute_url()}brief.pdf?on=2026-11-22"


@pytest.fixture
def case(db):
    return Case()


def test_it_says_what_the_territory_has(case):
    found = case.brief()

    assert (found.row.units, found.row.people, found.practices) == (2, 300, 3)
    assert found.index == 50  # 300 against a mean of 600
    assert [str(entry) for entry in found.roster] == ["Ann Lee", "Bo Cover"]
    assert [(str(t.person), t.post.role) for t in found.tenures] == [
        ("Zoe Hale", "Chief pharmacist")
    ]
    assert found.vacant_posts == 1
    assert [(coming.title, coming.on, coming.does) for coming in found.coming] == [
        ("Beech and Cedar would merge", APRIL, "1 conflict, 1 unit closes")
    ]
    assert not found.coming[0].is_decided


def test_what_is_over_or_dealt_with_is_not_coming(case):
    assert case.brief(on=APRIL).coming == []
    assert case.brief(territory=factories.territory(plan=case.plan, code="T9")).coming == []

    case.event.flags.update(lapsed_at=F("raised_at"))

    assert case.brief().coming == []


def test_it_is_one_page_of_pdf(client, case):
    client.force_login(case.planner)

    answer = client.get(case.address)

    assert answer["Content-Type"] == "application/pdf"
    assert 'filename="t1-on-2026-11-22.pdf"' in answer["Content-Disposition"]
    text = text_of(answer.content)
    for words in (
        "T1 The East",
        "as on 22 November 2026",
        "300",
        "Ann Lee",
        "Bo Cover",
        "Zoe Hale",
        "Chief pharmacist",
        "One post there is held by nobody.",
        "What is coming: one reorganisation",
        "Beech and Cedar would merge (not decided)",
        "Taken by Pat",
    ):
        assert words in text, text
    assert "Elsewhere" not in text
    assert (
        f'href="{case.here.get_absolute_url()}brief.pdf'
        in client.get(case.here.get_absolute_url()).content.decode()
    )


def test_however_much_there_is_it_stays_one_page(client, case):
    client.force_login(case.planner)
    for number in range(90):
        post = factories.post(organisation=case.bodies[0], role=f"Post {number} " + "of long " * 9)
        factories.tenure(post=post)
        body = factories.body(kind_code="icb", name=f"NHS With a long name indeed {number} ICB")
        factories.assignment(territory=case.here, organisation=body, opened_on=YEAR)
        factories.roster_entry(territory=case.here, name=f"Cover {number}", role="cover")

    text = text_of(client.get(case.address).content)

    assert "more, under People" in text
    assert "and 78 more." in text
    assert "and 84 more" in text


def test_an_empty_territory_has_a_brief_too(client, case):
    empty = factories.territory(plan=case.plan, code="T9", name="Łódź")
    client.force_login(case.planner)

    text = text_of(client.get(f"{empty.get_absolute_url()}brief.pdf").content)

    assert "vacant" in text
    assert "Nothing open touches it." in text


def test_a_field_user_takes_their_own_and_no_other(client, case):
    client.force_login(case.rep)

    assert client.get(case.address).status_code == 200
    assert client.get(f"{case.there.get_absolute_url()}brief.pdf").status_code == 404
    assert case.brief(user=case.rep).index is None  # the mean tells of the others


def test_a_walled_plans_territory_is_not_found_by_others(client, case):
    case.plan.team.is_walled = True
    case.plan.team.save()
    client.force_login(case.planner)

    assert client.get(case.address).status_code == 404


def test_the_map_is_drawn(client, case):
    client.force_login(case.planner)
    page = pypdfium2.PdfDocument(client.get(case.address).content)[0]

    filled = [thing for thing in page.get_objects() if thing.type == 2]  # paths

    assert len(filled) >= 3
