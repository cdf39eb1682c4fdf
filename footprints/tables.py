"""The lists of the register, as tables."""

from datetime import date

import django_tables2 as tables
from django.db.models import Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from .lists import CodeColumn, DayColumn, ListTable, NumberColumn, PeriodColumn
from .models import Finding, LeadProvider, Release, Reorganisation
from .names import short
from .templatetags.register import state_chip


class OrganisationTable(ListTable):
    """One row a body that lives on the day, with the ``parent`` and ``people`` of that day."""

    code = CodeColumn(accessor="organisation__code")
    name = tables.Column(linkify=True)
    kind = tables.Column(accessor="kind__name")
    parent = tables.Column(accessor="parent", verbose_name="Part of", orderable=False)
    population = NumberColumn(accessor="people", verbose_name="People")
    opened = PeriodColumn(verbose_name="From – to")

    sorts = {
        "name": (Lower("name"), "pk"),
        "code": ("organisation__code", "pk"),
        "kind": ("kind", Lower("name"), "pk"),
        # A start that is not known comes before every known one.
        "opened": (Coalesce("opened_on", Value(date.min)), "pk"),
    }
    card = ("name", "code", "kind")
    optional = ("parent", "population", "opened")

    def render_kind(self, value):
        return format_html('<span class="kind">{}</span>', value)

    def value_kind(self, value):
        return value

    def render_parent(self, value):
        name = value["name"].removesuffix(f" - {value['code']}")
        return format_html('<span class="code">{}</span> {}', value["code"], short(name) or name)

    def value_parent(self, value):
        return f"{value['code']} {value['name']}"


class ReorganisationTable(ListTable):
    """One row an event, with how many bodies it takes and how many it leaves."""

    effective = DayColumn(accessor="effective_on", verbose_name="Takes effect")
    title = tables.Column(linkify=True)
    kind = tables.Column()
    state = tables.Column(accessor="state", empty_values=())
    bodies = tables.Column(accessor="old_bodies", verbose_name="Bodies", empty_values=())
    moves = NumberColumn(accessor="moved", verbose_name="Moved")

    sorts = {
        "effective": ("effective_on", "pk"),
        "title": (Lower("title"), "pk"),
        "kind": ("kind", "effective_on", "pk"),
    }
    card = ("title", "effective", "state")
    optional = ("kind", "bodies", "moves")

    def render_state(self, record):
        return state_chip(record)

    def value_state(self, record):
        return record.get_state_display()

    def render_bodies(self, record):
        if not record.old_bodies:
            return "—"
        return format_html("{} → {}", record.old_bodies, record.new_bodies)

    def value_bodies(self, record):
        return f"{record.old_bodies} to {record.new_bodies}"

    class Meta:
        model = Reorganisation
        fields = ["effective", "title", "kind", "state", "bodies", "moves"]


class ReleaseTable(ListTable):
    """One row an arrival of facts; the row holds how many facts and findings it brought."""

    number = NumberColumn(accessor="pk", verbose_name="No.")
    title = tables.Column(empty_values=(), linkify=("footprints:release", {"pk": tables.A("pk")}))
    kind = tables.Column()
    applied = tables.Column(accessor="applied_at", verbose_name="Recorded")
    published = DayColumn(accessor="published_on", verbose_name="Facts of")
    by = tables.Column(accessor="by", verbose_name="By")
    wrote = NumberColumn(accessor="asserted", verbose_name="Wrote")
    retracted = NumberColumn(verbose_name="Retracted")
    findings = NumberColumn(accessor="found", verbose_name="Findings")
    undone = tables.Column(accessor="undone", verbose_name="State", empty_values=())

    sorts = {"number": ("pk",)}
    card = ("title", "applied", "undone")
    optional = ("published", "by", "findings")

    class Meta:
        model = Release
        fields = []

    def render_title(self, record):
        return record.title or record.source

    value_title = render_title

    def render_applied(self, value):
        return date_format(localtime(value), "DATETIME_FORMAT")

    def render_undone(self, record):
        if record.undone:
            return format_html("Undone by {}", record.undone)
        return "Undoes " + str(record.undoes_id) if record.undoes_id else "Stands"

    value_undone = render_undone


def page_of(finding):
    """The page of the organisation a finding is about; None where the register lacks it."""
    if not finding.has_page:
        return None
    return reverse("footprints:organisation", args=[finding.code])


class FindingTable(ListTable):
    """One row a thing a release could not place or found odd."""

    code = CodeColumn()
    text = tables.Column(linkify=lambda record: page_of(record))
    topic = tables.Column()
    severity = tables.Column()
    place = tables.Column(accessor="file", verbose_name="Line", empty_values=())

    sorts = {"code": ("code", "pk"), "topic": ("topic", "pk")}
    card = ("text", "code", "topic")

    class Meta:
        model = Finding
        fields = []

    def render_place(self, record):
        return f"{record.file}, {record.line}" if record.line else record.file or "—"

    value_place = render_place


class LeadProviderTable(ListTable):
    """One row a lead provider, collaborative and service line; names are those of the day."""

    collaborative = tables.Column(
        accessor="collaborative_name",
        linkify=lambda record: record.collaborative.get_absolute_url(),
    )
    service_line = tables.Column(verbose_name="Service line")
    code = CodeColumn(accessor="provider__code")
    provider = tables.Column(
        accessor="provider_name",
        verbose_name="Lead provider",
        linkify=lambda record: record.provider.get_absolute_url(),
        empty_values=(),
    )
    held = PeriodColumn(verbose_name="Held")
    evidence = tables.Column()

    sorts = {
        "collaborative": (Lower("collaborative_name"), "pk"),
        "service_line": (Lower("service_line"), "pk"),
        "code": ("provider__code", "pk"),
    }
    card = ("collaborative", "service_line", "provider")
    optional = ("evidence",)

    class Meta:
        model = LeadProvider
        fields = []

    def render_provider(self, value):
        return value or "closed by this day"

    value_provider = render_provider
