"""What is due: one person × one thing with a due day, until it is done."""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest


class ReminderQuerySet(models.QuerySet):
    def standing(self):
        """Those whose thing is still to be done; a partial index holds just these."""
        return self.filter(gone_at=None)

    def awake(self, day: date):
        """Standing ones that are not put off beyond that day."""
        return self.standing().filter(Q(wakes_on=None) | Q(wakes_on__lte=day))

    def asleep(self, day: date):
        """Standing ones that are put off beyond that day."""
        return self.standing().filter(wakes_on__gt=day)

    def to_tell(self, day: date):
        """Those that a letter is owed for on that day: a day to remind of them, or the one until
        which they were put off, has come since the last letter."""
        since = Greatest(F("remind_on"), Coalesce("wakes_on", "remind_on"))
        return self.awake(day).filter(Q(told_on=None) | Q(told_on__lt=since))


class Reminder(models.Model):
    """What one person has to do by a day, as its kind (`accounts.reminders`) finds it.

    A sweep writes these and takes them away; a person only puts them off. Where the day moves it
    is another reminder: it was put off, and told, for the other day.
    """

    kind = models.CharField(max_length=20)
    thing = models.CharField(max_length=120, help_text="Its key, as its kind writes it.")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="reminders",
        db_index=False,
    )
    due_on = models.DateField()
    says = models.CharField(max_length=300)
    remind_on = models.DateField(help_text="The latest day on which it was to be reminded of.")
    raised_at = models.DateTimeField()
    gone_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was done, fell away, or moved to another day."
    )
    wakes_on = models.DateField(null=True, blank=True, help_text="Put off until that day.")
    told_on = models.DateField(null=True, blank=True, help_text="Written of last on that day.")

    objects = ReminderQuerySet.as_manager()

    class Meta:
        ordering = ["due_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="reminder_once_a_person_thing_and_day",
                fields=["person", "kind", "thing", "due_on"],
            ),
            models.CheckConstraint(name="reminder_says_what", condition=~Q(says="")),
        ]
        indexes = [
            models.Index(
                fields=["person", "due_on", "id"],
                name="reminder_standing",
                condition=Q(gone_at__isnull=True),
            )
        ]

    def __str__(self):
        return self.says


__all__ = ["Reminder"]
