"""What every reader of a report is: a class that knows its report and makes claims of it."""

from collections.abc import Iterator
from datetime import date
from typing import ClassVar

from .claims import Authority, Claim


class Reader:
    """One report's reader. ``document`` is an open ``opening.Document``.

    ``source`` names the report for releases, ``title`` for people, ``looks`` says in half a
    sentence how one looks ("27 columns without a header, …"), for who brought something else.
    ``recognises`` is asked first: by the document's head, first rows or sheets, never its name.
    """

    source: ClassVar[str]
    title: ClassVar[str]
    looks: ClassVar[str]
    authority: ClassVar[Authority]

    def __init__(self, document):
        self.document = document

    @classmethod
    def recognises(cls, document) -> bool:
        """Whether the document is this report. It may read a little of it, and raises nothing
        but ``Unreadable``."""
        raise NotImplementedError

    def day(self) -> date | None:
        """The newest day that the content itself shows; None where it shows none."""
        raise NotImplementedError

    def claims(self, day: date) -> Iterator[Claim]:
        """What the report says, told on ``day``; streamed, in order of the file."""
        raise NotImplementedError
