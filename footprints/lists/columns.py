"""The kinds of column a list may have.

Each column says how one value is shown (`render`) and how it goes into a file (`value`). None
asks the database: a list shows what its queryset already fetched.
"""

import django_tables2 as tables
from django.db import models
from django.utils.html import format_html
from django_tables2.columns.base import library

from ..dated import ClosingDayField, last_day
from ..written import day_in_short, number, period


class _Classed(tables.Column):
    """A column whose head and cells carry one class of the stylesheet."""

    css_class = ""

    def __init__(self, *args, attrs=None, **kwargs):
        attrs = {**(attrs or {})}
        for part in ("th", "td"):
            own = {**attrs.get(part, {})}
            own["class"] = f"{self.css_class} {own.get('class', '')}".strip()
            attrs[part] = own
        super().__init__(*args, attrs=attrs, **kwargs)


class CodeColumn(_Classed):
    """A code that people copy and compare: monospace, never wrapped."""

    css_class = "code"


class NumberColumn(_Classed):
    """A number: right-aligned, tabular figures, commas by thousands; plain in a file."""

    css_class = "number"

    def __init__(self, *args, initial_sort_descending=True, **kwargs):
        super().__init__(*args, initial_sort_descending=initial_sort_descending, **kwargs)

    def render(self, value):
        return number(value)

    def value(self, value):
        return value


@library.register
class DayColumn(_Classed):
    """A date, written 1 Apr 2020; a day in a workbook, year-month-day in any other file."""

    css_class = "day"

    @classmethod
    def from_field(cls, field, **kwargs):
        if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
            return cls(**kwargs)
        return None

    def render(self, value):
        return day_in_short(value)

    def value(self, value):
        return value


@library.register
class LastDayColumn(DayColumn):
    """The last day of a period, from the first day it no longer holds, which the row has."""

    @classmethod
    def from_field(cls, field, **kwargs):
        return cls(**kwargs) if isinstance(field, ClosingDayField) else None

    def render(self, value):
        return day_in_short(last_day(value))

    def value(self, value):
        return last_day(value)


class PeriodColumn(_Classed):
    """A whole period of the record: 1 Apr 2020 – 30 Jun 2022. The record has both days.

    `accessor` leads to `opened_on`; `closed_on` is read beside it.
    """

    css_class = "period"

    def __init__(self, *args, accessor="opened_on", empty_values=(), **kwargs):
        super().__init__(*args, accessor=accessor, empty_values=empty_values, **kwargs)
        *path, _ = self.accessor.bits
        self.path = tuple(path)

    def render(self, value, record):
        for name in self.path:
            record = getattr(record, name)
        return period(value, record.closed_on)


class SelectColumn(tables.Column):
    """A box to tick the row by, for the bar of bulk actions; never in a file.

    `accessor` leads to the key that is sent; `says` to what a screen reader calls the row.
    """

    def __init__(self, *args, accessor="pk", says="name", **kwargs):
        kwargs.setdefault("verbose_name", "Select")
        super().__init__(
            *args,
            accessor=accessor,
            orderable=False,
            exclude_from_export=True,
            attrs={"th": {"class": "select"}, "td": {"class": "select"}},
            **kwargs,
        )
        self.says = says

    def render(self, value, record):
        name = record
        for part in self.says.split("__"):
            name = getattr(name, part)
        return format_html(
            '<input type="checkbox" name="row" value="{}" aria-label="Select {}">', value, name
        )
