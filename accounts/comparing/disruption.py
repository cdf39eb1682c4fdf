"""Disruption: what another person has than before (product.md N15).

A thing is disrupted where somebody has it on the first side, the one that is, and not the same
person on the second. What nobody had (a vacant territory, a gap) is nobody's loss. A territory
that only changes its code disrupts nothing; one that only changes its owner disrupts all it has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..models import RosterEntry


@dataclass(frozen=True)
class Disruption:
    """Counts of what changes its owner, each beside all that the first side has.

    A unit that goes to several is one unit; of its people, the share that changes hands counts.
    """

    units: int = 0
    people: int = 0
    accounts: int = 0
    relationships: int = 0
    of_units: int = 0
    of_people: int = 0
    of_accounts: int = 0
    of_relationships: int = 0

    @property
    def rows(self) -> list[tuple[str, int, int, float | None]]:
        """(what, how many change hands, of how many, the share 0 to 1 or None of none)."""
        return [
            (what, number, of, number / of if of else None)
            for what, number, of in (
                ("Units", self.units, self.of_units),
                ("People", self.people, self.of_people),
                ("Accounts", self.accounts, self.of_accounts),
                ("Relationships", self.relationships, self.of_relationships),
            )
        ]

    @property
    def is_none(self) -> bool:
        return not (self.units or self.people or self.accounts or self.relationships)


def person(entry: RosterEntry | None):
    """Who it is, to tell one from another: a user by the key, a pasted name as it is read."""
    if entry is None:
        return None
    return entry.user_id or " ".join(entry.name.casefold().split())


def disruption(
    units: Iterable,
    accounts: Iterable[tuple[str, str | None]],
    was: Mapping[str, RosterEntry],
    now: Mapping[str, RosterEntry],
) -> Disruption:
    """Count it. ``units`` are those of the comparison, ``accounts`` (territory before, after) of
    each lead, ``was`` and ``now`` territory → its owner on either side."""
    had = {code: person(entry) for code, entry in was.items()}
    has = {code: person(entry) for code, entry in now.items()}

    def changes(before, after):
        return had.get(before) is not None and had[before] != has.get(after)

    all_units, changed = {}, {}
    people = of_people = 0
    for each in units:
        if each.before is None or each.pair.is_unclear:
            continue
        all_units[each.unit] = each.relationships
        of_people += each.people or 0
        if changes(each.before, each.after):
            changed[each.unit] = each.relationships
            people += each.people or 0
    accounts = list(accounts)
    return Disruption(
        units=len(changed),
        people=people,
        accounts=sum(changes(before, after) for before, after in accounts),
        relationships=sum(changed.values()),
        of_units=len(all_units),
        of_people=of_people,
        of_accounts=len(accounts),
        of_relationships=sum(all_units.values()),
    )


__all__ = ["Disruption", "disruption", "person"]
