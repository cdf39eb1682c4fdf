"""Feeds: which is due, one visit of one worker at a time, and what came of it.

A worker claims a feed by moving ``next_at`` a few minutes on, and goes on moving it while it
lives: whoever finds it passed may take over, so that a killed worker holds nobody up for longer.
Every write of a visit is made on condition that ``next_at`` is still what this worker wrote: one
that was overtaken learns of it and stops. No lock is kept open, so that any number of machines,
with PgBouncer or without, may take part; their clocks must agree to within a minute.
"""

import hashlib
import logging
import random
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import localtime, now

from ..fetching.asking import Asker, Failed
from ..fetching.downloading import Fetched, download
from ..fetching.manners import Manners
from ..fetching.pace import wait_for_turn
from ..fetching.sources import Source, Way, configured
from ..fetching.walking import Paused, walk
from ..models import Feed, Report
from .receiving import Received, receive_report

logger = logging.getLogger(__name__)

MOST_BACK_OFF = timedelta(days=1)


class Overtaken(Exception):
    """Another worker has this feed now."""


def due_feeds(*, at: datetime) -> list[str]:
    """The names of the configured feeds whose time has come and that nobody is fetching.

    A feed that is configured for the first time gets its row. Asks nothing of the database where
    nothing is configured.
    """
    names = list(configured())
    if not names:
        return []
    next_at = dict(Feed.objects.filter(name__in=names).values_list("name", "next_at"))
    new = [name for name in names if name not in next_at]
    Feed.objects.bulk_create([Feed(name=name) for name in new], ignore_conflicts=True)
    return [name for name in names if next_at.get(name) is None or next_at[name] <= at]


def ask_for_feed(name: str, *, at: datetime) -> bool:
    """Make a feed due now; False where a worker has it already."""
    Feed.objects.bulk_create([Feed(name=name)], ignore_conflicts=True)
    free = Q(next_at=None) | Q(next_at__lte=at) | ~Q(position__has_key="claimed")
    return bool(Feed.objects.filter(free, name=name).update(next_at=at))


def fetch_feed(name: str, *, at: datetime) -> Report | None:
    """Visit a feed's source, if it is due and no worker has it; return what is new, as a report.

    Whatever comes of the visit is written to the feed's row: nothing new, a report, a failure in
    words with the time of the next try. ``at`` is now.
    """
    source = configured().get(name)
    claim = Claim.of(name, source, at) if source else None
    if claim is None:
        return None
    try:
        report = _visit(source, claim, at)
    except Overtaken:
        logger.warning("Fetching %s: another worker has it now.", name)
        return None
    except Paused:
        claim.let_go(next_at=now(), looked_at=now())
        return None
    except Failed as failed:
        logger.warning("Fetching %s: %s", name, failed)
        claim.fail(str(failed), wait=failed.wait)
        return None
    except Exception as error:
        claim.fail(f"It could not be kept: {type(error).__name__}: {error}")
        raise
    return report


class Claim:
    """A feed that is this worker's for now; its position as last kept."""

    def __init__(self, feed: Feed, position: dict, lease: float):
        self.feed, self.position = feed, position
        self.lease = timedelta(seconds=lease)
        self.until = feed.next_at
        self.renewed_at = time.monotonic()

    @classmethod
    def of(cls, name: str, source: Source, at: datetime) -> "Claim | None":
        """Claim a feed that is due; None where it is not, or somebody was quicker."""
        lease = Manners.of_settings().lease
        feed = Feed.objects.filter(name=name).first()
        if feed is None or (feed.next_at is not None and feed.next_at > at):
            return None
        position = feed.position
        if position.get("address") != source.address:  # what was learnt there holds there
            feed.etag = feed.last_modified = ""
            position = {}
        position |= {"address": source.address, "claimed": at.isoformat()}
        until = max(at, now()) + timedelta(seconds=lease)
        was = Feed.objects.filter(pk=feed.pk, next_at=feed.next_at)
        if not was.update(next_at=until, position=position):
            return None
        feed.next_at = until
        return cls(feed, position, lease)

    def _write(self, next_at: datetime, **fields):
        """Raises Overtaken where the row is no longer as this worker left it."""
        if next_at == self.until:
            next_at += timedelta(microseconds=1)
        if not Feed.objects.filter(pk=self.feed.pk, next_at=self.until).update(
            next_at=next_at, **fields
        ):
            raise Overtaken
        self.until, self.renewed_at = next_at, time.monotonic()

    def alive(self):
        """Say that this worker lives, now and then."""
        if time.monotonic() - self.renewed_at > self.lease.total_seconds() / 6:
            self._write(now() + self.lease)

    def keep(self, position: dict):
        """Keep where the visit is."""
        self.position = self._ours() | position
        self._write(now() + self.lease, position=self.position)

    def _ours(self) -> dict:
        return {name: self.position[name] for name in ("address", "claimed")}

    def let_go(self, *, next_at: datetime, **fields):
        """End the visit. ``position`` among the fields replaces what was kept of it."""
        position = fields.pop("position", self.position) | {"address": self.position["address"]}
        position.pop("claimed", None)
        self._write(next_at, position=position, **fields)

    def fail(self, words: str, *, wait: float | None = None):
        """End the visit without a file; the next one is later each time, up to a day."""
        failures = self.feed.failures + 1
        back_off = timedelta(minutes=2 ** min(failures - 1, 11)) * random.uniform(0.75, 1)
        back_off = min(max(back_off, timedelta(seconds=wait or 0)), MOST_BACK_OFF)
        at = now()
        try:
            self.let_go(next_at=at + back_off, looked_at=at, failures=failures, error=words)
        except Overtaken:
            logger.warning("Fetching %s: another worker has it now.", self.feed.name)


def _visit(source: Source, claim: Claim, at: datetime) -> Report | None:
    manners = Manners.of_settings()
    asker = Asker(
        manners,
        turn=lambda: wait_for_turn(manners.requests_a_second),
        alive=claim.alive,
        until=time.monotonic() + manners.time_limit,
    )
    feed, folder = claim.feed, settings.FETCHING_DIR
    shared = {"folder": folder, "position": dict(claim.position), "keep": claim.keep}
    try:
        if source.way is Way.CHANGES:
            fetched = walk(source, asker, on=localtime(at).date(), **shared)
        else:
            tags = {"etag": feed.etag, "last_modified": feed.last_modified}
            fetched = download(source, asker, **tags, **shared)
    finally:
        asker.close()
    if fetched.part is None:
        _settle(claim, fetched)
        return None
    try:
        report = _keep(source, claim, fetched, at)
    except BaseException:
        fetched.part.close()
        raise
    fetched.part.remove()
    return report


def _settle(claim: Claim, fetched: Fetched, **fields):
    """End a visit that went well."""
    at = now()
    claim.let_go(
        next_at=at + settings.REPORTS_FETCHED_EVERY,
        position=fetched.position,
        looked_at=at,
        failures=0,
        error="",
        etag=fetched.etag if len(fetched.etag) <= 200 else "",
        last_modified=fetched.last_modified if len(fetched.last_modified) <= 60 else "",
        **fields,
    )


def _keep(source: Source, claim: Claim, fetched: Fetched, at: datetime) -> Report | None:
    """Make a report of the file, in the transaction that ends the visit; None if it is known.

    The same bytes are not received twice, whatever became of them: a file that was refused, set
    aside or undone has been judged, and comes back by hand only.
    """
    file = fetched.part.file
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    with transaction.atomic():
        known = Report.objects.filter(sha256=digest).order_by("-pk").first()
        if known is not None:
            _settle(claim, fetched, report=known)
            return None
        file.seek(0)
        try:
            report = receive_report(
                file,
                name=fetched.name,
                via=Report.Via.FETCH,
                about_on=_day(source, claim.feed, fetched, at),
            )
        except Received as received:  # by hand, a moment ago
            _settle(claim, fetched, report=received.report)
            return None
        _settle(claim, fetched, fetched_at=now(), report=report)
    return report


def _day(source: Source, feed: Feed, fetched: Fetched, at: datetime):
    """The day that a fetched file tells of; None leaves it to the reader.

    What a server writes from its live data is of the day on which it was last modified, else
    sent. Never after today, whatever its clock says; and never before the last file from there,
    since what comes later from one place is the newer news.
    """
    if not source.tells_of_its_day:
        return None
    today = localtime(at).date()
    day = min(fetched.day or today, today)
    last = feed.report.about_on if feed.report else None
    return max(day, last) if last and last <= today else day
