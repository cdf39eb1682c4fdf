"""The three great days with 500 people each: who is written to, and what, by a recount in plain
Python from the rows of the tables."""

import random
import re
from collections import defaultdict
from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from accounts import tasks
from accounts.models import Assignment, Digest, RosterEntry, Territory, User
from footprints.models import Organisation
from tests import factories
from tests.accounts.ticks import look

pytestmark = pytest.mark.slow

DAYS = [
    # day, kinds that the plans assign, least number of events that touch them
    (date(2020, 4, 1), ("ccg",), 18),
    (date(2022, 7, 1), ("ccg",), 42),
    (date(2026, 4, 1), ("icb", "sub_icb"), 3),
]
TEAMS, FIELD = 10, 48  # and an owner and a manager each: 500 people
ONE_DAY = timedelta(days=1)


def company(day, kinds, chance):
    """Ten teams, a plan each over all bodies of the day before, dealt by chance; of every plan two
    territories are nobody's, one is left by its worker on the day, and one is two people's."""
    eve = day - ONE_DAY
    units = list(Organisation.objects.of_kind(eve, kind__in=kinds).order_by("code"))
    for number in range(TEAMS):
        team = factories.team()
        for role in (User.Role.MANAGER, User.Role.PLANNER):
            owner = factories.user(team=team, role=role, email=f"{role}{number}@example.com")
        plan = factories.plan(
            team=team, owner=owner, opened_on=eve, closed_on=day + ONE_DAY, state="active"
        )
        homes = Territory.objects.bulk_create(
            Territory(plan=plan, code=f"T{n:02}", name=f"Patch {n}", position=n)
            for n in range(FIELD + 1)
        )
        people = User.objects.bulk_create(
            User(
                username=f"field{number}.{n}",
                email=f"field{number}.{n}@example.com",
                team=team,
                is_active=n != 3,
            )
            for n in range(FIELD)
        )
        RosterEntry.objects.bulk_create(
            RosterEntry(
                territory=homes[n],
                user=person,
                opened_on=eve,
                closed_on=day if n == 4 else None,  # who leaves before the day
            )
            for n, person in enumerate(people[:-1])
        )
        RosterEntry.objects.create(
            territory=homes[0], user=people[-1], role="mirror", opened_on=eve
        )
        chance.shuffle(units)
        left_out = 1 + number % 3  # bodies that the plan does not hold
        Assignment.objects.bulk_create(
            Assignment(
                plan=plan, territory=homes[n % len(homes)], organisation=unit, opened_on=eve
            )
            for n, unit in enumerate(units[left_out:])
        )


# --- The recount


def rows(table, where=""):
    """Every row of a table, as a dictionary."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} {where}")
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class Recount:
    """What the day does to everybody, from the raw tables and nothing else.

    ``alerts``: (address, title of the event, plan) of all whom it concerns. ``lines``: address →
    {(successor, what comes into it, whose it is)}; ``moved``: address → {(unit, new parent)}.
    """

    def __init__(self, day):
        self.day = day
        codes = {row["id"]: row["code"] for row in rows("footprints_organisation")}
        users = {row["id"]: row for row in rows("accounts_user")}
        plans = {row["id"]: row for row in rows("accounts_territoryplan")}
        territories = {row["id"]: row for row in rows("accounts_territory")}
        events = {
            row["id"]: row
            for row in rows("footprints_reorganisation")
            if row["effective_on"] == day and row["state"] in ("effective", "in_law")
        }
        passes, moves = defaultdict(list), defaultdict(list)
        for row in rows("footprints_succession", "WHERE retracted_by_id IS NULL"):
            if row["reorganisation_id"] in events and row["passes"] == "area":
                passes[row["reorganisation_id"]].append(row)
        for row in rows("footprints_move", "WHERE retracted_by_id IS NULL"):
            if row["reorganisation_id"] in events:
                moves[row["reorganisation_id"]].append(row)
        workers = defaultdict(set)
        for row in rows("accounts_rosterentry"):
            is_there = row["closed_on"] is None or row["closed_on"] > day
            if is_there and users[row["user_id"]]["is_active"]:
                workers[row["territory_id"]].add(row["user_id"])
        managers = defaultdict(set)
        for user in users.values():
            if user["role"] == "manager" and user["is_active"]:
                managers[user["team_id"]].add(user["id"])
        held = defaultdict(dict)  # plan → unit → territory
        for row in rows("accounts_assignment"):
            held[row["plan_id"]][row["organisation_id"]] = row["territory_id"]
        lived = {
            row["organisation_id"]
            for row in rows("footprints_version", "WHERE retracted_by_id IS NULL")
            if (row["opened_on"] is None or row["opened_on"] < day)
            and (row["closed_on"] is None or row["closed_on"] >= day)
        }

        self.alerts, self.lines, self.moved = set(), defaultdict(set), defaultdict(set)
        self.natures = defaultdict(set)
        for event, plan in ((e, p) for e in events for p in plans):
            mine = held[plan]
            bodies = {row["predecessor_id"] for row in passes[event]}
            bodies |= {row["successor_id"] for row in passes[event]}
            bodies |= {row["child_id"] for row in moves[event]}
            patches = {mine[body] for body in bodies if body in mine}
            if not patches:
                continue
            whose = {plans[plan]["owner_id"]: None}  # None: all of the plan
            for patch in patches:
                readers = workers[patch] or managers[plans[plan]["team_id"]]
                for reader in readers:
                    if whose.get(reader, ()) is not None:
                        whose.setdefault(reader, set()).add(patch)
            for reader, own in whose.items():
                address = users[reader]["email"]
                self.alerts.add((address, events[event]["title"], plans[plan]["name"]))

                def label(territory, own=own):
                    if own is None or territory in own:
                        return territories[territory]["code"]
                    return "another"

                into = defaultdict(set)
                for row in passes[event]:
                    before, after = row["predecessor_id"], row["successor_id"]
                    if before == after:
                        if before in mine and (own is None or mine[before] in own):
                            self.natures[address].add(codes[before])
                    elif after is not None:
                        into[after] |= {before} | ({after} & lived)
                for after, sides in into.items():
                    have = {side for side in sides if side in mine}
                    if not {mine[s] for s in have if own is None or mine[s] in own}:
                        continue
                    for side in sides:
                        place = label(mine[side]) if side in mine else "nobody"
                        self.lines[address].add((codes[after], codes[side], place))
                for row in moves[event]:
                    unit = row["child_id"]
                    if unit in mine and (own is None or mine[unit] in own):
                        self.moved[address].add((codes[unit], codes[row["to_parent_id"]]))

    @property
    def people(self):
        return {address for address, _, _ in self.alerts}


# --- What the letters say

INTO = re.compile(r"^    → (\w+) ")
SIDE = re.compile(r"^      (\w+) .*?: (T\d\d|held by another territory|in no territory)")
MOVED = re.compile(r"^      (\w+) .* → under (\w+) ")


def lines_of(text):
    """(successor, what comes into it, whose it is) of each line of a letter."""
    found, into = set(), None
    for line in text.splitlines():
        if start := INTO.match(line):
            into = start[1]
        elif into and (side := SIDE.match(line)):
            place = {"held by another territory": "another", "in no territory": "nobody"}
            found.add((into, side[1], place.get(side[2], side[2])))
        elif not line.startswith("      "):
            into = None
    return found


def titles_of(text):
    """Each line as the title of an event is one: with its number, or with a full stop."""
    return {re.sub(r"^\d+\. |\.$", "", line) for line in text.splitlines()}


def moved_of(text):
    return {(m[1], m[2]) for m in map(MOVED.match, text.splitlines()) if m}


@pytest.mark.parametrize("day, kinds, at_least", DAYS, ids=[str(day) for day, *_ in DAYS])
def test_letters_recipients_and_contents_equal_a_recount(
    register, mailoutbox, day, kinds, at_least
):
    company(day, kinds, random.Random(day.year))
    recount = Recount(day)

    look()
    tasks.send_digests()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT person.email, event.title, plan.name FROM accounts_alert AS alert "
            "JOIN accounts_user AS person ON person.id = alert.person_id "
            "JOIN accounts_flag AS flag ON flag.id = alert.flag_id "
            "JOIN footprints_reorganisation AS event ON event.id = flag.reorganisation_id "
            "JOIN accounts_territoryplan AS plan ON plan.id = flag.object_id"
        )
        alerts = cursor.fetchall()
    assert len(alerts) == len(set(alerts))
    assert set(alerts) == recount.alerts
    titles = {title for _, title, _ in recount.alerts}
    assert len(titles) >= at_least
    # One letter each, of the whole day.
    addresses = [letter.to[0] for letter in mailoutbox]
    assert len(addresses) == len(set(addresses))
    assert set(addresses) == recount.people
    assert len(addresses) > 250
    assert not Digest.objects.due(now()).exists()
    told = defaultdict(set)
    for address, title, _ in recount.alerts:
        told[address].add(title)
    for letter in mailoutbox:
        (address,) = letter.to
        assert titles_of(letter.body) & titles == told[address]
        assert lines_of(letter.body) == recount.lines[address]
        moved, shown = recount.moved[address], moved_of(letter.body)
        hidden = sum(map(int, re.findall(r"… and (\d+) more", letter.body)))
        assert shown <= moved
        assert len(shown) + hidden == len(moved)
        natures = sum(map(int, re.findall(r"(\d+) of your units keep", letter.body)))
        assert natures == len(recount.natures[address])
