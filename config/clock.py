"""The scheduler of beat: the settings' schedules, unless an administrator has changed them.

django-celery-beat's own lays what the settings say over the rows at each start, and so takes back
what somebody changed; and it passes over ``expires``.
"""

from django.db import connection, transaction
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from .models import KINDS, Standing
from .recording import SENT_AT

LOCK = 0x57415935  # beside the locks of footprints.alone
# What Celery adds, to clean a store of results that Waymark does not have.
NOBODYS = "celery.backend_cleanup"


class Entry(ModelEntry):
    """A schedule that a machine's clock, put back by an hour, does not silence for an hour."""

    def is_due(self):
        """As Celery has it; what was sent at a moment that has not come yet, was sent now."""
        self.last_run_at = min(self.last_run_at, self._default_now())
        return super().is_due()


class Clock(DatabaseScheduler):
    """Sends what is due, by the rows of django-celery-beat."""

    Entry = Entry
    _ticked_at = None

    def tick(self, *args, **kwargs):
        """As Celery has it; but where the machine's clock was put back, what is due is worked out
        anew: Celery waits for the moments that it was to wake at by the old one."""
        at = now()
        if self._ticked_at is not None and at < self._ticked_at:
            self._initial_read, self._heap = True, None
        self._ticked_at = at
        return super().tick(*args, **kwargs)

    def apply_async(self, entry, producer=None, advance=True, **kwargs):
        """Send it, with the moment: the task was due now."""
        entry.options.setdefault("headers", {})[SENT_AT] = now().isoformat()
        return super().apply_async(entry, producer=producer, advance=advance, **kwargs)

    def setup_schedule(self):
        """Lay down what is missing, and what nobody has changed."""
        install(self.app.conf.beat_schedule)


@transaction.atomic
def install(schedules: dict) -> None:
    """Have a row for each of these schedules, as ``CELERY_BEAT_SCHEDULE`` has them.

    A row that still is as the settings had it follows them; one that somebody changed, or
    switched off, stays so. Two clocks that start at once do it one after another.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    PeriodicTask.objects.filter(name=NOBODYS, task=NOBODYS).delete()
    rows = PeriodicTask.objects.filter(name__in=schedules)
    known = {row.name: row for row in rows.select_related(*KINDS, "standing")}
    at = now()
    for name, entry in schedules.items():
        _lay_down(known.get(name), name, entry, at)
    Standing.objects.begin(at=at)


def _lay_down(row, name, entry, at):
    fields = ModelEntry._unpack_fields(**entry)
    says = as_text(fields)
    standing = getattr(row, "standing", None)
    if row is None:
        row = PeriodicTask.objects.create(name=name, **fields)
    elif (is_now := as_text(fields_of(row))) != says:
        if standing is not None and is_now != standing.installed:
            fields = {"task": fields["task"]}  # when it runs is what somebody made it
        for field, value in fields.items():
            setattr(row, field, value)
        row.save()
    Standing.objects.update_or_create(
        schedule=row,
        defaults={"installed": says},
        create_defaults={"installed": says, "since_at": at},
    )


FIELDS = ("task", "expire_seconds", *KINDS)


def fields_of(row) -> dict:
    """The fields of a row that say what it runs and when."""
    return {field: getattr(row, field) for field in FIELDS}


def as_text(fields) -> str:
    """When and what, as text to compare."""
    interval = fields.get("interval")
    said = {**fields, "interval": interval and f"{int(interval.every)} {interval.period}"}
    return "; ".join(str(said.get(field) or "") for field in FIELDS)
