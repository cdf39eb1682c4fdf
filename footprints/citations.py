"""Sources as a reader would name them: the facts keep a publisher's text, and some of it is terse.

A fact's ``source`` is kept as it was recorded. The bundle's is shorthand ("eccg 2025-12; rcpch"):
``reference/citations.csv`` says what each is. What is not listed there is shown as it stands.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path

from .written import MONTHS, SHORT_MONTHS

LIST = Path(__file__).parent / "reference" / "citations.csv"

# Between two sources stands a semicolon; within brackets it belongs to one of them.
BETWEEN = re.compile(r";\s+(?![^()]*\))")
MOMENT = re.compile(r"\b((?:19|20)\d\d)-(\d\d)(?:-(\d\d))?\b")
EDITIONS = re.compile(r"(?P<stem>.+?)[ _](?P<when>(?:19|20)\d\d[-\d/,]*)(?:\.csv)?$")


def cited(source: str) -> list[str]:
    """The sources that a fact names, each as a reader would: "ODS report of NHS trusts (etr)".

    One entry a source, in the order given; an address stays an address.
    """
    return [_named(piece) for piece in BETWEEN.split(source.strip()) if piece]


def remarked(note: str) -> str:
    """A fact's note as a sentence: days in words, and a capital to begin with."""
    if note.startswith("http"):
        return note
    said = _days_in_words(note.strip(" ;"))
    said = re.sub(r"\bGSS\b", "ONS code", said)
    return said[:1].upper() + said[1:]


def _named(piece: str) -> str:
    if piece.startswith("http"):
        return piece
    listed = _listed()
    if piece in listed:
        return listed[piece]
    # "etr close date 2014-09-30", "ePCN 2019-12/2022-05": one report, in several editions.
    if (found := EDITIONS.match(piece)) and found["stem"] in listed:
        when = [_days_in_words(part) for part in re.split(r"[/,]", found["when"]) if part]
        return f"{listed[found['stem']]}: {', '.join(when)}"
    return _days_in_words(piece)


def _days_in_words(text: str) -> str:
    """The same text with 2022-07-01 as 1 Jul 2022, and 2022-07 as July 2022."""

    def words(found):
        year, month, day = found[1], int(found[2]), found[3]
        if not 1 <= month <= 12:
            return found[0]
        return (
            f"{int(day)} {SHORT_MONTHS[month - 1]} {year}"
            if day
            else f"{MONTHS[month - 1]} {year}"
        )

    return MOMENT.sub(words, text)


@lru_cache(maxsize=1)
def _listed() -> dict[str, str]:
    with LIST.open(encoding="utf-8", newline="") as file:
        return {row["shorthand"]: row["says"] for row in csv.DictReader(file)}
