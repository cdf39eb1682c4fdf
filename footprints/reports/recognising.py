"""Which report a document is: told by its content alone."""

from .bricks import SupplierBricks
from .classic import Authorities, Commissioners, Practices, Trusts
from .dse import Search
from .epcn import PrimaryCareNetworks
from .limits import Unreadable
from .maps import PracticeMap
from .odsxml import FullFile
from .ons import (
    BoardCodes,
    CommissionerCodes,
    LocationCodes,
    PartnershipCodes,
    RegionCodes,
)
from .opening import Container, Document
from .ord import Answers
from .reading import Reader

# Asked in this order; the first that knows its own report reads it.
READERS: tuple[type[Reader], ...] = (
    Practices,
    Commissioners,
    Trusts,
    Authorities,
    PrimaryCareNetworks,
    PracticeMap,
    SupplierBricks,
    CommissionerCodes,
    LocationCodes,
    PartnershipCodes,
    BoardCodes,
    RegionCodes,
    FullFile,
    Answers,
    Search,
)


class NotRecognised(Unreadable):
    """The file can be read, and is no report we know."""


def recognise(document: Document) -> Reader:
    """The reader for that document. Raises ``NotRecognised``: what was seen, what would be."""
    for reader in READERS:
        if reader.recognises(document):
            return reader(document)
    looks = {reader.looks: None for reader in READERS}  # some look alike
    raise NotRecognised(
        f"No report that is known: {seen(document)}. Known are: {'; '.join(looks)}."
    )


def seen(document: Document) -> str:
    """What the document looks like, in half a sentence."""
    if document.kind is Container.TEXT:
        rows = document.first_rows
        if not rows:
            return "a text without a single whole row"
        first = ", ".join(cell[:30] for cell in rows[0].cells[:6])
        return f"a text of {len(rows[0].cells)} columns that begins with {first!r}"
    if document.kind is Container.WORKBOOK:
        return "a workbook with the sheets " + ", ".join(
            repr(sheet.name[:40]) for sheet in document.sheets()[:6]
        )
    start = document.head[:80].decode("utf-8", "replace")
    return f"{document.kind} that begins with {' '.join(start.split())!r}"
