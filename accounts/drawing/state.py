"""What the workspace draws of a plan on a day: units, territories, and who has what.

A column is a list with one value a unit: a third of the bytes of an object each, and read faster.
A unit is named by its place in the columns; territories, kinds and systems by theirs.
"""

from datetime import date
from math import cos

from django.db.models import F

from footprints.ancestry import ancestors
from footprints.boundaries.holding import boundaries_on
from footprints.models import Kind, Population, Version
from footprints.named_sql import Keys
from footprints.names import short, written
from footprints.tiles import MIDDLE, MOST, lay_out, places_nearby

from ..models import (
    Assignment,
    CoverageRole,
    RosterEntry,
    SharedUnit,
    Territory,
    TerritoryPlan,
    User,
)
from ..territories.colours import fill_of
from ..territories.coverage import AS_ROLE, plans_beside
from ..territories.tops import SYSTEM_TIER, Tops
from .gestures import can_undo

# One parameter however many keys there are: 7,000 of them took Django longer than the database.
AMONG = "SELECT unnest(%(keys)s::bigint[])"

SCALE = 100_000  # of a degree: about a metre


def state_of(plan: TerritoryPlan, day: date, kinds: list[Kind], user: User) -> dict:
    """All that the workspace needs, ready for JSON. The queries do not grow with the units.

    `kinds` are those of which every live body is shown, and is a gap where nobody has it. What the
    plan holds of other kinds, or of bodies that do not live on the day, is shown as well.
    """
    revision = TerritoryPlan.objects.values_list("revision", flat=True).get(pk=plan.pk)
    territories = list(Territory.objects.filter(plan=plan).order_by("position", "code"))
    held = dict(
        Assignment.objects.filter(plan=plan, role=plan.role)
        .on(day)
        .values_list("organisation", "territory")
    )
    units = _units(day, kinds, held)
    above = ancestors([unit[0] for unit in units], day)
    all_kinds = list(Kind.objects.filter(pk__in={unit[3] for unit in units if unit[3]}))
    high = {kind.pk for kind in all_kinds if kind.tier <= SYSTEM_TIER}
    tops = Tops([unit[0] for unit in units if unit[3] in high], above, day)
    nations = {*plan.nations}
    units = [unit for unit in units if unit[0] in held or tops.nation(unit[0]) in nations]
    keys = [unit[0] for unit in units]
    place_of = {key: place for place, key in enumerate(keys)}
    spots, borrowed = _spots(units, above, day)
    used = {unit[3] for unit in units}
    known_kinds = [kind for kind in all_kinds if kind.pk in used]
    systems, system_of = _systems(keys, tops)
    kind_place = {kind.pk: place for place, kind in enumerate(known_kinds)}
    at = {territory.pk: place for place, territory in enumerate(territories)}
    people = {
        figure.organisation_id: figure.people
        for figure in Population.objects.now().filter(organisation__in=_among(keys)).on(day)
    }
    return {
        "day": day.isoformat(),
        "revision": revision,
        "kinds": [
            {
                "name": kind.name,
                "plural": kind.plural,
                "whole": kind in kinds,
                "part": kind.is_footprint or kind in kinds,
            }
            for kind in known_kinds
        ],
        "systems": systems,
        "units": {
            "key": keys,
            "code": [unit[1] for unit in units],
            "name": [short(written(unit[2])) for unit in units],
            "kind": [kind_place.get(unit[3], -1) for unit in units],
            "system": system_of,
            "x": [spot and round(spot[0] * cos(MIDDLE) * SCALE) for spot in spots],
            "y": [spot and round(-spot[1] * SCALE) for spot in spots],
            "near": borrowed,
            "people": [people.get(key) for key in keys],
            "up": [
                next((place_of[one] for one in above.get(key, ()) if one in place_of), -1)
                for key in keys
            ],
            "held": [at.get(held.get(key), -1) for key in keys],
        },
        "tiles": _tiles(spots),
        **_boundaries(units, known_kinds, day),
        "territories": _territories(territories, day),
        "elsewhere": _elsewhere(plan, day, place_of, at),
        **can_undo(plan, user),
    }


def _units(day, kinds, held):
    """(key, code, name, kind or None where it does not live, longitude, latitude), by code."""
    columns = (
        "organisation_id",
        "organisation__code",
        "name",
        "kind_id",
        "organisation__longitude",
        "organisation__latitude",
    )
    live = Version.objects.now().on(day)
    found = {unit[0]: unit for unit in live.decided().filter(kind__in=kinds).values_list(*columns)}
    others = held.keys() - found.keys()
    if others:
        found |= {
            unit[0]: unit for unit in live.filter(organisation__in=others).values_list(*columns)
        }
    if gone := held.keys() - found.keys():
        last = Version.objects.now().filter(organisation__in=gone)
        found |= {
            unit[0]: (*unit[:3], None, *unit[4:])
            for unit in last.order_by(F("opened_on").asc(nulls_first=True)).values_list(*columns)
        }
    return sorted(found.values(), key=lambda unit: unit[1])


def _among(keys):
    return Keys(AMONG, {"keys": list(keys)})


def _spots(units, above, day):
    """(longitude, latitude) of each, or None; and 1 for those that stand where another body is."""
    homeless = [unit[0] for unit in units if unit[4] is None]
    near = places_nearby(homeless, day, above=above)
    spots = [near.get(unit[0]) if unit[4] is None else unit[4:6] for unit in units]
    return spots, [int(unit[0] in near) for unit in units]


def _systems(keys, tops):
    """The systems as (code, name), and the place among them of each unit's, or -1."""
    of_unit = [tops.system(key) for key in keys]
    order = sorted({(top[0], short(top[1])) for top in of_unit if top})
    place = {system[0]: number for number, system in enumerate(order)}
    return order, [place[top[0]] if top else -1 for top in of_unit]


def _boundaries(units, kinds, day):
    """`shapes`: codes of the kinds of which boundaries are held; `bare`: units without any."""
    areas = {kind.pk for kind in kinds if kind.is_footprint}
    held = boundaries_on([unit[0] for unit in units if unit[3] in areas], day)
    found = {unit[3] for unit in units if unit[0] in held}
    return {
        "shapes": sorted(found),
        "bare": sum(unit[3] is not None and unit[0] not in held for unit in units),
    }


def _tiles(spots):
    """A (column, row) for each unit that has a place, None for the others; None for too many."""
    placed = [spot for spot in spots if spot]
    if not placed or len(placed) > MOST:
        return None
    cells = iter(lay_out(tuple(placed)))
    return [next(cells) if spot else None for spot in spots]


def _territories(territories, day):
    owners, others = {}, {}
    entries = RosterEntry.objects.on(day).filter(territory__in=territories)
    for entry in entries.select_related("user").order_by("pk"):
        if entry.role == CoverageRole.OWNER:
            owners[entry.territory_id] = str(entry)
        else:
            others.setdefault(entry.territory_id, str(entry))
    return [described(territory, owners.get(territory.pk, "")) for territory in territories]


def described(territory: Territory, owner: str = "") -> dict:
    """A territory as the workspace knows it; no owner is a vacancy."""
    fill = fill_of(territory.colour)
    return {
        "key": territory.pk,
        "code": territory.code,
        "name": territory.name if territory.name != territory.code else "",
        "colour": "" if fill else territory.colour,
        "fill": int(fill.removeprefix("tile-")) - 1 if fill else None,
        "owner": owner,
        "capacity": None if territory.capacity is None else float(territory.capacity),
    }


def _elsewhere(plan, day, place_of, at):
    """Units that a plan beside this one has in the same role: what would overlap.

    [place of the unit, who has it, its declared part or None, our declared parts by territory].
    Which plans stand beside it, and in which role, is `coverage`'s to say.
    """
    others = (
        Assignment.objects.filter(plan__in=plans_beside(plan, day))
        .on(day)
        .annotate(as_role=AS_ROLE)
        .filter(as_role=plan.role)
        .order_by("organisation", "pk")
        .values_list("organisation", "territory", "territory__code", "plan__name")
    )
    found = [row for row in others if row[0] in place_of]
    if not found:
        return []
    parts = {
        (unit, territory): float(share)
        for unit, territory, share in SharedUnit.objects.filter(
            organisation__in=_among({row[0] for row in found}),
            territory__in={row[1] for row in found} | set(at),
        ).values_list("organisation", "territory", "share")
    }
    return [
        [
            place_of[unit],
            f"{code}, {name}",
            parts.get((unit, territory)),
            {at[t]: share for (body, t), share in parts.items() if body == unit and t in at},
        ]
        for unit, territory, code, name in found
    ]


__all__ = ["described", "state_of"]
