"""A comparison as lines of files: the territories, the units that move, the disruption."""

from collections.abc import Iterator

from footprints.lives import Lives, titled
from footprints.written import day_in_full

from .comparison import Comparison, Moved

UNITS = [
    "Unit",
    "Unit's name",
    "Becomes",
    "Name then",
    "Share",
    "From territory",
    "From owner",
    "To territory",
    "To owner",
    "People",
    "Practices",
    "Relationships",
]
TERRITORIES = [
    "Territory",
    "Was called",
    "Name",
    "Owner before",
    "Owner after",
    *(
        f"{what} {when}"
        for what in ("Units", "People", "Practices")
        for when in ("before", "after", "won", "lost")
    ),
    *(f"{what} {when}" for what in ("Accounts", "Relationships") for when in ("won", "lost")),
]


class Names:
    """What these moved units were called on their side's day; one query."""

    def __init__(self, found: Comparison, moves: list[Moved]):
        self.found = found
        self.lives = Lives({key for each in moves for key in (each.pair.old, each.pair.new)})

    def old(self, moved: Moved) -> tuple[str, str] | None:
        return self._of(moved.pair.old, self.found.a.on)

    def new(self, moved: Moved) -> tuple[str, str] | None:
        return self._of(moved.pair.new, self.found.b.on)

    def _of(self, key, day):
        version = key and self.lives.near(key, day)
        return (version.organisation.code, titled(version)) if version else None


def units(found: Comparison) -> Iterator[list]:
    """The units that change hands, heads first; people and practices None where not known."""
    yield UNITS
    names = Names(found, found.moves)
    was = {row.before: row.owner_was for row in found.rows}
    now = {row.after: row.owner_now for row in found.rows}
    for each in found.moves:
        old, new = names.old(each), names.new(each)
        yield [
            *(old or (None, None)),
            *(new or (None, None)),
            each.pair.share,
            each.before,
            _owner(was, each.before),
            each.after,
            _owner(now, each.after),
            each.people,
            each.practices,
            each.relationships,
        ]


def _owner(owners, code):
    return str(owners[code]) if code and owners.get(code) else None


def territories(found: Comparison) -> Iterator[list]:
    """Every territory with what it had, has, wins and loses, heads first."""
    yield TERRITORIES
    for row in found.rows:
        yield [
            row.after or row.before,
            row.before if row.has_other_code else None,
            row.name,
            str(row.owner_was) if row.owner_was else None,
            str(row.owner_now) if row.owner_now else None,
            row.was.units,
            row.now.units,
            len(row.won.units),
            len(row.lost.units),
            row.was.people,
            row.now.people,
            row.won.people,
            row.lost.people,
            row.was.practices,
            row.now.practices,
            *((row.won.practices, row.lost.practices) if found.has_practices else (None, None)),
            row.won.accounts,
            row.lost.accounts,
            row.won.relationships,
            row.lost.relationships,
        ]


def disruption(found: Comparison) -> Iterator[list]:
    """What changes its owner, of how many, as a share; then what was compared."""
    yield ["What changes its owner", "How many", "Of", "Share"]
    yield from map(list, found.disruption.rows)
    yield []
    for word, side in (("What is", found.a), ("What would be", found.b)):
        yield [word, side.plan.name, "on", side.on]


def sheets(found: Comparison) -> dict[str, Iterator[list]]:
    """The workbook: a sheet for each."""
    return {
        "Territories": territories(found),
        "What moves": units(found),
        "Disruption": disruption(found),
    }


def said(found: Comparison) -> str:
    """The two sides in words."""
    a, b = found.a, found.b
    if a.plan == b.plan:
        return f"{a.plan.name}: {day_in_full(a.on)} beside {day_in_full(b.on)}"
    return f"{a.plan.name} on {day_in_full(a.on)} beside {b.plan.name} on {day_in_full(b.on)}"
