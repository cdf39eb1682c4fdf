"""A database of its own for a bench: made, migrated, and dropped afterwards."""

import os
import sys
import time
from contextlib import contextmanager


@contextmanager
def database():
    """Django set up over an empty, migrated database on the embedded server, or DATABASE_URL's."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("BASE_URL", "http://localhost:8000")
    os.environ.setdefault(
        "SECRET_KEY", "a bench signs nothing that anybody keeps: only a long word"
    )
    from config import embedded

    with embedded.services(valkey=False):
        import django

        django.setup()
        from django.db import connection

        name = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = f"bench_{os.getpid()}"
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


def timed(work, *args):
    """Seconds that the work takes, and what it returns."""
    start = time.perf_counter()
    result = work(*args)
    return time.perf_counter() - start, result


def report(name: str, seconds: float, floor: float, promise: float | None = None) -> bool:
    """Print a line; return whether the promise is kept."""
    ratio = seconds / floor
    kept = promise is None or ratio <= promise
    said = "" if promise is None else f"  promise {promise:.1f} ×{'' if kept else '  BROKEN'}"
    print(f"{name:58} {seconds:8.3f} s  floor {floor:8.3f} s  {ratio:5.2f} ×{said}")
    sys.stdout.flush()
    return kept
