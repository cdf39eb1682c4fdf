"""Which relationships of the Organisation Data Service are parents, and one parent at a time."""

from datetime import date

from . import roles, slots
from .claims import Absence, Authority, Bond, Doubt, Slot

# The record of such a body shows today's name and parents, never those of its day; bodies of
# Scotland and Northern Ireland stand in the register under codes that ODS does not use, and would
# stand there twice. Their records are only compared.
ONLY_COMPARED = frozenset({"ccg", "stp", "health_board_scotland", "hsc_trust_ni"})

# RE2 is a sub-division of, RE4 commissioned by, RE5 located in the geography of, RE6 operated by,
# RE8 partner to, RE11 constituent of. The rest (directed by, payee for) makes no parent.
_PRESCRIBES = {
    ("RE4", "RO98"): slots.COMMISSIONER,
    ("RE4", "RO142"): slots.COMMISSIONER,
    ("RE4", "RO144"): slots.COMMISSIONER,
    ("RE8", "RO272"): slots.PCN,
    ("RE11", "RO98"): slots.REPORTED_BY,
}
_TRUST = {("RE5", "RO261"): slots.TRUST_SYSTEM}
# A child's kind, the relationship's type, the parent's primary role: the slot.
PLACES: dict[str, dict[tuple[str, str], Slot]] = {
    "practice": _PRESCRIBES,
    "prescribing_cost_centre": _PRESCRIBES,
    "pcn": {("RE4", "RO98"): slots.PCN_LOCATION},
    "sub_icb": {
        ("RE2", "RO261"): slots.LOCATION_SYSTEM,
        ("RE5", "RO261"): slots.LOCATION_SYSTEM,
    },
    "reporting_entity": {
        ("RE2", "RO261"): slots.ENTITY_SYSTEM,
        ("RE5", "RO261"): slots.ENTITY_SYSTEM,
    },
    "icb": {
        ("RE2", "RO209"): slots.SYSTEM_REGION,
        ("RE5", "RO209"): slots.SYSTEM_REGION,
    },
    "trust": _TRUST,
    "care_trust": _TRUST,
    "trust_site": {
        ("RE6", "RO197"): slots.SITE_TRUST,
        ("RE6", "RO107"): slots.SITE_TRUST,
    },
}
# A parent whose role the record does not give: each type means one slot only.
for _places in (_PRESCRIBES, _TRUST, *PLACES.values()):
    for (_type, _), _slot in list(_places.items()):
        _places[_type, ""] = _slot

AUTHORITY = Authority(
    lives=frozenset(row.kind for row in roles.by_code().values()) - ONLY_COMPARED,
    slots=tuple({slot.name: slot for by in PLACES.values() for slot in by.values()}.values()),
    schemes=frozenset({"postcode"}),
    # A code is deleted now and then, and old records move to the archive: neither ends a body.
    absence=Absence.NOTHING,
)

IN_TWO_PCNS = "practice in two PCNs"
TWO_PARENTS = "two parents at once"


def settled(bonds: list[Bond], day: date) -> list[Bond | Doubt]:
    """One parent at a time: bonds of one child in one slot, such that none overlap.

    A newer parent ends an older one. Where that cannot be told (both from one day, or one within
    the other), the shorter one goes; of two alike, both. A doubt where it matters on ``day`` or
    after: the past is full of it.
    """
    kept: list[Bond] = []
    doubts: list[Doubt] = []
    for bond in sorted(bonds, key=_begins):
        if not kept or _ends(kept[-1]) <= _begins(bond):
            kept.append(bond)
            continue
        last = kept.pop()
        if last.parent == bond.parent:
            kept.append(last if _ends(last) >= _ends(bond) else _until(last, bond.closed_on))
            continue
        if _begins(last) == _begins(bond):
            if last.closed_on != bond.closed_on:
                kept.append(max(last, bond, key=_ends))
        elif _ends(bond) < _ends(last):
            kept.append(last)
        else:
            kept += [_until(last, bond.opened_on), bond]
        if min(_ends(last), _ends(bond)) > day:
            topic = IN_TWO_PCNS if bond.slot == slots.PCN.name else TWO_PARENTS
            text = f"{bond.child}: {last.parent} and {bond.parent}."
            doubts.append(Doubt(bond.line, topic, text, bond.child))
    return kept + doubts


def _begins(bond):
    return bond.opened_on or date.min


def _ends(bond):
    return bond.closed_on or date.max


def _until(bond, closed_on):
    return Bond(bond.line, bond.slot, bond.child, bond.parent, bond.opened_on, closed_on)
