"""Periods, shared by all three floors: half open in the database, last days for people.

In the database a period is ``[opened_on, closed_on)``: ``closed_on`` is the first day on which the
row no longer holds. Files and people name the *last* day. Two functions and one form field convert
between the two, and nothing else does. A null ``opened_on`` means that the start is not known: the
row holds for every earlier day. A null ``closed_on`` means that it still holds.
"""

from datetime import date, timedelta

from django import forms
from django.contrib.postgres.fields import DateRangeField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Q

ONE_DAY = timedelta(days=1)


def day_after(last_day: date | None) -> date | None:
    """The closing day in the database for a last day as files and people write it."""
    return last_day and last_day + ONE_DAY


def last_day(closed_on: date | None) -> date | None:
    """The last day as files and people write it, for a closing day in the database."""
    return closed_on and closed_on - ONE_DAY


class LastDayField(forms.DateField):
    """What a person typed as the last day; cleaned to the first day after it."""

    widget = forms.DateInput(attrs={"type": "date"})

    def to_python(self, value):
        try:
            return day_after(super().to_python(value))
        except OverflowError:  # 9999-12-31, where people mean "still open"
            raise ValidationError("No day follows this one. Leave it empty.") from None

    def prepare_value(self, value):
        return last_day(value) if isinstance(value, date) else value


class ClosingDayField(models.DateField):
    """A closing day: half open in the database, the last day in every form."""

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": LastDayField, "label": "Last day", **kwargs})


class Days(Func):
    """``daterange(opened_on, closed_on)``: half open, an absent end is unbounded."""

    function = "daterange"
    output_field = DateRangeField()


PERIOD = Days("opened_on", "closed_on")


class DatedQuerySet(models.QuerySet):
    def on(self, day: date):
        """The rows that hold on that day."""
        return self.filter(
            Q(opened_on=None) | Q(opened_on__lte=day),  # null: the start is not known
            Q(closed_on=None) | Q(closed_on__gt=day),
        )

    def reaching(self, day: date):
        """The rows that hold on that day or on any later one."""
        return self.filter(Q(closed_on=None) | Q(closed_on__gt=day))


class Dated(models.Model):
    """A row that holds for a while: ``[opened_on, closed_on)``."""

    opened_on = models.DateField("first day", null=True, blank=True)
    closed_on = ClosingDayField("closed on", null=True, blank=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_opens_before_it_closes",
                condition=Q(opened_on__lt=F("closed_on")),
                violation_error_message="The last day lies before the first.",
            )
        ]

    @property
    def last_day(self) -> date | None:
        return last_day(self.closed_on)

    def holds(self, day: date) -> bool:
        """Whether the row holds on that day."""
        starts = self.opened_on is None or self.opened_on <= day
        return starts and (self.closed_on is None or day < self.closed_on)
