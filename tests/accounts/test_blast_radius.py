"""What an event touches by owner: as counted over every key that points at a body."""

import json
from datetime import date
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command

from accounts.radius import by_owner
from footprints import blast_radius, hanging
from footprints.models import Organisation, Reorganisation, Succession
from tests import factories
from tests.accounts.plans import plan_of_2020

APRIL_2020 = date(2020, 4, 1)


def run(*args) -> str:
    out = StringIO()
    call_command("blast_radius", *args, stdout=out)
    return out.getvalue()


@pytest.fixture
def event(register):
    """Kent and Medway: eight CCGs became one on 1 April 2020."""
    plan_of_2020(owner=factories.user(username="sam"))
    plan_of_2020(owner=factories.user(username="kim"), territories=3)
    for code in ("99J", "09C", "09C", "99H"):
        factories.post(organisation=Organisation.objects.get(code=code))
    factories.post(organisation=Organisation.objects.get(code="99J"), closed_on=APRIL_2020)
    return Reorganisation.objects.get(slug="91q-2020-04-01")


def brute_force(event) -> int:
    """Rows of every foreign key to an organisation outside the register, counted one by one."""
    changes = {}
    for row in Succession.objects.filter(
        retracted_by=None, reorganisation=event, passes=Succession.Passes.AREA
    ):
        changes.setdefault(row.predecessor_id, set()).add("goes")
        changes.setdefault(row.successor_id, set()).add("comes")
    for row in event.moves.filter(retracted_by=None):
        changes.setdefault(row.child_id, set()).add("moves")
    total = 0
    for model in apps.get_models():
        if model._meta.app_label == "footprints":
            continue
        for field in model._meta.local_fields:
            if field.related_model is not Organisation:
                continue
            for row in model.objects.all():
                closed_on = getattr(row, "closed_on", None)
                is_on = closed_on is None or closed_on > event.effective_on
                total += is_on and getattr(row, field.attname) in changes
    return total


def test_the_command_counts_what_a_walk_over_every_key_counts(event):
    said = json.loads(run(event.slug, "--json"))

    assert said["count"] == brute_force(event) == 2 * 8 + 3
    assert sum(group["count"] for group in said["groups"]) == said["count"]
    counted = blast_radius.counted([event])[event.pk]
    assert sum(counted.values()) == said["count"]


@pytest.mark.parametrize(
    ("title", "day"),
    [
        ("Thames Valley", "2026-04-01"),
        ("Kent and Medway: the STP", "2022-07-01"),
        ("Birmingham and Solihull with Black Country", "2027-04-01"),
    ],
)
def test_other_events_are_counted_so_too(event, title, day):
    found = Reorganisation.objects.get(title__contains=title, effective_on=day)
    plan = factories.plan(opened_on=date(2019, 4, 1))
    territory = factories.territory(plan=plan)
    for body in {touch.organisation for touch in found.touches.all()}:
        factories.assignment(territory=territory, organisation=body, opened_on=None)
        factories.post(organisation=body)

    counted = blast_radius.counted([found, event])
    circles = {circle.key: circle.rows.count() for circle in blast_radius.of(found)}

    assert counted[found.pk] == {key: count for key, count in circles.items() if count}
    assert sum(counted[found.pk].values()) == brute_force(found) >= 4
    assert sum(counted[event.pk].values()) == brute_force(event)
    for key in blast_radius.organisation_keys():
        of_key = {pk: counts.get(key, 0) for pk, counts in counted.items()}
        assert blast_radius.counted_of(key, [found, event]) == of_key


def test_it_groups_by_owner_and_kind(event):
    groups = by_owner(event)

    assert [(group.owner, group.says, group.change, group.count) for group in groups] == [
        ("kim", "a unit of a territory", "ends", 8),
        ("sam", "a unit of a territory", "ends", 8),
        ("", "a stakeholder's post", "ends", 3),
    ]
    said = run(event.slug)
    assert "Kent and Medway CCG: eight CCGs merge (1 April 2020, effective)" in said
    assert "        8  a unit of a territory: its body closes into one successor" in said
    assert "       19  in all" in said


def test_it_only_reads_and_names_what_it_does_not_know(event, whole_tables):
    before = whole_tables()

    run(event.slug)

    assert whole_tables() == before
    with pytest.raises(CommandError, match="No event has the address nothing"):
        run("nothing")
    assert "touches nothing of ours" in run(factories.reorganisation().slug)


@pytest.fixture
def whole_tables():
    return lambda: [
        (model._meta.label, list(model._base_manager.order_by("pk").values()))
        for model in apps.get_app_config("accounts").get_models()
    ]


def test_a_reader_is_told_of_what_they_may_see_alone(event, django_assert_num_queries):
    walled = factories.team(is_walled=True)
    hidden = factories.plan(team=walled, opened_on=date(2019, 4, 1))
    factories.assignment(
        territory=factories.territory(plan=hidden),
        organisation=Organisation.objects.get(code="99J"),
        opened_on=date(2019, 4, 1),
    )
    planner = factories.user(role="planner")

    with django_assert_num_queries(1):
        (found,) = hanging.on_events([event], planner).values()

    assert {each.says: each.count for each in found} == {
        "a unit of a territory": 16,
        "a stakeholder's post": 3,
    }
    assert sum(blast_radius.counted([event])[event.pk].values()) == 20
    assert hanging.on_events([event], factories.user(role="field")) == {event.pk: []}
