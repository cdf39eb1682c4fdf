"""What a person does with the clock: have a task run now, stop a run, change a schedule."""

import json
import logging

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry
from kombu.exceptions import OperationalError

from .clock import as_text, fields_of
from .models import KINDS, Run, Standing
from .recording import BY_KEY, BY_NAME

log = logging.getLogger(__name__)

State = Run.State


class ClockError(Exception):
    """What cannot be done, in the reader's words."""


class BrokerAway(ClockError):
    """The broker does not answer."""


def run_now(row: PeriodicTask, *, by) -> Run:
    """Have a worker run it; return the run, which waits for one.

    Raises ClockError where it is waited for or at work already, or no code of its name is known;
    BrokerAway where it could not be asked for: then nothing is kept of it.
    """
    task = current_app.tasks.get(row.task)
    if task is None:
        raise ClockError(f"This version of Waymark knows no task “{row.task}”.")
    at = now()
    runs = Run.objects.with_fate(at=at).filter(schedule=row.name, fate__in=State.under_way())
    if going := runs.first():
        raise ClockError(f"{going.get_state_display()} already: it was not asked for again.")
    run = Run.objects.create(
        task=row.task, schedule=row.name, state=State.WAITING, asked_at=at, asked_by=by
    )
    try:
        task.apply_async(
            json.loads(row.args or "[]"),
            json.loads(row.kwargs or "{}"),
            headers={BY_NAME: row.name, BY_KEY: run.pk},
            expires=Run.WAITS.total_seconds(),
        )
    except (OperationalError, OSError) as error:
        run.delete()
        log.warning("%s is not run: the broker does not answer", row.name, exc_info=True)
        raise BrokerAway(
            "The broker does not answer, so that no worker could be told. Nothing is lost: what "
            "is to be done stays in the database, and the clock has it done once the broker is "
            "back."
        ) from error
    log.info("%s is run for %s", row.name, by)
    return run


def stop_run(run: Run, *, by) -> str:
    """Stop it; return what came of that, in words. Raises ClockError where it is over or lost.

    A run that waits is not begun. One at work is broken off: of the transaction that it is in
    nothing is written, what it committed before stays, and the next run takes up what was left.
    """
    run = Run.objects.with_fate(at=now()).get(pk=run.pk)
    here = Run.objects.filter(pk=run.pk)
    if run.fate == State.WAITING:
        if here.filter(state=State.WAITING).update(
            state=State.STOPPED,
            stopped_by=by,
            ended_at=now(),
            says=f"{by} stopped it before a worker had begun.",
        ):
            return "Stopped before a worker had begun."
        run.refresh_from_db()
    elif run.fate == State.RUNNING:
        here.update(stopped_by=by)
        try:  # as Celery ends what takes too long, so that the task may leave in good order
            current_app.control.revoke(run.message, terminate=True, signal="SIGUSR1")
        except (OperationalError, OSError) as error:
            here.update(stopped_by=None)
            raise BrokerAway(
                "The broker does not answer, so that its worker could not be told."
            ) from error
        return "Its worker is told to stop."
    raise ClockError("It is over already.")


@transaction.atomic
def change_schedule(row: PeriodicTask, *, by, seen: str, is_on: bool, **kind) -> bool:
    """Change when it runs, and whether; False where that is how it was.

    ``kind`` is the one of interval and crontab that it is to have, saved or not; none leaves it
    as it is. ``seen`` is ``stands(row)`` as the person saw it: raises ClockError where it stands
    otherwise by now.
    """
    row = PeriodicTask.objects.select_for_update(of=["self"]).get(pk=row.pk)
    if stands(row) != seen:
        raise ClockError("Somebody has changed it since you opened this page: look again.")
    for name, value in kind.items():
        same = type(value).objects.filter(**_values_of(value)).first()
        if same is None:
            value.save()
            same = value
        for other in KINDS:
            setattr(row, other, same if other == name else None)
        row.expire_seconds = _lasts(row)
    row.enabled = is_on
    if stands(row) == seen:
        return False
    _note(row, by)
    row.save()
    log.info("%s: %s by %s", row.name, stands(row), by)
    return True


@transaction.atomic
def as_installed(row: PeriodicTask, *, by) -> None:
    """Have it run again when Waymark's own settings say, and follow them from now on."""
    row = PeriodicTask.objects.select_for_update(of=["self"]).get(pk=row.pk)
    fields = ModelEntry._unpack_fields(**settings.CELERY_BEAT_SCHEDULE[row.name])
    for name, value in fields.items():
        setattr(row, name, value)
    row.enabled = True
    _note(row, by, installed=as_text(fields))
    row.save()
    log.info("%s: as installed by %s", row.name, by)


def is_as_installed(row: PeriodicTask) -> bool:
    """Whether it runs when the settings say; so too where they say nothing of it."""
    if row.name not in settings.CELERY_BEAT_SCHEDULE:
        return True
    standing = getattr(row, "standing", None)
    return row.enabled and standing is not None and standing.installed == as_text(fields_of(row))


def stands(row: PeriodicTask) -> str:
    """When it runs and whether it is on, as text to compare."""
    return f"{'on' if row.enabled else 'off'}; {as_text(fields_of(row))}"


def _note(row, by, **fields):
    at = now()
    fields |= {"since_at": at, "changed_at": at, "changed_by": by}
    Standing.objects.update_or_create(schedule=row, defaults=fields)


def _values_of(value):
    return {
        field.name: getattr(value, field.name)
        for field in value._meta.concrete_fields
        if not field.primary_key
    }


def _lasts(row) -> int:
    """How many seconds a worker may take to begin it: then the next run does its work."""
    if not row.interval:
        return 3600
    return max(5, min(int(row.interval.schedule.run_every.total_seconds()) - 5, 3600))
