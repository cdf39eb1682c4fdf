"""When people are written to: how urgent what is for the company, and each person's own hours."""

from datetime import time
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from footprints.models import Weight

from .users import User


class Pace(models.TextChoices):
    """How soon a letter goes out."""

    AT_ONCE = "at_once", "At once"
    DAILY = "daily", "With the day’s letter"
    WEEKLY = "weekly", "With the week’s letter"


class UrgencyRule(models.Model):
    """How soon what is told to whom: the first that fits, in their order, counts.

    What fits none goes with each person's own routine. Without any rule those of
    `alerts.when.COMMON` count.
    """

    position = models.PositiveSmallIntegerField(unique=True)
    role = models.CharField(
        max_length=10, choices=User.Role.choices, blank=True, help_text="Empty: any role."
    )
    weight = models.PositiveSmallIntegerField(
        "asks at least", choices=Weight.choices, default=Weight.KNOW
    )
    within_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Takes effect within that many days, or has already. Empty: whenever it is.",
    )
    is_decided = models.BooleanField(
        "decided only", default=False, help_text="In law, or in effect."
    )
    pace = models.CharField(max_length=7, choices=Pace.choices)

    class Meta:
        ordering = ["position"]

    def __str__(self):
        return f"{self.position}: {self.get_pace_display().lower()}"


class Day(models.IntegerChoices):
    """A day of the week, as Python counts them."""

    MONDAY = 0, "Monday"
    TUESDAY = 1, "Tuesday"
    WEDNESDAY = 2, "Wednesday"
    THURSDAY = 3, "Thursday"
    FRIDAY = 4, "Friday"
    SATURDAY = 5, "Saturday"
    SUNDAY = 6, "Sunday"


def is_time_zone(value: str) -> None:
    """Refuse what is no time zone of the tz database."""
    if value not in available_timezones():
        raise ValidationError(f"{value} is not a time zone, such as Europe/London.")


class WritingHours(models.Model):
    """When a person wants to be written to. Without a row: the company's zone, daily at seven."""

    ROUTINE_AT = time(7)

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="writing_hours"
    )
    time_zone = models.CharField(
        max_length=60,
        blank=True,
        validators=[is_time_zone],
        help_text="Such as Europe/London. Empty: the company’s.",
    )
    routine = models.CharField(
        "what is not urgent",
        max_length=7,
        choices=[
            (Pace.DAILY, "Every day"),
            (Pace.WEEKLY, "Once a week"),
            (Pace.AT_ONCE, "At once too"),
        ],
        default=Pace.DAILY,
    )
    routine_at = models.TimeField("at", default=ROUTINE_AT)
    weekly_on = models.PositiveSmallIntegerField(
        "on", choices=Day.choices, default=Day.MONDAY, validators=[MaxValueValidator(6)]
    )
    quiet_from_at = models.TimeField("no letters from", null=True, blank=True)
    quiet_to_at = models.TimeField("until", null=True, blank=True)

    class Meta:
        verbose_name_plural = "writing hours"
        constraints = [
            models.CheckConstraint(
                name="writinghours_quiet_from_and_to",
                condition=Q(quiet_from_at__isnull=True, quiet_to_at__isnull=True)
                | (
                    Q(quiet_from_at__isnull=False, quiet_to_at__isnull=False)
                    & ~Q(quiet_from_at=F("quiet_to_at"))
                ),
                violation_error_message="Quiet hours begin and end, at different times.",
            ),
            models.CheckConstraint(
                name="writinghours_on_a_day_of_the_week", condition=Q(weekly_on__lte=6)
            ),
        ]

    def __str__(self):
        return f"The hours of {self.user}"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone or settings.TIME_ZONE)


__all__ = ["Day", "Pace", "UrgencyRule", "WritingHours"]
