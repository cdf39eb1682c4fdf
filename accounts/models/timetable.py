"""What people say about the tasks of a reorganisation's timetable, and who reads them as a feed.

The tasks themselves are computed (`accounts.timetable`): their days follow the event's.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from footprints.models import Reorganisation

from .decisions import person


class Milestone(models.TextChoices):
    """The moments of a reconfiguration by the toolkit of the NHS's Organisation Data Service.

    It is to be told of a change five months before the legal day; codes are published, set up
    and tested from twelve to four weeks before it. Read on digital.nhs.uk, November 2026.
    """

    FIVE_MONTHS = "five-months", "Five months before"
    TWELVE_WEEKS = "twelve-weeks", "Twelve weeks before"
    FOUR_WEEKS = "four-weeks", "Four weeks before"
    LEGAL_DAY = "legal-day", "The legal day"
    FIRST_DATA = "first-data", "The first month of data after"


class TimelineTask(models.Model):
    """Where a task of an event departs from its default: owned, done, or noted on."""

    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.CASCADE, related_name="timeline_tasks", db_index=False
    )
    milestone = models.CharField(max_length=12, choices=Milestone.choices)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="timeline_tasks",
    )
    note = models.CharField(max_length=500, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = person()

    class Meta:
        ordering = ["reorganisation", "milestone"]
        constraints = [
            models.UniqueConstraint(
                name="timelinetask_once_a_milestone", fields=["reorganisation", "milestone"]
            ),
            models.CheckConstraint(
                name="timelinetask_done_by_somebody",
                condition=Q(done_at__isnull=True, done_by__isnull=True)
                | Q(done_at__isnull=False, done_by__isnull=False),
            ),
        ]

    def __str__(self):
        return f"{self.get_milestone_display()}: {self.reorganisation}"


class CalendarKey(models.Model):
    """The secret in the address of somebody's calendar feed; whoever has it reads the feed."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="calendar_key"
    )
    secret = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField()

    def __str__(self):
        return f"The calendar of {self.user}"

    def get_absolute_url(self):
        return reverse("accounts:calendar_feed", args=[self.secret])


__all__ = ["CalendarKey", "Milestone", "TimelineTask"]
