"""What each real event did to a plan, against a recount from the published tables alone.

The recount below reads `successions.csv`, `memberships.csv` and `organisations.csv` with sets and
nothing of ours: what an event is, what closes, meets, is missing, splits and changes its parent.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from accounts.effects import effects
from accounts.models import Assignment, Flag
from accounts.services.flags import raise_flags
from footprints.models import Organisation, Reorganisation, Succession
from tests import factories

ONE_DAY = timedelta(days=1)
YEARS = range(2015, 2027)
UNITS = {"region", "stp", "icb", "ccg", "sub_icb", "pcn", "trust", "care_trust"}
PASSES = {"merger", "absorption", "split", "closure"}
TERRITORIES, LEFT_OUT = 6, 7  # territories of a plan; each seventh unit is left out of it


# --- The recount ---------------------------------------------------------------------------------


@dataclass
class Event:
    """Bodies that pass into one another on a day, together with those that change their nature."""

    day: date
    passing: set = field(default_factory=set)  # pairs of codes; no successor: it closes
    changing: set = field(default_factory=set)


@dataclass
class Found:
    """What one event does to the units that a plan holds, by code."""

    closings: set
    conflicts: dict  # successor → the territories that meet in it
    bring_ins: dict  # successor → the bodies in it that the plan does not hold
    splits: set
    changed: set

    def __bool__(self):
        return any(vars(self).values())


class Published:
    """The tables as they are published."""

    def __init__(self, folder):
        def rows(name):
            with (folder / name).open(encoding="utf-8", newline="") as file:
                return list(csv.DictReader(file))

        self.lives = defaultdict(list)
        for row in rows("organisations.csv"):
            life = day_or(row["opened"], date.min), day_or(row["closed"], date.max), row["kind"]
            self.lives[row["code"]].append(life)
        self.successions = [
            (self.day_of(row), row) for row in rows("successions.csv") if row["effective_date"]
        ]
        self.memberships = rows("memberships.csv")

    def day_of(self, row):
        """Some successions of trusts give the last day of the one before (its README says)."""
        day = date.fromisoformat(row["effective_date"])
        last_days = {last for _, last, _ in self.lives[row["predecessor_code"]]}
        return day + ONE_DAY if row["kind"] != "rename" and day in last_days else day

    def living(self, day):
        """The codes of units that lived on that day."""
        return {
            code
            for code, lives in self.lives.items()
            if any(first <= day <= last and kind in UNITS for first, last, kind in lives)
        }

    def events(self):
        """Connected successions of one day and family, with the functions that pass."""
        grouped = defaultdict(list)
        for day, row in self.successions:
            family = "trusts" if "trust" in row["predecessor_kind"] else "commissioners"
            grouped[day, family].append(row)
        found = []
        for (day, _), rows in sorted(grouped.items()):
            closing = {row["predecessor_code"] for row in rows if row["kind"] in PASSES}
            links = [{r["predecessor_code"], r["successor_code"]} - {""} for r in rows]
            # A location that closes in the same stroke as the board above it belongs to its event.
            links += [
                {child, parent}
                for child, parents in self.parents(day - ONE_DAY).items()
                for parent in parents & closing
                if child in closing
            ]
            for bodies in connected(links):
                event = Event(day)
                for row in rows:
                    pair = row["predecessor_code"], row["successor_code"]
                    if pair[0] in bodies and row["kind"] in PASSES:
                        event.passing.add(pair)
                    elif pair[0] in bodies and row["kind"] == "rename":
                        event.changing.add(pair[0])
                found.append(event)
        return found

    def parents(self, day):
        """Child → the parents that it is a member of on that day."""
        found = defaultdict(set)
        for row in self.memberships:
            if day_or(row["from"], date.min) <= day <= day_or(row["to"], date.max):
                found[row["child_code"]].add(row["parent_code"])
        return found

    def parent_changes(self, year):
        """``{(day, child): {(old, new), …}}``: memberships that end the day before another."""
        ends, found = defaultdict(set), defaultdict(set)
        for row in self.memberships:
            if row["to"]:
                following = date.fromisoformat(row["to"]) + ONE_DAY
                ends[row["child_code"], following].add((row["parent_code"], row["parent_kind"]))
        for row in self.memberships:
            day = day_or(row["from"], date.min)
            for old, old_kind in ends[row["child_code"], day]:
                # An STP became an ICB, a CCG a location, each on the code it had.
                alike = old_kind == row["parent_kind"] or {old_kind, row["parent_kind"]} in (
                    {"stp", "icb"},
                    {"ccg", "sub_icb"},
                )
                if day.year == year and old != row["parent_code"] and alike:
                    found[day, row["child_code"]].add((old, row["parent_code"]))
        return found

    def befalls(self, event, held):
        """What the event does to a plan that holds these units: ``{code: territory}``."""
        into, out_of = defaultdict(set), defaultdict(set)
        for old, new in event.passing:
            out_of[old].add(new)
            if new:
                into[new].add(old)
        lived = self.living(event.day - ONE_DAY)
        found = Found(
            closings=set(out_of) & set(held),
            conflicts={},
            bring_ins={},
            splits={old for old, news in out_of.items() if len(news) > 1} & set(held),
            changed=event.changing & set(held),
        )
        for new, olds in into.items():
            parts = olds | ({new} & (lived | set(held)))
            homes = {held[part] for part in parts if part in held}
            if len(homes) > 1:
                found.conflicts[new] = homes
            if homes and parts - set(held):
                found.bring_ins[new] = parts - set(held)
        return found


def day_or(text, otherwise):
    return date.fromisoformat(text) if text else otherwise


def connected(links):
    """The disjoint sets of bodies that these links tie together."""
    groups = []
    for link in links:
        apart = [group for group in groups if not group & link]
        groups = [*apart, link.union(*(group for group in groups if group & link))]
    return groups


# --- The plans -----------------------------------------------------------------------------------


def plan_of(codes, opened_on, closed_on):
    """A plan over these units, but for each seventh, in turn in six territories."""
    plan = factories.plan(opened_on=opened_on, closed_on=closed_on)
    homes = [factories.territory(plan=plan) for _ in range(TERRITORIES)]
    keys = dict(Organisation.objects.with_codes(codes).values_list("code", "pk"))
    assert keys.keys() == set(codes)
    Assignment.objects.bulk_create(
        Assignment(
            plan=plan,
            territory=homes[number % TERRITORIES],
            organisation_id=keys[code],
            opened_on=opened_on,
        )
        for number, code in enumerate(sorted(codes))
        if number % LEFT_OUT != 3
    )
    return plan, dict(plan.assignments.values_list("organisation__code", "territory__code"))


def pairs(event):
    """What the project's own event says of the area."""
    rows = event.successions.now().filter(passes=Succession.Passes.AREA)
    found = rows.values_list("predecessor__code", "successor__code")
    return frozenset((old, new or "") for old, new in found)


def told(effect):
    """The effects of an event as the recount words them."""
    return Found(
        closings={line.unit.code for line in effect.closing},
        conflicts={
            meeting.successor.code: {home.code for home in meeting.territories}
            for meeting in effect.conflicts
        },
        bring_ins={
            meeting.successor.code: {side.body.code for side in meeting.missing}
            for meeting in effect.bring_ins
        },
        splits={line.unit.code for line in effect.splits},
        changed={line.unit.code for line in effect.changed_nature},
    )


@pytest.fixture
def published(shared):
    return Published(shared / "register")


@pytest.mark.parametrize("year", YEARS)
def test_each_event_does_to_a_plan_of_its_year_what_a_recount_says(register, published, year):
    expected = {
        frozenset(event.passing | {(code, code) for code in event.changing}): event
        for event in published.events()
        if event.day.year == year
    }
    # Mergers that are only reported come from no succession.
    events = Reorganisation.objects.filter(effective_on__year=year).decided()
    declared = {pairs(event): event for event in events if pairs(event)}
    assert declared.keys() == expected.keys()
    changes = published.parent_changes(year)
    days = {event.day for event in expected.values()} | {day for day, _ in changes}
    assert days, "a year without events would prove nothing"

    # A plan of the whole year over the units of its first day; and one of each eve, over its own.
    first = date(year, 1, 1)
    plans = [plan_of(published.living(first), first, date(year + 1, 1, 1))]
    plans += [plan_of(published.living(d - ONE_DAY), d - ONE_DAY, d + ONE_DAY) for d in days]
    raise_flags()

    flagged, wanted = set(), set()
    for plan, held in plans:
        found = effects([plan], events)
        moved = defaultdict(set)
        for key, event in declared.items():
            effect = found.get((plan.pk, event.pk))
            within = plan.opened_on < event.effective_on < plan.closed_on
            truth = published.befalls(expected[key], held) if within else None
            if truth:
                assert told(effect) == truth, f"{event} ({event.slug})"
            else:
                assert effect is None or not told(effect)
        for event in events:
            effect = found.get((plan.pk, event.pk))
            for line in effect.moved if effect else ():
                change = moved[event.effective_on, line.unit.code]
                assert not change, f"{line.unit.code} moves by two events"
                change |= {parent.code for parent, _ in line.others}
            if effect:
                wanted.add((plan.pk, event.pk))
        assert moved == {
            (day, child): {new for _, new in olds_and_news}
            for (day, child), olds_and_news in changes.items()
            if child in held and plan.opened_on < day < plan.closed_on
        }
        flags = Flag.objects.on_plans().filter(object_id=plan.pk, reorganisation__in=events)
        flagged |= set(flags.values_list("object_id", "reorganisation"))
    assert flagged == wanted
