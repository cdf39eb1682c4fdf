"""Roles of the Organisation Data Service, and which kind of body they make (``roles.csv``).

A record holds one primary role and any number of others, each for a while: a sub-ICB location is
still a CCG (RO98) that is a location (RO319) too, an ICB a strategic partnership (RO261) that is
an ICB (RO318). **The first row of the file whose role is held names the kind**, so the rows stand
in order of what says more. A role that is not in the file makes no body of the register.

Names are those that ODS publishes; Data Search and Export gives some roles by name only.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent.parent / "reference" / "roles.csv"


@dataclass(frozen=True, slots=True)
class RoleRow:
    """``rank``: 0 for the role that says most."""

    rank: int
    code: str
    name: str
    kind: str


@cache
def by_code() -> dict[str, RoleRow]:
    with FILE.open(encoding="utf-8", newline="") as text:
        rows = [
            RoleRow(rank, row["code"], row["name"], row["kind"])
            for rank, row in enumerate(csv.DictReader(text))
        ]
    return {row.code: row for row in rows}


@cache
def by_name() -> dict[str, RoleRow]:
    return {row.name: row for row in by_code().values()}


def kind_of(codes) -> str | None:
    """The kind that these roles, held at one time, make; None where none is the register's."""
    known = by_code()
    held = [known[code] for code in codes if code in known]
    return min(held, key=lambda row: row.rank).kind if held else None
