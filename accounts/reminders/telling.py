"""The letters about what is due: one a person a day at most, with the day's letter where one goes.

A letter waits as a `Digest` of its own, which goes out as a part of the routine one where both
fall due together. What it says is found when it is written, so that a week without a clock makes
one letter, and what was done meanwhile is in none.
"""

from datetime import date, datetime

from django.db.models import Exists, Max, Min, OuterRef, QuerySet

from ..alerts.when import due_at
from ..models import Digest, LetterKind, Pace, Reminder, Unwanted, User, WritingHours
from .sweeping import hold

OF_REMINDERS = {"about": Digest.About.REMINDERS}


def owe(*, today: date, moment: datetime) -> int:
    """Have a letter waiting for each person who is to be reminded and has none waiting, due when
    their hours say; how many. Whoever has no address, has left or wants none gets none."""
    letters = Digest.objects.filter(person=OuterRef("person"), **OF_REMINDERS)
    off = Unwanted.objects.filter(user=OuterRef("person"), kind=LetterKind.REMINDERS)
    owed = (
        Reminder.objects.to_tell(today)
        .filter(~Exists(letters.unsent()), ~Exists(off), person__is_active=True)
        .exclude(person__email="")
        .order_by()
        .values_list("person")
        .annotate(first=Min("due_on"))
    )
    first = dict(owed)
    if not first:
        return 0
    hours = {own.user_id: own for own in WritingHours.objects.filter(user__in=first)}
    last = Digest.objects.filter(person__in=first, **OF_REMINDERS).order_by().values_list("person")
    last = dict(last.annotate(Max("effective_on")))
    found = []
    for person, first_on in first.items():
        own = hours.get(person) or WritingHours(user_id=person)
        due = _due(own, first_on, moment)
        on = due.astimezone(own.zone).date()
        if person not in last or on > last[person]:  # else that day has had its letter
            found.append(
                Digest(
                    person_id=person,
                    effective_on=on,
                    raised_at=moment,
                    due_at=due,
                    is_routine=True,
                    **OF_REMINDERS,
                )
            )
    return len(Digest.objects.bulk_create(found, ignore_conflicts=True))


def _due(own: WritingHours, first_on: date, moment: datetime) -> datetime:
    """With the day's letter; with the week's for whom that is soon enough."""
    if own.routine == Pace.WEEKLY:
        weekly = due_at(Pace.WEEKLY, own, moment)
        if weekly.astimezone(own.zone).date() <= first_on:
            return weekly
    return due_at(Pace.DAILY, own, moment)


def to_tell(person: User, today: date) -> QuerySet:
    """What a letter to that person reminds of on that day; nothing where they want none."""
    off = Unwanted.objects.filter(user=OuterRef("person"), kind=LetterKind.REMINDERS)
    return Reminder.objects.to_tell(today).filter(~Exists(off), person=person)


def mark(keys: list[int], today: date) -> None:
    """Say that these were told on that day."""
    hold()
    Reminder.objects.filter(pk__in=keys).update(told_on=today)


__all__ = ["OF_REMINDERS", "mark", "owe", "to_tell"]
