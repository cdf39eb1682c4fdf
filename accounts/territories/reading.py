"""What a plan's pages show of one day: who holds what, what nobody holds, and of what size."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from footprints.ancestry import ancestors
from footprints.models import Kind, Organisation, Population, Version
from footprints.names import listed, short
from footprints.tiles import TileMap, map_of

from ..models import Assignment, CoverageRole, RosterEntry, Territory, TerritoryPlan, User
from .pictures import Picture, draw

SYSTEM_TIER = 2  # of kinds: the ICBs, and the STPs before them
ICBS_FROM = date(2022, 7, 1)  # Health and Care Act 2022


@dataclass
class TerritoryOnDay:
    """One territory as it stands on the day. `people` is None where no figure is known."""

    territory: Territory
    owner: RosterEntry | None = None
    others: list[RosterEntry] = field(default_factory=list)
    units: int = 0
    closed: int = 0
    people: int | None = None
    uncounted: int = 0
    systems: list[tuple[str, str]] = field(default_factory=list)

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
        """Organisation → the territory that has it: the owner's, else any in another role."""
        by_key = {territory.pk: territory for territory in self.territories}
        held = {}
        for organisation, territory, role in self._assignments:
            if territory in by_key and (organisation not in held or role == CoverageRole.OWNER):
                held[organisation] = by_key[territory]
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
    def kinds(self) -> list[Kind]:
        """The kinds that the plan's units have on the day, the most used first."""
        used = Counter(version.kind for version in self._versions.values())
        return [kind for kind, _ in used.most_common()]

    @cached_property
    def gap_kinds(self) -> list[Kind]:
        """The kinds of which every body should have a territory: the plan's areas, or, in a plan
        of named accounts, the kind it has most of. A trust beside the areas makes no gap of
        every other trust."""
        return [kind for kind in self.kinds if kind.is_footprint or kind == self.kinds[0]]

    @cached_property
    def gaps(self) -> set[int]:
        """Bodies of those kinds that live on the day and belong to no territory.

        What an ancestor's assignment covers is no gap, nor is a body whose parts are assigned:
        the finer beats the coarser. Nobody's business to a field user: empty.
        """
        if not self.sees_all or not self.gap_kinds:
            return set()
        live = dict(
            Version.objects.known(self.known)
            .on(self.day)
            .decided()
            .filter(kind__in=self.gap_kinds)
            .values_list("organisation", "kind__tier")
        )
        taken = {organisation for organisation, _, _ in self._assignments}
        gaps = set(live) - taken
        if len({kind.tier for kind in self.gap_kinds}) > 1 and gaps:
            above = ancestors([*live, *taken], self.day, self.known)
            covered = {key for key in gaps if taken & set(above.get(key, ()))}
            in_parts = {parent for key in set(live) | taken for parent in above.get(key, ())}
            gaps -= covered | in_parts
        return gaps

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
        units = list(self.shown)
        above = ancestors(units, self.day, self.known)
        wanted = set(units) | {key for keys in above.values() for key in keys}
        found = {
            key: (code, name)
            for key, code, name in Version.objects.known(self.known)
            .on(self.day)
            .filter(organisation__in=wanted, kind__tier=SYSTEM_TIER)
            .values_list("organisation", "organisation__code", "name")
        }
        systems = {}
        for unit in units:
            system = next((found[k] for k in (unit, *above.get(unit, ())) if k in found), None)
            if system:
                systems[unit] = system
        return systems

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
            if entry.role == CoverageRole.OWNER:
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
        return list(rows.values())

    @property
    def closed(self) -> int:
        """How many of the units do not live on the day: a reorganisation took them."""
        return sum(key not in self._versions for key in self.held)

    @property
    def vacant(self) -> int:
        """How many territories have no owner on the day."""
        return sum(row.owner is None for row in self.rows)

    @property
    def mean(self) -> int:
        """People a territory would have, were they shared out evenly; 0 where none are known."""
        counted = [row.people for row in self.rows if row.people]
        return round(sum(counted) / len(counted)) if counted else 0

    def tiles(self, kind: Kind) -> TileMap:
        return map_of(self.day, [kind.pk], self.known)

    def picture(self, kind: Kind, highlighted: Territory | None = None) -> Picture:
        """The map of one kind of unit."""
        unknown = "free" if self.sees_all and highlighted is None else "land"
        return draw(self.tiles(kind), self.held, highlighted=highlighted, unknown=unknown)


def units_called(codes: list[str], day: date) -> tuple[list[Organisation], list[str]]:
    """Return the units with these codes that live on the day, and the codes that are none."""
    units = list(
        Organisation.objects.of_kind(day, kind__is_unit=True).filter(
            code__in=[code.upper() for code in codes]
        )
    )
    found = {unit.code for unit in units}
    return units, [code for code in codes if code.upper() not in found]
