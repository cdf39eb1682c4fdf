"""Reads the company's tables: CSV files in this folder, one dataclass a row.

Days in the files are written as people write them: the last day is the last day. Here they become
half open, as everywhere in the code.
"""

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from footprints.dated import day_after

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class TeamRow:
    """A team and its calendar; ``cycle_months`` and ``cycle_on`` are None without cycles."""

    name: str
    is_walled: bool
    cycle_months: int | None
    cycle_on: date | None
    supplier: str
    credit: str


@dataclass(frozen=True)
class FreezeRow:
    """A while in which nothing of a team changes."""

    team: str
    opened_on: date
    closed_on: date
    reason: str


@dataclass(frozen=True)
class ColleagueRow:
    """Somebody of the company; ``role`` is one of ``User.Role``, ``team`` a name or empty."""

    username: str
    given_name: str
    family_name: str
    role: str
    team: str


@dataclass(frozen=True)
class WatchRow:
    """A body that somebody watches, and the day since when."""

    username: str
    code: str
    opened_on: date


@dataclass(frozen=True)
class PlanRow:
    """A territory plan. ``units`` are the kinds of organisation it assigns, or lead_provider.

    ``redrawn_on`` is a day on which somebody brought it up to date by hand; ``leaves_out`` names
    the bodies of these kinds that the company does not cover. ``state`` is one of
    ``TerritoryPlan.State``.
    """

    key: str
    name: str
    team: str
    brands: str
    units: tuple[str, ...]
    opened_on: date
    redrawn_on: date | None
    closed_on: date | None
    leaves_out: frozenset[str]
    state: str


@dataclass(frozen=True)
class TerritoryRow:
    """A territory: ``owner`` is a user name or empty, ``units`` are codes of units or parents."""

    plan: str
    code: str
    name: str
    owner: str
    units: tuple[str, ...]


@dataclass(frozen=True)
class RosterRow:
    """Somebody on a territory beside its owner, or its owner for a part of the plan's time."""

    plan: str
    territory: str
    username: str
    role: str
    opened_on: date
    closed_on: date | None


def teams() -> list[TeamRow]:
    return [
        TeamRow(
            name=row["name"],
            is_walled=bool(row["walled"]),
            cycle_months=int(row["cycle_months"]) if row["cycle_months"] else None,
            cycle_on=_day(row["cycle_on"]),
            supplier=row["supplier"],
            credit=row["credit"],
        )
        for row in _rows("teams.csv")
    ]


def freezes() -> list[FreezeRow]:
    return [
        FreezeRow(
            team=row["team"],
            opened_on=_day(row["first_day"]),
            closed_on=day_after(_day(row["last_day"])),
            reason=row["reason"],
        )
        for row in _rows("freezes.csv")
    ]


def watches() -> list[WatchRow]:
    return [
        WatchRow(row["username"], row["code"], _day(row["since"])) for row in _rows("watches.csv")
    ]


def suppliers() -> dict[str, int]:
    """Data suppliers: name → months until their data come on new codes."""
    return {row["name"]: int(row["lag_months"]) for row in _rows("suppliers.csv")}


def colleagues() -> list[ColleagueRow]:
    return [ColleagueRow(**row) for row in _rows("colleagues.csv")]


def plans() -> list[PlanRow]:
    return [
        PlanRow(
            key=row["key"],
            name=row["name"],
            team=row["team"],
            brands=row["brands"],
            units=tuple(row["units"].split()),
            opened_on=_day(row["first_day"]),
            redrawn_on=_day(row["redrawn_on"]),
            closed_on=day_after(_day(row["last_day"])),
            leaves_out=frozenset(row["leaves_out"].split()),
            state=row["state"],
        )
        for row in _rows("plans.csv")
    ]


def territories() -> list[TerritoryRow]:
    return [
        TerritoryRow(**{**row, "units": tuple(row["units"].split())})
        for row in _rows("territories.csv")
    ]


def roster() -> list[RosterRow]:
    return [
        RosterRow(
            plan=row["plan"],
            territory=row["territory"],
            username=row["username"],
            role=row["role"],
            opened_on=_day(row["first_day"]),
            closed_on=day_after(_day(row["last_day"])),
        )
        for row in _rows("roster.csv")
    ]


def _rows(name):
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _day(text):
    return date.fromisoformat(text) if text else None
