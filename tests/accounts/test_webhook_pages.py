"""The pages of webhooks: who may keep which, what is shown once, what comes back, sent again."""

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Delivery, PlanStep, Webhook
from accounts.webhooks.telling import tell
from tests import factories

from .receiver import receiving, status

TOPICS = ["reorganisation.step", "sheet.done", "plan.active"]


@pytest.fixture
def on_loopback(settings):
    settings.WEBHOOKS_MAY_REACH = ["127.0.0.0/8"]
    settings.WEBHOOKS_ALLOW_HTTP = True


@pytest.fixture
def sign_in(client, db):
    def as_(role, **fields):
        user = factories.user(role=role, **fields)
        client.force_login(user)
        return user

    return as_


def written(**fields):
    """What a person writes to make a webhook."""
    values = {
        "name": "North's channel",
        "shape": "waymark",
        "address": "https://hooks.example.com/services/T0/whoever-has-this",
        "team": "",
        "topics": TOPICS,
    }
    return {**values, **fields}


def page(name, *args):
    return reverse(f"accounts:{name}", args=args)


# --- Who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["field", "steward"])
def test_others_than_planners_managers_and_administrators_are_refused(client, sign_in, role):
    sign_in(role)
    delivery = factories.delivery(state="dead")
    webhook = delivery.webhook
    for name, args in [
        ("webhooks", ()),
        ("make_webhook", ()),
        ("dead_letters", ()),
        ("webhook", [webhook.pk]),
        ("change_webhook", [webhook.pk]),
        ("change_secret", [webhook.pk]),
        ("retire_webhook", [webhook.pk]),
        ("delivery", [delivery.pk]),
    ]:
        assert client.get(page(name, *args)).status_code == 403, name
    for name, args in [("test_webhook", [webhook.pk]), ("send_again", ())]:
        assert client.post(page(name, *args), {"row": delivery.pk}).status_code == 403, name
    assert client.post(page("make_webhook"), written()).status_code == 403

    assert "Webhooks</a>" not in client.get("/").text
    delivery.refresh_from_db()
    assert delivery.state == "dead"
    assert Webhook.objects.count() == 1


def test_the_menu_leads_there_for_those_who_may(client, sign_in):
    sign_in("planner")

    assert page("webhooks") in client.get("/").text


def test_a_planner_keeps_those_of_teams_and_not_the_companys_nor_a_walled_teams(client, sign_in):
    team, walled = factories.team(name="North"), factories.team(is_walled=True)
    sign_in("planner", team=team)
    ours = factories.webhook(name="of a team", team=team)
    company = factories.webhook(name="of the company")
    medical = factories.webhook(name="of the walled", team=walled)

    listed = client.get(page("webhooks")).text
    assert "of a team" in listed
    assert "of the company" not in listed
    assert "of the walled" not in listed
    assert client.get(ours.get_absolute_url()).status_code == 200
    for other in (company, medical):
        assert client.get(other.get_absolute_url()).status_code == 404
        assert client.get(factories.delivery(webhook=other).get_absolute_url()).status_code == 404
        assert client.post(page("test_webhook", other.pk)).status_code == 404
        assert client.post(page("change_secret", other.pk)).status_code == 404
        assert client.post(page("retire_webhook", other.pk)).status_code == 404
    refused = client.post(page("make_webhook"), written())  # of the whole company
    assert refused.status_code == 422
    assert client.post(page("make_webhook"), written(team=walled.pk)).status_code == 422
    assert Webhook.objects.count() == 3


@pytest.mark.parametrize("fields", [{"role": "manager"}, {"role": "field", "is_superuser": True}])
def test_managers_and_administrators_keep_the_companys(client, sign_in, fields):
    sign_in(**fields)
    walled = factories.webhook(name="of the walled", team=factories.team(is_walled=True))

    assert client.post(page("make_webhook"), written()).status_code == 200
    assert Webhook.objects.get(name="North's channel").team is None
    assert client.get(walled.get_absolute_url()).status_code == 404


# --- Made, changed, retired ---------------------------------------------------------------------


def test_the_secret_is_shown_once_and_the_address_no_more(client, sign_in):
    user = sign_in("manager")

    made = client.post(page("make_webhook"), written())

    webhook = Webhook.objects.get()
    assert webhook.secret in made.text
    assert "no-store" in made["Cache-Control"]
    assert webhook.by == user
    assert set(webhook.subscriptions.values_list("topic", flat=True)) == set(TOPICS)
    delivery = factories.delivery(webhook=webhook, state="dead", tries=10, tried_at=now())
    user.is_staff = user.is_superuser = True
    user.save()
    for address in (
        page("webhooks"),
        page("webhooks") + "?format=json",
        page("webhooks") + "?format=csv",
        webhook.get_absolute_url(),
        page("change_webhook", webhook.pk),
        page("change_secret", webhook.pk),
        page("retire_webhook", webhook.pk),
        page("dead_letters"),
        delivery.get_absolute_url(),
        reverse("admin:accounts_webhook_change", args=[webhook.pk]),
        reverse("admin:accounts_webhook_changelist"),
    ):
        shown = client.get(address)
        assert shown.status_code == 200, address
        text = shown.getvalue().decode() if shown.streaming else shown.text
        assert webhook.secret.removeprefix("whsec_") not in text, address
        assert "whoever-has" not in text, address
    assert "hooks.example.com/…this" in client.get(webhook.get_absolute_url()).text


def test_another_secret_is_shown_once_and_the_former_signs_on(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook()
    former = webhook.secret

    shown = client.post(page("change_secret", webhook.pk))

    webhook.refresh_from_db()
    assert webhook.secret != former
    assert webhook.former_secret == former
    assert webhook.secret in shown.text
    assert former not in shown.text


def test_what_is_changed_is_kept_and_an_empty_address_stays(client, sign_in):
    user, team = sign_in("manager"), factories.team()
    webhook = factories.webhook("plan.active", address="https://hooks.example.com/a/secret-path")

    form = client.get(page("change_webhook", webhook.pk)).text
    assert "secret-path" not in form
    answer = client.post(
        page("change_webhook", webhook.pk),
        written(name="Other", shape="slack", address="", team=team.pk, topics=TOPICS[:1]),
    )

    assert answer.status_code == 302
    webhook.refresh_from_db()
    assert (webhook.name, webhook.shape, webhook.team) == ("Other", "slack", team)
    assert webhook.address == "https://hooks.example.com/a/secret-path"
    assert (webhook.is_on, webhook.by) == (False, user)
    assert list(webhook.subscriptions.values_list("topic", flat=True)) == TOPICS[:1]


def test_what_happened_while_it_was_off_is_passed_over(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook("plan.active", is_on=False)
    plan = factories.plan()
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)

    fields = written(address="", topics=["plan.active"], is_on="on")
    client.post(page("change_webhook", webhook.pk), fields)

    assert tell() == 0
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=2)
    assert tell() == 1


def test_two_webhooks_have_two_names_unless_one_is_retired(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook(name="North's channel")

    again = client.post(page("make_webhook"), written())
    assert again.status_code == 422
    assert "There is a webhook of this name already." in again.text
    client.post(page("retire_webhook", webhook.pk))
    assert client.post(page("make_webhook"), written()).status_code == 200


def test_a_name_that_was_taken_a_moment_ago_is_refused_in_words(client, sign_in, monkeypatch):
    """A button that was pressed twice: neither form saw the other's webhook."""
    sign_in("manager")
    monkeypatch.setattr(Webhook, "validate_constraints", lambda self, exclude: None)

    assert client.post(page("make_webhook"), written()).status_code == 200
    again = client.post(page("make_webhook"), written())
    other = factories.webhook()
    renamed = client.post(page("change_webhook", other.pk), written(address=""))

    for refused in (again, renamed):
        assert refused.status_code == 422
        assert "There is a webhook of this name already." in refused.text


def test_one_that_is_retired_is_told_nothing_and_stays_to_be_read(client, sign_in):
    sign_in("manager")
    delivery = factories.delivery()
    webhook = delivery.webhook

    assert "1 delivery that still waits" in client.get(page("retire_webhook", webhook.pk)).text
    client.post(page("retire_webhook", webhook.pk))

    delivery.refresh_from_db()
    assert (delivery.state, delivery.outcome) == (
        "dead",
        "The webhook was retired before it went.",
    )
    assert client.get(webhook.get_absolute_url()).status_code == 200
    assert webhook.name not in client.get(page("webhooks")).text.split("<main")[1]
    assert client.get(page("change_webhook", webhook.pk)).status_code == 404
    assert client.post(page("test_webhook", webhook.pk)).status_code == 404
    client.post(page("send_again"), {"row": delivery.pk})
    delivery.refresh_from_db()
    assert delivery.state == "dead"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://hooks.example.com/", "begins with https"),
        ("ftp://hooks.example.com/", "begins with https"),
        ("hooks.example.com", "begins with https"),
        ("https://", "Enter a valid URL"),
        ("https://me:secret@hooks.example.com/", "Take the name and the password out"),
        ("https://127.0.0.1/", "is inside"),
        ("https://[::1]/", "is inside"),
        ("https://localhost:8000/", "is inside"),
        ("https://169.254.169.254/latest/meta-data", "where a cloud answers"),
        ("https://intranet/", "Enter a valid URL"),
        ("https://hooks.example.com:99999/", "This is no address"),
        ("https://hooks.example.com:25/", "Port 25 is another service"),
        ("https://hooks.example.com:0/", "Port 0 is another service"),
        ("https://hooks.example.com:1023/", "Port 1023 is another service"),
        ("https://hooks.example.com/a b", "as %XX"),
        ("https://hooks.example.com/\r\nX: y", "as %XX"),
        ("https://[nonsense/", "This is no address"),
    ],
)
def test_an_address_that_would_not_do_is_refused_at_once(client, sign_in, address, says):
    sign_in("manager")

    refused = client.post(page("make_webhook"), written(address=address))

    assert refused.status_code == 422
    assert says in refused.text
    assert not Webhook.objects.exists()


def test_a_host_that_is_allowed_may_be_written(client, sign_in, settings):
    sign_in("manager")
    settings.WEBHOOKS_MAY_REACH = ["10.1.0.0/16", "intranet"]

    for number, address in enumerate(["https://10.1.2.3/in", "https://intranet/in#part"]):
        made = client.post(page("make_webhook"), written(name=f"{number}", address=address))
        assert made.status_code == 200, made.text
    assert set(Webhook.objects.values_list("address", flat=True)) == {
        "https://10.1.2.3/in",
        "https://intranet/in",
    }


@pytest.mark.parametrize("port", [80, 443, 1024, 8443])
def test_a_port_of_the_web_or_of_nobody_may_be_written(client, sign_in, port):
    sign_in("manager")

    made = client.post(page("make_webhook"), written(address=f"https://hooks.example.com:{port}/"))

    assert made.status_code == 200, made.text
    assert Webhook.objects.get().host == f"hooks.example.com:{port}"


def test_a_webhook_that_hears_of_nothing_is_refused(client, sign_in):
    sign_in("manager")

    refused = client.post(page("make_webhook"), written(topics=[]))

    assert refused.status_code == 422
    assert "Tick at least one" in refused.text


# --- Tested, told, sent again -------------------------------------------------------------------


@pytest.mark.parametrize("shape", Webhook.Shape.values)
def test_a_test_says_what_came_back(client, sign_in, on_loopback, shape):
    sign_in("manager")
    with receiving(status(202, "thanks"), status(404, "<b>no_service</b>")) as there:
        webhook = factories.webhook(address=there.address, shape=shape)
        good = client.post(page("test_webhook", webhook.pk)).text
        bad = client.post(page("test_webhook", webhook.pk)).text

    assert "The test arrived." in good
    assert "answered 202 (Accepted)" in good
    assert "thanks" in good
    assert "The test did not arrive." in bad
    assert "answered 404 (Not Found)" in bad
    assert "&lt;b&gt;no_service&lt;/b&gt;" in bad
    assert "A test from Waymark" in there.received[0].body.decode()
    assert "it did not arrive." in client.get(page("webhook", webhook.pk)).text
    assert not Delivery.objects.exists()


def test_the_last_test_stays_on_the_page_until_the_address_is_another(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook("plan.active", address="https://localhost/")
    assert "<dd>none yet</dd>" in client.get(page("webhook", webhook.pk)).text

    client.post(page("test_webhook", webhook.pk))
    shown = client.get(page("webhook", webhook.pk)).text
    assert "it did not arrive." in shown and "is inside" in shown

    fields = written(name=webhook.name, topics=["plan.active"])
    assert client.post(page("change_webhook", webhook.pk), fields).status_code == 302
    assert "<dd>none yet</dd>" in client.get(page("webhook", webhook.pk)).text


@pytest.mark.parametrize("fields", [{"test_says": "404"}, {"tested_at": now()}])
def test_a_test_has_a_moment_and_an_outcome_or_neither(db, fields):
    with pytest.raises(IntegrityError, match="webhook_tested_says_what"):
        factories.webhook(**fields)


def test_a_test_of_an_address_that_leads_inside_says_so(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook(address="https://localhost/")

    assert "is inside" in client.post(page("test_webhook", webhook.pk)).text


def test_its_deliveries_are_listed_by_state(client, sign_in):
    sign_in("manager")
    webhook = factories.webhook()
    for state, fields in {
        "waiting": {},
        "sent": {"sent_at": now()},
        "dead": {"tried_at": now()},
    }.items():
        factories.delivery(webhook=webhook, state=state, says=f"It is {state}", **fields)

    everything = client.get(webhook.get_absolute_url()).text
    assert all(f"It is {state}" in everything for state in ("waiting", "sent", "dead"))
    dead = client.get(webhook.get_absolute_url(), {"state": "dead"}).text
    assert "It is dead" in dead
    assert "It is sent" not in dead
    listed = client.get(page("webhooks")).text
    assert f"{webhook.get_absolute_url()}?state=dead" in listed


def test_dead_letters_are_sent_again_as_the_same_row(client, sign_in, on_loopback, mailoutbox):
    sign_in("manager")
    with receiving(status(500), status(200)) as there:
        webhook = factories.webhook(address=there.address)
        dead = [
            factories.delivery(webhook=webhook, state="dead", tries=10, tried_at=now())
            for _ in range(2)
        ]
        untouched = factories.delivery(webhook=webhook, state="dead", tries=10, tried_at=now())
        listed = client.get(page("dead_letters")).text
        assert dead[0].says in listed
        assert f'formaction="{page("send_again")}?dead"' in listed

        answer = client.post(page("send_again") + "?dead", {"row": [one.pk for one in dead]})
        assert answer.url == page("dead_letters")
        assert "Tried once more, now: two deliveries." in client.get(answer.url).text
        tasks.send_webhooks()
        tasks.send_webhooks()

    keys = [got.headers["webhook-id"] for got in there.received]
    assert sorted(keys) == sorted(str(one.key) for one in dead)
    states = sorted(Delivery.objects.filter(pk__in=[one.pk for one in dead]).values_list("state"))
    assert states == [("dead",), ("sent",)]  # the one that failed once more is given up again
    untouched.refresh_from_db()
    assert (untouched.state, untouched.tries) == ("dead", 10)


def test_only_what_was_given_up_is_sent_again_and_only_by_those_who_may(client, sign_in):
    team = factories.team()
    sign_in("planner", team=team)
    sent = factories.delivery(
        webhook=factories.webhook(team=team), state="sent", sent_at=now(), tried_at=now()
    )
    others = factories.delivery(state="dead", tried_at=now())  # of the whole company

    answer = client.post(
        page("send_again"), {"row": [sent.pk, others.pk, "x", "99999999999999999999"]}, follow=True
    )

    assert "None of these was given up" in answer.text
    sent.refresh_from_db()
    others.refresh_from_db()
    assert (sent.state, others.state) == ("sent", "dead")


def test_one_delivery_shows_what_is_sent_and_what_came_back(client, sign_in):
    sign_in("manager")
    delivery = factories.delivery(
        state="dead",
        tries=10,
        tried_at=now(),
        outcome="hooks.example.com answered 500.",
        answer="<script>alert(1)</script>",
    )

    shown = client.get(delivery.get_absolute_url()).text

    assert "hooks.example.com answered 500." in shown
    assert "&lt;script&gt;alert(1)" in shown
    assert str(delivery.key) in shown
    assert "Send again" in shown


def test_a_held_back_webhook_says_why(client, sign_in):
    walled = factories.team(is_walled=True)
    sign_in("planner", team=walled)
    webhook = factories.webhook(team=walled)

    assert "It is held back." in client.get(webhook.get_absolute_url()).text


@pytest.mark.parametrize("rows", [1, 30])
def test_the_lists_ask_the_same_however_long_they_are(
    client, sign_in, django_assert_max_num_queries, rows
):
    sign_in("manager")
    webhook = factories.webhook()
    for number in range(rows):
        factories.webhook(name=f"W{number}", team=factories.team())
        factories.delivery(webhook=webhook, state="dead", tried_at=now())

    for address in (page("webhooks"), page("dead_letters"), webhook.get_absolute_url()):
        with django_assert_max_num_queries(11):
            assert client.get(address).status_code == 200
