"""So many requests a second, however many workers on however many machines ask."""

from django.db import connection

# Whoever holds this advisory lock has the turn; the next waits for it.
PACE_LOCK = 0x57415946


def wait_for_turn(a_second: float):
    """Wait until a request may be made, so that two never start closer than 1 / ``a_second``.

    One statement: PostgreSQL gives the turns in order of asking and lets each last its time; a
    worker that is killed gives its turn back with its connection. Outside a transaction, else
    the turn would last until that ends.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(%s)) "
            "SELECT pg_sleep(%s) FROM turn",
            [PACE_LOCK, 1 / a_second],
        )
