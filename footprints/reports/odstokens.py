"""A record of ODS's full file (``odsxml``) from its bytes, where it is as plain as ODS writes it.

Expat calls Python for every tag of a record, some ninety times; a file has 390,000 records.
Here a record is cut at its brackets, and most of what stands between them is known from another
record already. Whatever is not plain (a namespace, an entity of its own, an odd nesting, anything
that expat might refuse) is left to expat (``odsparser``), which is right about XML by definition:
the two give the same record, and a test says so.
"""

import re

from .odsparser import PARTS, TEXT
from .records import LEGAL, OPERATIONAL, Organisation, Role, Tie

LONGEST = 256 * 1024  # of a record that is read here
KNOWN = 20_000  # tags that are remembered
LONG, BRIEF = 500, 10  # letters of a tag; of a text that is remembered with its tag

TAG = re.compile(
    rb"(/?)([A-Za-z_][\w.-]*)"
    rb"((?:[ \n]+[A-Za-z_][\w.-]*=(?:\"[^\"\t\r\n]*\"|'[^'\t\r\n]*'))*)\s*(/?)"
)
ATTRIBUTE = re.compile(rb"([\w.-]+)=(?:\"([^\"]*)\"|'([^']*)')")
# The number that ODS gives a role or a relationship is no other's, and of no use here.
NUMBERED = re.compile(rb' unique[A-Z][a-z]+Id="\d+"')
# One in three tags that are new; what any tag may be takes four times as long to tell.
CODE_ALONE = re.compile(
    rb'OrgId(?: root="[\d.]+")?(?: assigningAuthorityName="\w+")? extension="([\w.-]+)" ?/'
)
ENTITY = re.compile(rb"&(?:amp|lt|gt|quot|apos);")
CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r")

OPEN, EMPTY, CLOSE = range(3)
(
    NOTHING,
    ORGANISATION,
    NAME,
    DATE,
    TYPE,
    TYPE_TEXT,
    START,
    END,
    CODE,
    STATUS,
    POSTCODE,
    ROLE,
    TIE,
    SUCCESSION,
    PRIMARY_ROLE,
) = range(15)
A_PART = frozenset({ROLE, TIE, SUCCESSION})
A_TEXT = frozenset({NAME, POSTCODE, TYPE_TEXT})

# By tag: what it does, and the attribute that it does it with.
DEEDS = {
    "Organisation": (ORGANISATION, b"refOnly"),
    "Name": (NAME, None),
    "Date": (DATE, None),
    "Type": (TYPE, b"value"),
    "Start": (START, b"value"),
    "End": (END, b"value"),
    "OrgId": (CODE, b"extension"),
    "Status": (STATUS, b"value"),
    "PostCode": (POSTCODE, None),
    "Role": (ROLE, b"id"),
    "Rel": (TIE, b"id"),
    "Relationship": (TIE, b"id"),
    "Succ": (SUCCESSION, b"type"),
    "Successor": (SUCCESSION, b"type"),
    "PrimaryRoleId": (PRIMARY_ROLE, b"id"),
}
OF_THE_FILE = {"Version", "PublicationDate", "RecordCount", "concept"}  # not of a record
OFFSETS = {"Operational": OPERATIONAL, "Legal": LEGAL}

# A tag's form, what it does, its name, and what it says.
Token = tuple[int, int, str, object]


class NotPlain(Exception):
    """The record is not plain."""


class Scanner:
    """Reads records, one after the other, and remembers their tags."""

    def __init__(self):
        # By a tag and the blanks after it, and by a tag.
        self._known: dict[bytes, Token] = {}
        self._tags: dict[bytes, Token] = {}

    def read(self, piece: bytes) -> Organisation | None:
        """The record that begins these bytes, its end tag left out; None where it is not plain."""
        try:
            return self._read(piece)
        except (NotPlain, IndexError, ValueError):  # more is closed than open; no UTF-8
            return None

    def _read(self, piece):
        if not _is_plain(piece):
            return None
        before, first, *rest = piece.split(b"<")
        form, deed, name, is_stub = self._learn(first)
        if before or deed != ORGANISATION or form != OPEN:
            return None
        known = self._known.get
        body = part = Organisation(is_stub)
        within = [name]
        offset = OPERATIONAL
        heard = None
        for token in rest:
            form, deed, name, value = known(token) or self._learn(token)
            if form == CLOSE:
                if within.pop() != name:
                    return None
                if deed == NOTHING:
                    continue
                if heard is not None:
                    if deed == NAME:
                        body.name = heard
                    elif deed == POSTCODE:
                        body.postcode = heard
                    elif type(part) is Tie and not part.id:
                        part.id = heard
                    heard = None
                elif deed in A_PART:
                    part = body
                continue
            if heard is not None:
                return None  # a tag within a name
            if form == OPEN:
                within.append(name)
            if deed == NOTHING:
                continue
            if deed == START:
                if offset is not None:
                    part.dates[offset] = value
            elif deed == TYPE:
                offset = value
            elif deed == DATE:
                offset = OPERATIONAL
            elif deed == STATUS:
                part.status = value
            elif deed == CODE:
                if type(part) is not Role:
                    part.code = value
            elif deed == PRIMARY_ROLE:
                if type(part) is Tie:
                    part.role = value
            elif deed == END:
                if offset is not None:
                    part.dates[offset + 1] = value
            elif deed == ORGANISATION:
                return None
            elif deed == ROLE:
                part = Role(*value)
                _keep(body.roles, part)
            elif deed == TIE:
                part = Tie(value)
                _keep(body.ties, part)
            elif deed == SUCCESSION:
                part = Tie(value)
                _keep(body.successions, part)
            elif form == EMPTY:
                return None  # a name without one
            elif deed != NAME or len(within) == 2:
                heard = value
            if form == EMPTY and deed in A_PART:
                part = body
        return body if within == ["Organisation"] else None

    def _learn(self, token: bytes) -> Token:
        """What a tag and the text after it say. Raises NotPlain, and UnicodeDecodeError."""
        tag, bracket, text = token.partition(b">")
        if not bracket or b">" in text:
            raise NotPlain
        if b" unique" in tag:
            tag = NUMBERED.sub(b"", tag, 1)
            if b" unique" in tag:
                raise NotPlain
        said = self._tags.get(tag)
        if said is None:
            code = CODE_ALONE.fullmatch(tag)
            if code:
                said = EMPTY, CODE, "OrgId", code[1].decode()
            else:
                said = _remember(self._tags, tag, _said(tag))
        form, deed, name, _ = said
        if form != CLOSE and deed in A_TEXT:
            return form, deed, name, _text(text).strip()
        if len(text) < BRIEF or text.isspace():
            _remember(self._known, token, said)
        return said


def _remember(known: dict[bytes, Token], token: bytes, said: Token) -> Token:
    if len(known) >= KNOWN:
        known.clear()
    known[token] = said
    return said


def _said(tag: bytes) -> Token:
    """What a tag says by itself. Raises NotPlain, and UnicodeDecodeError."""
    match = TAG.fullmatch(tag) if len(tag) < LONG else None
    if match is None or (match[1] and (match[3] or match[4])):
        raise NotPlain
    name = match[2].decode()
    if name in OF_THE_FILE:
        raise NotPlain
    deed, attribute = DEEDS.get(name, (NOTHING, None))
    form = CLOSE if match[1] else EMPTY if match[4] else OPEN
    attributes = {}
    if match[3]:
        found = ATTRIBUTE.findall(match[3])
        attributes = {key: _text(double or single) for key, double, single in found}
        if len(attributes) < len(found) or b"xmlns" in attributes:
            raise NotPlain
    value = attributes.get(attribute) if attribute else None
    if form == CLOSE or deed in (START, END):
        pass
    elif deed == ORGANISATION:
        value = value == "true"
    elif deed == TYPE:
        deed = TYPE if value is not None else TYPE_TEXT
        value = OFFSETS.get(value)
    elif deed == ROLE:
        value = value or "", attributes.get(b"primaryRole") == "true"
    else:
        value = value or ""
    return form, deed, name, value


def _is_plain(piece: bytes) -> bool:
    """Whether its characters are such as XML may have, and no entity is but XML's own."""
    if len(piece) > LONGEST or len(piece.translate(None, CONTROLS)) < len(piece):
        return False
    if not piece.isascii():
        if b"\xef\xbf" in piece:  # among them are two that XML may not have
            return False
        piece.decode("utf-8")
    return b"&" not in piece or len(ENTITY.findall(piece)) == piece.count(b"&")


def _text(raw: bytes) -> str:
    if len(raw) > TEXT:
        raise NotPlain
    text = raw.decode("utf-8")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "&" in text:
        for entity, letter in ENTITIES:
            text = text.replace(entity, letter)
    return text


ENTITIES = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&amp;", "&")]


def _keep(parts: list, part):
    if len(parts) == PARTS:
        raise NotPlain
    parts.append(part)
