"""ODS Data Search and Export (since 2024): flat JSON objects, as everything is on one day.

The search answers pages of ``{"orgArray": […], "orgCodeSystemUpdatedAt": "22-09-2026"}``; pages
kept one a line, or the array alone, are read too. An object, with what is read of it::

    {"id": "E81050", "name": "ASPLANDS MEDICAL CENTRE", "inactive": false, "country": "ENGLAND",
     "primaryRole": "RO177", "primaryRoleName": "PRESCRIBING COST CENTRE", "role": ["RO177", …],
     "roleName": ["GP PRACTICE"], "RE4": "M1J4Y", "PCO": "M1J4Y", "ICB": "QHG", "NHSER": "Y61",
     "isPartnerToCode": ["U49574"], "RE6": …, "RE11": …, "postcode": "MK17 8NT",
     "opStartDate": "1974-04-01", "opEndDate": "", "legStartDate": "", "legEndDate": "",
     "relationships": {"PRESCRIBING COST CENTRE": [
        {"sourceOrgCode": "M85171", "targetOrgCode": "U25891", "relationshipTypeCode": "RE8",
         "opStartDate": "2026-04-01", "legStartDate": "2026-04-01", "opEndDate": "",
         "status": "retired"}]}}

Roles carry no days, so a kind has no first day here, and parents hold on the report's day. PCNs
are the exception: a PCN's ``relationships`` give the days of each practice in it. In March 2026
practices had two partners in ``isPartnerToCode``, for April's change was entered, and called
"retired", before its day; two of Lambeth's overlap in earnest. With days, what they say is told;
without, a practice with two partners is in none of them, and a doubt.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

from . import roles, slots
from .claims import BadLine, Bond, Claim, Doubt, Label, Life, Record, Slot
from .limits import Unreadable
from .objects import Broken
from .opening import Container
from .ord import is_found, read, text_of
from .parents import AUTHORITY, IN_TWO_PCNS, ONLY_COMPARED, settled
from .reading import Reader
from .recording import DIFFERS, NO_CLOSING_DAY, differing
from .records import FILLER, BadRecord, Period, Periods, coded
from .rows import FILLER_DATE, name_of, postcode_of

UPDATED = "orgCodeSystemUpdatedAt"
PARTNERSHIPS = 500_000  # practices in PCNs, kept until all is read; ODS has 8,346

# A child's kind to the members that name its parents, the first that is not blank: the slot, and
# the member with the day since when, where there is one. ICB and NHSER are those around the
# address, as a region has an ICB too: they are read only for kinds that are placed by them.
_COMMISSIONED = "isCommissionedByLegalStartDate"
_PRESCRIBES = (
    (slots.COMMISSIONER, ("RE4", "PCO"), _COMMISSIONED),
    (slots.REPORTED_BY, ("RE11",), "isConstituentOfLegalStartDate"),
)
_IN_SYSTEM = ((slots.TRUST_SYSTEM, ("ICB",), None),)
PARENTS: dict[str, tuple[tuple[Slot, tuple[str, ...], str | None], ...]] = {
    "practice": _PRESCRIBES,
    "prescribing_cost_centre": _PRESCRIBES,
    "pcn": ((slots.PCN_LOCATION, ("RE4", "PCO"), _COMMISSIONED),),
    "sub_icb": ((slots.LOCATION_SYSTEM, ("ICB",), None),),
    "reporting_entity": ((slots.ENTITY_SYSTEM, ("ICB",), None),),
    "icb": ((slots.SYSTEM_REGION, ("NHSER",), None),),
    "trust": _IN_SYSTEM,
    "care_trust": _IN_SYSTEM,
    "trust_site": ((slots.SITE_TRUST, ("RE6",), "isOperatedByLegalStartDate"),),
}


class Search(Reader):
    source = "ods-dse"
    title = "ODS Data Search and Export"
    looks = 'JSON of objects with "id", "primaryRoleName", "isPartnerToCode", or an "orgArray"'
    authority = AUTHORITY

    @classmethod
    def recognises(cls, document) -> bool:
        if document.kind not in (Container.JSON, Container.JSON_LINES):
            return False
        try:
            first = [each.value for each in islice(read(document), 3) if is_found(each)]
        except Broken:
            return b'"primaryRoleName"' in document.head and b'"isPartnerTo' in document.head
        return any(isinstance(value, dict) and _is_object(value) for value in first)

    def day(self) -> date | None:
        """The day the answer gives for itself; else the newest on which a record was changed."""
        updated, changed = [], []
        for found in read(self.document):
            if is_found(found) and isinstance(found.value, dict):
                updated.append(_written_day(found.value.get(UPDATED), "%d-%m-%Y"))
                changed.append(_written_day(found.value.get("lastChangeDate"), "%Y-%m-%d"))
                if len(changed) > 1_000:
                    changed = [max((day for day in changed if day), default=None)]
                    updated = [max((day for day in updated if day), default=None)]
        for days in (updated, changed):
            if known := [day for day in days if day]:
                return max(known)
        return None

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        export = _Export(day)
        for found in self.counted(read(self.document)):
            if isinstance(found, BadLine):
                yield found
            elif not found.is_around:
                try:
                    yield from export.claims(found.line, found.value)
                except BadRecord as bad:
                    yield BadLine(found.line, str(bad), _code_in(found.value))
        yield from export.rest()


def _is_object(value) -> bool:
    return "id" in value and ("primaryRoleName" in value or "primaryRole" in value)


class _Export:
    """What was read of an export so far. PCNs and practices come in any order."""

    def __init__(self, day: date):
        self.day = day
        self._period = Periods().of
        self._codes: set[str] = set()
        self._unmapped: dict[str, list[int]] = {}
        # Practices: line, and the partners in the order given.
        self._practices: dict[str, tuple[int, list[str]]] = {}
        self._partnerships: dict[str, dict[str, Period]] = {}  # practice: {PCN and days: days}
        self._ended = [0, 0]

    def claims(self, number: int, value) -> list[Claim]:
        if not isinstance(value, dict) or not _is_object(value):
            raise BadRecord("It is no organisation.")
        if value.get("refOnly") is True:
            return []
        self._keep_partnerships(value)
        codes = _role_codes(value)
        kind = roles.kind_of(codes)
        if kind is None:
            role = f"{_text(value, 'primaryRole')} {_text(value, 'primaryRoleName')}".strip()
            self._unmapped.setdefault(role[:100], [0, number])[0] += 1
            return []
        code, name = coded(_text(value, "id")), name_of(_text(value, "name"))
        if code in self._codes:
            return [Doubt(number, "code published twice", f"{code} was read before.", code)]
        self._codes.add(code)
        dates = [_text(value, name) or None for name in DATES]
        period = self._period(dates)
        claims: list[Claim] = []
        if period.is_filled:
            text = f"{code} has {FILLER} for a day that is not known."
            claims.append(Doubt(number, FILLER_DATE, text, code))
        if period.differs:
            claims.append(Doubt(number, DIFFERS, differing(code, dates), code))
        is_closed = value.get("inactive") is True and not (
            period.opened_on and period.opened_on > self.day
        )
        if is_closed and period.closed_on is None:
            text = f"{code} is inactive, and no day is given."
            claims.append(Doubt(number, NO_CLOSING_DAY, text, code))
        elif kind in ONLY_COMPARED:
            claims.append(Record(number, code, *self._period([None, None, *dates[2:]])[:2]))
        else:
            claims.append(Life(number, code, kind, name, period.opened_on, period.closed_on))
            if not is_closed:
                self._place(claims, number, code, kind, value)
        return claims

    def _place(self, claims, number, code, kind, value):
        for slot, members, since in PARENTS.get(kind, ()):
            parent = next((text for member in members if (text := _text(value, member))), "")
            if not parent.strip():
                continue
            parent = coded(parent)
            if parent == code:
                claims.append(Doubt(number, "self-link", f"{code} is its own parent.", code))
                continue
            opened = self._period([since and _text(value, since), None, None, None]).opened_on
            if opened and opened > self.day:
                opened = None  # of another relationship: this one holds today
            claims.append(Bond(number, slot.name, code, parent, opened))
        if slots.PCN.children & {kind}:
            partners = [coded(partner) for partner in _texts(value, "isPartnerToCode") if partner]
            self._practices[code] = number, list(dict.fromkeys(partners))
        if postcode := postcode_of(_text(value, "postcode")):
            claims.append(Label(number, code, "postcode", postcode))

    def _keep_partnerships(self, value):
        """Days of practices in PCNs, from whichever side gives them."""
        related = value.get("relationships")
        for several in related.values() if isinstance(related, dict) else ():
            for each in several if isinstance(several, list) else ():
                if not isinstance(each, dict) or each.get("relationshipTypeCode") != "RE8":
                    continue
                practice = coded(_text(each, "sourceOrgCode"))
                pcn = coded(_text(each, "targetOrgCode"))
                period = self._period([_text(each, name) or None for name in DATES])
                if period.opened_on is None:
                    continue
                is_over = _text(each, "status") == "retired" and period.opened_on <= self.day
                if is_over and period.closed_on is None:
                    self._ended = [self._ended[0] + 1, 1]
                    continue
                held = self._partnerships.setdefault(practice, {})
                held[f"{pcn} {period.opened_on}"] = period
                if len(self._partnerships) > PARTNERSHIPS or len(held) > 1_000:
                    raise Unreadable("There are more partnerships than practices can have.")

    def rest(self) -> Iterator[Claim]:
        for practice, (line, partners) in self._practices.items():
            yield from self._partners(line, practice, partners)
        if self._ended[0]:
            text = f"{self._ended[0]:,} partnerships have ended, and no day is given."
            yield Doubt(1, NO_CLOSING_DAY, text)
        for role, (many, number) in sorted(self._unmapped.items()):
            text = (
                f"{role or 'Without a role'}: {many:,} records of no kind that the register holds."
            )
            yield Doubt(number, "role not in the register", text)

    def _partners(self, line, practice, partners):
        dated = [
            Bond(line, slots.PCN.name, practice, key.partition(" ")[0], opened, closed)
            for key, (opened, closed, *_) in self._partnerships.get(practice, {}).items()
        ]
        undated = [pcn for pcn in partners if pcn not in {bond.parent for bond in dated}]
        current = {bond.parent for bond in dated if _holds(bond, self.day)} | set(undated)
        if undated and len(current) > 1:
            text = f"{practice}: {' and '.join(sorted(current))}, and no day tells which."
            yield Doubt(line, IN_TWO_PCNS, text, practice)
        elif undated:
            yield from settled(dated, self.day)
            yield Bond(line, slots.PCN.name, practice, undated[0])
        else:
            yield from settled(dated, self.day)


# In the order of ``Periods``: legal first and last, operational first and last.
DATES = ("legStartDate", "legEndDate", "opStartDate", "opEndDate")


def _holds(bond, day):
    return bond.opened_on <= day and (bond.closed_on is None or bond.closed_on > day)


def _role_codes(value) -> set[str]:
    """Codes where they are given; else by the names."""
    by_name = roles.by_name()
    codes = {_text(value, "primaryRole"), *_texts(value, "role")}
    names = {_text(value, "primaryRoleName"), *_texts(value, "roleName")}
    return codes | {by_name[name].code for name in names if name in by_name}


def _text(value, member) -> str:
    return text_of(value.get(member))


def _texts(value, member) -> list[str]:
    several = value.get(member)
    return [text_of(each) for each in (several if isinstance(several, list) else [several])]


def _code_in(value) -> str:
    code = value.get("id") if isinstance(value, dict) else ""
    return code[:20] if isinstance(code, str) and re.fullmatch(r"[\w.-]+", code) else ""


def _written_day(value, layout) -> date | None:
    try:
        return datetime.strptime(value, layout).date()
    except (TypeError, ValueError):
        return None
