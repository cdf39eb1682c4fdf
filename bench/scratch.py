"""A database of its own for a bench: made, migrated, and dropped afterwards; or kept by name."""

import os
import sys
import time
from contextlib import contextmanager


@contextmanager
def database():
    """Django set up over an empty, migrated database on the embedded server, or DATABASE_URL's."""
    with server():
        from django.db import connection

        name = connection.settings_dict["NAME"]
        connection.settings_dict["TEST"]["NAME"] = f"bench_{os.getpid()}"
        connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        try:
            yield
        finally:
            connection.creation.destroy_test_db(name, verbosity=0)


@contextmanager
def kept(name: str | None):
    """Django set up over the database of that name, which stays; None means the project's own."""
    with server():
        from django.db import connection

        if name:
            connection.close()
            connection.settings_dict["NAME"] = name
        try:
            yield
        finally:
            connection.close()


def create(name: str):
    """Make a database to keep, with every migration; the name must be free."""
    with server():
        from django.core.management import call_command
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {connection.ops.quote_name(name)}")
        connection.close()
        connection.settings_dict["NAME"] = name
        call_command("migrate", verbosity=0)
        connection.close()


def drop(name: str):
    """Drop a database that was kept."""
    with server():
        from django.db import connection

        if name == connection.settings_dict["NAME"]:
            sys.exit(f"{name} is the project's own database.")
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {connection.ops.quote_name(name)} WITH (FORCE)")


@contextmanager
def server():
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

        own = connection.settings_dict["NAME"]
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = own


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


class Busy:
    """A clock for a machine that does other things too: the time this process and its database
    connection were at work, in seconds. Waiting is not counted, nor a parallel worker."""

    def __init__(self):
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self.path = f"/proc/{cursor.fetchone()[0]}/schedstat"
        self()  # fails where the kernel does not tell

    def __call__(self):
        with open(self.path) as said:
            at_work = int(said.read().split()[0])
        return time.process_time() + at_work / 1e9
