"""Handing alerts on: to whoever can take them, and what they and the giver hear of it."""

from datetime import date

import pytest
from django.urls import reverse
from django.utils.timezone import now

from accounts.alerts import handing, inbox
from accounts.models import AccountLead, Alert, Digest, Flag, User
from accounts.overview import my_flags
from accounts.services import digests
from accounts.services.digests import send_letter
from footprints.models import Reorganisation
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

pytestmark = pytest.mark.django_db


@pytest.fixture
def company(register):
    """A plan of 2020 with two field users, its owner, a manager, and a walled team's plan."""
    team, walled = factories.team(), factories.team(is_walled=True)
    owner = factories.user(role=User.Role.PLANNER, last_name="Owner")
    plan = plan_of_2020(owner=owner, team=team)
    plan_of_2020(owner=factories.user(role=User.Role.PLANNER, team=walled), team=walled)
    kent = plan.assignments.get(organisation__code="09C")
    for each in (kent.territory, plan.territories.exclude(pk=kent.territory_id).first()):
        factories.roster_entry(territory=each, user=factories.user(team=team))
    AccountLead.objects.create(
        plan=plan, territory=kent.territory, organisation=kent.organisation, opened_on="2019-01-01"
    )
    for role in User.Role.values:
        factories.user(role=role)
        factories.user(role=role, team=walled)
    factories.user(role=User.Role.MANAGER, last_name="Boss")
    factories.user(is_active=False, role=User.Role.PLANNER)
    look()
    return plan


def test_it_is_offered_to_those_who_can_open_it_as_each_of_them_would_see(company):
    giver = factories.user()
    everybody = User.objects.filter(is_active=True).exclude(pk=giver.pk)
    opened = {each: set(my_flags(each).values_list("pk", flat=True)) for each in everybody}
    flags = list(Flag.objects.values_list("pk", flat=True))
    assert len(flags) > 30

    for some in ([flag] for flag in flags):
        expected = {person for person, seen in opened.items() if seen >= set(some)}
        assert set(handing.takers(some, by=giver)) == expected
    of_company = Flag.objects.on_plans().filter(object_id=company.pk)[:2]
    some = {flag.pk for flag in of_company}
    expected = {person for person, seen in opened.items() if seen >= some}
    assert set(handing.takers(some, by=giver)) == expected


def test_whoever_answers_for_it_is_offered_first(client, company):
    field = User.objects.filter(role="field", team=company.team, alerts__isnull=False).first()
    alert = Alert.objects.filter(holder=field).first()
    client.force_login(field)

    takers = handing.takers([alert.flag_id], by=field)
    answering = [each for each in takers if each.answers]
    assert takers[: len(answering)] == answering
    assert {company.owner, User.objects.get(last_name="Boss")} <= set(answering)
    home, page = client.get("/"), client.get(alert.get_absolute_url())
    for shown in (home, page):
        said = shown.content.decode()
        assert f'<option value="{company.owner_id}">Owner, who answers for it</option>' in said
    client.post(reverse("accounts:alert_deed", args=[alert.pk, "hand"]), {"to": company.owner_id})
    assert not Alert.objects.open().filter(pk=alert.pk, holder=field).exists()


def test_what_is_watched_is_offered_to_nobody(company):
    owner = company.owner
    assert handing.takers([factories.flag(factories.watch(person=owner).list).pk], by=owner) == []


TODAY = date(2020, 2, 1)
EVENT = "91q-2020-04-01"


def send(person):
    return send_letter(person, moment=now(), today=TODAY)


def change(**fields):
    event = Reorganisation.objects.filter(slug=EVENT)
    event.update(**fields)
    event.revise()
    look()


@pytest.fixture
def handed(register, mailoutbox):
    """An alert of which its person was told, and which they handed to a colleague without a part
    of the plan."""
    giver = factories.user(email="giver@example.com", role=User.Role.PLANNER, last_name="Hart")
    taker = factories.user(email="taker@example.com", role=User.Role.PLANNER, last_name="Lee")
    plan_of_2020(owner=giver)
    look()
    assert send(giver)
    mailoutbox.clear()
    alert = Alert.objects.get(person=giver, flag__reorganisation__slug=EVENT)
    done = handing.hand_on([alert.pk], taker, by=giver, moment=now(), note="Kent is yours.")
    assert done == (1, 0)
    alert.refresh_from_db()
    return alert


def test_whoever_it_was_handed_to_gets_one_letter_of_it_with_the_note(handed, mailoutbox):
    giver, taker = handed.person, handed.holder

    assert send(taker)
    assert not send(taker)
    assert send(giver) is None

    (letter,) = mailoutbox
    assert letter.to == ["taker@example.com"]
    assert "Hart handed it to you: “Kent is yours.”" in letter.body
    assert "Hart handed it to you: “Kent is yours.”" in letter.alternatives[0].content
    assert "91Q" in letter.body and "00C" not in letter.body
    assert not Digest.objects.unsent().filter(person=taker).exists()
    assert not Alert.objects.to_tell().exists()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ({"effective_on": date(2020, 7, 1)}, "it is 1 July 2020 now"),
        ({"state": Reorganisation.State.REJECTED}, "Called off"),
    ],
)
def test_what_becomes_of_it_is_told_to_whoever_holds_it(handed, mailoutbox, what, says):
    send(handed.holder)
    mailoutbox.clear()

    change(**what)

    assert send(handed.holder) and not send(handed.holder)
    assert not send(handed.person)
    (letter,) = mailoutbox
    assert letter.to == ["taker@example.com"] and says in letter.body
    assert "handed it to you" not in letter.body


def test_what_was_never_told_to_its_holder_is_not_called_off_by_letter(handed, mailoutbox):
    change(state=Reorganisation.State.REJECTED)

    assert not send(handed.holder) and not send(handed.person)
    assert not mailoutbox


def test_what_is_handed_on_while_its_letter_is_out_is_told_to_the_colleague(
    register, mailoutbox, monkeypatch
):
    giver = factories.user(email="giver@example.com", role=User.Role.PLANNER)
    taker = factories.user(email="taker@example.com", role=User.Role.PLANNER)
    plan_of_2020(owner=giver)
    look()
    keys = list(Alert.objects.values_list("pk", flat=True))
    mark = digests._mark

    def hand_on_and_mark(*given):
        handing.hand_on(keys, taker, by=giver, moment=now())
        mark(*given)

    monkeypatch.setattr(digests, "_mark", hand_on_and_mark)
    assert send(giver)
    monkeypatch.undo()

    assert Alert.objects.to_tell().count() == len(keys)
    assert send(taker) and not send(taker)
    assert [letter.to for letter in mailoutbox] == [["giver@example.com"], ["taker@example.com"]]
    assert not Alert.objects.to_tell().exists()


def test_what_a_colleague_held_who_has_left_goes_back_once_there_are_news(handed, mailoutbox):
    send(handed.holder)
    mailoutbox.clear()
    User.objects.filter(pk=handed.holder_id).update(is_active=False)

    change(effective_on=date(2020, 7, 1))

    handed.refresh_from_db()
    assert handed.holder == handed.person
    assert send(handed.person)
    assert [letter.to for letter in mailoutbox] == [["giver@example.com"]]


def test_whoever_has_it_already_is_asked_to_look_again(client, handed, mailoutbox):
    giver, third = handed.person, factories.user(role=User.Role.PLANNER, email="c@example.com")
    own = factories.alert(
        person=third, flag=handed.flag, told=handed.news, news=handed.news, because="2-patch"
    )
    inbox.deal_with([own.pk], by=third, note="Done.")
    client.force_login(giver)
    address = reverse("accounts:alert_deed", args=[handed.pk, "hand"])

    page = client.post(address, {"to": third.pk, "note": "Look again."}, follow=True)

    said = page.content.decode()
    assert "knew already: it is open in their inbox again, with your note." in said
    own.refresh_from_db()
    assert (own.resolved_at, own.note, own.handed_by) == (None, "Look again.", giver)
    assert own.handed_at
    handed.refresh_from_db()
    assert handed.resolved_by == giver
    send(third)
    assert "Hart handed it to you: “Look again.”" in mailoutbox[-1].body
    assert not Alert.objects.to_tell().filter(holder=third).exists()
    client.force_login(third)
    assert "from Hart" in client.get("/").content.decode()
    assert "Hart handed it to you" in client.get(own.get_absolute_url()).content.decode()
