"""Records of ODS's full file (``odsxml`` has its layout) from its bytes, by expat.

Read by expat straight, a record at a time: ElementTree needs twice as long and defusedxml's parser
ten times. A document type declaration is refused, so no entity is ever declared.
"""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO
from xml.parsers import expat

from .limits import MEGABYTE, Unreadable
from .records import LEGAL, OPERATIONAL, Organisation, Role, Tie

FAMILY = "http://refdata.hscic.gov.uk/org/"
NAMESPACE = FAMILY + "v2-0-0"
VERSION = "2-"

CHUNK = 64 * 1024
TOKEN = 4 * MEGABYTE  # one tag with its attributes, which expat keeps whole
TEXT, PIECES = 8_192, 16  # letters of a name, and in how many pieces expat may give it
PARTS = 2_000  # roles of a record, and relationships; a practice has a dozen
DEEPEST = 24  # a day of a relationship lies seven deep; looked at once a chunk
ROLES = 5_000  # in CodeSystems; there are 209


class Manifest:
    """What the file says of itself; filled as it is read."""

    def __init__(self):
        self.version = self.published = self.count = ""
        self.role_names: dict[str, str] = {}

    def check(self):
        """Raises ``Unreadable`` where the file is of a version that is not known."""
        if self.version and not self.version.replace(".", "-").startswith(VERSION):
            raise Unreadable(
                f"The file is of version {self.version[:20]}; the one known is 2-0-0."
            )

    @property
    def published_on(self) -> date | None:
        try:
            return date.fromisoformat(self.published)
        except ValueError:
            return None


class AnotherNamespace(Unreadable):
    """XML of somebody else."""


def records(stream: BinaryIO, manifest: Manifest) -> Iterator[Organisation]:
    """Each record in turn, none kept; ``manifest`` is filled when the first one comes.

    Raises ``Unreadable`` where the XML is not whole or not ours.
    """
    parser = Parser(manifest)
    while chunk := stream.read(CHUNK):
        yield from parser.feed(chunk)
    parser.close()


class Parser:
    """Expat, fed with an XML file's bytes, in pieces. ``manifest`` is filled on the way."""

    def __init__(self, manifest: Manifest):
        self._finished: list[Organisation] = []
        self._expat, self._depth = _parser(self._finished, manifest)
        self._fed = 0

    def feed(self, data: bytes) -> list[Organisation]:
        """The records that end in these bytes. Raises ``Unreadable``."""
        self._finished.clear()
        for start in range(0, len(data), CHUNK):
            chunk = data[start : start + CHUNK] if len(data) > CHUNK else data
            try:
                self._expat.Parse(chunk)
            except expat.ExpatError as error:
                raise Unreadable(
                    f"The XML cannot be read in line {error.lineno:,}: "
                    f"{expat.ErrorString(error.code)}."
                ) from None
            except (LookupError, ValueError):  # which Python is asked for what expat has not
                raise Unreadable("The XML is in an encoding that cannot be read.") from None
            self._fed += len(chunk)
            if self._fed - max(self._expat.CurrentByteIndex, 0) > TOKEN:
                raise Unreadable(f"A single tag has more than {TOKEN // MEGABYTE} MB.")
            if self._depth() > DEEPEST:
                raise Unreadable(f"The XML is nested more than {DEEPEST} deep.")
        return self._finished[:]

    def close(self):
        """Raises ``Unreadable`` where something is missing."""
        try:
            self._expat.Parse(b"", True)
        except expat.ExpatError as error:
            raise Unreadable(
                f"The XML breaks off in line {error.lineno:,}: this is half a file."
            ) from None


def _parser(finished, manifest):
    """An expat parser that puts records into ``finished``, and how deep it is, as a function.

    One call of Python for each tag, some 27 million in all, so its handlers keep what they know in
    variables: ``body`` is the record being read, ``part`` the one of its parts (itself, a role, a
    relationship, a succession) that days, status and codes belong to, ``offset`` where in its days
    the next one belongs.
    """
    outside = Organisation()
    body = part = outside
    offset = OPERATIONAL
    depth = base = 0
    text: list[str] = []
    is_hearing = False

    def start(name, attributes):
        nonlocal depth
        depth += 1
        handle = started(name)
        if handle is not None:
            handle(attributes)
        elif depth == 1:
            _is_ours(name)
        elif name.startswith(NAMESPACE):  # some writers put every tag into the namespace
            bare = name[len(NAMESPACE) + 1 :]
            if bare in starts:
                starts[name] = starts[bare]
                starts[bare](attributes)
            if bare in ends:
                ends[name] = ends[bare]

    def end(name):
        nonlocal depth
        handle = ended(name)
        if handle is not None:
            handle()
        depth -= 1

    def organisation(attributes):
        nonlocal body, part, base
        if not finished:
            manifest.check()
        body = part = Organisation(attributes.get("refOnly") == "true")
        base = depth

    def organisation_ends():
        nonlocal body, part
        if depth == base:
            finished.append(body)
            body = part = outside

    def role(attributes):
        nonlocal part
        part = Role(attributes.get("id", ""), attributes.get("primaryRole") == "true")
        keep(body.roles)

    def relationship(attributes):
        nonlocal part
        part = Tie(attributes.get("id", ""))
        keep(body.ties)

    def succession(attributes):
        nonlocal part
        part = Tie(attributes.get("type", ""))
        keep(body.successions)

    def keep(parts):
        if body is not outside:
            if len(parts) == PARTS:
                raise Unreadable(f"A record has more than {PARTS:,} parts of one sort.")
            parts.append(part)

    def part_ends():
        nonlocal part
        part = body

    def days(attributes):
        nonlocal offset
        offset = OPERATIONAL

    def type_(attributes):
        nonlocal offset
        value = attributes.get("value")
        if value is None:  # a succession's own: the text says which
            listen()
        elif value == "Operational":
            offset = OPERATIONAL
        else:
            offset = LEGAL if value == "Legal" else None

    def type_ends():
        if is_hearing:
            type_ = heard()
            if type(part) is Tie and not part.id:
                part.id = type_

    def first_day(attributes):
        if offset is not None:
            part.dates[offset] = attributes.get("value")

    def last_day(attributes):
        if offset is not None:
            part.dates[offset + 1] = attributes.get("value")

    def code(attributes):
        if type(part) is not Role:
            part.code = attributes.get("extension", "")

    def status(attributes):
        part.status = attributes.get("value", "")

    def primary_role(attributes):
        if type(part) is Tie:
            part.role = attributes.get("id", "")

    def name(attributes):
        if depth == base + 1:
            listen()

    def name_ends():
        if is_hearing and depth == base + 1:
            body.name = heard()

    def postcode(attributes):
        listen()

    def postcode_ends():
        body.postcode = heard()

    def listen():
        nonlocal is_hearing
        is_hearing = True
        parser.CharacterDataHandler = hear

    def hear(data):
        if len(text) == PIECES or len(data) > TEXT:
            raise Unreadable("A name or a postcode is longer than any can be.")
        text.append(data)

    def heard():
        nonlocal is_hearing
        is_hearing = False
        parser.CharacterDataHandler = None
        whole = "".join(text).strip()
        text.clear()
        return whole

    def version(attributes):
        manifest.version = attributes.get("value", "")

    def published(attributes):
        manifest.published = attributes.get("value", "")

    def count(attributes):
        manifest.count = attributes.get("value", "")

    def concept(attributes):
        identity = attributes.get("id", "")
        if identity.startswith("RO") and len(manifest.role_names) < ROLES:
            manifest.role_names[identity[:20]] = attributes.get("displayName", "")[:200]

    def refuse(*_):
        raise Unreadable("The XML declares a document type, which a report has no need of.")

    starts = {
        "Organisation": organisation,
        "Name": name,
        "Date": days,
        "Type": type_,
        "Start": first_day,
        "End": last_day,
        "OrgId": code,
        "Status": status,
        "PostCode": postcode,
        "Role": role,
        "Rel": relationship,
        "Relationship": relationship,
        "Succ": succession,
        "Successor": succession,
        "PrimaryRoleId": primary_role,
        "Version": version,
        "PublicationDate": published,
        "RecordCount": count,
        "concept": concept,
    }
    ends = {
        "Organisation": organisation_ends,
        "Name": name_ends,
        "Type": type_ends,
        "PostCode": postcode_ends,
        "Role": part_ends,
        "Rel": part_ends,
        "Relationship": part_ends,
        "Succ": part_ends,
        "Successor": part_ends,
    }
    started, ended = starts.get, ends.get
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser, lambda: depth


def _is_ours(root):
    space = root.rpartition(" ")[0]
    if not space.startswith(FAMILY):
        raise AnotherNamespace(f"This is XML of another kind: its root is {root[:100]!r}.")
    if space != NAMESPACE:
        raise Unreadable(
            f"The file is of layout {space.removeprefix(FAMILY)[:20]}; the one known is v2-0-0."
        )
