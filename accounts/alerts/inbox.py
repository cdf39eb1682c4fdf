"""What people do about their alerts: see, put off, deal with; and what is overdue."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.db.models import Case, DateField, F, IntegerField, Q, Value, When
from django.utils.timezone import now

from footprints.models import Reorganisation, Weight

from ..answering import MANAGERS
from ..models import AGE, Alert, Flag, TerritoryPlan, User
from .addressing import owe

log = logging.getLogger(__name__)

FARTHEST = timedelta(days=366)  # what is put off for longer is forgotten
# What asks for a decision is ready four weeks before the day, as the NHS's own codes are.
READY_BEFORE = timedelta(weeks=4)
TIME_TO_LOOK = timedelta(days=7)  # for whoever was alerted late
CALLED_OFF_FOR = timedelta(days=7)  # as long as home says it to who does not say that they know
CALLED_OFF_READ = 1_000  # alerts, with those that were only let go of
CALLED_OFF_SHOWN = 100  # alerts; an event that many plans had prepared for is one line


IN_TURN = ("is_gone", "ease", "soon", "age", "pk")


class InboxError(Exception):
    """What cannot be done about an alert, in the reader's words."""


def of(user: User):
    """The alerts that the user acts on: those that they hold, and those that they handed on."""
    return Alert.objects.filter(holder=user) | Alert.objects.filter(person=user)


def in_turn(alerts, today: date):
    """The alerts with what they are ordered by (IN_TURN): what is to come before what is gone,
    each by what asks most; of that to come the next day first, of that gone the last."""
    is_gone = Q(effective_on__lt=today)
    return alerts.annotate(
        is_gone=Case(When(is_gone, then=1), default=0, output_field=IntegerField()),
        soon=Case(When(is_gone, then=Value(today)), default=F("effective_on")),
        age=Case(When(is_gone, then=AGE), default=0, output_field=IntegerField()),
    )


def parts(alerts, today: date) -> list:
    """The same as two sets, of each of which an index walks in that order."""
    never, gone = Value(0, output_field=IntegerField()), Value(1, output_field=IntegerField())
    return [
        alerts.filter(effective_on__gte=today).annotate(
            is_gone=never, soon=F("effective_on"), age=never
        ),
        alerts.filter(effective_on__lt=today).annotate(
            is_gone=gone, soon=Value(today, output_field=DateField()), age=AGE
        ),
    ]


def see(keys: Iterable[int], *, by: User) -> int:
    """Say that these were seen; return how many had not been."""
    return of(by).filter(pk__in=list(keys), seen_at=None).update(seen_at=now())


@dataclass
class CalledOff:
    """An event that was called off, and the keys of the user's alerts of it."""

    flag: Flag
    keys: list[int]

    @property
    def key(self) -> str:
        """Its alerts, as they are posted."""
        return ",".join(map(str, self.keys))


def called_off(user: User, *, moment: datetime) -> tuple[list[CalledOff], bool]:
    """Events of the user's alerts that were called off within a week, the latest first, until the
    user has said that they know; and whether there are more. One query."""
    latest = Alert.objects.held_by(user).called_off(moment - CALLED_OFF_FOR)
    latest = latest.order_by("-lapsed_at", "-pk")[:CALLED_OFF_READ]
    # The index first, and then the events: asked together, the flags of all events are walked.
    dropped = Reorganisation.State.dropped()
    found = Alert.objects.filter(
        pk__in=latest.values("pk"), flag__reorganisation__state__in=dropped
    )
    found = found.select_related("flag__reorganisation", "flag__lapsed_step")
    alerts = list(found.order_by("-lapsed_at", "-pk")[: CALLED_OFF_SHOWN + 1])
    events: dict[int, CalledOff] = {}
    for alert in alerts[:CALLED_OFF_SHOWN]:
        event = events.setdefault(alert.flag.reorganisation_id, CalledOff(alert.flag, []))
        event.keys.append(alert.pk)
    return list(events.values()), len(alerts) > CALLED_OFF_SHOWN


@transaction.atomic
def take_note(keys: Iterable[int], *, by: User) -> int:
    """Say that one knows that these were called off; return how many alerts that is."""
    found = Alert.objects.held_by(by).filter(pk__in=list(keys), news=Alert.OFF)
    found = found.exclude(lapsed_at=None)
    return found.update(resolved_at=now(), resolved_by=by, wakes_on=None)


@transaction.atomic
def put_off(keys: Iterable[int], until: date, *, by: User, today: date) -> int:
    """Have these out of the inbox until a day. Raises InboxError for a day that is none to come,
    or farther than a year."""
    if not today < until <= today + FARTHEST:
        raise InboxError("Put it off until a day to come, within a year.")
    found = of(by).open().filter(pk__in=list(keys))
    return Alert.objects.filter(pk__in=found.values("pk")).update(wakes_on=until, seen_at=now())


@transaction.atomic
def deal_with(keys: Iterable[int], *, by: User, note: str = "") -> int:
    """Say that these are dealt with, for oneself; return how many were open."""
    found = of(by).open().filter(pk__in=list(keys))
    return Alert.objects.filter(pk__in=found.values("pk")).update(
        resolved_at=now(), resolved_by=by, note=note.strip()[:500], wakes_on=None
    )


@transaction.atomic
def take_up_again(keys: Iterable[int], *, by: User) -> int:
    """Have these in the inbox again: what was dealt with, or put off."""
    found = of(by).filter(pk__in=list(keys))
    return found.update(resolved_at=None, resolved_by=None, wakes_on=None)


OVERDUE = f"""
SELECT alert.id, alert.flag_id, manager.id
FROM {Alert._meta.db_table} AS alert
JOIN {Flag._meta.db_table} AS flag ON flag.id = alert.flag_id AND flag.resolved_at IS NULL
     AND flag.content_type_id = %(plan)s
JOIN {TerritoryPlan._meta.db_table} AS plan ON plan.id = flag.object_id
{MANAGERS}
WHERE alert.resolved_at IS NULL AND alert.lapsed_at IS NULL AND alert.raised_to_at IS NULL
  AND alert.seen_at IS NULL AND alert.weight = {int(Weight.ACT)} AND alert.news LIKE '%% decided'
  AND alert.because <> '{Alert.Because.RAISED}'
  AND alert.effective_on >= %(today)s AND alert.effective_on <= %(soon)s
  AND alert.raised_at <= %(long_ago)s
"""


@transaction.atomic
def raise_overdue(*, today: date, moment: datetime) -> int:
    """Tell managers what asks for a decision, takes effect within four weeks, and nobody has
    looked at for a week; once. Return how many alerts went up."""
    with connection.cursor() as cursor:
        cursor.execute(
            OVERDUE,
            {
                "plan": ContentType.objects.get_for_model(TerritoryPlan).pk,
                "today": today,
                "soon": today + READY_BEFORE,
                "long_ago": moment - TIME_TO_LOOK,
            },
        )
        rows = cursor.fetchall()
    if not rows:
        return 0
    originals = Alert.objects.in_bulk([row[0] for row in rows])
    Alert.objects.bulk_create(
        [
            Alert(
                person_id=manager,
                holder_id=manager,
                flag_id=flag,
                because=Alert.Because.RAISED,
                effective_on=originals[alert].effective_on,
                weight=originals[alert].weight,
                news=originals[alert].news,
                raised_at=moment,
            )
            for alert, flag, manager in rows
        ],
        ignore_conflicts=True,
    )
    raised = Alert.objects.filter(pk__in=originals, raised_to_at=None)
    done = raised.update(raised_to_at=moment)
    managers = {manager for _, _, manager in rows}
    told = Alert.objects.to_tell().filter(
        holder__in=managers, flag__in={flag for _, flag, _ in rows}
    )
    owe(
        {
            (person, effective_on, weight, True, because)
            for person, effective_on, weight, because in told.values_list(
                "holder", "effective_on", "weight", "because"
            )
        },
        moment,
    )
    log.info("%s alerts are overdue, and went to their managers", done)
    return done


__all__ = [
    "CalledOff",
    "InboxError",
    "called_off",
    "deal_with",
    "of",
    "put_off",
    "raise_overdue",
    "see",
    "take_note",
    "take_up_again",
]
