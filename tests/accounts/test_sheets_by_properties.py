"""Random registers, plans and events: applying is exact, whole and undone without a trace."""

from datetime import date, timedelta
from unittest import mock

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import AccountLead, Assignment, Decision, RosterEntry
from accounts.sheets import applying, deciding, paging, undoing
from accounts.sheets.deciding import Choice
from accounts.sheets.leads import is_to_be_led
from accounts.sheets.planning import planned
from footprints.models import Outcome, Relationship, Weight
from tests import factories

LEGAL = date(2020, 4, 1)
BEFORE = LEGAL - timedelta(days=1)
ROLES = ["owner", "mirror"]


@st.composite
def worlds(draw):
    """CCGs with practices, which CCG goes where with which of them, and who holds what."""
    ccgs = draw(st.integers(1, 6))
    news = draw(st.integers(1, 3))
    territories = draw(st.integers(1, 3))
    return {
        "practices": [draw(st.integers(0, 3)) for _ in range(ccgs)],
        # For each CCG: it stays (a survivor), ends into nothing, or goes to one or more new ones.
        "fates": [
            draw(
                st.one_of(
                    st.just("stays"),
                    st.just("closes"),
                    st.just("joins"),
                    st.lists(st.integers(0, news - 1), min_size=1, max_size=2, unique=True),
                )
            )
            for _ in range(ccgs)
        ],
        "news": news,
        "territories": territories,
        "holdings": [
            draw(st.lists(st.sampled_from(ROLES), unique=True, max_size=2)) for _ in range(ccgs)
        ],
        "homes": [draw(st.integers(0, territories - 1)) for _ in range(ccgs * len(ROLES))],
        # A practice with a territory of its own, in some worlds.
        "named": draw(st.lists(st.integers(0, 17), max_size=2, unique=True)),
        "later": draw(st.sampled_from([0, 0, 91])),
        "choices": [draw(st.integers(0, 5)) for _ in range(12)],
    }


class World:
    """A register, a plan and an event as drawn, in the database."""

    def __init__(self, drawn, plan=None):
        self.drawn = drawn
        self.release = factories.release()
        self.event = factories.reorganisation(effective_on=LEGAL)
        self.plan = plan or factories.plan(opened_on=date(2019, 4, 1))
        self.territories = [
            factories.territory(plan=self.plan) for _ in range(drawn["territories"])
        ]
        self.parent_before, self.parent_after, self.practices = {}, {}, []
        fates = drawn["fates"]
        stays = [number for number, fate in enumerate(fates) if fate == "stays"]
        self.ccgs = [
            self.body(closed_on=None if fate == "stays" else LEGAL)
            for fate in (f if f != "joins" or stays else "closes" for f in fates)
        ]
        used = sorted({new for fate in fates if isinstance(fate, list) for new in fate})
        self.news = {new: self.body(opened_on=LEGAL) for new in used}
        for number, fate in enumerate(fates):
            old = self.ccgs[number]
            successors = []
            if fate == "joins" and stays:
                successors = [self.ccgs[stays[number % len(stays)]]]
            elif isinstance(fate, list):
                successors = [self.news[new] for new in fate]
            if fate != "stays":
                for successor in successors or [None]:
                    factories.succession(
                        reorganisation=self.event,
                        predecessor=old,
                        successor=successor,
                        asserted_by=self.release,
                    )
            after = [old] if fate == "stays" else successors
            for place in range(drawn["practices"][number]):
                self.add_practice(old, after[place % len(after)] if after else None)
        self.assign()
        self.flag = factories.flag(self.plan, reorganisation=self.event)
        self.planner, self.manager = factories.user(), factories.user()

    def body(self, kind_code="ccg", **fields):
        made = factories.organisation()
        factories.version(made, kind_code=kind_code, asserted_by=self.release, **fields)
        return made

    def add_practice(self, old, new):
        practice = self.body("practice")
        self.practices.append(practice)
        self.parent_before[practice.pk] = old.pk
        self.parent_after[practice.pk] = new and new.pk
        if new == old:
            self.relate(practice, old)
        else:
            self.relate(practice, old, closed_on=LEGAL)
            if new:
                self.relate(practice, new, opened_on=LEGAL)

    def relate(self, child, parent, **days):
        factories.relationship(
            child=child,
            parent=parent,
            type=Relationship.Type.PART_OF,
            asserted_by=self.release,
            **days,
        )

    def assign(self):
        homes = iter(self.drawn["homes"])
        for ccg, roles in zip(self.ccgs, self.drawn["holdings"], strict=True):
            for role in ROLES:
                home = self.territories[next(homes)]
                if role in roles:
                    self.hold(ccg, home, role)
        for number in self.drawn["named"]:
            if number < len(self.practices):
                self.hold(self.practices[number], self.territories[0], "owner")

    def hold(self, unit, home, role):
        factories.assignment(
            territory=home, organisation=unit, role=role, opened_on=self.plan.opened_on
        )

    # --- What is asked of it

    @property
    def day(self):
        return LEGAL + timedelta(days=self.drawn["later"])

    def rows(self):
        return set(
            Assignment.objects.filter(plan=self.plan).values_list(
                "pk", "territory", "organisation", "role", "opened_on", "closed_on"
            )
        )

    def covered(self, day, parents):
        """``{(practice, role): territory}``: its own assignment beats that of its CCG."""
        held = {
            (unit, role): territory
            for unit, role, territory in Assignment.objects.filter(plan=self.plan)
            .on(day)
            .values_list("organisation", "role", "territory")
        }
        found = {}
        for practice in self.practices:
            for role in ROLES:
                for unit in (practice.pk, parents[practice.pk]):
                    if (unit, role) in held:
                        found.setdefault((practice.pk, role), held[unit, role])
        return found

    def decide(self):
        """Decide every row that needs it, and some that do not; nothing is held."""
        if self.day != LEGAL:
            deciding.set_days(
                self.flag, align_on=self.day, data_on=None, credit_on=None, by=self.planner
            )
        rows = planned(deciding.sheet_of(self.flag), with_lines=True).rows
        choices = []
        for row, number in zip(rows, self.drawn["choices"] * len(rows), strict=False):
            if row.is_line:
                continue
            if row.is_undecided or number < 2:
                home = self.territories[number % len(self.territories)]
                choices.append(Choice(*row.key, Outcome.CARRY, territory=home))
            elif number == 2 and row.can_keep_the_line:
                choices.append(Choice(*row.key, Outcome.KEEP_THE_LINE))
            elif number > 3 and is_to_be_led(row):
                lead = self.territories[number % len(self.territories)]
                choices.append(Choice(*row.key, lead=lead))
        deciding.decide(self.flag, choices, by=self.planner)
        found = planned(deciding.sheet_of(self.flag))
        if not found.listing:
            return None
        deciding.prepare(self.flag, by=self.planner, seen=found.fingerprint)
        deciding.approve(self.flag, by=self.manager)
        return found


def pages_tell_what_the_whole_tells(world):
    """The keys of the rows, in their order, what they say, and what is undecided."""
    sheet = deciding.sheet_of(world.flag)
    whole = planned(sheet, with_lines=True)
    rows = sorted(whole.rows, key=lambda row: (row.weight != Weight.ACT, row.body.code, row.role))

    keys = paging.keys_of(sheet)

    assert keys.places == [row.key for row in rows]
    assert keys.conflicts == {row.key for row in rows if row.is_conflict}
    assert keys.lost <= keys.conflicts
    assert not keys.lost & {row.key for row in rows if row.can_keep_the_line}
    with mock.patch.object(paging, "LARGE", 0):
        turned = paging.turn(sheet, world.planner)
    assert (turned.whole is None) == bool(keys.places)
    assert turned.undecided == len(whole.undecided)
    assert [row.outcome for row in turned.page] == [row.outcome for row in rows]


class TestSheets(TestCase):
    @hypothesis_settings(max_examples=60)
    @given(worlds())
    def test_apply_is_exact_whole_and_undone_without_a_trace(self, drawn):
        world = World(drawn)
        pages_tell_what_the_whole_tells(world)
        before, posts = world.rows(), RosterEntry.objects.count()
        covered = world.covered(world.day - timedelta(days=1), world.parent_before)
        preview = world.decide()
        if preview is None:
            return

        done = applying.apply_sheet(world.flag)
        after = world.rows()

        # What was shown is what was written, and once.
        assert done.listing == preview.listing
        closed = {(pk, world.day) for pk, *_, last in after if last} - {
            (pk, last) for pk, *_, last in before
        }
        assert closed == {(one.assignment, one.on) for one in preview.closings}
        assert len(after - before) == len(preview.openings) + len(closed)
        assert applying.apply_sheet(world.flag) is None
        assert world.rows() == after
        assert planned(deciding.sheet_of(world.flag)).listing == []

        # Yesterday stays as it was; from our day nothing sits on a closed code, there is no gap,
        # and whoever was covered and still has a home is covered.
        eve = world.day - timedelta(days=1)
        assert world.covered(eve, world.parent_before) == covered
        gone = {
            c.pk for c, fate in zip(world.ccgs, drawn["fates"], strict=True) if fate != "stays"
        }
        held = set(
            Assignment.objects.filter(plan=world.plan)
            .on(world.day)
            .values_list("organisation", flat=True)
        )
        assert not held & gone
        now_covered = world.covered(world.day, world.parent_after)
        homeless = {pk for pk, parent in world.parent_after.items() if parent is None}
        assert {pair for pair in covered if pair[0] not in homeless} <= set(now_covered)

        # Whoever keeps the line keeps every practice.
        for row in preview.rows:
            if row.outcome == Outcome.KEEP_THE_LINE:
                for unit in {unit for units in row.lines.values() for unit in units}:
                    assert now_covered[unit, row.role] == covered[unit, row.role]

        # Who was accepted leads from our day, and nobody else.
        leads = AccountLead.objects.filter(opened_on=world.day)
        asked = Decision.objects.exclude(lead=None)
        assert set(leads.values_list("organisation", "territory")) == set(
            asked.values_list("body", "lead")
        )

        # No person gained a post by it, and undoing leaves no trace.
        assert RosterEntry.objects.count() == posts
        undoing.undo_sheet(world.flag, by=world.planner)
        assert world.rows() == before
        assert not leads.exists()
        assert deciding.sheet_of(world.flag).written.count() == 0
