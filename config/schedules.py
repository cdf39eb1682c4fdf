"""The schedules as they stand: when each is due, was last done, and whether it is missed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from celery import current_app
from celery.schedules import ParseException
from django.conf import settings
from django.db.models import OuterRef, Subquery
from django_celery_beat.models import PeriodicTask

from . import tasks  # noqa: F401 - so that its task is known, as those of the floors are
from .models import KINDS, Run
from .wording import in_words, lasted, when_in_words

LEAST_LATE, MOST_LATE = timedelta(minutes=5), timedelta(hours=1)


@dataclass(frozen=True)
class Schedule:
    """One schedule at a moment. Its runs are those that the clock sent and people asked for.

    ``last`` is its last run, ``good`` the last that came to its end, ``sent`` the last that the
    clock sent and ``going`` one that goes on; each may be None.
    """

    row: PeriodicTask
    at: datetime
    last: Run | None = None
    good: Run | None = None
    sent: Run | None = None
    going: Run | None = None

    @property
    def name(self) -> str:
        return self.row.name

    @cached_property
    def task(self):
        """The task; None where no code of that name is known."""
        return current_app.tasks.get(self.row.task)

    @property
    def title(self) -> str:
        """What people call it."""
        return getattr(self.task, "title", "") or self.name.replace("_", " ").capitalize()

    @property
    def purpose(self) -> str:
        """What it is for; the first line of its docstring where the task does not say."""
        if self.task is None:
            return "This version of Waymark knows no such task: it is never done."
        return self.task.purpose or (self.task.__doc__ or "").strip().partition("\n")[0]

    @property
    def took(self) -> str:
        """How long the last run was; empty where there is none, or it goes on."""
        return lasted(self.last.began_at, self.last.ended_at) if self.last else ""

    @property
    def late(self) -> str:
        """How long ago it was due without having been done; in words, empty where it is not."""
        if not self.is_on or self._owed_at > self.at:
            return ""
        return in_words((self.at - self._owed_at).total_seconds())

    @property
    def when(self) -> str:
        """When it runs, in plain words."""
        return when_in_words(self.row)

    @property
    def is_on(self) -> bool:
        expires = self.row.expires
        return self.row.enabled and (expires is None or expires > self.at)

    @property
    def since_at(self) -> datetime | None:
        """From when runs are expected of it: since it was laid down, or changed."""
        standing = getattr(self.row, "standing", None)
        found = [standing.since_at] if standing else []
        if self.row.start_time:
            found.append(self.row.start_time)
        return max(found, default=None)

    def after(self, moment: datetime) -> datetime:
        """When it is due first after a run at that moment."""
        row = self.row
        if row.interval:
            return moment + timedelta(**{row.interval.period: row.interval.every})
        if row.clocked:
            return row.clocked.clocked_time
        if row.crontab:
            begun = moment.astimezone(row.crontab.timezone)
            try:
                _, wait, _ = row.crontab.schedule.remaining_delta(begun)
            except (ParseException, ValueError):
                return moment  # not understood, so that the clock never sends it: it is missed
            return begun + wait
        return self.at + row.schedule.remaining_estimate(moment)

    @cached_property
    def next_at(self) -> datetime | None:
        """When it is next due by the clock's last sending; None where it is off."""
        if not self.is_on:
            return None
        sent = self.sent and min(self.sent.asked_at or self.sent.began_at, self.at)
        known = [self.since_at, sent]
        return self.after(max(filter(None, known), default=self.at))

    @cached_property
    def due_at(self) -> datetime | None:
        """When it was due without having been done since; else when its last good run was due.

        None where it is off, or has not been due yet.
        """
        if not self.is_on:
            return None
        owed = self._owed_at
        if owed <= self.at:
            return owed
        return self.good.asked_at or self.good.began_at if self.good else None

    @cached_property
    def _owed_at(self):
        good = self.good and (self.good.asked_at or self.good.began_at)
        if good and good > self.at + LEAST_LATE:
            good = None  # a machine's clock was wrong, and is put back: it vouches for nothing
        return self.after(max(filter(None, [self.since_at, good]), default=self.at))

    @cached_property
    def allowed(self) -> timedelta:
        """How late it may be: two of its intervals, but at least five minutes, at most an hour."""
        interval = self.after(self._owed_at) - self._owed_at
        return min(max(2 * interval, LEAST_LATE), MOST_LATE)

    @property
    def allowed_in_words(self) -> str:
        return in_words(self.allowed.total_seconds())

    @cached_property
    def is_missed(self) -> bool:
        """It was due, was not done since, and nobody is at it."""
        if not self.is_on or self.going is not None or not self.since_at:
            return False
        return self._owed_at + self.allowed < self.at

    @property
    def state(self) -> str:
        """``off``, ``missed``, ``failing`` (missed, since it fails), ``running``, ``failed`` (the
        last time, though not long ago), ``new`` (not been due yet) or ``ok``."""
        if not self.is_on:
            return "off"
        has_failed = self.last is not None and self.last.fate in (Run.State.FAILED, Run.State.LOST)
        if self.is_missed:
            return "failing" if has_failed else "missed"
        if self.going is not None:
            return "running"
        if has_failed:
            return "failed"
        return "ok" if self.good else "new"


def as_they_stand(at: datetime) -> list[Schedule]:
    """Every schedule of the database at that moment, the present one; two queries.

    The settings' own first, in their order, then others by name.
    """
    runs = Run.objects.filter(schedule=OuterRef("name")).order_by("-pk")
    keys = {
        "last_key": runs.values("pk")[:1],
        "good_key": runs.good().values("pk")[:1],
        "sent_key": runs.filter(asked_by=None).values("pk")[:1],
        "going_key": runs.with_fate(at=at).filter(fate=Run.State.RUNNING).values("pk")[:1],
    }
    rows = PeriodicTask.objects.select_related(*KINDS, "standing__changed_by")
    rows = list(rows.annotate(**{name: Subquery(key) for name, key in keys.items()}))
    wanted = {getattr(row, name) for row in rows for name in keys} - {None}
    found = Run.objects.with_fate(at=at).select_related("asked_by").in_bulk(wanted)
    order = {name: place for place, name in enumerate(settings.CELERY_BEAT_SCHEDULE)}
    rows.sort(key=lambda row: (order.get(row.name, len(order)), row.name))
    return [
        Schedule(
            row, at, **{key.removesuffix("_key"): found.get(getattr(row, key)) for key in keys}
        )
        for row in rows
    ]


def never_laid_down(schedules: list[Schedule]) -> Iterator[str]:
    """Names of the settings that have no row: the clock has never been started, or one is gone."""
    known = {schedule.name for schedule in schedules}
    return (name for name in settings.CELERY_BEAT_SCHEDULE if name not in known)
