"""What is due as a list: its columns, and by what it is narrowed."""

import django_filters
import django_tables2 as tables
from django.utils.html import format_html

from footprints.lists import DayColumn, ListTable, PartsFilter, SelectColumn
from footprints.written import day_in_short

from ..tables import ONE_LINE
from .kinds import BY_NAME, KINDS


class ReminderFilter(django_filters.FilterSet):
    q = PartsFilter("says", label="What is to be done")
    kind = django_filters.ChoiceFilter(
        label="Kind",
        choices=[(kind.name, kind.title) for kind in KINDS],
        empty_label="Every kind",
    )
    show = django_filters.ChoiceFilter(
        label="Show",
        method="shown",
        choices=[("late", "Late"), ("asleep", "Put off")],
        empty_label="Due or late",
    )

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        self.day = request.as_at.today

    def shown(self, reminders, name, value):
        if value == "asleep":
            return reminders.asleep(self.day)
        return reminders.awake(self.day).filter(due_on__lt=self.day)

    @property
    def qs(self):
        found = super().qs
        if self.is_bound and self.form.is_valid() and self.form.cleaned_data.get("show"):
            return found
        return found.awake(self.day)


class ReminderTable(ListTable):
    select = SelectColumn(accessor="pk", says="says")
    due_on = DayColumn(verbose_name="Due", attrs=ONE_LINE)
    says = tables.Column(
        verbose_name="What is to be done",
        linkify=lambda record: BY_NAME[record.kind].address(record.thing),
    )
    kind = tables.Column(verbose_name="Kind", attrs=ONE_LINE)
    wakes_on = DayColumn(verbose_name="Put off until")

    sorts = {"due_on": ("due_on", "pk"), "kind": ("kind", "due_on", "pk")}
    card = ("says", "due_on", "kind")
    optional = ("kind",)

    def __init__(self, *args, today, shows_sleepers, **kwargs):
        super().__init__(*args, **kwargs)
        self.today = today
        if not shows_sleepers:
            self.columns.hide("wakes_on")

    def render_due_on(self, value):
        shown = day_in_short(value)
        if value < self.today:
            return format_html('{} <strong class="late">late</strong>', shown)
        return shown

    def render_kind(self, value):
        return BY_NAME[value].title


__all__ = ["ReminderFilter", "ReminderTable"]
