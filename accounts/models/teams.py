"""The team of a field force, and its calendar: when alignments, data and credit follow the law.

The NHS's day is not ours. What a team says here makes the defaults of every decision sheet of its
plans (`accounts.models.decisions`); a sheet stores only the days that somebody set by hand.
"""

import calendar
from dataclasses import dataclass
from datetime import date

from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from footprints.dated import ClosingDayField, last_day
from footprints.names import count
from footprints.written import day_in_full


@dataclass(frozen=True)
class Said:
    """A day, or None where nobody knows it, and why it is that one, in words."""

    on: date | None
    why: str
    is_by_hand: bool = False


@dataclass(frozen=True)
class FourDays:
    """The four dates of a change: the legal day, and what follows it on our side."""

    legal: Said
    ours: Said
    data: Said
    credit: Said


def months_after(day: date, months: int) -> date:
    """The same day of the month so many months later; the last of a shorter one."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def first_of_month(day: date) -> date:
    """The first day of the first month that lies wholly on or after that day."""
    return day if day.day == 1 else months_after(day.replace(day=1), 1)


class DataSupplier(models.Model):
    """Who sends us sales or prescribing data, and how long dead codes live on in them."""

    name = models.CharField(max_length=100, unique=True)
    lag_months = models.PositiveSmallIntegerField(
        "lag in months",
        default=0,
        help_text="Months from the legal day until their data come on the new codes. None: 0.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="datasupplier_lags_two_years_at_most",
                condition=Q(lag_months__lte=24),
                violation_error_message="Two years is the most.",
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("accounts:data_supplier", args=[self.pk])


class Team(models.Model):
    """A field force for one or more brands. A walled team's things are seen by itself alone."""

    class Cycle(models.IntegerChoices):
        MONTH = 1, "a month"
        TWO_MONTHS = 2, "two months"
        QUARTER = 3, "a quarter"
        TRIMESTER = 4, "a trimester (four months)"
        HALF_YEAR = 6, "half a year"
        YEAR = 12, "a year"

    class Credit(models.TextChoices):
        OURS = "ours", "From our day"
        LEGAL = "legal", "From the legal day"
        CYCLE = "cycle", "From the next cycle start after our day"
        DATA = "data", "From the first month of data on the new codes"

    name = models.CharField(max_length=100, unique=True)
    is_walled = models.BooleanField(
        default=False, help_text="Medical: its plans are shown to its own members only."
    )
    cycle_months = models.PositiveSmallIntegerField(
        "a cycle lasts",
        choices=Cycle.choices,
        null=True,
        blank=True,
        help_text="Our territories follow a change at the next cycle start. Empty: on the legal "
        "day.",
    )
    cycle_on = models.DateField(
        "a cycle starts on",
        null=True,
        blank=True,
        help_text="Any one start; the others follow from it.",
    )
    supplier = models.ForeignKey(
        DataSupplier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="teams",
        verbose_name="data from",
        help_text="Says which month is the first with data on new codes.",
    )
    credit = models.CharField(
        "sales count for the new territory",
        max_length=6,
        choices=Credit.choices,
        default=Credit.OURS,
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                name="team_cycle_lasts_and_starts",
                condition=Q(cycle_months=None, cycle_on=None)
                | Q(cycle_months__isnull=False, cycle_on__isnull=False),
                violation_error_message="A cycle needs both: how long it lasts, and a day on "
                "which one starts.",
            )
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("accounts:team", args=[self.pk])

    def next_cycle(self, day: date) -> date | None:
        """The first cycle start on or after that day; None without cycles."""
        if not self.cycle_months:
            return None
        apart = (day.year - self.cycle_on.year) * 12 + day.month - self.cycle_on.month
        step = apart // self.cycle_months
        while (start := months_after(self.cycle_on, step * self.cycle_months)) < day:
            step += 1
        return start

    def frozen(self, day: date) -> "Freeze | None":
        """The freeze that day falls into. No query where the freezes are prefetched."""
        return next((freeze for freeze in self.freezes.all() if freeze.holds(day)), None)

    def thawed(self, day: date) -> tuple[date, "Freeze | None"]:
        """The first day from that one on without a freeze, and the last freeze in between."""
        last = None
        while freeze := self.frozen(day):
            day, last = freeze.closed_on, freeze
        return day, last

    def days(
        self,
        legal: date,
        *,
        align_on: date | None = None,
        data_on: date | None = None,
        credit_on: date | None = None,
    ) -> FourDays:
        """The four dates of a change by law on that day, with reasons.

        The named ones were set by hand: each stands while it can. One that lies before the legal
        day by now, because the event moved, gives way to the default; our day never falls into a
        freeze, by default or by hand.
        """
        ours = self._ours(legal, align_on)
        data = self._data(legal, data_on)
        if credit_on:
            credit = Said(credit_on, "Set by hand.", is_by_hand=True)
        else:
            credit = self._credit(legal, ours, data)
        return FourDays(Said(legal, "The event's."), ours, data, credit)

    def _ours(self, legal: date, chosen: date | None) -> Said:
        stands = chosen is not None and chosen >= legal
        if stands:
            day, why = chosen, "Set by hand."
        else:
            day = self.next_cycle(legal)
            why = f"Next cycle start of the {self.called}."
            if day is None:
                day, why = legal, f"The legal day: the {self.called} has no cycles."
            if chosen:
                why = _overtaken(chosen, why)
        free, freeze = self.thawed(day)
        if freeze:
            why = f"{why} {day_in_full(day)} is frozen{freeze.because}: the day after it."
        return Said(free, why, is_by_hand=stands)

    def _data(self, legal: date, chosen: date | None) -> Said:
        if chosen and chosen >= legal:
            return Said(chosen, "Set by hand.", is_by_hand=True)
        if self.supplier is None:
            found = Said(None, f"No data supplier is named for the {self.called}.")
        else:
            lag = self.supplier.lag_months
            late = f"{count(lag, 'month', 'months')} after the change" if lag else "at once"
            found = Said(
                months_after(first_of_month(legal), lag),
                f"{self.supplier} has new codes {late}.",
            )
        return Said(found.on, _overtaken(chosen, found.why)) if chosen else found

    def _credit(self, legal: date, ours: Said, data: Said) -> Said:
        says = f"as the {self.called} counts"
        if self.credit == self.Credit.LEGAL:
            return Said(legal, f"The legal day, {says}.")
        if self.credit == self.Credit.DATA and data.on:
            return Said(data.on, f"With the first data on the new codes, {says}.")
        if self.credit == self.Credit.CYCLE and (start := self.next_cycle(ours.on)):
            return Said(start, f"The first cycle start from our day on, {says}.")
        return Said(ours.on, f"Our day, {says}.")

    @property
    def called(self) -> str:
        """The team in a sentence: "Respiratory team"."""
        return self.name if self.name.lower().endswith("team") else f"{self.name} team"


def _overtaken(chosen: date, why: str) -> str:
    return f"{why} {day_in_full(chosen)} was set by hand, and lies before the legal day now."


class Freeze(models.Model):
    """A while in which no alignment of the team changes: around a cycle's end, or for pay."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="freezes")
    opened_on = models.DateField("first day")
    closed_on = ClosingDayField("closed on")
    reason = models.CharField(max_length=120, blank=True)

    class Meta:
        ordering = ["opened_on", "pk"]
        constraints = [
            models.CheckConstraint(
                name="freeze_opens_before_it_closes",
                condition=Q(opened_on__lt=F("closed_on")),
                violation_error_message="The last day lies before the first.",
            )
        ]

    def __str__(self):
        return f"{self.team}: {day_in_full(self.opened_on)} to {day_in_full(self.last_day)}"

    @property
    def last_day(self) -> date:
        return last_day(self.closed_on)

    @property
    def because(self) -> str:
        """ " (year end)", or nothing."""
        return f" ({self.reason})" if self.reason else ""

    def holds(self, day: date) -> bool:
        """Whether the day lies within it."""
        return self.opened_on <= day < self.closed_on


__all__ = ["DataSupplier", "FourDays", "Freeze", "Said", "Team", "first_of_month", "months_after"]
