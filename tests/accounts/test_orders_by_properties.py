"""Random events on one plan, in any order; and a plan that covers all, before and after."""

from contextlib import contextmanager
from datetime import date, timedelta

from django.db import transaction
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import AccountLead, Assignment, Decision, RosterEntry
from accounts.sheets import applying, deciding, undoing
from accounts.sheets.planning import planned
from stakeholders.models import Tenure
from tests import factories
from tests.accounts.test_sheets_by_properties import World, worlds

ROW = ("territory", "organisation", "role", "opened_on", "closed_on")


@contextmanager
def rolled_back():
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def people():
    """Whoever holds a post or works a territory, row by row, and leads that nobody asked for."""
    asked = Decision.objects.exclude(lead=None).values_list("body", "lead")
    leads = set(AccountLead.objects.values_list("organisation", "territory"))
    found = {model.__name__: set(model.objects.values_list()) for model in (Tenure, RosterEntry)}
    return found | {"unasked": leads - set(asked)}


def staff(world):
    """A post at every body that closes, and somebody in each and on each territory."""
    for body in world.ccgs:
        factories.tenure(post=factories.post(organisation=body))
    for territory in world.territories:
        factories.roster_entry(territory=territory)


class TestOrders(TestCase):
    @hypothesis_settings(max_examples=25)
    @given(worlds(), worlds(), st.booleans())
    def test_the_order_of_two_independent_events_does_not_matter(self, drawn, other, first_back):
        one = World(drawn)
        two = World(other, plan=one.plan)
        staff(one)
        staff(two)
        before, somebody = one.rows(), people()
        decided = [world for world in (one, two) if world.decide()]
        previews = {w: planned(deciding.sheet_of(w.flag)).listing for w in decided}

        ends = []
        for order in (decided, decided[::-1]):
            with rolled_back():
                for world in order:
                    # Whatever the other did, this one does what its preview said.
                    assert applying.apply_sheet(world.flag).listing == previews[world]
                rows = Assignment.objects.filter(plan=one.plan).values_list(*ROW)
                ends.append(sorted(rows, key=str))
                assert people() == somebody
                # Each may be undone first: the other one's rows stay as they are.
                for world in order if first_back else order[::-1]:
                    undoing.undo_sheet(world.flag, by=world.planner)
                assert one.rows() == before
        assert ends[0] == ends[1]

    @hypothesis_settings(max_examples=40)
    @given(worlds())
    def test_a_plan_that_covered_all_covers_all_once_its_sheet_is_decided(self, drawn):
        drawn["holdings"] = [["owner"] for _ in drawn["holdings"]]
        drawn["practices"] = [max(1, many) for many in drawn["practices"]]
        world = World(drawn)
        staff(world)
        somebody = people()
        eve = world.day - timedelta(days=1)
        all_of_them = {practice.pk for practice in world.practices}
        assert self.homes(world, eve, world.parent_before).keys() == all_of_them

        if world.decide():
            applying.apply_sheet(world.flag)

        # Each practice that still lies in anything has one home; none is held twice over.
        after = self.homes(world, world.day, world.parent_after)
        assert {pk for pk, parent in world.parent_after.items() if parent} <= after.keys()
        assert all(len(homes) == 1 for homes in after.values())
        assert self.homes(world, eve, world.parent_before).keys() == all_of_them
        assert people() == somebody

    def homes(self, world, day: date, parents):
        """Practice → every territory that holds it, or, where none does, what it lies in."""
        held = {}
        rows = Assignment.objects.filter(plan=world.plan, role="owner").on(day)
        for unit, territory in rows.values_list("organisation", "territory"):
            held.setdefault(unit, set()).add(territory)
        found = {}
        for practice in world.practices:
            homes = held.get(practice.pk) or held.get(parents[practice.pk])
            if homes:
                found[practice.pk] = homes
        return found
