"""Invents the demo company's stakeholders: people, posts, and who held which post when.

``posts.csv`` says which posts there are: of a group of bodies every so many in order of code,
beginning with the first named. The rest is arithmetic, so that two databases hold the same
people. Some posts are vacant, some changed hands, some people moved on of their own accord
(``moves.csv``), one chief executive may lead two boards (``chief_executives.csv``), and the
company never said what became of most of those whose board was abolished in April 2026.
"""

import csv
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

from footprints.dated import ONE_DAY
from footprints.models import Kind, LeadProvider, Version
from stakeholders.models import Person, Post, Tenure

from .names import names
from .tables import FOLDER

SOURCE = "Invented for the demonstration"

# Twelve ICBs and a sub-ICB location closed on the eve of this day (see the register).
ABOLISHED_ON = date(2026, 4, 1)
# The replayed plan is of the CCGs that lived on this day, the last before 74 of them merged.
REPLAYED_ON = date(2020, 3, 31)
# Nobody was looked up after this day.
KNOWN_ON = date(2026, 11, 1)


@dataclass
class Seat:
    """A post to be made, with its holders as (person, opened_on, closed_on), half open."""

    organisation: int
    code: str
    role: str
    opened_on: date | None
    closed_on: date | None = None
    holders: list = field(default_factory=list)


@dataclass(frozen=True)
class Body:
    """An organisation as a group has it: its key, its code, and its days as of that kind."""

    organisation: int
    code: str
    opened_on: date | None
    closed_on: date | None


class Cast:
    """The people, in order of appearance."""

    def __init__(self):
        self.people = []
        self._names = names()

    def invent(self, profession: str, title: str = "") -> Person:
        """Return one more person, not yet saved."""
        n = len(self.people)
        given_name, family_name = next(self._names)
        person = Person(
            title=title,
            given_name=given_name,
            family_name=family_name,
            profession=profession,
            is_invented=True,
            source=SOURCE,
            # One in fifteen was never verified; the others, over the last fourteen months.
            verified_on=None if n % 15 == 7 else KNOWN_ON - timedelta(days=n * 17 % 420),
        )
        self.people.append(person)
        return person


def invent() -> tuple[int, int]:
    """Create the stakeholders, their posts and tenures; return how many people and posts."""
    cast = Cast()
    seats = {}
    for group in dict.fromkeys(row["group"] for row in _rows("posts.csv")):
        for seat in _seats(group, cast, seats):
            seats[seat.code, seat.role] = seat
    for seat in _chief_executives(cast):
        seats[seat.code, seat.role] = seat

    Person.objects.bulk_create(cast.people)
    posts = Post.objects.bulk_create(
        Post(
            organisation_id=seat.organisation,
            role=seat.role,
            opened_on=seat.opened_on,
            closed_on=seat.closed_on,
        )
        for seat in seats.values()
    )
    Tenure.objects.bulk_create(
        Tenure(post=post, person=person, opened_on=opened_on, closed_on=closed_on)
        for post, seat in zip(posts, seats.values(), strict=True)
        for person, opened_on, closed_on in seat.holders
    )
    return len(cast.people), len(posts)


def _seats(group, cast, earlier):
    """Yield the seats that posts.csv gives the bodies of a group, with their holders.

    ``earlier`` are the seats made so far by (code, role): people move on from those.
    """
    moves = {(row["to_code"], row["to_role"]): row for row in _rows("moves.csv")}
    bodies = _bodies(group)
    for row in _rows("posts.csv"):
        if row["group"] != group:
            continue
        for n, body in enumerate(bodies[int(row["first"]) :: int(row["every"])]):
            seat = Seat(
                organisation=body.organisation,
                code=body.code,
                role=row["role"],
                # A trust or a committee is older than anything known of its posts.
                opened_on=body.opened_on if group in ("ccg", "icb", "sub_icb") else None,
                # A post at a CCG was closed with it; nobody closed those of April 2026.
                closed_on=body.closed_on if group == "ccg" else None,
            )
            if move := moves.get((seat.code, seat.role)):
                _move(earlier[move["from_code"], move["from_role"]], seat, move["day"])
            else:
                _fill(seat, n, partial(cast.invent, row["profession"], row["title"]))
            yield seat


def _move(left, taken, day):
    """Let the holder of one seat take the other on that day; the seat that was left closes."""
    person, opened_on, _ = left.holders[-1]
    left.closed_on = ABOLISHED_ON
    left.holders[-1] = person, opened_on, ABOLISHED_ON
    taken.holders = [(person, date.fromisoformat(day), None)]


def _fill(seat, n, invent_one):
    """Give the seat its holders: of ten seats one is vacant, one changed hands after a gap."""
    end = seat.closed_on or KNOWN_ON
    # Terms began over six years, the last of them more than a year before the end.
    began = end - timedelta(days=400 + n * 211 % 2100)
    if seat.opened_on:
        began = max(began, seat.opened_on)
    middle = began + (end - began) / 2
    match n % 10:
        case 4 if seat.closed_on is None:
            seat.holders = [(invent_one(), began, end - timedelta(days=30 + n))]
        case 7:
            seat.holders = [
                (invent_one(), began, middle),
                (invent_one(), middle + timedelta(days=61), seat.closed_on),
            ]
        case _:
            seat.holders = [(invent_one(), began, seat.closed_on)]


def _chief_executives(cast):
    """Yield a seat for each ICB named: a cluster shares its chief, and stays several bodies."""
    bodies = {body.code: body for body in _bodies("icb")}
    for row in _rows("chief_executives.csv"):
        shared_from = date.fromisoformat(row["first_day"])
        chief = cast.invent("Manager")
        for n, code in enumerate(row["icbs"].split()):
            body = bodies[code]
            seat = Seat(body.organisation, code, "Chief executive", body.opened_on)
            if n:  # each board but the chief's first had one of its own until then
                seat.holders = [
                    (cast.invent("Manager"), body.opened_on, shared_from),
                    (chief, shared_from, None),
                ]
            else:
                seat.holders = [(chief, body.opened_on, None)]
            yield seat


def _bodies(group) -> list[Body]:
    """The bodies of a group, in order of code."""
    day = {
        "ccg": REPLAYED_ON,
        "abolished_icb": ABOLISHED_ON - ONE_DAY,
        "abolished_sub_icb": ABOLISHED_ON - ONE_DAY,
    }.get(group, ABOLISHED_ON)
    versions = Version.objects.now().on(day).decided()
    match group:
        case "abolished_icb" | "abolished_sub_icb":
            kind = group.removeprefix("abolished_")
            versions = versions.filter(kind=kind, closed_on=ABOLISHED_ON)
        case "committee":
            versions = versions.filter(kind__family=Kind.Family.COMMITTEE)
        case "lead_provider":
            leads = LeadProvider.objects.now().on(day).values("provider")
            versions = versions.filter(organisation__in=leads)
        case _:
            versions = versions.filter(kind=group)
    versions = versions.order_by("organisation__code")
    return [
        Body(*row)
        for row in versions.values_list(
            "organisation", "organisation__code", "opened_on", "closed_on"
        )
    ]


def _rows(name):
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
