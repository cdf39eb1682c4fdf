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

The file is cut into records as bytes (``odspieces``); those as plain as ODS writes them are read
from these (``odstokens``), all others by expat (``odsparser``). A month changes one record in a
hundred: where the file before is at hand, those that differ are read, and no others.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date

from .claims import Claim, Doubt, Missing
from .limits import Unreadable
from .odsparser import FAMILY, NAMESPACE, AnotherNamespace, Manifest, Parser, records
from .odspieces import Held, Odd, Turned, coded, cut, hold
from .odstokens import Scanner
from .opening import Container
from .parents import AUTHORITY
from .reading import Reader
from .recording import Recorder


class FullFile(Reader):
    source = "ods-xml"
    title = "ODS full file"
    looks = f"XML in the namespace {NAMESPACE}"
    authority = AUTHORITY
    compares = True

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

    def claims(self, day: date, before=None, before_on=None) -> Iterator[Claim]:
        done = 0
        held, missing = Held(), set()
        if before is not None:
            held, missing = _earlier(before)
        try:
            if held is not None:
                changed = self._changed(day, held, before_on) if before else self._plainly(day)
                for claim in changed:
                    done = max(done, claim.line)
                    yield claim
                return
        except (Odd, Unreadable):
            # What is wrong, and in which line, the whole tells.
            missing = set(map(coded, held.codes())) - {""}
        yield from self._whole(day, done, missing)

    def _whole(self, day, done, missing) -> Iterator[Claim]:
        """Every claim of the records after that many, and of the codes that are missing."""
        self.read = 0
        recorder = Recorder(day)
        role_names: dict[str, str] = {}
        for part in self.document.parts:
            manifest, begin = Manifest(), self.read
            with self._part(part) as stream:
                for body in records(stream, manifest):
                    self.read += 1
                    claims = recorder.claims(self.read, body)
                    if missing:
                        missing.discard(coded(body.code))
                    if self.read > done:
                        yield from claims
            role_names |= manifest.role_names
            yield from _counted(manifest, self.read, self.read - begin)
        yield from recorder.rest(role_names)
        yield from _missing(missing)

    def _plainly(self, day) -> Iterator[Claim]:
        """Every claim of the records. Raises ``Odd`` where expat is to read it, ``Unreadable``."""
        recorder = Recorder(day)
        role_names: dict[str, str] = {}
        doubts: list[Doubt] = []
        for piece, make, read in self._pieces(role_names, doubts):
            yield from recorder.claims(self.read, read(piece, make))
        yield from doubts
        yield from recorder.rest(role_names)

    def _changed(self, day, held: Held, before_on) -> Iterator[Claim]:
        """The claims of records that are new, or differ, or say something else by now.

        Raises ``Odd`` where that takes a look at all of them, and ``Unreadable``.
        """
        recorder = Recorder(day)
        role_names: dict[str, str] = {}
        doubts: list[Doubt] = []
        is_turned = Turned(before_on or held.published_on, day)
        bodies, named = set(), set()
        for piece, make, read in self._pieces(role_names, doubts):
            key = hash(piece)
            code = held.bodies.get(key)
            if code is None:
                stub = held.stubs.get(key)
                if stub is not None:
                    named.add(stub)
                    continue
                is_new = True
                code, is_stub = make.code(piece)
            else:
                is_new = is_stub = False
            if not is_stub and code:
                if code in bodies and code not in held.twice:
                    raise Odd  # which one is believed hangs on one that is not read
                bodies.add(code)
            else:
                named.add(code)
            if is_new or code in held.twice or is_turned(piece):
                body = read(piece, make)
                if coded(body.code) != coded(code):
                    raise Odd
                yield from recorder.claims(self.read, body)
        yield from doubts
        yield from recorder.rest(role_names)
        gone = set(held.codes()) - bodies - named
        yield from _missing(set(map(coded, gone)) - {""})

    def _pieces(self, role_names: dict[str, str], doubts: list[Doubt]):
        """``(piece, make, read)``: each record as bytes, and what makes an ``Organisation`` of it.

        ``role_names`` and ``doubts`` are filled on the way. Raises ``Odd`` and ``Unreadable``.
        """
        self.read = 0
        scanner = Scanner()
        for part in self.document.parts:
            manifest, begin = Manifest(), self.read
            parser = Parser(manifest)

            def read(piece, make, parser=parser):
                body = scanner.read(piece) if make.is_bare else None
                if body is None:
                    (body,) = parser.feed(make.whole(piece)) or [None]
                if body is None:
                    raise Odd
                return body

            with self._part(part) as stream:
                for around, pieces, make in cut(stream):
                    if parser.feed(around):
                        raise Odd
                    if pieces:
                        manifest.check()
                    for piece in pieces:
                        self.read += 1
                        yield piece, make, read
                parser.close()
            role_names |= manifest.role_names
            doubts += _counted(manifest, self.read, self.read - begin)

    @contextmanager
    def _part(self, part):
        """A part's bytes; where it is the schema, packed with the file, they are passed over."""
        with self.document.stream(part) as stream:
            try:
                yield stream
            except AnotherNamespace:
                if len(self.document.parts) == 1:
                    raise


def _earlier(document) -> tuple[Held | None, set[str]]:
    """The records of the file before; where they cannot be told apart as bytes, its codes."""
    try:
        try:
            return hold(document), set()
        except Odd:
            codes = set()
            for part in document.parts:
                with document.stream(part) as stream:
                    codes |= {coded(body.code) for body in records(stream, Manifest())}
            return None, codes - {""}
    except Unreadable as error:
        raise Unreadable(f"The file before this one cannot be read again: {error}") from None


def _missing(codes):
    for code in sorted(codes):
        yield Missing(0, code)


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
