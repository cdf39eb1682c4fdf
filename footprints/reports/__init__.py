"""Reports of the NHS: from a file as published to claims about the register.

A *reader* makes *claims* of one report (``claims.py``). It is recognised by the report's content,
never by its name, and declares what the report is an authority for. No database in this package:
``footprints.services.merging`` compares claims with what is held and writes the facts.

    with opening.opened(path, name) as document:      # the container: text, workbook, XML, JSON
        reader = recognise(document)                   # raises NotRecognised, Unreadable
        reader.source, reader.title, reader.authority
        reader.day()                                   # the newest day that the content shows
        for claim in reader.claims(day): ...           # streamed; a bad line is a claim too
        for claim in reader.claims(day, before): ...   # what differs from an earlier document
"""

from .claims import (
    Authority,
    BadLine,
    Bond,
    Doubt,
    Label,
    Life,
    Missing,
    Passing,
    Record,
    Slot,
)

__all__ = [
    "Authority",
    "BadLine",
    "Bond",
    "Doubt",
    "Label",
    "Life",
    "Missing",
    "Passing",
    "Record",
    "Slot",
]
