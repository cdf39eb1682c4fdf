"""A deed done to the end and rolled back: what would fail on the day fails now."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable

from .deciding import SheetError


class Busy(SheetError):
    """Somebody else holds the plan, and a page does not wait for them."""


@contextmanager
def rehearsal() -> Iterator[None]:
    """A transaction that is checked to the end, and rolled back.

    It waits for nobody long: raises Busy where somebody else is changing the plan.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '5s'")
            yield
            connection.check_constraints()  # those put off until the end
            transaction.set_rollback(True)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Busy("Somebody is changing the plan just now: look again in a moment.") from error
