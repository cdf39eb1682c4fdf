"""What the pages of a sheet show: changes in words, who holds most people, which rows."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from footprints.lives import Lives
from footprints.models import Version

from ..models import SheetChange, Territory
from .leads import people_of
from .planning import Planned

SHOWN = 200  # changes told one by one


@dataclass(frozen=True)
class Told:
    """One change in words: a unit that begins or ends to belong to a territory."""

    deed: str  # "opens", "closes", "never begins", "is held"; when undone "goes", "returns"
    body: Version | None
    territory: Territory | None
    role: str
    on: date | None


def told(changes: Iterable[list]) -> list[Told]:
    """The first of these listed changes (`Planned.listing`), with names; three queries at most."""
    changes = list(changes)[:SHOWN]
    lives = Lives({change[2] for change in changes})
    territories = Territory.objects.in_bulk({change[3] for change in changes if change[3]})
    found = []
    for what, _, unit, territory, role, opened, _, last in changes:
        deed = {"open": "opens", "close": "closes", "hold": "is held"}[what]
        on = opened if what == "open" else last
        if what == "close" and opened and opened >= last:
            deed = "never begins"
        day = date.fromisoformat(on) if on else None
        # The name on its last day, where it ends.
        name = lives.near(unit, (day or date.max) - timedelta(days=what == "close"))
        found.append(Told(deed, name, territories.get(territory), role, day))
    return found


def done(changes: Iterable[SheetChange], *, undoing: bool = False) -> list[Told]:
    """The first of these written changes, or what undoing them does, in words."""
    changes = list(changes)[:SHOWN]
    lives = Lives({change.organisation_id for change in changes})
    words = {"opened": "opens", "closed": "closes", "removed": "never begins"}
    if undoing:
        words = {"opened": "goes", "closed": "returns", "removed": "returns"}
    found = []
    for change in changes:
        is_opened = change.deed == SheetChange.Deed.OPENED
        day = change.opened_on if is_opened else change.cut_on
        near = (day or date.max) - timedelta(days=not is_opened)
        name = lives.near(change.organisation_id, near)
        found.append(Told(words[change.deed], name, change.territory, change.role, day))
    return found


def by_people(found: Planned) -> dict[tuple, Territory]:
    """For each row where several territories meet, the one with most people in it; one query.

    By the newest figure on the boundary of the day before; a row of which no figure is known is
    left out.
    """
    rows = [row for row in found.rows if row.is_conflict]
    people = people_of(found.sheet, {party.body.key for row in rows for party in row.parties})
    most = {}
    for row in rows:
        sums = defaultdict(int)
        for party in row.parties:
            if party.territory:
                sums[party.territory] += people.get(party.body.key, 0)
        best = max(sums, key=lambda territory: (sums[territory], territory.code))
        if sums[best]:
            most[row.key] = best
    return most
