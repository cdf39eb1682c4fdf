"""What every reader of a report is: a class that knows its report and makes claims of it."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import ClassVar, TypeVar

from .claims import Authority, Claim
from .opening import Document

Line = TypeVar("Line")  # whatever has a number as its ``line``


class Reader:
    """One report's reader. ``document`` is an open ``opening.Document``.

    ``source`` names the report for releases, ``title`` for people, ``looks`` says in half a
    sentence how one looks ("27 columns without a header, …"), for who brought something else.
    ``recognises`` is asked first: by the document's head, first rows or sheets, never its name.

    ``compares``: whether ``claims`` can leave out what an earlier file said already. ``read``: the
    last line, row or record that was met, whether it made claims or not: after the last claim, how
    many the file has.
    """

    source: ClassVar[str]
    title: ClassVar[str]
    looks: ClassVar[str]
    authority: ClassVar[Authority]
    compares: ClassVar[bool] = False
    read: int = 0

    def __init__(self, document: Document):
        self.document = document

    @classmethod
    def recognises(cls, document: Document) -> bool:
        """Whether the document is this report. It may read a little of it, and raises nothing
        but ``Unreadable``."""
        raise NotImplementedError

    def day(self) -> date | None:
        """The newest day that the content itself shows; None where it shows none."""
        raise NotImplementedError

    def claims(
        self, day: date, before: Document | None = None, before_on: date | None = None
    ) -> Iterator[Claim]:
        """What the report says, told on ``day``; streamed, in order of the file.

        ``before``: an open document of the same report that was read already, and ``before_on``
        the day it was told on, where that is not the one it shows. A reader that ``compares`` then
        makes claims only of records that are new or differ, each as a full read makes it, and of
        those that say something else by now though nothing in them changed: a day in them has
        come, or their code stands there twice. Last comes a ``Missing`` for each code that was
        named before and is not now. What a full read counts or pairs over many records, it tells
        of the records read. Any other reader makes all claims, and none is ``Missing``.
        """
        raise NotImplementedError

    def counted(self, rows: Iterable[Line]) -> Iterator[Line]:
        """The rows, each noted in ``read``."""
        for row in rows:
            self.read = max(self.read, row.line)
            yield row
