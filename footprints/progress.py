"""How far the work at a report is, told through a connection of its own.

A report is applied in one transaction, so what that writes nobody sees until it ends. Each thing
said here is one statement that commits by itself, so PgBouncer may be in between.
"""

import logging
from time import monotonic

from django.db import Error, connection

from .models import Report

logger = logging.getLogger(__name__)

EVERY = 0.5  # seconds between two writes of the same deed
MOVING = {Report.State.RECEIVED, Report.State.READING, Report.State.APPLYING}

# The work's own transaction may hold the row by now (it says last what became of the report), and
# to wait for it would be to wait for ourselves: then nothing is written.
SAY = """
UPDATE footprints_report SET doing = %s, done = %s, total = %s
WHERE id = (SELECT id FROM footprints_report WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING state
"""


class Stopped(Exception):
    """Somebody stopped the work at the report, or set it aside, meanwhile."""


class Progress:
    """``progress(doing, done, total)``: shown on the report's page, at most twice a second.

    ``total`` 0: how much there is to do is not known. Raises Stopped once the report is in a state
    in which nothing is done to it, so that the caller's transaction is rolled back. A connection
    that fails is no reason to fail the work: it then goes on untold. To be closed: a context.
    """

    def __init__(self, report: Report):
        self.report = report
        self.connection = connection.copy()
        self.doing, self.next_at = None, 0.0
        self.is_broken = False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.close()

    def __call__(self, doing: str, done: int, total: int):
        if self.is_broken or (doing == self.doing and monotonic() < self.next_at):
            return
        self.doing = doing
        row = [doing[:120], min(done, total) if total else done, total, self.report.pk]
        try:
            with self.connection.cursor() as cursor:
                cursor.execute(SAY, row)
                found = cursor.fetchone()
        except Error:
            logger.warning("The progress of report %s is not told", row[-1], exc_info=True)
            self.is_broken = True
            return
        self.next_at = monotonic() + EVERY
        if found and found[0] not in MOVING:
            raise Stopped
