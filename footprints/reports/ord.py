"""Records of the Organisation Data Service's API (ORD): JSON, an organisation an answer.

``/ORD/2-0-0/organisations/{code}`` answers ``{"Organisation": {…}}``; what was fetched is kept as
one answer a line, and an array of them is read too. The members are those of the XML full file
(``odsxml``), with lists where it repeats an element, and values where it has ``value``::

    {"Organisation": {"Name": "NHS KENT AND MEDWAY ICB - 91Q",
     "Date": [{"Type": "Operational", "Start": "2019-10-23"},
              {"Type": "Legal", "Start": "2020-04-01"}],
     "OrgId": {"extension": "91Q"}, "Status": "Active", "LastChangeDate": "2023-04-01",
     "GeoLoc": {"Location": {"PostCode": "ME18 6LF"}},
     "Roles": {"Role": [{"id": "RO98", "primaryRole": true, "Date": […], "Status": "Active"}]},
     "Rels": {"Rel": [{"id": "RE5", "Status": "Active", "Date": […],
                       "Target": {"OrgId": {"extension": "QKS"},
                                  "PrimaryRoleId": {"id": "RO261"}}}]},
     "Succs": {"Succ": [{"Type": "Predecessor", "Date": […], "Target": {…}}]}}}

Seen: what a record has not is left out; a list of one may be the one itself; true may be "true".
The answers to ``/sync`` and to a search hold links, no records, and are refused as a whole.
"""

from collections.abc import Iterator
from datetime import date
from itertools import islice

from .claims import BadLine, Claim
from .limits import Unreadable
from .objects import Broken, Found, lines, objects
from .opening import Container
from .parents import AUTHORITY
from .reading import Reader
from .recording import Recorder
from .records import LEGAL, OPERATIONAL, BadRecord, Organisation, Role, Tie

# Members of an answer that hold a page of records: of this API, of Data Search and Export.
PAGES = frozenset({"Organisations", "orgArray"})
OFFSETS = {"Legal": LEGAL, "Operational": OPERATIONAL}
LINKS = "This is a list of organisations with links to their records: the records are needed."


class Answers(Reader):
    source = "ods-ord"
    title = "ODS API records (ORD)"
    looks = 'JSON with "Organisation", or a line of it for each organisation'
    authority = AUTHORITY

    @classmethod
    def recognises(cls, document) -> bool:
        if document.kind not in (Container.JSON, Container.JSON_LINES):
            return False
        try:
            first = [each.value for each in islice(read(document), 3) if is_found(each)]
        except Broken:
            return b'"Organisation"' in document.head and b'"OrgId"' in document.head
        return any(_record(value) or _is_link(value) for value in first)

    def day(self) -> date | None:
        """The newest day on which a record was changed."""
        days = []
        for found in read(self.document):
            record = _record(found.value) if is_found(found) else None
            if record:
                try:
                    days.append(date.fromisoformat(text_of(record.get("LastChangeDate"))))
                except (BadRecord, ValueError):
                    continue
        return max(days, default=None)

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        recorder = Recorder(day)
        for found in self.counted(read(self.document)):
            if isinstance(found, BadLine):
                yield found
            elif not found.is_around:
                try:
                    body = organisation_of(found.value)
                except BadRecord as bad:
                    yield BadLine(found.line, str(bad))
                else:
                    yield from recorder.claims(found.line, body)
        yield from recorder.rest()


def read(document) -> Iterator[Found | BadLine]:
    """Every object of a JSON document, of each of its parts in turn."""
    number = 0
    for part in document.parts:
        before = number
        with document.stream(part) as stream:
            is_lines = document.kind is Container.JSON_LINES
            for found in (lines if is_lines else objects)(stream, PAGES):
                number = before + found.line
                yield found._replace(line=number) if is_found(found) else found


def organisation_of(value) -> Organisation:
    """The record in an answer. Raises ``BadRecord``, ``Unreadable`` where it is a link only."""
    if _is_link(value):
        raise Unreadable(LINKS)
    record = _record(value)
    if record is None:
        raise BadRecord("It is no organisation.")
    body = Organisation(_is_true(record.get("refOnly")))
    body.name, body.status = text_of(record.get("Name")), text_of(record.get("Status"))
    body.code = text_of(_member(record, "OrgId").get("extension"))
    body.postcode = text_of(_member(_member(record, "GeoLoc"), "Location").get("PostCode"))
    _take_days(body, record)
    for each in _listed(record, "Roles", "Role"):
        role = Role(text_of(each.get("id")), _is_true(each.get("primaryRole")))
        role.status = text_of(each.get("Status"))
        body.roles.append(_take_days(role, each))
    for each in _listed(record, "Rels", "Rel"):
        body.ties.append(_tie(text_of(each.get("id")), each))
    for each in _listed(record, "Succs", "Succ"):
        body.successions.append(_tie(text_of(each.get("Type")), each))
    return body


def _tie(identity, each):
    tie, target = Tie(identity), _member(each, "Target")
    tie.code = text_of(_member(target, "OrgId").get("extension"))
    tie.role = text_of(_member(target, "PrimaryRoleId").get("id"))
    tie.status = text_of(each.get("Status"))
    return _take_days(tie, each)


def _take_days(part, record):
    for each in _list(record.get("Date")):
        offset = OFFSETS.get(text_of(each.get("Type")))
        if offset is not None:
            part.dates[offset] = text_of(each.get("Start")) or None
            part.dates[offset + 1] = text_of(each.get("End")) or None
    return part


def is_found(found):
    return isinstance(found, Found)


def _record(value) -> dict | None:
    """The record itself, in its envelope or without."""
    if isinstance(value, dict):
        value = value.get("Organisation", value)
    return value if isinstance(value, dict) and "OrgId" in value and "Roles" in value else None


def _is_link(value) -> bool:
    return isinstance(value, dict) and "OrgLink" in value


def text_of(value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        return str(value)
    raise BadRecord(f"{str(value)[:30]!r} stands where a word should.")


def _is_true(value) -> bool:
    return value is True or value == "true"


def _list(value) -> list[dict]:
    items = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(item, dict) for item in items):
        raise BadRecord(f"{str(value)[:30]!r} stands where a list should.")
    return items


def _listed(record, name, each) -> list[dict]:
    """The list in its wrapper: {"Roles": {"Role": […]}}, or without."""
    value = record.get(name)
    return _list(value.get(each) if isinstance(value, dict) else value)


def _member(record, name) -> dict:
    value = record.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRecord(f"{name} is {str(value)[:30]!r}.")
    return value
