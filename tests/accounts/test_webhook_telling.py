"""What webhooks are told: each new thing once, to those it is for; no wall is passed."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Delivery, PlanStep, Subscription
from accounts.services.flags import raise_flags
from accounts.sheets import applying, undoing
from accounts.territories import lifecycle
from accounts.webhooks import telling
from accounts.webhooks.telling import tell
from footprints.models import Reorganisation, Step
from footprints.services.dating import move_date
from footprints.services.declaring import move_event
from tests import factories
from tests.accounts.receiver import until
from tests.accounts.test_sheets import Case

STEP, SHEET, PLAN = "reorganisation.step", "sheet.done", "plan.active"
State = Reorganisation.State


@pytest.fixture
def soon():
    """The first of April that comes next but one: it is no old news, whenever this runs."""
    return date(now().year + 2, 4, 1)


def told(webhook, topic=None):
    """What a webhook was told, in order."""
    found = webhook.deliveries.order_by("pk")
    return [each.says for each in (found.filter(topic=topic) if topic else found)]


def hears(*topics, **fields):
    """A webhook that hears of these topics from now on."""
    made = factories.webhook(**fields)
    telling.start(made, list(topics))
    return made


def step(event, state, **fields):
    return Step.objects.create(reorganisation=event, state=state, **fields)


def merger(day, team=None):
    """An event on that day, and a plan of the team (another one) that holds a body of it."""
    event = factories.reorganisation(effective_on=day, state=State.PROPOSED, title="North merges")
    old, new = factories.body(), factories.body(opened_on=day)
    factories.succession(reorganisation=event, predecessor=old, successor=new, share=1)
    plan = factories.plan(opened_on=date(2020, 4, 1), **({"team": team} if team else {}))
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=old, opened_on=plan.opened_on
    )
    return event, plan


def move(event, to, reason="because"):
    event.refresh_from_db()
    by = factories.user(role="steward")
    return move_event(event, to, on=None, reason=reason, by=by, at=now())


# --- Reorganisations ----------------------------------------------------------------------------


def test_each_step_of_an_event_is_told_once(db, soon):
    webhook = hears(STEP)
    event, _ = merger(soon)
    step(event, State.PROPOSED, effective_on=soon)

    assert tell() == 1
    assert tell() == 0
    move(event, State.APPROVED)
    move(event, State.IN_LAW)
    assert tell() == 2
    later = date(soon.year, 10, 1)
    event.refresh_from_db()
    move_date(event, later, reason="no time", by=factories.user(), at=now())
    move(event, State.REJECTED, reason="The board said no.")
    assert tell() == 2

    assert told(webhook) == [
        "Recorded as proposed: North merges",
        "Approved: North merges",
        "In law: North merges",
        f"Moved to 1 October {soon.year}: North merges",
        "Rejected: North merges",
    ]
    moved = json.loads(webhook.deliveries.get(says__startswith="Moved").body)
    assert moved["type"] == STEP
    assert moved["link"] == f"http://localhost:8000{event.get_absolute_url()}"
    assert moved["data"]["effective_on"] == f"{soon.year}-10-01"
    assert moved["data"]["effective_on_before"] == f"{soon.year}-04-01"
    assert (moved["data"]["state_before"], moved["data"]["state"]) == ("in_law", "in_law")
    # What somebody wrote is not told, nor who it was.
    assert "board" not in "".join(each.body for each in webhook.deliveries.all())


def test_a_team_is_told_of_events_that_touch_a_plan_of_it(db, soon):
    event, plan = merger(soon)
    other, _ = merger(soon)
    webhook = hears(STEP, team=plan.team)
    for one in (event, other):
        step(one, State.PROPOSED, effective_on=soon)

    tell()

    (delivery,) = webhook.deliveries.all()
    data = json.loads(delivery.body)["data"]
    assert data["event"] == event.slug
    assert [each["name"] for each in data["plans"]] == [plan.name]


def test_a_team_is_told_that_an_event_was_dropped_though_it_touches_nothing_now(db, soon):
    event, plan = merger(soon)
    webhook = hears(STEP, team=plan.team)
    raise_flags()
    plan.assignments.all().delete()
    move(event, State.PAUSED)

    tell()

    assert told(webhook) == ["Recorded as paused: North merges"]


@pytest.mark.parametrize(("days", "count"), [(0, 1), (1, 0)])
def test_a_plan_that_began_after_the_day_is_not_touched(db, soon, days, count):
    event, plan = merger(soon)
    webhook = hears(STEP, team=plan.team)
    plan.assignments.update(opened_on=soon + timedelta(days=days))
    type(plan).objects.update(opened_on=soon + timedelta(days=days))
    step(event, State.PROPOSED)

    assert tell() == count
    assert len(told(webhook)) == count


def test_what_is_recorded_of_long_ago_is_no_news_to_the_company(db):
    webhook = hears(STEP)
    today = now().date()
    for days in (91, 94):
        event = factories.reorganisation(
            effective_on=today - timedelta(days=days), title=f"{days}"
        )
        step(event, State.EFFECTIVE)

    tell()

    assert told(webhook) == ["Recorded as effective: 91"]


# --- Sheets and plans ---------------------------------------------------------------------------


def test_a_sheet_that_is_applied_and_undone_is_told(db):
    case = Case()
    case.approve()
    theirs, others = hears(SHEET, team=case.plan.team), hears(SHEET, team=factories.team())
    everybody = hears(SHEET)

    applying.apply_sheet(case.flag, by=case.manager)
    tell()
    undoing.undo_sheet(case.flag, by=case.manager)
    tell()

    said = [f"Sheet {deed}: A merger in {case.plan}" for deed in ("applied", "undone")]
    assert told(theirs) == told(everybody) == said
    assert told(others) == []
    data = json.loads(theirs.deliveries.last().body)["data"]
    assert data["plan"]["link"].endswith(case.plan.get_absolute_url())


def test_a_plan_that_becomes_active_is_told_and_one_that_is_brought_back(db):
    before = factories.plan(state="active", name="North 2026")
    after = factories.plan(team=before.team, state="approved", replaces=before, name="North 2027")
    webhook = hears(PLAN)
    today = now().date()

    lifecycle.activate(after, on=today)
    lifecycle.bring_back(before, on=today, by=factories.user(role="manager"))
    tell()

    assert told(webhook) == ["Plan active: North 2027", "Plan active again: North 2026"]


def test_a_walled_team_is_heard_of_by_its_own_webhook_alone(db, soon):
    medical = factories.team(is_walled=True)
    member = factories.user(role="manager", team=medical)
    event, plan = merger(soon, team=medical)
    company, own = hears(PLAN, STEP), hears(PLAN, STEP, team=medical, by=member)
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)
    step(event, State.PROPOSED)

    tell()

    assert told(company) == ["Recorded as proposed: North merges"]
    assert plan.name not in company.deliveries.get().body
    assert sorted(told(own)) == [
        f"Plan active: {plan.name}",
        "Recorded as proposed: North merges",
    ]


def test_a_team_that_is_walled_later_is_told_again_once_one_of_it_answers_for_it(db):
    team = factories.team()
    outsider, member = factories.user(role="manager"), factories.user(role="planner", team=team)
    plan = factories.plan(team=team)
    webhook = hears(PLAN, team=team, by=outsider)
    team.is_walled = True
    team.save()
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)

    assert webhook.is_held_back
    assert tell() == 0
    webhook.by = member
    webhook.save()
    assert tell() == 1


# --- Once, and never none -----------------------------------------------------------------------


def test_only_what_comes_after_it_asked_is_told(db):
    plan = factories.plan()
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)
    webhook = hears(PLAN)

    assert tell() == 0
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=2)
    assert tell() == 1
    assert webhook.deliveries.count() == 1


def test_what_is_switched_off_hears_nothing(db):
    plan = factories.plan()
    off, retired = hears(PLAN, is_on=False), hears(PLAN)
    type(retired).objects.filter(pk=retired.pk).update(retired_at=now(), retired_by=retired.by)
    plan.steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)

    assert tell() == 0
    assert told(off) == told(retired) == []


def test_the_same_thing_is_told_to_a_webhook_once_by_constraint(db):
    delivery = factories.delivery()

    with pytest.raises(IntegrityError, match="delivery_once_a_webhook_and_thing"):
        factories.delivery(webhook=delivery.webhook, thing=delivery.thing)


def test_a_delivery_is_sent_at_a_moment_or_not_sent(db):
    with pytest.raises(IntegrityError, match="delivery_sent_at_a_moment"):
        factories.delivery(state="sent")


def test_a_sweep_with_nothing_new_asks_little(db, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert tell() == 0
    for _ in range(30):
        hears(STEP, SHEET, PLAN)

    with django_assert_num_queries(4):
        assert tell() == 0


def test_a_long_list_is_told_in_parts_and_whole(db, monkeypatch):
    monkeypatch.setattr(telling, "AT_ONCE", 4)
    plan = factories.plan()
    webhook = hears(PLAN)
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, deed="activated", at=now(), revision=number) for number in range(10)
    )

    assert [tell() for _ in range(4)] == [4, 4, 2, 0]
    assert webhook.deliveries.count() == 10


@pytest.mark.django_db(transaction=True)
def test_a_lower_key_that_is_committed_after_a_higher_is_told(register):
    """The gap of every cursor over keys: one transaction takes a key, and is slow to commit."""
    plan = factories.plan()
    webhook = hears(PLAN)

    def committed(at):
        PlanStep.objects.create(plan=plan, deed="activated", at=at, revision=2)
        connections.close_all()

    an_hour_ago = now() - timedelta(hours=1)  # whatever its clock says
    with transaction.atomic():
        first = PlanStep.objects.create(plan=plan, deed="activated", at=an_hour_ago, revision=1)
        with ThreadPoolExecutor(1) as another:
            another.submit(committed, an_hour_ago).result()
            assert another.submit(closing(tell)).result() == 1
            assert another.submit(closing(tell)).result() == 0
            assert Subscription.objects.get(webhook=webhook).read_to < first.pk

    assert tell() == 1
    assert tell() == 0
    assert set(webhook.deliveries.values_list("thing", flat=True)) == set(
        plan.steps.values_list("pk", flat=True)
    )


@pytest.mark.django_db(transaction=True)
def test_what_is_settled_is_read_for_good(register):
    """The server's oldest transaction may be in another database, where other tests run."""
    plan = factories.plan()
    webhook = hears(PLAN)
    an_hour_ago = now() - timedelta(hours=1)
    with ThreadPoolExecutor(1) as another:
        step = another.submit(
            closing(PlanStep.objects.create),
            plan=plan,
            deed="activated",
            at=an_hour_ago,
            revision=1,
        ).result()
    assert tell() == 1
    assert until(
        lambda: not tell() and webhook.subscriptions.get().read_to == step.pk, seconds=120
    )


def closing(deed):
    """The deed in another thread, which leaves no connection behind."""

    def done(*given, **named):
        try:
            return deed(*given, **named)
        finally:
            connections.close_all()

    return done


@pytest.mark.django_db(transaction=True)
def test_six_sweeps_at_once_tell_each_thing_once(register):
    plan = factories.plan()
    webhooks = [hears(PLAN) for _ in range(5)]
    PlanStep.objects.bulk_create(
        PlanStep(plan=plan, deed="activated", at=now(), revision=number) for number in range(40)
    )

    with ThreadPoolExecutor(6) as pool:
        counts = [each.result() for each in [pool.submit(closing(tell)) for _ in range(6)]]
    tell()

    assert sum(counts) <= 200
    assert Delivery.objects.count() == 200
    for webhook in webhooks:
        assert webhook.deliveries.count() == 40


def test_the_clock_tells_and_sends(db, settings):
    assert settings.CELERY_BEAT_SCHEDULE["tell_webhooks"]["schedule"] == 60
    assert settings.CELERY_BEAT_SCHEDULE["send_webhooks"]["schedule"] == 60
    factories.plan().steps.create(deed=PlanStep.Deed.ACTIVATED, at=now(), revision=1)
    webhook = factories.webhook(PLAN, address="https://127.0.0.1/")

    tasks.tell_webhooks()

    delivery = webhook.deliveries.get()
    assert (delivery.state, delivery.tries) == ("waiting", 1)
    assert "is inside" in delivery.outcome


def test_the_horizon_is_told_in_one_statement(db):
    plan = factories.plan()
    long_ago = now() - timedelta(hours=1)
    rows = [plan.steps.create(deed="made", at=long_ago, revision=1) for _ in range(3)]

    # Our own transaction still runs: nothing that it wrote is settled.
    assert telling._settled(PlanStep, rows[0].pk - 1, now()) == rows[0].pk - 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT age('2'::xid) > 0")
        assert cursor.fetchone() == (True,)
