"""What is due, found in one statement and kept a row a person and thing; and what people put off.

Whoever writes reminders holds one lock for the length of it, so that two of them never wait for
each other's rows: a sweep leaves it to the other, a person waits a moment.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache

from django.db import connection, transaction
from django.db.models import Count, Q
from django.urls import reverse

from ..models import Reminder, User
from .kinds import BY_NAME, given

LOCK = 0x57415938  # beside those of `accounts.alerts.addressing` and `accounts.services.digests`
FARTHEST = timedelta(days=366)  # what is put off for longer is forgotten

log = logging.getLogger(__name__)


class ReminderError(Exception):
    """What cannot be done about a reminder, in the reader's words."""


def _of_kind(kind) -> str:
    days = ", ".join(str(day) for day in kind.days)
    return rf"""
    SELECT '{kind.name}' AS kind, found.thing, found.person_id, found.due_on,
           left(regexp_replace(found.says, '\s+', ' ', 'g'), 300) AS says,
           (SELECT max(found.due_on - ahead) FROM unnest(ARRAY[{days}]) AS ahead
            WHERE found.due_on - ahead <= %(today)s) AS remind_on
    FROM ({kind.sql}) AS found
    JOIN accounts_user AS person ON person.id = found.person_id AND person.is_active
    WHERE found.due_on <= %(today)s + {kind.shown_before}
      AND (%(person)s::bigint IS NULL OR found.person_id = %(person)s)
    """


@cache
def _statement(names: tuple[str, ...]) -> str:
    """What is due of these kinds, written and taken away. What stands is left alone: an upsert of
    every row would write it anew once a minute."""
    due = " UNION ALL ".join(_of_kind(BY_NAME[name]) for name in names)
    kinds = ", ".join(f"'{name}'" for name in names)
    return f"""
    WITH due AS MATERIALIZED (
        SELECT DISTINCT ON (person_id, kind, thing, due_on) * FROM ({due}) AS due
    ), written AS (
        INSERT INTO accounts_reminder AS reminder
            (kind, thing, person_id, due_on, says, remind_on, raised_at)
        SELECT due.kind, due.thing, due.person_id, due.due_on, due.says, due.remind_on, %(moment)s
        FROM due
        WHERE NOT EXISTS (
            SELECT FROM accounts_reminder AS stands
            WHERE stands.person_id = due.person_id AND stands.kind = due.kind
              AND stands.thing = due.thing AND stands.due_on = due.due_on
              AND stands.gone_at IS NULL
              AND (stands.says, stands.remind_on) = (due.says, due.remind_on))
        ON CONFLICT (person_id, kind, thing, due_on) DO UPDATE
        SET says = excluded.says, remind_on = excluded.remind_on, gone_at = NULL
        RETURNING 1
    ), gone AS (
        UPDATE accounts_reminder AS reminder SET gone_at = %(moment)s
        WHERE reminder.gone_at IS NULL AND reminder.kind IN ({kinds})
          AND (%(person)s::bigint IS NULL OR reminder.person_id = %(person)s)
          AND NOT EXISTS (
            SELECT FROM due
            WHERE due.person_id = reminder.person_id AND due.kind = reminder.kind
              AND due.thing = reminder.thing AND due.due_on = reminder.due_on)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM gone)
    """


@transaction.atomic
def sweep(*, today: date, moment: datetime, person: User | None = None) -> int:
    """Bring reminders up to date with what is due on that day, everybody's or one person's;
    return how many were written, changed or taken away. While another is at it, none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
    changed = _bring_up_to_date(tuple(BY_NAME), person, today, moment)
    if changed and person is None:
        log.info("%s reminders written, changed or taken away", changed)
    return changed


@transaction.atomic
def look_again(person: User, *, today: date, moment: datetime) -> None:
    """Look whether what is due for one person still is; of the kinds alone that something is of,
    since most of the time goes into planning the statement. Waits for whoever is sweeping."""
    hold()
    standing = set(
        Reminder.objects.standing().filter(person=person).values_list("kind", flat=True)
    )
    if names := tuple(name for name in BY_NAME if name in standing):
        _bring_up_to_date(names, person, today, moment)


def _bring_up_to_date(names, person, today, moment) -> int:
    asked = {"today": today, "moment": moment, "person": person and person.pk}
    with connection.cursor() as cursor:
        cursor.execute(_statement(names), given() | asked)
        (changed,) = cursor.fetchone()
    return changed


def hold():
    """Keep sweeps off until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


@transaction.atomic
def put_off(keys: Iterable[int], until: date, *, by: User, today: date) -> int:
    """Have these of one's own reminders out of sight until a day; return how many. Raises
    ReminderError for a day that is none to come, or farther than a year."""
    if not today < until <= today + FARTHEST:
        raise ReminderError("Put it off until a day to come, within a year.")
    hold()
    return _of(by, keys).update(wakes_on=until)


@transaction.atomic
def take_up_again(keys: Iterable[int], *, by: User) -> int:
    """Have these shown again; return how many were put off."""
    hold()
    return _of(by, keys).exclude(wakes_on=None).update(wakes_on=None)


def _of(user, keys):
    return Reminder.objects.standing().filter(person=user, pk__in=list(keys))


@dataclass(frozen=True)
class Waiting:
    """How many of a kind are due for somebody, and how many of those are late."""

    name: str
    title: str
    number: int
    late: int

    @property
    def address(self) -> str:
        return f"{reverse('accounts:due')}?kind={self.name}"

    @property
    def late_address(self) -> str:
        return f"{self.address}&show=late"


def counts(user: User, today: date) -> list[Waiting]:
    """What is due for the user, a count a kind, in the order of the kinds; one query."""
    rows = Reminder.objects.awake(today).filter(person=user).order_by().values_list("kind")
    found = {
        name: (number, late)
        for name, number, late in rows.annotate(
            number=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today))
        )
    }
    return [Waiting(name, BY_NAME[name].title, *found[name]) for name in BY_NAME if name in found]


def things(user: User, kind: str) -> set[str]:
    """The things of a kind that the user is reminded of, put off or not."""
    found = Reminder.objects.standing().filter(person=user, kind=kind)
    return set(found.values_list("thing", flat=True))


__all__ = [
    "ReminderError",
    "counts",
    "hold",
    "look_again",
    "put_off",
    "sweep",
    "take_up_again",
    "things",
]
