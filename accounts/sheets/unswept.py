"""Work on many rows at once without a look for garbage among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unswept() -> Iterator[None]:
    """Let nobody look for cycles of garbage meanwhile; a decorator, too.

    A set of sheets is a million small objects, all of them in use until it is written. Each of
    Python's sweeps goes through all that came so far: nearly half of the time that planning took.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
