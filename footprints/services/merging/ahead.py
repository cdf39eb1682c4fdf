"""Reading ahead: claims are made in a thread of their own while the database works.

The reader knows no database, and the database's work lets other threads run. So a national file
is read on one core while what was read of it is written on another.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from queue import Empty, Queue
from threading import Event, Thread

from ...reports.claims import Claim

TOGETHER = 1_000  # claims handed over at once
EARLY = 32  # such lists that wait at most: some ten megabytes


def ahead(claims: Iterable[Claim]) -> Iterator[list[Claim]]:
    """The claims in order, in lists. What making them raises is raised here.

    To be closed: that stops the reader, and waits until it has stopped.
    """
    lists: Queue[list[Claim] | BaseException] = Queue(EARLY)
    is_over = Event()

    def read():
        last: list[Claim] | BaseException = []
        try:
            source = iter(claims)
            while not is_over.is_set() and (some := list(islice(source, TOGETHER))):
                lists.put(some)
        except BaseException as error:
            last = error
        lists.put(last)

    reader = Thread(target=read, name="reading ahead", daemon=True)
    reader.start()
    try:
        while some := lists.get():
            if isinstance(some, BaseException):
                raise some
            yield some
    finally:
        is_over.set()
        _emptied(lists)  # the reader may wait for room, for one list and for its last word
        reader.join()


def _emptied(lists: Queue):
    try:
        while True:
            lists.get_nowait()
    except Empty:
        pass
