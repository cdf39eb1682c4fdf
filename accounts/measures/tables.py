"""The columns of the lists of measures, and what they are narrowed by."""

import django_filters
import django_tables2 as tables
from django.db.models.functions import Lower

from footprints.lists import (
    CodeColumn,
    DayColumn,
    ListTable,
    NumberColumn,
    PartsFilter,
    WordsFilter,
)
from footprints.written import day_in_short

from ..models import Measure
from .reading import written


class AmountColumn(NumberColumn):
    """An amount without noughts behind the point."""

    def render(self, value):
        return written(value)


class MeasureTable(ListTable):
    name = tables.Column(verbose_name="Measure", linkify=True)
    unit = tables.Column(verbose_name="Counted in")
    team = tables.Column(accessor="team__name", verbose_name="Whose", default="everybody’s")
    source = tables.Column()
    counted_on = DayColumn(verbose_name="As counted on")
    figures = NumberColumn(accessor="figure_count", verbose_name="Bodies")
    unplaced = NumberColumn(accessor="unplaced_count", verbose_name="Without a body")
    by = tables.Column(accessor="by", verbose_name="Brought by")
    at = tables.Column(verbose_name="On")

    sorts = {
        "name": (Lower("name"), "pk"),
        "counted_on": ("counted_on", "pk"),
        "at": ("at", "pk"),
        "figures": ("figure_count", "pk"),
    }
    card = ("name", "source", "counted_on", "figures")
    optional = ("unit", "team", "unplaced", "by", "at")

    def render_at(self, value):
        return day_in_short(value)


class MeasureFilter(django_filters.FilterSet):
    q = PartsFilter("name source", label="Name or source")

    class Meta:
        model = Measure
        fields = []


class FigureTable(ListTable):
    """The figures of one measure by body; ``name`` and ``kind_name`` are annotated."""

    code = CodeColumn(accessor="code", linkify=lambda record: f"/register/{record.code}/")
    name = tables.Column(accessor="name", verbose_name="Name")
    kind = tables.Column(accessor="kind_name", verbose_name="Kind", default="closed by this day")
    amount = AmountColumn()

    sorts = {
        "amount": ("amount", "pk"),
        "code": ("code", "pk"),
        "name": (Lower("name"), "pk"),
    }
    card = ("name", "code", "amount")
    optional = ("kind",)


class FigureFilter(django_filters.FilterSet):
    q = WordsFilter(name="name", code="organisation__code")
