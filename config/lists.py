"""The list of runs: its table and its filters."""

from operator import itemgetter

import django_filters
import django_tables2 as tables
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime, now
from django_celery_beat.models import PeriodicTask

from footprints.lists import ListTable, NumberColumn
from footprints.templatetags.waymark import icon

from .models import Run
from .schedules import Schedule
from .wording import lasted

# State → its icon and the class of its chip.
CHIPS = {
    Run.State.WAITING: ("hourglass-split", "waiting"),
    Run.State.RUNNING: ("arrow-repeat", "running"),
    Run.State.DONE: ("check-circle-fill", "done"),
    Run.State.NOTHING: ("check-circle", "nothing"),
    Run.State.FAILED: ("exclamation-triangle-fill", "failed"),
    Run.State.LOST: ("question-circle-fill", "failed"),
    Run.State.STOPPED: ("slash-circle", "nothing"),
}


def chip(fate: str):
    """The state of a run, by ``fate``."""
    picture, manner = CHIPS[fate]
    words = Run.State(fate).label
    return format_html('<span class="run run-{}">{} {}</span>', manner, icon(picture), words)


def moment(at) -> str:
    """A moment to the second, in our time."""
    return date_format(localtime(at), "j M Y, H:i:s") if at else ""


class RunTable(ListTable):
    """One row a run, or runs that ended alike without doing anything; with ``title``."""

    name = tables.Column(accessor="task", verbose_name="Task")
    fate = tables.Column(accessor="fate", verbose_name="Result")
    says = tables.Column(verbose_name="What it did", empty_values=())
    began = tables.Column(accessor="began_at", verbose_name="Began", empty_values=())
    took = tables.Column(accessor="pk", verbose_name="Took")
    times = NumberColumn(verbose_name="Times")
    due = tables.Column(accessor="asked_at", verbose_name="Due")
    by = tables.Column(accessor="asked_by", verbose_name="Asked by", empty_values=())
    worker = tables.Column()

    sorts = {"began": ("pk",)}
    card = ("name", "fate", "says", "began")
    optional = ("took", "times", "due", "by", "worker")

    class Meta:
        model = Run
        fields = []

    def __init__(self, *args, schedules, **kwargs):
        super().__init__(*args, **kwargs)
        self.schedules = {each.name: each for each in schedules}

    def render_name(self, record):
        schedule = self.schedules.get(record.schedule)
        if schedule is None:
            return record.task.rpartition(".")[2].replace("_", " ").capitalize()
        address = reverse("clock:schedule", args=[schedule.row.pk])
        return format_html('<a href="{}">{}</a>', address, schedule.title)

    def render_fate(self, value):
        return chip(value)

    def value_fate(self, value):
        return Run.State(value).label

    def render_says(self, record):
        return record.says or "—"

    def value_says(self, record):
        return record.says

    def render_began(self, record):
        return moment(record.began_at) or "Not yet"

    def value_began(self, record):
        return record.began_at

    def render_took(self, record):
        return lasted(record.began_at, record.ended_at)

    def render_due(self, value):
        return moment(value)

    def value_due(self, value):
        return value

    def render_by(self, record):
        return str(record.asked_by or ("the clock" if record.asked_at else "Waymark itself"))


def _tasks():
    found = [Schedule(row, now()) for row in PeriodicTask.objects.all()]
    return sorted(((each.name, each.title) for each in found), key=itemgetter(1))


class RunFilter(django_filters.FilterSet):
    schedule = django_filters.ChoiceFilter(label="Task", empty_label="Any task")
    fate = django_filters.ChoiceFilter(
        label="Result", choices=Run.State.choices, empty_label="Any result"
    )

    class Meta:
        model = Run
        fields = []

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.filters["schedule"].extra["choices"] = _tasks()
