"""What a plan holds on a day, as another system is told it: territories, units, roster."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from footprints.dated import last_day
from footprints.keyed import AnyOf
from footprints.lists.files import as_csv
from footprints.lives import Lives, titled

from ..models import Assignment, RosterEntry, Territory, TerritoryPlan, User

FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)  # of a ZIP's calendar: the same plan gives the same bytes


@dataclass(frozen=True)
class Place:
    """A territory. ``name_of_system`` is unique in the plan, and what such systems allow in a
    name: letters, digits and single underscores, a letter first and no underscore last."""

    code: str
    name: str
    name_of_system: str
    parent: str
    notes: str


@dataclass(frozen=True)
class Held:
    """A unit of a territory; ``last`` is the last day, None while it goes on."""

    code: str
    name: str
    is_area: bool
    territory: str
    first: date
    last: date | None


@dataclass(frozen=True)
class Worker:
    """Somebody on a roster: ``key`` is their e-mail address, their user name, else the name."""

    key: str
    name: str
    role: str
    territory: str
    first: date
    last: date | None


@dataclass(frozen=True)
class Contents:
    """``day`` is the plan's own nearest to the one asked for; parents come before children."""

    plan: TerritoryPlan
    day: date
    territories: list[Place]
    units: list[Held]
    roster: list[Worker]

    @property
    def names(self) -> dict[str, str]:
        """Code → the name that the other system has for it."""
        return {place.code: place.name_of_system for place in self.territories}


def contents(plan: TerritoryPlan, user: User, day: date) -> Contents:
    """What the user may see of the plan on the day, in the plan's role. Five queries.

    The days of units and people lie within the plan's, as Veeva asks of what lies in a territory.
    """
    day = plan.day_for(day)
    visible = Territory.objects.visible_to(user).filter(plan=plan).order_by("position", "code")
    places = _tree(list(visible.select_related("parent")))
    rows = list(
        Assignment.objects.filter(
            AnyOf("territory", [place.pk for place in places]), role=plan.role
        )
        .on(day)
        .order_by("territory__position", "territory__code", "organisation__code")
        .select_related("organisation", "territory")
    )
    lives = Lives({row.organisation_id for row in rows})
    roster = (
        RosterEntry.objects.on(day)
        .filter(AnyOf("territory", [place.pk for place in places]))
        .order_by("territory__position", "territory__code", "role", "pk")
        .select_related("user", "territory")
    )
    names = _names_of_system(place.code for place in places)
    return Contents(
        plan,
        day,
        [
            Place(
                place.code,
                place.name,
                names[place.code],
                place.parent.code if place.parent else "",
                place.notes,
            )
            for place in places
        ],
        [_held(plan, row, lives.near(row.organisation_id, day)) for row in rows],
        [
            Worker(
                (entry.user.email or entry.user.username) if entry.user else entry.name,
                str(entry),
                entry.role,
                entry.territory.code,
                *_within(plan, entry),
            )
            for entry in roster
        ],
    )


def _held(plan, row, version) -> Held:
    return Held(
        row.organisation.code,
        titled(version) if version else row.organisation.code,
        bool(version and version.kind.is_footprint),
        row.territory.code,
        *_within(plan, row),
    )


def _within(plan, row) -> tuple[date, date | None]:
    ends = [closed for closed in (row.closed_on, plan.closed_on) if closed]
    return max(row.opened_on or plan.opened_on, plan.opened_on), last_day(min(ends, default=None))


def _tree(places: list[Territory]) -> list[Territory]:
    """Parents before their children, each level in the plan's order."""
    below: dict[int | None, list[Territory]] = {}
    known = {place.pk for place in places}
    for place in places:
        below.setdefault(place.parent_id if place.parent_id in known else None, []).append(place)
    found, waiting = [], list(below.get(None, []))
    while waiting:
        found += waiting
        waiting = [child for place in waiting for child in below.get(place.pk, [])]
    return found


def name_of_system(text: str) -> str:
    """The text as both systems allow a name: Salesforce's DeveloperName begins with a letter, has
    letters, digits and underscores, no two of these together and none at its end; Align's names
    have the same letters."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9]+", "_", bare).strip("_")
    return name if name[:1].isalpha() else f"T_{name}".rstrip("_")


def _names_of_system(codes: Iterable[str]) -> dict[str, str]:
    names, taken = {}, set()
    for code in codes:
        name, number = name_of_system(code), 1
        first = name
        while name.casefold() in taken:
            number += 1
            name = f"{first}_{number}"
        taken.add(name.casefold())
        names[code] = name
    return names


def as_load_file(lines: Iterable[list]) -> bytes:
    """The lines as a loader reads them: CSV without the mark that Excel wants."""
    return as_csv(lines).removeprefix("\ufeff").encode()


def as_zip(files: Mapping[str, Iterable[list]]) -> bytes:
    """All of the files in one; the same content gives the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
        for name, lines in files.items():
            parts.writestr(zipfile.ZipInfo(name, FIRST_MOMENT), as_load_file(lines))
    return packed.getvalue()


__all__ = ["Contents", "as_load_file", "as_zip", "contents", "name_of_system"]
