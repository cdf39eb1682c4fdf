"""One at a time, on however many machines: a lock that ends with the process that holds it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import Error, connection

# Beside the register's own (services.releases.REGISTER_LOCK).
WORKER, FOLDER = 0x57415932, 0x57415933


@contextmanager
def alone(lock: int) -> Iterator[bool]:
    """Whether nobody else holds that lock; if so, nobody else will until the end of the block.

    It is held by a transaction on a connection of its own, so what is done meanwhile may commit
    as it likes, a process that was killed holds nobody up, and PgBouncer may be in between.
    """
    held = connection.copy()
    try:
        held.set_autocommit(False)
        with held.cursor() as cursor:
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [lock])
            (is_ours,) = cursor.fetchone()
        yield is_ours
    finally:
        # At once: a connection that is only closed keeps its lock until the server notices.
        with suppress(Error):
            held.rollback()
        held.close()
