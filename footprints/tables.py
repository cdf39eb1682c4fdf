"""The lists of the register, as tables."""

from datetime import date

import django_tables2 as tables
from django.db.models import Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime

from .facts import line
from .lists import CodeColumn, DayColumn, ListTable, NumberColumn, PeriodColumn
from .models import Finding, LeadProvider, Proposal, Release, Reorganisation, Report
from .models.organisations import SINCE
from .names import short
from .proposing.evidence import in_percent
from .templatetags.register import state_chip
from .templatetags.waymark import icon


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
        "opened": (SINCE, "pk"),
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


class FactTable(ListTable):
    """One row a fact of any kind, in words; its keys are selected with it."""

    number = NumberColumn(accessor="pk", verbose_name="No.", initial_sort_descending=False)
    code = tables.Column(
        accessor="pk",
        verbose_name="Body",
        attrs={"td": {"class": "code"}},
        linkify=lambda record: reverse("footprints:organisation", args=[line(record).code]),
    )
    text = tables.Column(accessor="pk", verbose_name="Says")
    source = tables.Column(verbose_name="Published in")

    sorts = {"number": ("pk",)}
    card = ("text", "code", "source")
    optional = ("number", "source")

    def render_code(self, record):
        return line(record).code

    value_code = render_code

    def render_text(self, record):
        return line(record).text

    value_text = render_text


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


# state → (icon, manner). Told by the words and the icon's shape; never by colour alone.
REPORT_STATES = {
    Report.State.RECEIVED: ("hourglass-split", "moving"),
    Report.State.READING: ("arrow-repeat", "moving"),
    Report.State.PREVIEWED: ("eye", "undecided"),
    Report.State.APPLYING: ("arrow-repeat", "moving"),
    Report.State.APPLIED: ("check-circle-fill", "decided"),
    Report.State.NOTHING_NEW: ("check-circle", "decided"),
    Report.State.REFUSED: ("exclamation-octagon", "refused"),
    Report.State.DISCARDED: ("slash-circle", "dropped"),
}
HEARD = {Report.State.APPLIED, Report.State.NOTHING_NEW}


def report_state(report, *, has_release):
    """What became of a report, in words; one whose release was undone says so."""
    if report.state in HEARD and not has_release:
        return "Applied, undone since"
    return report.get_state_display()


def report_chip(report, *, has_release):
    """The chip of a report's state; ``has_release``: whether a release of it stands."""
    picture, manner = REPORT_STATES[report.state]
    words = report_state(report, has_release=has_release)
    if words != report.get_state_display():
        picture, manner = "arrow-counterclockwise", "dropped"
    return format_html('<span class="state state-{}">{} {}</span>', manner, icon(picture), words)


class ReportTable(ListTable):
    """One row a file as received; ``has_release`` says whether a release of it stands."""

    name = tables.Column(verbose_name="File", linkify=True)
    title = tables.Column(verbose_name="What it is")
    about = DayColumn(accessor="about_on", verbose_name="Tells of")
    state = tables.Column(empty_values=())
    received = tables.Column(accessor="received_at", verbose_name="Received")
    via = tables.Column(verbose_name="How it came")

    sorts = {
        "received": ("pk",),
        "name": (Lower("name"), "pk"),
        "about": (Coalesce("about_on", Value(date.min)), "pk"),
    }
    card = ("name", "title", "state")
    optional = ("about", "received", "via")

    class Meta:
        model = Report
        fields = []

    def render_state(self, record):
        return report_chip(record, has_release=record.has_release)

    def value_state(self, record):
        return report_state(record, has_release=record.has_release)

    def render_received(self, value):
        return date_format(localtime(value), "DATETIME_FORMAT")

    def render_via(self, record):
        how = record.get_via_display()
        return f"{how} by {record.by}" if record.by else how

    value_via = render_via


PROPOSAL_STATES = {
    Proposal.State.OPEN: ("patch-question", "undecided"),
    Proposal.State.ACCEPTED: ("check-circle-fill", "decided"),
    Proposal.State.DISMISSED: ("slash-circle", "dropped"),
}


def proposal_chip(proposal):
    """The chip of a proposal's state."""
    picture, manner = PROPOSAL_STATES[proposal.state]
    words = proposal.get_state_display()
    return format_html('<span class="state state-{}">{} {}</span>', manner, icon(picture), words)


class ProposalTable(ListTable):
    """One row a reorganisation that nobody announced."""

    effective = DayColumn(accessor="effective_on", verbose_name="Takes effect")
    title = tables.Column(linkify=True)
    kind = tables.Column()
    confidence = NumberColumn(verbose_name="How sure")
    state = tables.Column(empty_values=())
    proposed = tables.Column(accessor="proposed_at", verbose_name="Proposed")

    sorts = {
        "effective": ("effective_on", "pk"),
        "title": (Lower("title"), "pk"),
        "confidence": ("confidence", "pk"),
        "state": ("state", "effective_on", "pk"),
    }
    card = ("title", "effective", "state")
    optional = ("kind", "confidence", "proposed")

    class Meta:
        model = Proposal
        fields = []

    def render_kind(self, value):
        return Reorganisation.Kind(value).label

    value_kind = render_kind

    def render_confidence(self, value):
        return in_percent(value)

    def render_state(self, record):
        return proposal_chip(record)

    def value_state(self, record):
        return record.get_state_display()

    def render_proposed(self, value):
        return date_format(localtime(value), "DATE_FORMAT")
