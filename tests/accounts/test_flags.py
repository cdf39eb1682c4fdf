"""Raising flags: once each, by whoever comes first, and nothing where nothing changed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from django.db import connection, connections
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Digest, Flag, TerritoryPlan, User
from accounts.services import flags
from accounts.services.flags import raise_flags, resolve_flag
from footprints import blast_radius
from footprints.models import Change, Reorganisation, Weight
from footprints.revised import Revised
from footprints.services.dating import move_date
from footprints.services.declaring import move_event
from footprints.services.releases import undo_release
from tests import factories
from tests.accounts.plans import plan_of_2020
from tests.accounts.ticks import look

APRIL_2020 = date(2020, 4, 1)


@pytest.fixture
def merger(db):
    """One body merges into another on 1 April 2020."""
    succession = factories.succession(
        reorganisation=factories.reorganisation(effective_on=APRIL_2020),
        predecessor=factories.body(),
        successor=factories.body(opened_on=APRIL_2020),
        share=1,
    )
    return succession.reorganisation


def plan_over(event, **fields) -> TerritoryPlan:
    plan = factories.plan(**{"opened_on": date(2019, 4, 1), **fields})
    factories.assignment(
        territory=factories.territory(plan=plan),
        organisation=event.successions.get().predecessor,
        opened_on=plan.opened_on,
    )
    return plan


def flags_of(plan):
    return Flag.objects.on_plans().filter(object_id=plan.pk)


def test_a_plan_is_flagged_once_for_an_event_that_touches_it(merger):
    plan = plan_over(merger)
    factories.assignment()  # a witness: not touched

    assert raise_flags() >= 1
    assert raise_flags() == 0

    flag = flags_of(plan).get()
    assert (flag.reorganisation, flag.root, flag.owner) == (merger, plan, plan.owner)


def test_a_run_with_nothing_to_do_looks_at_the_marks_alone(
    register, django_assert_num_queries, merger
):
    plan_over(merger)
    raise_flags()

    # A savepoint, one look for each kind of thing that carries a revision, and its release.
    looks = 1 + len(flags.roots())
    with django_assert_num_queries(looks + 2):
        assert raise_flags() == 0


def test_the_look_is_answered_by_the_partial_index(register):
    raise_flags()

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for model in (Reorganisation, *flags.roots()):
            unflagged = model.objects.unflagged().order_by("pk")
            plan = unflagged.explain()
            assert f"{model._meta.model_name}_unflagged" in plan


@pytest.mark.parametrize("state", Reorganisation.State.dropped())
def test_a_rejected_paused_or_superseded_event_leaves_no_flag(merger, state):
    plan = plan_over(merger)
    raise_flags()
    Reorganisation.objects.filter(pk=merger.pk).update(state=state)
    Reorganisation.objects.filter(pk=merger.pk).revise()

    raise_flags()

    assert not flags_of(plan).open().exists()


def test_an_event_that_is_revived_brings_its_flag_back(merger):
    plan = plan_over(merger)
    event = Reorganisation.objects.filter(pk=merger.pk)
    for state in ("effective", "rejected", "proposed"):
        event.update(state=state)
        event.revise()
        raise_flags()

    assert flags_of(plan).open().count() == 1
    assert flags_of(plan).count() == 1


def test_a_dropped_events_flag_says_why_it_lapsed_and_a_revived_ones_returns(merger):
    """N1: rejecting a proposal leaves no flag on the plans, and a log line says why."""
    plan = plan_over(merger)
    steward = factories.user(role="steward")
    Reorganisation.objects.filter(pk=merger.pk).update(state="proposed")
    raise_flags()
    for to, reason in (("rejected", "NHS England said no."), ("paused", "The board waits.")):
        move_event(merger, to, on=None, reason=reason, by=steward, at=now())

        raise_flags()

        flag = flags_of(plan).get()
        assert flag.lapsed_at is not None
        assert flag.lapsed_because == f"{to.capitalize()}: {reason}"

        move_event(merger, "proposed", on=None, reason="It is back.", by=steward, at=now())
        raise_flags()

        flag = flags_of(plan).open().get()
        assert (flag.lapsed_at, flag.lapsed_because) == (None, "")


def test_what_lapsed_for_another_reason_keeps_it_when_the_event_is_dropped_later(merger):
    plan = plan_over(merger)
    Reorganisation.objects.filter(pk=merger.pk).update(state="proposed")
    raise_flags()
    plan.assignments.update(closed_on=APRIL_2020)
    TerritoryPlan.objects.filter(pk=plan.pk).revise()
    raise_flags()

    by = factories.user(role="steward")
    move_event(merger, "rejected", on=None, reason="No.", by=by, at=now())
    raise_flags()

    assert flags_of(plan).get().lapsed_because == "It touches nothing of it any more."


def test_moving_the_day_of_an_event_moves_what_hangs_on_it(merger):
    plan = plan_over(merger)
    steward = factories.user(role="steward")
    unit = plan.assignments.get()
    unit.closed_on = date(2021, 4, 1)
    unit.save()
    Reorganisation.objects.filter(pk=merger.pk).update(state="in_law")
    raise_flags()

    move_date(merger, date(2021, 4, 1), reason="A year later.", by=steward, at=now())
    raise_flags()

    flag = flags_of(plan).get()
    assert flag.lapsed_because == "It touches nothing of it any more."
    assert Digest.objects.filter(effective_on=date(2021, 4, 1)).count() == 0


def test_a_unit_given_away_lets_the_flag_lapse(merger):
    plan = plan_over(merger)
    raise_flags()
    plan.assignments.update(closed_on=APRIL_2020)
    TerritoryPlan.objects.filter(pk=plan.pk).revise()

    raise_flags()

    assert flags_of(plan).get().lapsed_at is not None


@pytest.mark.parametrize(
    ("opened_on", "side", "number"),
    [
        (date(2020, 3, 31), "predecessor", 1),
        (date(2020, 3, 31), "successor", 1),
        # Begun on the day with what ends on it, it was drawn up not knowing.
        (APRIL_2020, "predecessor", 1),
        (APRIL_2020, "successor", 0),
        (date(2020, 4, 2), "predecessor", 0),
        (date(2020, 4, 2), "successor", 0),
    ],
)
def test_a_plan_is_flagged_only_for_what_it_was_drawn_up_not_knowing(
    merger, opened_on, side, number
):
    plan = factories.plan(opened_on=opened_on)
    body = getattr(merger.successions.get(), side)
    factories.assignment(
        territory=factories.territory(plan=plan), organisation=body, opened_on=opened_on
    )

    raise_flags()

    assert flags_of(plan).count() == number


def test_an_archived_plan_and_one_that_ended_are_left_alone(merger):
    archived = plan_over(merger, state=TerritoryPlan.State.ARCHIVED)
    ended = plan_over(merger, closed_on=APRIL_2020)

    raise_flags()

    assert not flags_of(archived).exists()
    assert not flags_of(ended).exists()


def test_a_post_at_a_closing_body_is_flagged_and_nobody_is_moved(merger):
    post = factories.post(organisation=merger.successions.get().predecessor)
    tenure = factories.tenure(post=post)

    raise_flags()

    flag = Flag.objects.get(object_id=post.pk, content_type__model="post")
    assert (flag.reorganisation, flag.weight) == (merger, Weight.CHECK)
    assert not merger.successions.get().successor.posts.exists()
    tenure.refresh_from_db()
    assert tenure.closed_on is None


def test_a_post_made_after_the_event_was_flagged_is_flagged_too(merger):
    raise_flags()
    post = factories.post(organisation=merger.successions.get().predecessor)

    assert raise_flags() == 1

    assert Flag.objects.get(object_id=post.pk, content_type__model="post")


def test_flags_equal_a_recount_over_every_key(register):
    plan_of_2020()
    factories.post(organisation=factories.body())
    for code in ("09C", "QNQ", "D4U1Y", "RXT"):
        from footprints.models import Organisation

        factories.post(organisation=Organisation.objects.get(code=code))

    raise_flags()

    expected = set()
    for key in blast_radius.organisation_keys():
        for event in Reorganisation.objects.standing():
            for row in blast_radius.touched(key, event):
                root = getattr(row, key.rule.root) if key.rule.root else row
                opened_on = root.opened_on
                over = root.closed_on and root.closed_on <= event.effective_on
                body = getattr(row, key.name)
                ends = blast_radius.touches(key).filter(
                    reorganisation=event, organisation=body, change__in=Change.closing()
                )
                known = opened_on and (
                    opened_on > event.effective_on
                    or (opened_on == event.effective_on and not ends.exists())
                )
                if not known and not over:
                    expected.add((event.pk, root._meta.model_name, root.pk))
    found = Flag.objects.open().values_list("reorganisation", "content_type__model", "object_id")
    assert set(found) == expected
    assert len(found) == len(expected)


def test_undoing_the_release_that_knew_the_event_lets_its_flags_lapse(register):
    plan = plan_of_2020()
    raise_flags()
    assert flags_of(plan).open().count() == 18

    undo_release(register)
    raise_flags()

    assert flags_of(plan).open().count() == 0


def test_everything_that_carries_flags_carries_a_revision():
    for root in flags.roots():
        assert issubclass(root, Revised), root


def test_the_first_to_deal_with_a_flag_stands(merger):
    plan = plan_over(merger)
    raise_flags()
    first, second = factories.user(), factories.user()

    assert resolve_flag(flags_of(plan).get(), by=first)
    assert not resolve_flag(flags_of(plan).get(), by=second)

    assert flags_of(plan).get().resolved_by == first


def test_a_field_user_sees_the_flags_of_their_own_territories_alone(merger):
    plan = plan_over(merger)
    territory = factories.territory(plan=plan)
    mine, theirs = factories.user(), factories.user()
    touched = plan.assignments.get().territory
    factories.roster_entry(territory=touched, user=mine)
    factories.roster_entry(territory=territory, user=theirs)
    raise_flags()

    assert flags_of(plan).visible_to(mine).count() == 1
    assert flags_of(plan).visible_to(theirs).count() == 0
    assert flags_of(plan).visible_to(User(role=User.Role.PLANNER)).count() == 1


def test_each_person_whose_patch_is_touched_gets_one_digest_a_day(register):
    owner = factories.user(email="owner@example.com", role=User.Role.PLANNER)
    plan = plan_of_2020(owner=owner)
    field = factories.user(email="field@example.com")
    for territory in plan.territories.all()[:3]:
        factories.roster_entry(territory=territory, user=field)

    look()

    digests = Digest.objects.filter(effective_on=APRIL_2020)
    assert set(digests.values_list("person", flat=True)) == {owner.pk, field.pk}
    assert digests.count() == 2


@pytest.mark.django_db(transaction=True)
def test_six_workers_at_once_raise_the_same_flags_once(register):
    owner = factories.user(email="owner@example.com")
    plans = [plan_of_2020(owner=owner) for _ in range(3)]

    def work(_):
        try:
            return tasks.raise_flags()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        did = list(pool.map(work, range(6)))

    (raised,) = [words for words in did if "flags" in words]
    assert f"{Flag.objects.count()} flags raised" in raised
    for plan in plans:
        assert flags_of(plan).count() == 18
    look()
    assert Digest.objects.filter(person=owner, effective_on=APRIL_2020).count() == 1


def test_a_change_between_claim_and_mark_is_flagged_by_the_next_run(merger):
    plan = plan_over(merger)
    raise_flags()
    plan.refresh_from_db()
    assert plan.flagged_revision == plan.revision

    TerritoryPlan.objects.filter(pk=plan.pk).revise()

    assert list(TerritoryPlan.objects.unflagged()) == [plan]
    assert Flag.objects.filter(raised_at__lte=now()).exists()
