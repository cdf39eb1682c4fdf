"""The files of Salesforce Sales Territories, a CSV for each object, for its Data Loader.

The columns rest on Salesforce's Object Reference (developer.salesforce.com, read in November
2026): Territory2 (Name, DeveloperName, Territory2ModelId, Territory2TypeId, ParentTerritory2Id,
Description), ObjectTerritory2Association (ObjectId, Territory2Id, and AssociationCause, which is
Territory2Manual for what is loaded) and UserTerritory2Association (UserId, Territory2Id, and
RoleInTerritory2, whose values as delivered are Owner, Administrator and Sales Rep).

Salesforce knows a record by its Id alone. ``ids`` has those that a customer gives: DeveloperName,
unit code or e-mail address → Id. A cell whose Id is not known holds our key in its place, to be
looked up; the columns after those of the object repeat the key in words, and are not mapped.
Salesforce keeps no days here: the files are the plan of one day.
"""

from collections.abc import Iterator, Mapping

from ..models import RosterRole
from .contents import Contents

MANUAL = "Territory2Manual"
LONGEST = 80  # letters of a Name
ROLES = {RosterRole.OWNER: "Owner"}  # everybody else who works it:
OTHERS = "Sales Rep"


def files(
    found: Contents, ids: Mapping[str, str], *, model: str, kind: str
) -> dict[str, Iterator[list]]:
    """File name → lines, heads first, in the order in which they load. ``model`` and ``kind`` are
    the Ids of the Territory2Model and of the Territory2Type."""
    return {
        "Territory2.csv": _territories(found, ids, model, kind),
        "ObjectTerritory2Association.csv": _objects(found, ids),
        "UserTerritory2Association.csv": _users(found, ids),
    }


def keys(found: Contents) -> set[str]:
    """What a customer may give an Id for, in the letters that ``id_of`` asks with."""
    keys = {*found.names.values(), *(unit.code for unit in found.units)}
    return {key.casefold() for key in keys | {worker.key for worker in found.roster}}


def id_of(ids: Mapping[str, str], key: str) -> str:
    return ids.get(key.casefold(), key)


def _territories(found, ids, model, kind):
    yield [
        "Name",
        "DeveloperName",
        "Territory2ModelId",
        "Territory2TypeId",
        "ParentTerritory2Id",
        "Description",
    ]
    names = found.names
    for place in found.territories:
        parent = id_of(ids, names[place.parent]) if place.parent in names else ""
        name = place.name[:LONGEST]
        yield [name, place.name_of_system, model, kind, parent, place.notes]


def _objects(found, ids):
    yield ["ObjectId", "Territory2Id", "AssociationCause", "Unit", "UnitName", "DeveloperName"]
    for unit in found.units:
        name = found.names[unit.territory]
        yield [id_of(ids, unit.code), id_of(ids, name), MANUAL, unit.code, unit.name, name]


def _users(found, ids):
    yield ["UserId", "Territory2Id", "RoleInTerritory2", "User", "UserName", "DeveloperName"]
    for worker in found.roster:
        name, role = found.names[worker.territory], ROLES.get(worker.role, OTHERS)
        yield [id_of(ids, worker.key), id_of(ids, name), role, worker.key, worker.name, name]


__all__ = ["files", "keys"]
