"""What a plan's pages show of one day: who holds what, what nobody holds, and of what size."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from footprints.ancestry import ancestors
from footprints.models import Kind, Organisation, Population, Version
from footprints.names import listed, short
from footprints.shapes import Shapes, shapes
from footprints.tiles import TileMap, map_of, places_on

from ..models import (
    Assignment,
    RosterEntry,
    RosterRole,
    Territory,
    TerritoryPlan,
    User,
)
from .outlines import Outlines, draw_outlines
from .pictures import Picture, draw
from .tops import Tops

ICBS_FROM = date(2022, 7, 1)  # Health and Care Act 2022


@dataclass
class TerritoryOnDay:
    """One territory as it stands on the day. `people` is None where no figure is known.

    `depth` is how many territories lie above it; `all_units` and `all_people` are sums with all
    that lie under it.
    """

    territory: Territory
    owner: RosterEntry | None = None
    others: list[RosterEntry] = field(default_factory=list)
    units: int = 0
    closed: int = 0
    people: int | None = None
    uncounted: int = 0
    systems: list[tuple[str, str]] = field(default_factory=list)
    depth: int = 0
    is_parent: bool = False
    all_units: int = 0
    all_people: int | None = None

    @property
    def is_vacant(self) -> bool:
        """Whether nobody owns it; what only holds others together needs no owner."""
        return self.owner is None and not (self.is_parent and not self.units)

    @property
    def covers(self) -> list[RosterEntry]:
        """Who acts for the owner on the day."""
        return [entry for entry in self.others if entry.role == RosterRole.COVER]

    @property
    def beside(self) -> list[RosterEntry]:
        """Everybody else who works it."""
        return [entry for entry in self.others if entry.role != RosterRole.COVER]

    @property
    def system_names(self) -> str:
        """The systems by name, in a row."""
        return listed([short(name) for _, name in self.systems])


class PlanOnDay:
    """A plan as a user may see it on one day. Each part is asked for once, when it is needed.

    `day` is the day as the plan has it; `known` the release whose knowledge counts (None: now).
    A field user sees their own territories, and nothing of who holds the rest.
    """

    def __init__(self, plan: TerritoryPlan, user: User, day: date, known: int | None = None):
        self.plan, self.user, self.known = plan, user, known
        self.day = plan.day_for(day)
        self.sees_all = user.role != User.Role.FIELD
        self._tiles: dict[str, TileMap] = {}

    @cached_property
    def territories(self) -> list[Territory]:
        """The territories the user may see, in the plan's order."""
        return list(
            Territory.objects.visible_to(self.user)
            .filter(plan=self.plan)
            .order_by("position", "code")
        )

    @cached_property
    def held(self) -> dict[int, Territory]:
        """Organisation → the territory that has it: in the plan's role, else in any other."""
        by_key = {territory.pk: territory for territory in self.territories}
        held = {}
        for organisation, territory, role in self._assignments:
            if territory in by_key and (organisation not in held or role == self.plan.role):
                held[organisation] = by_key[territory]
        return held

    @cached_property
    def held_besides(self) -> dict[int, Territory]:
        """Organisation → the territory that has it in another role than the plan's own."""
        by_key = {territory.pk: territory for territory in self.territories}
        held = {}
        for organisation, territory, role in self._assignments:
            if territory in by_key and role != self.plan.role:
                held.setdefault(organisation, by_key[territory])
        return held

    @cached_property
    def _assignments(self):
        return list(
            Assignment.objects.filter(plan=self.plan)
            .on(self.day)
            .order_by("organisation", "role", "pk")
            .values_list("organisation", "territory", "role")
        )

    @cached_property
    def _versions(self) -> dict[int, Version]:
        """Organisation → its version on the day, of the units that the plan has and that live."""
        units = Assignment.objects.filter(plan=self.plan).on(self.day).values("organisation")
        versions = Version.objects.known(self.known).on(self.day).select_related("kind")
        return {v.organisation_id: v for v in versions.filter(organisation__in=units)}

    @cached_property
    def asked_kinds(self) -> list[Kind]:
        """The kinds of which the plan says that every body should have a territory."""
        if getattr(self.plan, "asks_for_kinds", True):
            return list(self.plan.kinds.order_by("tier", "name"))
        return []

    @cached_property
    def kinds(self) -> list[Kind]:
        """The kinds that the plan's units have on the day, the most used first, then those that
        it asks for and has none of yet."""
        used = [kind for kind, _ in self._used.most_common()]
        return used + [kind for kind in self.asked_kinds if kind not in used]

    @cached_property
    def _used(self):
        return Counter(version.kind for version in self._versions.values())

    @cached_property
    def gap_kinds(self) -> list[Kind]:
        """The kinds of which every body should have a territory: those that the plan names.

        Where it names none, its areas, or, in a plan of named accounts, the kind it has most of: a
        trust beside the areas makes no gap of every other trust.
        """
        if self.asked_kinds:
            return self.asked_kinds
        return [kind for kind in self.kinds if kind.is_footprint or kind == self.kinds[0]]

    @cached_property
    def gaps(self) -> set[int]:
        """Bodies of those kinds that live on the day and belong to no territory.

        What an ancestor's assignment covers is no gap, nor is a body whose parts are assigned:
        the finer beats the coarser. Nor is a body of a nation that the plan does not cover; one
        that the register places in none counts as England's. Nobody's business to a field user:
        empty.
        """
        gaps = set(self._live) - self._taken
        tiers = {kind.tier for kind in [*self.gap_kinds, *self._used]}
        if gaps and len(tiers) > 1:
            covered = {key for key in gaps if self._taken & set(self._above.get(key, ()))}
            # A trust that is a named account is no part of the area round it.
            parts = {
                key
                for key, version in self._versions.items()
                if version.kind.is_footprint or version.kind in self.gap_kinds
            }
            in_parts = {up for key in set(self._live) | parts for up in self._above.get(key, ())}
            gaps -= covered | in_parts
        return {key for key in gaps if self._tops.nation(key) in self.plan.nations}

    @cached_property
    def _live(self):
        """The bodies of the kinds that should have a territory, on the day."""
        if not self.sees_all or not self.gap_kinds:
            return set()
        live = Version.objects.known(self.known).on(self.day).decided()
        return set(live.filter(kind__in=self.gap_kinds).values_list("organisation", flat=True))

    @cached_property
    def _taken(self):
        return {organisation for organisation, _, _ in self._assignments}

    @cached_property
    def _above(self):
        """Organisation → what it belongs to, of all that is held or should be."""
        return ancestors(self._live | self._taken, self.day, self.known)

    @cached_property
    def _tops(self):
        return Tops(self._live | self._taken, self._above, self.day, self.known)

    @cached_property
    def shown(self) -> set[int]:
        """The organisations the pages speak of: what is held, and what nobody holds."""
        return set(self.held) | self.gaps

    @property
    def system_word(self) -> str:
        """What a system is called on the day: ICBs came into being on 1 July 2022."""
        return "ICBs" if self.day >= ICBS_FROM else "STPs"

    @cached_property
    def systems(self) -> dict[int, tuple[str, str]]:
        """Organisation → (code, name) of its system on the day: its ICB, or its STP before."""
        tops = ((unit, self._tops.system(unit)) for unit in self.shown)
        return {unit: top for unit, top in tops if top}

    @cached_property
    def people(self) -> dict[int, int]:
        """Organisation → its population, the newest figure on its boundary of the day."""
        figures = Population.objects.known(self.known).filter(organisation__in=self.shown)
        return {row.organisation_id: row.people for row in figures.on(self.day)}

    @cached_property
    def rows(self) -> list[TerritoryOnDay]:
        """The territories with their owners, units, people and systems."""
        rows = {t.pk: TerritoryOnDay(t) for t in self.territories}
        roster = RosterEntry.objects.on(self.day).filter(territory__in=self.territories)
        for entry in roster.select_related("user").order_by("pk"):
            row = rows[entry.territory_id]
            if entry.role == RosterRole.OWNER:
                row.owner = entry
            else:
                row.others.append(entry)
        systems = defaultdict(set)
        for unit, territory in self.held.items():
            row = rows[territory.pk]
            row.units += 1
            row.closed += unit not in self._versions
            if unit in self.people:
                row.people = (row.people or 0) + self.people[unit]
            else:
                row.uncounted += 1
            if unit in self.systems:
                systems[territory.pk].add(self.systems[unit])
        for key, found in systems.items():
            rows[key].systems = sorted(found, key=lambda system: system[1])
        self._add_up(rows)
        return list(rows.values())

    def _add_up(self, rows):
        """Sum each territory into those above it; a parent that is not the user's is none."""
        for key, row in rows.items():
            above, way = key, []
            while above in rows and above not in way:
                way.append(above)
                top = rows[above]
                top.all_units += row.units
                if row.people is not None:
                    top.all_people = (top.all_people or 0) + row.people
                above = top.territory.parent_id
            row.depth = len(way) - 1
            for up in way[1:2]:
                rows[up].is_parent = True

    @cached_property
    def tree(self) -> list[TerritoryOnDay]:
        """The rows, each followed by those under it, in the plan's order."""
        keys = {row.territory.pk for row in self.rows}
        under = defaultdict(list)
        for row in self.rows:
            parent = row.territory.parent_id
            under[parent if parent in keys else None].append(row)
        told, left = [], under.pop(None, [])[::-1]
        while left:
            row = left.pop()
            told.append(row)
            left += under.pop(row.territory.pk, [])[::-1]
        # A circle, which no page can make, hides nobody.
        return told + [row for rows in under.values() for row in rows]

    @property
    def closed(self) -> int:
        """How many of the units do not live on the day: a reorganisation took them."""
        return sum(key not in self._versions for key in self.held)

    @property
    def vacant(self) -> int:
        """How many territories have no owner on the day."""
        return sum(row.is_vacant for row in self.rows)

    @property
    def mean(self) -> int:
        """People a territory would have, were they shared out evenly; 0 where none are known, or
        the user sees but some of the territories."""
        if not self.sees_all:
            return 0
        counted = [row.people for row in self.rows if row.people]
        return round(sum(counted) / len(counted)) if counted else 0

    def tiles(self, kind: Kind) -> TileMap:
        """The squares of one kind of unit, laid out once."""
        if kind.pk not in self._tiles:
            self._tiles[kind.pk] = map_of(self.day, [kind.pk], self.known)
        return self._tiles[kind.pk]

    def shapes(self, kind: Kind, newest: tuple[int, int] | None = None) -> Shapes:
        """The boundaries of one kind of unit, as far as they are loaded; kept by `newest`."""
        return shapes(kind.pk, self.day, self.known, newest)

    def picture(
        self, kind: Kind, highlighted: Territory | None = None, outlines: Shapes | None = None
    ) -> Picture | Outlines:
        """The map of one kind of unit: in squares, or in boundaries where these are given."""
        unknown = "free" if self.sees_all and highlighted is None else "land"
        how = {"highlighted": highlighted, "unknown": unknown}
        if outlines is None:
            return draw(self.tiles(kind), self.held, **how)
        places = places_on([row[0] for row in outlines.missing], self.day, self.known)
        return draw_outlines(outlines, places, self.held, **how)


def units_called(codes: list[str], day: date) -> tuple[list[Organisation], list[str]]:
    """Return the units with these codes that live on the day, and the codes that are none."""
    units = list(
        Organisation.objects.of_kind(day, kind__is_unit=True).filter(
            code__in=[code.upper() for code in codes]
        )
    )
    found = {unit.code for unit in units}
    return units, [code for code in codes if code.upper() not in found]
