"""What the workspace adds up and counts at each gesture is what balance and comparison say."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.comparing.comparison import compare
from accounts.comparing.sides import Side
from accounts.drawing.beside import line_of, side_before
from accounts.drawing.weights import MOST, weights_of
from accounts.models import AccountLead, Assignment, CoverageRole, Sheet, TerritoryPlan
from accounts.territories.balance import balance
from accounts.territories.reading import PlanOnDay
from footprints.models import Kind, Organisation
from tests import factories as make

YEAR, DAY = date(2026, 4, 1), date(2026, 11, 22)
BEFORE = DAY - timedelta(days=1)
ENDS = date(2026, 10, 1)


class Patch:
    """Twelve bricks in a row, each of two practices; who has them by the active plan, and by its
    copy, in which some moved and Cat gave way to Eve. `ended` is a brick that ended in October."""

    WAS = "T0 T0 T1 T1 T2 T2 T3 T3 T4 T4 -- --".split()
    NOW = "T0 T1 T1 T1 T2 T0 T3 -- T5 T4 T4 --".split()
    OWNERS = {"T0": "Ann", "T1": "Bob", "T2": "Cat", "T3": "Dan", "T4": ""}
    OWNERS_NOW = {"T0": "ann ", "T1": "Bob", "T2": "Eve", "T3": "Dan", "T4": "", "T5": "Bob"}

    def __init__(self, ended=None):
        self.ended = ended
        make.kind("brick", name="Brick", plural="Bricks", tier=4)
        self.planner = make.user(role="planner")
        self.sales = make.measure(name="Sales", unit="£", days_each=Decimal("0.5"))
        self.calls = make.measure(name="Calls", days_each=Decimal("0.25"))
        self.units = [self._brick(number) for number in range(12)]
        self.active = self._plan(self.OWNERS, self.WAS, state="active")
        self.draft = self._plan(
            self.OWNERS_NOW,
            self.NOW,
            state="draft",
            copied_from=self.active,
            team=self.active.team,
        )
        self.draft.kinds.set(["brick"])
        homes = list(self.draft.territories.all())
        for home, share in ((homes[0], "0.25"), (homes[1], "0.75"), (homes[2], "0.1")):
            make.shared_unit(territory=home, organisation=self.units[1], share=Decimal(share))
        sheet = Sheet.objects.create(flag=make.flag(self.active))
        for number, code, named in ((0, "T0", None), (2, "T1", "T3"), (4, "T2", None)):
            self._lead(self.active, code, number, sheet)
            if named:
                self._lead(self.draft, named, number, sheet)

    def _brick(self, number):
        unit = make.organisation(longitude=-2 + number / 10, latitude=53 + number % 3 / 10)
        closed_on = ENDS if number == self.ended else None
        make.version(unit, kind_code="brick", name=f"Brick {number}", closed_on=closed_on)
        if number != 5:
            make.population(organisation=unit, people=100 + 7 * number)
        for measure, each in ((self.sales, 11), (self.calls, 3)):
            practice = make.body(kind_code="practice")
            make.relationship(child=practice, parent=unit)
            make.figure(measure=measure, organisation=practice, amount=each * number)
        for _ in range(number % 4):
            make.tenure(post=make.post(organisation=unit))
        return unit

    def _plan(self, owners, held, **fields):
        plan = make.plan(opened_on=YEAR, owner=self.planner, **fields)
        for position, (code, owner) in enumerate(owners.items()):
            capacity = None if code == "T3" else 40 + position
            home = make.territory(plan=plan, code=code, position=position, capacity=capacity)
            if owner:
                make.roster_entry(territory=home, name=owner, opened_on=YEAR)
        homes = {home.code: home for home in plan.territories.all()}
        for unit, code in zip(self.units, held, strict=True):
            if code in homes:
                make.assignment(territory=homes[code], organisation=unit, opened_on=YEAR)
        return plan

    def _lead(self, plan, code, number, sheet):
        AccountLead.objects.create(
            plan=plan,
            territory=plan.territories.get(code=code),
            organisation=self.units[number],
            opened_on=YEAR,
            made_by=sheet,
        )

    def put(self, number, code, plan=None):
        """The unit to that territory of the draft, or to nobody, as if somebody had moved it."""
        plan = plan or self.draft
        unit = self.units[number]
        Assignment.objects.filter(plan=plan, organisation=unit).delete()
        if code:
            home = plan.territories.get(code=code)
            make.assignment(territory=home, organisation=unit, opened_on=YEAR)

    def asked(self, plan=None):
        plan = plan or self.draft
        return weights_of(plan, DAY, list(Kind.objects.filter(pk="brick")), self.planner)

    def held(self, plan=None):
        """Unit → territory, as the state of the workspace has them."""
        plan = plan or self.draft
        found = Assignment.objects.filter(plan=plan, role=plan.role).on(DAY)
        return dict(found.values_list("organisation", "territory"))

    def compared(self, plan=None):
        plan = plan or self.draft
        return compare(side_before(plan, DAY, self.planner), Side(plan, DAY)).disruption


@pytest.fixture
def patch(register):
    return Patch()


def sums(asked, held, territories):
    """Column → territory or None → amount; and territory → days: as the browser adds up."""
    shares = {(territory, unit): part for territory, unit, part in asked["shares"]}
    held = dict(asked["held_besides"]) | held
    found, days = {}, dict.fromkeys(territories, 0)
    for column in asked["columns"]:
        found[column["key"]] = dict.fromkeys([*territories, None], 0)
        amounts = column["amounts"] or [1] * len(asked["units"])
        for unit, amount in zip(asked["units"], amounts, strict=True):
            whose = held.get(unit)
            part = shares.get((whose, unit), 1) if column["is_credit"] else 1
            found[column["key"]][whose] += amount * part
            if whose is not None:
                days[whose] += amount * part * column["days"]
    return found, days


def disrupted(asked, held, codes):
    """(units, people, accounts, relationships) that change hands, as the browser counts."""
    beside = asked["beside"]
    has = {int(key): person for key, person in beside["has"].items()}
    had, was = beside["had"], beside["codes"]
    changes = lambda before, after: had[before] and had[before] != has.get(after, 0)  # noqa: E731
    pairs = list(zip(*beside["pairs"].values(), strict=True))
    met, people, overlap = {}, 0, defaultdict(int)
    known = all(pair[3] is not None for pair in pairs)
    known = known and not any(unit in held for unit in beside["strangers"])
    for unit, to, before, souls, relations in pairs:
        after = held.get(to)
        if after is not None:
            overlap[was[before], codes[after]] += souls if known else 1
        if changes(before, after):
            met[unit] = relations or (beside["met_if_held"].get(unit, 0) if unit in held else 0)
            people += souls or 0
    keys = {code: key for key, code in codes.items()}
    matched = {code: code for code in was if code in keys} if beside["is_kin"] else {}
    for before, after in sorted(overlap, key=lambda way: (-overlap[way], way)):
        if before not in matched and after not in matched.values():
            matched[before] = after
    accounts = sum(
        bool(changes(before, named or keys.get(matched.get(was[before]))))
        for before, named in beside["accounts"]
    )
    return len(met), people, accounts, sum(met.values())


def told(disruption):
    return (
        disruption.units,
        disruption.people,
        disruption.accounts,
        disruption.relationships,
    )


def check(patch, plan=None, asked=None):
    """The door's figures, added up, equal the plan's balance and its disruption. Returns these."""
    plan = plan or patch.draft
    asked, held = asked or patch.asked(plan), patch.held(plan)
    on_day = PlanOnDay(plan, patch.planner, DAY)
    found = balance(on_day, [patch.calls, patch.sales])
    territories = [row.territory.pk for row in found.rows]
    amounts, days = sums(asked, held, territories)
    for column in asked["columns"]:
        key = column["key"]
        assert [amounts[key][t] for t in territories] == pytest.approx(
            [float(row.cells[key].amount) for row in found.rows]
        )
        assert amounts[key][None] == pytest.approx(float(found.unassigned[key]))
    assert [days[t] for t in territories] == pytest.approx([float(r.days) for r in found.rows])
    assert [asked["leads"][t] for t in territories] == [row.leads for row in found.rows]
    codes = {row.territory.pk: row.territory.code for row in found.rows}
    disruption = patch.compared(plan)
    assert disrupted(asked, held, codes) == told(disruption)
    return found, disruption


def test_the_sums_and_the_disruption_are_those_of_the_plan_s_own_pages(patch):
    found, disruption = check(patch)

    assert [round(row.cells["people"].index) for row in found.rows][:2] == [51, 161]
    assert [row.load is None for row in found.rows] == [False] * 3 + [True] + [False] * 2
    # 1 to Bob, 4 now Eve's, 5 from Cat to Ann, 7 to nobody; what vacant T4 had is nobody's loss.
    assert (disruption.units, disruption.people) == (4, 107 + 128 + 149)
    assert (disruption.accounts, disruption.relationships) == (2, 1 + 0 + 1 + 3)


@pytest.mark.parametrize(
    "moves",
    [
        {0: "T1", 1: "T0"},
        {7: "T3", 5: "T2", 4: None},
        dict.fromkeys(range(12)),
        dict.fromkeys(range(12), "T5"),
        {11: "T2", 10: None, 9: "T0"},
    ],
)
def test_what_was_asked_once_holds_for_every_gesture_after_it(patch, moves):
    asked = patch.asked()
    for number, code in moves.items():
        patch.put(number, code)

    check(patch, asked=asked)


@pytest.mark.parametrize("moves", [{}, {0: "T1", 1: "T0", 2: "T2"}, {11: "T2", 5: None, 10: None}])
@pytest.mark.parametrize("all_counted", [True, False])
def test_territories_of_plans_that_are_no_kin_are_paired_by_overlap(patch, moves, all_counted):
    TerritoryPlan.objects.filter(pk=patch.draft.pk).update(copied_from=None)
    patch.draft.refresh_from_db()
    AccountLead.objects.filter(plan=patch.draft).delete()
    if all_counted:
        make.population(organisation=patch.units[5], people=60)
    for position, home in enumerate(patch.draft.territories.all()):
        home.code = f"X{9 - position}"
        home.save()
    codes = dict(zip(patch.OWNERS_NOW, ("X9", "X8", "X7", "X6", "X5", "X4"), strict=True))
    asked = patch.asked()
    assert not asked["beside"]["is_kin"]

    for number, code in moves.items():
        patch.put(number, codes.get(code))

    check(patch, asked=asked)


def test_a_unit_that_ended_is_followed_to_its_successors(register):
    """Brick 6, of Dan's, ended in October: a third of it came to 7, the rest to 11."""
    patch = Patch(ended=6)
    old, *new = (patch.units[number] for number in (6, 7, 11))
    event = make.reorganisation(effective_on=ENDS)
    for successor, share in zip(new, (Decimal("0.25"), Decimal("0.75")), strict=True):
        make.succession(reorganisation=event, predecessor=old, successor=successor, share=share)
    TerritoryPlan.objects.filter(pk=patch.active.pk).update(
        closed_on=ENDS, state=TerritoryPlan.State.SUPERSEDED
    )
    TerritoryPlan.objects.filter(pk=patch.draft.pk).update(replaces=patch.active)
    patch.draft.refresh_from_db()
    patch.put(6, None)
    asked = patch.asked()
    assert asked["beside"]["is_flat"]
    assert old.pk not in asked["units"]
    found = []

    for code in ("T3", "T1", None):
        patch.put(11, code)
        found.append(check(patch, asked=asked)[1])

    # Brick 7 is nobody's, with all its people and a quarter of 6's; the rest follows brick 11.
    rest = round(142 * 0.75)
    assert [one.people - found[0].people for one in found] == [0, rest, rest]


def test_an_active_plan_is_set_beside_itself_as_it_stood_the_day_before(patch):
    home = patch.active.territories.get(code="T1")
    moved = Assignment.objects.get(plan=patch.active, organisation=patch.units[0])
    moved.closed_on = DAY
    moved.save()
    make.assignment(territory=home, organisation=patch.units[0], opened_on=DAY)

    asked, line = patch.asked(patch.active), line_of(patch.active, DAY, patch.planner)

    assert line["says"] == f"{patch.active} on 21 November 2026"
    assert f"a={patch.active.pk}&on_a={BEFORE}&b={patch.active.pk}" in line["address"]
    _, disruption = check(patch, patch.active, asked)
    assert (disruption.units, disruption.people) == (1, 100)


def test_units_of_several_levels_are_said_to_be_so(patch):
    """The active plan has a brick whole of which the draft has a practice."""
    practice = Organisation.objects.of_kind(DAY, kind="practice").earliest("pk")
    make.assignment(
        territory=patch.draft.territories.get(code="T5"), organisation=practice, opened_on=YEAR
    )

    asked = patch.asked()

    assert asked["beside"]["is_flat"] is False


@pytest.mark.parametrize("role", [CoverageRole.MIRROR, CoverageRole.OVERLAY])
def test_plans_of_another_role_are_set_beside_each_other_in_that(patch, role):
    plans = [patch.active, patch.draft]
    Assignment.objects.filter(plan__in=plans).update(role=role)
    TerritoryPlan.objects.update(role=role)
    for plan in plans:
        plan.refresh_from_db()

    _, disruption = check(patch)

    assert (disruption.units, disruption.people) == (4, 107 + 128 + 149)


def test_nothing_is_set_beside_a_plan_that_nothing_was_before(patch):
    alone = make.plan(opened_on=YEAR, owner=patch.planner, team=make.team())
    assert patch.asked(alone)["beside"] is None
    first = make.plan(opened_on=DAY, owner=patch.planner, team=make.team(), state="active")
    assert patch.asked(first)["beside"] is None


def test_what_is_held_in_another_role_is_counted_as_the_plan_s_pages_count_it(patch):
    unit = patch.units[11]
    make.assignment(
        territory=patch.draft.territories.get(code="T2"),
        organisation=unit,
        role=CoverageRole.MIRROR,
        opened_on=YEAR,
    )

    check(patch)

    patch.put(0, None)
    check(patch)


def test_a_measure_of_a_walled_team_is_nobody_else_s_column(patch):
    make.measure(name="Theirs", team=make.team(is_walled=True))

    labels = [column["label"] for column in patch.asked()["columns"]]

    assert labels == ["Units", "Practices", "People", "Calls", "Sales"]


def test_the_first_dozen_measures_come_by_name(patch):
    for number in range(MOST + 2):
        make.measure(name=f"Another {number:02}")

    measures = [column for column in patch.asked()["columns"] if column["key"][0] == "m"]

    assert len(measures) == MOST
    assert measures[-1]["label"] == f"Another {MOST - 1:02}"


def test_the_queries_are_as_many_for_more_units_leads_and_shares(patch):
    with CaptureQueriesContext(connection) as few:
        patch.asked()
    home = patch.draft.territories.get(code="T5")
    for _ in range(20):
        unit = make.body(kind_code="brick")
        for plan, where in ((patch.draft, home), (patch.active, None)):
            where = where or plan.territories.get(code="T0")
            make.assignment(territory=where, organisation=unit, opened_on=YEAR)
        make.shared_unit(territory=home, organisation=unit, share=Decimal("0.5"))

    with CaptureQueriesContext(connection) as many:
        patch.asked()

    assert len(many) == len(few) <= 40


def test_the_door_answers_with_all_of_it(client, patch):
    client.force_login(patch.planner)

    answer = client.get(
        reverse("accounts:draw_weights", args=[patch.draft.pk]), {"on": DAY.isoformat()}
    ).json()

    assert answer["units"] == sorted(unit.pk for unit in patch.units)
    assert len(answer["beside"]["pairs"]["unit"]) == 10


def test_the_workspace_names_what_it_is_set_beside_and_leads_to_the_comparison(client, patch):
    client.force_login(patch.planner)
    address = reverse("accounts:draw", args=[patch.draft.pk])

    page = client.get(address, {"on": DAY.isoformat()})

    line = page.context["beside"]
    assert line["says"] == patch.active.name
    assert client.get(line["address"]).context["found"].disruption.units == 4
    first = make.plan(opened_on=DAY, owner=patch.planner, team=make.team(), state="active")
    assert "draw-beside" not in client.get(first.get_absolute_url() + "draw/").content.decode()
