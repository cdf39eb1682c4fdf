"""Reading ahead: what is staged is made in a thread of its own while the database works.

The reader knows no database, and the database's work lets other threads run. So a national file
is read on one core while what was read of it is written on another.
"""

from collections.abc import Iterable, Iterator
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

EARLY = 40  # batches that wait at most: more than are written at once, so that none is waited for

Batch = TypeVar("Batch")


def ahead(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches in order. What making them raises is raised here.

    To be closed: that stops the reader, and waits until it has stopped.
    """
    waiting: Queue[tuple[bool, Batch | BaseException | None]] = Queue(EARLY)
    is_over = Event()

    def read():
        error = None
        try:
            for batch in batches:
                waiting.put((True, batch))
                if is_over.is_set():
                    break
        except BaseException as raised:
            error = raised
        waiting.put((False, error))

    reader = Thread(target=read, name="reading ahead", daemon=True)
    reader.start()
    try:
        while (got := waiting.get())[0]:
            yield got[1]
        if got[1] is not None:
            raise got[1]
    finally:
        is_over.set()
        _emptied(waiting)  # the reader may wait for room, for one batch and for its last word
        reader.join()


def _emptied(waiting: Queue):
    try:
        while True:
            waiting.get_nowait()
    except Empty:
        pass
