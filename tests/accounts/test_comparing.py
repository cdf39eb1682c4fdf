"""Two plans beside each other: what moves, who wins and loses it, and whom that unsettles."""

import csv
import io
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.comparing.comparison import compare
from accounts.comparing.sides import Side
from accounts.comparing.units import ALL, Pair, pairs
from accounts.models import AccountLead, Assignment, Sheet, TerritoryPlan, User
from footprints.models import Organisation
from footprints.tracing import trace_all
from tests import factories
from tests.accounts.plans import LAST_DAY_OF_191, plan_of_2020
from tests.workbooks import read

TODAY = date(2026, 11, 22)
YEAR = date(2026, 4, 1)
BEFORE, AFTER = date(2020, 3, 31), date(2020, 4, 1)


def unit(people=None, *, kind="ccg", tenures=0, code=None, **fields):
    body = factories.body(code, kind_code=kind, **fields)
    if people:
        factories.population(organisation=body, people=people, boundary_on=date(2019, 4, 1))
    for _ in range(tenures):
        factories.tenure(post=factories.post(organisation=body))
    return body


def drawn(territories, *, opened_on=YEAR, **fields):
    """A plan of code → (owner's name or "", units)."""
    plan = factories.plan(opened_on=opened_on, **fields)
    for position, (code, (owner, units)) in enumerate(territories.items()):
        home = factories.territory(plan=plan, code=code, name=code, position=position)
        if owner:
            factories.roster_entry(territory=home, name=owner, opened_on=opened_on)
        for body in units:
            factories.assignment(
                territory=home, organisation=body, opened_on=opened_on, role=plan.role
            )
    return plan


def sides(before, after, on=TODAY, then=None):
    return Side(before, on), Side(after, then or on)


def ways(found, codes=None):
    """(unit, from, to) of what moves, by code."""
    names = dict(Organisation.objects.values_list("pk", "code"))
    return {(names[m.unit], m.before, m.after) for m in found.moves}


class SixTerritories:
    """Six territories, five of them worked; a draft that moves some of what they have.

    | unit | people | tenures | has it  | in the draft                                  |
    | a    | 100    | 2       | T1 Ann  | T1, whom Ann still works                      |
    | b    | 200    | 1       | T1 Ann  | T2 Bob                                        |
    | c    | 300    | 0       | T2 Bob  | T2 Bob                                        |
    | d    | 400    | 3       | T3 Cat  | T3, now worked by Dan                         |
    | e    | 500    | 1       | T4 Dan  | T5 Eve                                        |
    | f    | 600    | 0       | T5 Eve  | nobody                                        |
    | g    | 700    | 4       | T6 none | T1 Ann: nobody loses it                       |
    | h    | 800    | 2       | nobody  | T6 none                                       |
    """

    def __init__(self):
        figures = zip("abcdefgh", (2, 1, 0, 3, 1, 0, 4, 2), strict=True)
        a, b, c, d, e, f, g, h = self.units = [
            unit(100 * number, tenures=tenures)
            for number, (_, tenures) in enumerate(figures, start=1)
        ]
        self.before = drawn(
            {
                "T1": ("Ann", [a, b]),
                "T2": ("Bob", [c]),
                "T3": ("Cat", [d]),
                "T4": ("Dan", [e]),
                "T5": ("Eve", [f]),
                "T6": ("", [g]),
            },
            state="active",
        )
        self.after = drawn(
            {
                "T1": ("ann ", [a, g]),
                "T2": ("Bob", [b, c]),
                "T3": ("Dan", [d]),
                "T4": ("", []),
                "T5": ("Eve", [e]),
                "T6": ("", [h]),
            },
            copied_from=self.before,
        )
        sheet = Sheet.objects.create(flag=factories.flag(self.before))
        for body, code in ((a, "T1"), (b, "T1"), (d, "T3")):
            AccountLead.objects.create(
                plan=self.before,
                territory=self.before.territories.get(code=code),
                organisation=body,
                opened_on=YEAR,
                made_by=sheet,
            )

    def compared(self):
        return compare(*sides(self.before, self.after))


@pytest.fixture
def six(db):
    return SixTerritories()


def test_disruption_equals_a_recount_by_hand(six):
    found = six.compared().disruption

    # b to Bob, d to Dan, e to Eve, f to nobody. Not g, which nobody had, nor h.
    assert found.units == 4
    assert found.people == 200 + 400 + 500 + 600
    assert found.relationships == 1 + 3 + 1 + 0
    # The leads of a and b are T1's, and stay Ann's; that of d is T3's, which Dan works now.
    assert found.accounts == 1
    assert (found.of_units, found.of_people) == (7, 2_800)
    assert (found.of_accounts, found.of_relationships) == (3, 11)
    assert [what for what, *_ in found.rows] == [
        "Units",
        "People",
        "Accounts",
        "Relationships",
    ]
    assert found.rows[0][3] == 4 / 7


def test_what_moves_is_won_by_one_and_lost_by_another(six):
    found = six.compared()
    b, e, f, g, h = (six.units[place].code for place in (1, 4, 5, 6, 7))

    assert ways(found) == {
        (b, "T1", "T2"),
        (e, "T4", "T5"),
        (f, "T5", None),
        (g, "T6", "T1"),
        (h, None, "T6"),
    }
    rows = {row.code: row for row in found.rows}
    won = {code: (len(row.won.units), row.won.people) for code, row in rows.items()}
    lost = {code: (len(row.lost.units), row.lost.people) for code, row in rows.items()}
    assert won == {
        "T1": (1, 700),
        "T2": (1, 200),
        "T3": (0, 0),
        "T4": (0, 0),
        "T5": (1, 500),
        "T6": (1, 800),
    }
    assert lost == {
        "T1": (1, 200),
        "T2": (0, 0),
        "T3": (0, 0),
        "T4": (1, 500),
        "T5": (1, 600),
        "T6": (1, 700),
    }
    assert rows["T1"].was.people == 300
    assert rows["T1"].now.people == 300 - 200 + 700
    assert (rows["T1"].won.relationships, rows["T1"].lost.relationships) == (4, 1)
    assert len(found.whole.units) == 5
    assert found.whole.people == 200 + 500 + 600 + 700 + 800
    assert not rows["T1"].has_other_owner  # "ann " is Ann
    assert rows["T3"].has_other_owner
    assert [move.before for move in found.moves] == ["T1", "T4", "T5", "T6", None]


def test_a_plan_beside_itself_moves_nothing(six):
    found = compare(*sides(six.before, six.before))

    assert not found.moves
    assert found.disruption.is_none
    assert found.disruption.of_units == 7


@pytest.mark.parametrize("role", ["mirror", "overlay", "co_promotion"])
def test_plans_are_compared_in_the_role_they_cover_in(db, role):
    """And in no other: a unit that one of them only shares moves nowhere."""
    one, two, shared = unit(100), unit(200), unit(300)
    before = drawn({"T1": ("Ann", [one, two]), "T2": ("Bob", [])}, role=role, state="active")
    after = drawn({"T1": ("Ann", [one]), "T2": ("Bob", [two])}, role=role, copied_from=before)
    home = after.territories.get(code="T2")
    factories.assignment(territory=home, organisation=shared, opened_on=YEAR, role="owner")

    found = compare(*sides(before, after))

    assert ways(found) == {(two.code, "T1", "T2")}
    assert (found.disruption.units, found.disruption.people) == (1, 200)


def test_two_days_of_one_plan(six):
    b = six.units[1]
    Assignment.objects.filter(plan=six.before, organisation=b).update(closed_on=date(2027, 1, 1))
    home = six.before.territories.get(code="T2")
    factories.assignment(territory=home, organisation=b, opened_on=date(2027, 1, 1))

    later = compare(*sides(six.before, six.before, TODAY, date(2027, 1, 1)))
    earlier = compare(*sides(six.before, six.before, date(2027, 1, 1), TODAY))
    eve = compare(*sides(six.before, six.before, TODAY, date(2026, 12, 31)))

    assert ways(later) == {(b.code, "T1", "T2")}
    assert ways(earlier) == {(b.code, "T2", "T1")}
    assert not eve.moves


# --- Which territory is which -------------------------------------------------------------------


def test_territories_of_copies_go_by_code_and_a_new_code_by_what_it_holds(db):
    one, two, three = (unit(10) for _ in range(3))
    plan = drawn({"A": ("", [one]), "B": ("", [two]), "C": ("", [three])})
    # Codes A and B changed places for good; C was given another code.
    copy = drawn(
        {"A": ("", [two]), "B": ("", [one]), "X": ("", [three])},
        copied_from=drawn({}, copied_from=plan),
    )

    found = compare(*sides(plan, copy))

    assert found.matched == {"A": "A", "B": "B", "C": "X"}
    assert found.by_overlap == {"C"}
    assert ways(found) == {(one.code, "A", "B"), (two.code, "B", "A")}


def test_territories_of_plans_that_are_no_kin_go_by_the_largest_overlap(db):
    large, small, other = unit(900), unit(50), unit(60)
    plan = drawn({"A": ("", [large, small]), "B": ("", [other])})
    stranger = drawn({"A": ("", [small, other]), "N": ("", [large])})

    found = compare(*sides(plan, stranger))

    assert found.matched == {"A": "N", "B": "A"}
    assert found.by_overlap == {"A", "B"}
    assert ways(found) == {(small.code, "A", "A")}  # A of one is not A of the other


# --- Which unit is which ------------------------------------------------------------------------


def merged(people=(100, 200), share=1):
    """Two bodies that became one on 1 April 2020."""
    event = factories.reorganisation(effective_on=AFTER)
    olds = [unit(number, closed_on=AFTER) for number in people]
    new = unit(sum(people), opened_on=AFTER)
    for old in olds:
        factories.succession(reorganisation=event, predecessor=old, successor=new, share=share)
    return olds, new


OF_2019 = {"opened_on": date(2019, 4, 1)}


def test_a_unit_that_ended_is_followed_to_its_successor(db):
    (one, two), new = merged()
    early = drawn({"A": ("", [one]), "B": ("", [two])}, **OF_2019)
    late = drawn({"A": ("", [new])}, **OF_2019, copied_from=early)

    found = compare(Side(early, BEFORE), Side(late, AFTER))

    assert ways(found) == {(two.code, "B", "A")}
    assert found.moves[0].people == 200
    assert {(each.pair.old, each.pair.new) for each in found.units} == {
        (one.pk, new.pk),
        (two.pk, new.pk),
    }
    backwards = pairs(Side(late, AFTER), Side(early, BEFORE))
    assert set(backwards) == {
        Pair(new.pk, one.pk, "A", "A"),
        Pair(new.pk, two.pk, "A", "B"),
    }


def test_of_a_body_that_was_cut_each_successor_takes_its_share(db):
    event = factories.reorganisation(effective_on=AFTER, kind="split")
    old = unit(1_000, closed_on=AFTER)
    parts = [unit(opened_on=AFTER) for _ in range(2)]
    for part, share in zip(parts, ("0.7", "0.3"), strict=True):
        factories.succession(
            reorganisation=event, predecessor=old, successor=part, share=Decimal(share)
        )
    early = drawn({"A": ("Ann", [old]), "B": ("Bob", [])}, **OF_2019)
    late = drawn(
        {"A": ("Ann", [parts[0]]), "B": ("Bob", [parts[1]])}, **OF_2019, copied_from=early
    )

    found = compare(Side(early, BEFORE), Side(late, AFTER))

    (moved,) = found.moves
    assert (moved.pair.new, moved.people, moved.pair.share) == (parts[1].pk, 300, Decimal("0.3"))
    assert (found.disruption.units, found.disruption.of_units) == (1, 1)
    assert (found.disruption.people, found.disruption.of_people) == (300, 1_000)


def test_a_body_that_closed_is_lost_and_one_that_opened_is_won(db):
    event = factories.reorganisation(effective_on=AFTER, kind="abolition")
    gone, come = unit(closed_on=AFTER), unit(opened_on=AFTER)
    factories.succession(reorganisation=event, predecessor=gone, successor=None, share=None)
    early, late = drawn({"A": ("", [gone])}, **OF_2019), drawn({"A": ("", [come])}, **OF_2019)

    assert set(pairs(Side(early, BEFORE), Side(late, AFTER))) == {
        Pair(gone.pk, None, "A", None),
        Pair(None, come.pk, None, "A"),
    }


class Levels:
    """An ICB with two locations, one of which has three practices."""

    def __init__(self):
        self.icb = unit(300, kind="icb")
        self.places = [unit(100, kind="place"), unit(200, kind="place")]
        self.practices = [unit(kind="practice") for _ in range(3)]
        for place in self.places:
            factories.relationship(child=place, parent=self.icb)
        for practice in self.practices:
            factories.relationship(child=practice, parent=self.places[0])


@pytest.fixture
def levels(db):
    return Levels()


def test_the_finer_beats_the_coarser_from_either_side(levels):
    one, two = levels.places
    whole = drawn({"A": ("", [levels.icb]), "B": ("", [])})
    parts = drawn({"A": ("", [one]), "B": ("", [two])}, copied_from=whole)

    down, up = (pairs(*sides(*way)) for way in ((whole, parts), (parts, whole)))

    assert set(down) == {Pair(one.pk, one.pk, "A", "A"), Pair(two.pk, two.pk, "A", "B")}
    assert set(up) == {Pair(one.pk, one.pk, "A", "A"), Pair(two.pk, two.pk, "B", "A")}
    assert compare(*sides(whole, parts)).moves[0].people == 200


def test_what_is_left_of_a_whole_is_nobodys_in_the_plan_of_parts(levels):
    one, two = levels.places
    whole, parts = drawn({"A": ("", [levels.icb])}), drawn({"A": ("", [one])})

    down, up = (pairs(*sides(*way)) for way in ((whole, parts), (parts, whole)))

    assert set(down) == {Pair(one.pk, one.pk, "A", "A"), Pair(two.pk, two.pk, "A", None)}
    assert set(up) == {Pair(one.pk, one.pk, "A", "A"), Pair(two.pk, two.pk, None, "A")}


def test_practices_are_compared_one_by_one_whatever_the_levels(levels):
    """The draft gives one practice away, and leaves its location with the territory."""
    before = drawn({"A": ("", [levels.places[0]]), "B": ("", [])})
    after = drawn(
        {"A": ("", [levels.places[0]]), "B": ("", [levels.practices[0]])}, copied_from=before
    )

    found = compare(*sides(before, after))

    assert found.whole.practices == 1
    rows = {row.code: row for row in found.rows}
    assert (rows["A"].lost.practices, rows["B"].won.practices) == (1, 1)
    assert (rows["A"].was.practices, rows["A"].now.practices) == (3, 2)
    assert ways(found) == {(levels.practices[0].code, "A", "B")}


def early_codes(plan):
    return list(plan.territories.values_list("code", flat=True))


def test_a_plan_of_2019_beside_one_of_2021_by_its_successors(db):
    """The 191 CCGs of March 2020 beside the bodies that they became: nothing moves, nothing is
    lost, and each of the 74 that merged is told with its successor."""
    early = plan_of_2020()
    after = drawn({}, opened_on=AFTER, copied_from=early)
    homes = {code: factories.territory(plan=after, code=code) for code in early_codes(early)}
    held = Side(early, LAST_DAY_OF_191).held
    whose = {}
    codes = dict(Organisation.objects.filter(pk__in=held).values_list("code", "pk"))
    for code, places in trace_all(codes, AFTER).items():
        whose.setdefault(places[0].code, held[codes[code]])
    for body in Organisation.objects.filter(code__in=whose):
        factories.assignment(territory=homes[whose[body.code]], organisation=body, opened_on=AFTER)

    found = compare(Side(early, LAST_DAY_OF_191), Side(after, AFTER))

    assert len(found.units) == 191
    assert sum(each.pair.old != each.pair.new for each in found.units) == 74
    assert all(None not in (each.before, each.after) for each in found.units)
    assert found.unclear == 0
    # Bands from south to north: only CCGs that merged across a band's edge come to another.
    assert {each.pair.old != each.pair.new for each in found.moves} <= {True}
    assert all(each.pair.share == ALL for each in found.units)


# --- What it costs ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 12])
def test_the_queries_do_not_grow_with_the_plans(db, size):
    olds, new = merged()
    territories = {f"T{n}": ("Ann", [unit(10, tenures=1)]) for n in range(size)}
    moved = {f"T{n}": ("Ann", []) for n in range(size)}
    moved["T0"] = ("Ann", [body for _, units in territories.values() for body in units] + [new])
    territories["T0"][1].extend(olds)
    before = drawn(territories, opened_on=date(2019, 4, 1))
    after = drawn(moved, opened_on=date(2019, 4, 1), copied_from=before)

    with CaptureQueriesContext(connection) as asked:
        compare(Side(before, BEFORE), Side(after, AFTER))

    assert len(asked) <= 32
    assert TerritoryPlan.objects.count() == 2


# --- The page -----------------------------------------------------------------------------------

PAGE = "/plans/compare/"


@pytest.fixture
def planner(client, db):
    client.force_login(factories.user(role=User.Role.PLANNER))
    return client


def address(six, **more):
    return f"{PAGE}?{urlencode({'a': six.before.pk, 'b': six.after.pk, 'on_b': TODAY, **more})}"


def test_the_page_says_what_moves_and_whom_it_unsettles(planner, six):
    page = planner.get(address(six)).content.decode()

    assert f"{six.before.name} on 22 November 2026 beside {six.after.name}" in page
    assert "<strong>1,700</strong>" in page
    assert "of 7 · 57%" in page
    assert "Cat → Dan" in page
    assert page.count('class="card-title"') == 5
    assert "Territories go by their codes." in page


def test_empty_it_asks_which_plans_to_compare(planner, six):
    answer = planner.get(PAGE)

    assert answer.status_code == 200
    assert "Choose two plans" in answer.content.decode()
    assert six.before.name in answer.content.decode()


def test_a_draft_alone_is_compared_with_what_is(planner, six):
    six.after.team = six.before.team
    six.after.save()

    page = planner.get(f"{PAGE}?b={six.after.pk}").content.decode()
    assert f"{six.before.name} on " in page
    assert (
        planner.get(six.after.get_absolute_url())
        .content.decode()
        .count(f"{PAGE}?b={six.after.pk}")
    )

    other = drawn({}, state="archived")
    six.after.replaces = other
    six.after.save()
    assert f"{other.name} on " in planner.get(f"{PAGE}?b={six.after.pk}").content.decode()


@pytest.mark.parametrize(
    "more, says",
    [
        ({"a": "999999"}, "Select a valid choice"),
        ({"b": "x"}, "Select a valid choice"),
        ({"on_a": "31/31/2020"}, "Enter a valid date"),
    ],
)
def test_what_cannot_be_compared_is_said_on_the_form(planner, six, more, says):
    answer = planner.get(address(six, **more))

    assert answer.status_code == 422
    assert says in answer.content.decode()


def test_its_files_have_what_the_page_has(planner, six):
    text = planner.get(address(six, format="csv"))
    book = planner.get(address(six, format="xlsx"))
    answer = planner.get(address(six, format="json")).json()

    lines = list(csv.reader(io.StringIO(text.content.decode().removeprefix("\ufeff"))))
    b = six.units[1].code
    (line,) = (line for line in lines if line[0] == b)
    assert line[5:] == ["T1", "Ann", "T2", "Bob", "200", "", "1"]
    assert len(lines) == 6
    assert text["Content-Disposition"].endswith('-2026-11-22.csv"')
    sheets = read(book.content)
    assert list(sheets) == ["Territories", "What moves", "Disruption"]
    assert len(sheets["Territories"]) == 7
    assert sheets["Disruption"][1][:3] == ["Units", 4.0, 7.0]
    assert answer["Disruption"][2][:3] == ["People", 1_700, 2_800]
    assert planner.get(address(six, format="ods")).status_code == 400


def test_a_hostile_name_leaves_as_text(planner, six):
    six.before.territories.filter(code="T1").update(code="=1+1")

    text = planner.get(address(six, format="csv")).content.decode()

    assert "'=1+1" in text
    assert read(planner.get(address(six, format="xlsx")).content)  # it refuses formulas


@pytest.mark.parametrize("role", [User.Role.FIELD, User.Role.STEWARD])
def test_whoever_does_not_plan_compares_nothing(client, six, role):
    client.force_login(factories.user(role=role, team=six.after.team))

    assert client.get(address(six)).status_code == 403
    page = client.get(six.after.get_absolute_url())
    assert f"{PAGE}?" not in page.content.decode()


def test_a_walled_plan_is_no_choice_for_others(planner, six):
    six.after.team.is_walled = True
    six.after.team.save()

    answer = planner.get(address(six))

    assert answer.status_code == 422
    assert six.after.name not in answer.content.decode()


def test_the_page_shows_some_and_the_files_have_all(planner, db, monkeypatch):
    monkeypatch.setattr("accounts.views.comparing.SHOWN", 2)
    bodies = [unit(10) for _ in range(3)]
    before = drawn({"A": ("", bodies), "B": ("", [unit(100)])})
    after = drawn({"A": ("", []), "B": ("", bodies)}, copied_from=before)

    answer = planner.get(f"{PAGE}?a={before.pk}&b={after.pk}")

    assert "And 2 more, in the files." in answer.content.decode()
