"""The files of Veeva Align, a CSV for each object, for its Data Loader.

They rest on Align's own help (alignhelp.veeva.com, read in November 2026): the objects
territory__aln, geography_territory__aln, account_territory__aln and roster_member_territory__aln,
days as year-month-day with the last day inclusive (Align ends a record at 11:59 PM of it), names
of letters, digits and underscores, and the days of whatever lies in a territory within its own.
References go by External ID in a column called ``<object>__alnr.external_id__aln``, which the
loader maps by itself (support.veeva.com, article 4403818252187).

Align sets the datetime fields by itself: they are left out. ``roster_member__aln`` is as well: its
days are a person's first and last with the company, which a plan does not know, and Align takes
its members from the CRM. The role stands in a last column of ours, which is not mapped.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from django.db.models import TextChoices

from .contents import Contents, Held

START, END = "start_date__aln", "end_date__aln"
KEY = "external_id__aln"


class UnitsAs(TextChoices):
    """Which object a unit is in the other system."""

    BY_KIND = "kind", "Areas as geographies, the rest as accounts"
    ACCOUNTS = "accounts", "All as accounts"
    GEOGRAPHIES = "geographies", "All as geographies"


def files(
    found: Contents,
    *,
    units_as: str = UnitsAs.BY_KIND,
    country: str = "",
    field_force: str = "",
    open_ended: date | None = None,
) -> dict[str, Iterator[list]]:
    """File name → lines, heads first, in the order in which they load; a file of no lines is left
    out. ``country`` and ``field_force`` are External IDs of the customer's Vault; ``open_ended``
    is the last day of what goes on, None to leave it empty."""
    areas = [unit for unit in found.units if _is_geography(unit, units_as)]
    rest = [unit for unit in found.units if not _is_geography(unit, units_as)]
    made = {
        "territory__aln.csv": _territories(found, country, field_force, open_ended),
        "geography_territory__aln.csv": _units(found, areas, "geography", open_ended),
        "account_territory__aln.csv": _units(found, rest, "account", open_ended),
        "roster_member_territory__aln.csv": _roster(found, open_ended),
    }
    empty = {"geography_territory__aln.csv": areas, "account_territory__aln.csv": rest}
    return {name: lines for name, lines in made.items() if empty.get(name, True)}


def _is_geography(unit: Held, units_as: str) -> bool:
    if units_as == UnitsAs.BY_KIND:
        return unit.is_area
    return units_as == UnitsAs.GEOGRAPHIES


def _reference(name: str) -> str:
    return f"{name}__alnr.{KEY}"


def _territories(found: Contents, country, field_force, open_ended):
    plan = found.plan
    yield [
        "name__v",
        KEY,
        "description__aln",
        START,
        END,
        _reference("parent_territory"),
        *([_reference("field_force")] if field_force else []),
        *([_reference("country")] if country else []),
    ]
    for place in found.territories:
        yield [
            place.name_of_system,
            place.code,
            place.name,
            plan.opened_on,
            plan.last_day or open_ended,
            place.parent,
            *filter(None, (field_force, country)),
        ]


def _units(found: Contents, units: Iterable[Held], what: str, open_ended):
    yield [KEY, _reference(what), _reference("territory"), START, END, "name"]
    for unit in units:
        key = f"{unit.territory}_{unit.code}_{unit.first}"
        last = unit.last or open_ended
        yield [key, unit.code, unit.territory, unit.first, last, unit.name]


def _roster(found: Contents, open_ended):
    yield [KEY, _reference("roster_member"), _reference("territory"), START, END, "name", "role"]
    for worker in found.roster:
        key = f"{worker.territory}_{worker.key}_{worker.role}_{worker.first}"
        last = worker.last or open_ended
        yield [key, worker.key, worker.territory, worker.first, last, worker.name, worker.role]


__all__ = ["UnitsAs", "files"]
