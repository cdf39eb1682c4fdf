"""The full file of the Organisation Data Service: every record as XML, some 660 MB of it.

TRUD publishes it monthly as a zip of ``fullfile.zip`` (306,201 records in August 2026) and
``archive.zip`` (86,705 that closed long ago), each with one XML file. Both are read, in the order
of the zip; one alone is a report too. The layout (only the root's name has the namespace)::

    <HSCOrgRefData:OrgRefData xmlns:HSCOrgRefData="http://refdata.hscic.gov.uk/org/v2-0-0">
      <Manifest>
        <Version value="2-0-0"/> <PublicationType value="Full"/>
        <PublicationDate value="2026-08-27"/> <RecordCount value="306201"/> …
      </Manifest>
      <CodeSystems>
        <CodeSystem name="OrganisationRole" oid="2.16.840.1.113883.2.1.3.2.4.17.507">
          <concept id="RO197" code="197" displayName="NHS TRUST"/> …
        </CodeSystem>
      </CodeSystems>
      <Organisations>
        <Organisation orgRecordClass="RC1">          RC2: a site; refOnly="true": a stub
          <Name>ROWLANDS ROAD SURGERY</Name>
          <Date> <Type value="Operational"/> <Start value="1974-04-01"/> <End …/> </Date>
          <Date> <Type value="Legal"/> … </Date>     fourteen in a hundred have one
          <OrgId root="2.16.840.1.113883.2.1.3.2.4.18.48" extension="M85171"/>
          <Status value="Active"/> <LastChangeDate value="2026-03-02"/>
          <GeoLoc><Location> <AddrLn1>…</AddrLn1> <PostCode>B26 1AT</PostCode> </Location></GeoLoc>
          <Contacts> <Contact type="tel" value="…"/> </Contacts>
          <Roles>
            <Role id="RO177" primaryRole="true" uniqueRoleId="1"> <Date>…</Date> <Status …/>
            </Role>
          </Roles>
          <Rels>
            <Rel id="RE8" uniqueRelId="2"> <Date>…</Date> <Status value="Active"/>
              <Target> <OrgId extension="U93165"/> <PrimaryRoleId id="RO272"/> </Target>
            </Rel>
          </Rels>
          <Succs>
            <Succ uniqueSuccId="3"> <Date> <Type value="Legal"/> <Start …/> </Date>
              <Type>Predecessor</Type> <Target>…</Target>
            </Succ>
          </Succs>
        </Organisation>
      </Organisations>
    </HSCOrgRefData:OrgRefData>

Sources: TRUD item 341; the synchronising script that NHS Digital published for the same layout;
records shown in public tests. An end is a last day; what a record has not is left out.

Read by expat straight, a record at a time: ElementTree needs twice as long and defusedxml's parser
ten times. A document type declaration is refused, so no entity is ever declared.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from typing import BinaryIO
from xml.parsers import expat

from .claims import Claim, Doubt
from .limits import MEGABYTE, Unreadable
from .opening import Container
from .parents import AUTHORITY
from .reading import Reader
from .recording import Recorder
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

    @property
    def published_on(self) -> date | None:
        try:
            return date.fromisoformat(self.published)
        except ValueError:
            return None


class AnotherNamespace(Unreadable):
    """XML of somebody else."""


class FullFile(Reader):
    source = "ods-xml"
    title = "ODS full file"
    looks = f"XML in the namespace {NAMESPACE}"
    authority = AUTHORITY

    @classmethod
    def recognises(cls, document) -> bool:
        return document.kind is Container.XML and FAMILY.encode() in document.head

    def day(self) -> date | None:
        days = []
        for part in self.document.parts:
            manifest = Manifest()
            with self.document.stream(part) as stream, closing(records(stream, manifest)) as read:
                try:
                    next(read, None)
                except AnotherNamespace:
                    continue
            days.append(manifest.published_on)
        return max((day for day in days if day), default=None)

    def claims(self, day: date) -> Iterator[Claim]:
        recorder = Recorder(day)
        role_names: dict[str, str] = {}
        number = 0
        for part in self.document.parts:
            manifest, before = Manifest(), number
            with self.document.stream(part) as stream:
                try:
                    for body in records(stream, manifest):
                        number += 1
                        yield from recorder.claims(number, body)
                except AnotherNamespace:
                    if len(self.document.parts) == 1:
                        raise
                    continue  # the schema, packed with the file
            role_names |= manifest.role_names
            yield from _counted(manifest, number, number - before)
        yield from recorder.rest(role_names)


def _counted(manifest, number, read):
    """Nothing, where the file holds as many records as it says. Raises where it holds fewer."""
    promised = int(manifest.count) if manifest.count.isdecimal() else read
    if read < promised:
        raise Unreadable(
            f"The file says that it has {promised:,} records, and has {read:,}: a part is missing."
        )
    if read > promised:
        text = f"The file says that it has {promised:,} records, and has {read:,}."
        yield Doubt(number, "more records than announced", text)


def records(stream: BinaryIO, manifest: Manifest) -> Iterator[Organisation]:
    """Each record in turn, none kept; ``manifest`` is filled when the first one comes.

    Raises ``Unreadable`` where the XML is not whole or not ours.
    """
    finished: list[Organisation] = []
    parser, depth = _parser(finished, manifest)
    fed = 0
    try:
        while chunk := stream.read(CHUNK):
            parser.Parse(chunk)
            fed += len(chunk)
            if fed - max(parser.CurrentByteIndex, 0) > TOKEN:
                raise Unreadable(f"A single tag has more than {TOKEN // MEGABYTE} MB.")
            if depth() > DEEPEST:
                raise Unreadable(f"The XML is nested more than {DEEPEST} deep.")
            yield from finished
            finished.clear()
    except expat.ExpatError as error:
        raise Unreadable(
            f"The XML cannot be read in line {error.lineno:,}: {expat.ErrorString(error.code)}."
        ) from None
    try:
        parser.Parse(b"", True)
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
            _is_known(manifest)
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


def _is_known(manifest):
    if manifest.version and not manifest.version.replace(".", "-").startswith(VERSION):
        raise Unreadable(
            f"The file is of version {manifest.version[:20]}; the one known is 2-0-0."
        )
