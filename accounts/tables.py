"""The columns of the lists of our side."""

import django_tables2 as tables
from django.db.models import Case, Value, When
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime

from footprints.lists import (
    CodeColumn,
    DayColumn,
    LastDayColumn,
    ListTable,
    NumberColumn,
    SelectColumn,
)
from footprints.models import Weight
from footprints.names import short
from footprints.templatetags.waymark import flag
from footprints.written import day_in_short, number, period

from .models import TerritoryPlan, User
from .models.letters import WENT
from .sheets.of_event import STATES
from .territories.tops import SYSTEM_TIER

NOWHERE = 2**31 - 1  # what has no territory comes after all that have one
# A name or a day that wraps makes every row of its list two lines high.
ONE_LINE = {"td": {"class": "text-nowrap"}}
CLOSED = mark_safe('<span class="gone">closed</span>')
NOBODY = mark_safe('<span class="nobody">none</span>')


class PlanTable(ListTable):
    name = tables.Column(verbose_name="Plan", linkify=True)
    team = tables.Column(accessor="team__name")
    brands = tables.Column()
    state = tables.Column()
    owner = tables.Column(accessor="owner", attrs=ONE_LINE)
    opened_on = DayColumn(verbose_name="First day")
    closed_on = LastDayColumn(verbose_name="Last day")
    territories = NumberColumn(accessor="territory_count")
    units = NumberColumn(accessor="unit_count", verbose_name="Units on the day")

    sorts = {
        "opened_on": ("opened_on", "pk"),
        "name": (Lower("name"), "pk"),
        "team": (Lower("team__name"), "pk"),
        "state": ("state", "pk"),
        "territories": ("territory_count", "pk"),
        "units": ("unit_count", "pk"),
    }
    card = ("name", "team", "state", "units")
    optional = ("brands", "owner", "closed_on")

    def render_state(self, value, record):
        shown = format_html('<span class="state state-{}">{}</span>', record.state, value)
        if record.state == TerritoryPlan.State.APPROVED and record.activates_on:
            on = day_in_short(record.activates_on)
            return format_html('{} <small class="muted">active on {}</small>', shown, on)
        if record.copied_from and record.state != TerritoryPlan.State.ACTIVE:
            of = record.copied_from
            return format_html('{} <small class="muted">copy of {}</small>', shown, of)
        return shown


class TeamTable(ListTable):
    """Teams with their calendars; a row needs no query of its own."""

    name = tables.Column(verbose_name="Team", linkify=True)
    cycle = tables.Column(accessor="cycle_months", verbose_name="Cycle", empty_values=())
    next_cycle = DayColumn(accessor="pk", verbose_name="Next start", empty_values=())
    supplier = tables.Column(accessor="supplier__name", verbose_name="Data from")
    credit = tables.Column(verbose_name="Sales count")
    freezes = tables.Column(
        accessor="pk", verbose_name="Next freeze", empty_values=(), attrs=ONE_LINE
    )
    plans = NumberColumn(accessor="plan_count", verbose_name="Plans")

    sorts = {"name": (Lower("name"), "pk"), "plans": ("plan_count", "pk")}
    card = ("name", "next_cycle", "freezes")
    optional = ("supplier", "credit", "plans")

    def render_cycle(self, record):
        return record.get_cycle_months_display() if record.cycle_months else "none"

    def render_next_cycle(self, record):
        start = record.next_cycle(self.today)
        return day_in_short(start) if start else "—"

    def render_freezes(self, record):
        coming = [one for one in record.freezes.all() if one.closed_on > self.today]
        return period(coming[0].opened_on, coming[0].closed_on) if coming else "—"

    def __init__(self, *args, today, **kwargs):
        self.today = today
        super().__init__(*args, **kwargs)


class UnitTable(ListTable):
    """Organisations of one plan on one day; `on_day` is its PlanOnDay."""

    select = SelectColumn(accessor="code", says="code")
    code = CodeColumn()
    name = tables.Column()
    kind = tables.Column(accessor="kind_code", empty_values=())
    territory = tables.Column(accessor="pk", linkify=lambda record, table: table.address(record))
    since = DayColumn(accessor="since", verbose_name="Since")
    people = NumberColumn(accessor="pk", verbose_name="People", empty_values=())
    system = tables.Column(accessor="pk", verbose_name="ICB")
    disagree = tables.Column(
        accessor="code",
        verbose_name="",
        exclude_from_export=True,
        linkify=lambda record, table: table.challenge(record),
        attrs=ONE_LINE,
    )

    sorts = {
        "code": ("code", "pk"),
        "name": (Lower("name"), "pk"),
        "territory": (Coalesce("territory_position", Value(NOWHERE)), "code", "pk"),
        "since": ("since_or_never", "pk"),
    }
    card = ("name", "code", "territory", "people", "disagree")
    optional = ("kind", "since", "people", "system")

    def __init__(
        self, *args, on_day, selectable=True, shows_territory=True, challenged=None, **kwargs
    ):
        """``challenged`` is the territory in whose name the reader may challenge its units."""
        self.on_day, self.challenged = on_day, challenged
        self.kinds = {kind.pk: kind.name for kind in on_day.kinds}
        hidden = set() if selectable else {"select"}
        if challenged is None:
            hidden.add("disagree")
        if not shows_territory:
            hidden.add("territory")
        if not on_day.people:
            hidden.add("people")
        if not on_day.systems or all(kind.tier <= SYSTEM_TIER for kind in on_day.kinds):
            hidden.add("system")
        super().__init__(*args, **kwargs)
        self.columns["system"].column.verbose_name = on_day.system_word.removesuffix("s")
        for name in hidden:
            self.columns.hide(name)
        self.optional = tuple(name for name in self.optional if name not in hidden)

    def address(self, record):
        territory = self.on_day.held.get(record.pk)
        return territory.get_absolute_url() if territory else None

    def challenge(self, record):
        territory = self.challenged
        address = reverse("accounts:raise_challenge", args=[territory.plan_id, territory.pk])
        return f"{address}?unit={record.code}"

    def render_disagree(self, value):
        return format_html('Disagree<span class="visually-hidden"> with {}</span>', value)

    def render_kind(self, value):
        if not value:
            return CLOSED
        return self.kinds.get(value, value)

    def value_kind(self, value):
        return self.kinds.get(value, value) if value else "closed"

    def render_territory(self, value):
        territory = self.on_day.held.get(value)
        if territory is None:
            return NOBODY
        if territory.name == territory.code:
            return territory.code
        return format_html('<span class="code">{}</span> {}', territory.code, territory.name)

    def value_territory(self, value):
        territory = self.on_day.held.get(value)
        return territory.code if territory else None

    def render_people(self, value):
        people = self.on_day.people.get(value)
        return "—" if people is None else number(people)

    def value_people(self, value):
        return self.on_day.people.get(value)

    def render_system(self, value):
        code, name = self.on_day.systems.get(value, ("", ""))
        if not code:
            return "—"
        return format_html('<span class="code">{}</span> {}', code, short(name))

    def value_system(self, value):
        return self.on_day.systems.get(value, ("", ""))[0]

    def row_class(self, record):
        return "" if record.kind_code else "is-closed"


class WeighedTable(ListTable):
    """Flags, each with its weight as an icon and a word."""

    weight = tables.Column()

    def render_weight(self, record):
        return flag(Weight(record.weight))

    def value_weight(self, record):
        return record.get_weight_display()


class FlagTable(WeighedTable):
    event = tables.Column(
        accessor="reorganisation__title", linkify=lambda record: record.get_absolute_url()
    )
    state = tables.Column(accessor="reorganisation__state")
    effective_on = DayColumn(accessor="reorganisation__effective_on", verbose_name="Takes effect")
    plan = tables.Column(accessor="plan_name")
    owner = tables.Column(attrs=ONE_LINE)
    resolved_at = tables.Column(verbose_name="Dealt with", default="", attrs=ONE_LINE)

    sorts = {
        "weight": ("weight", "reorganisation__effective_on", "pk"),
        "effective_on": ("reorganisation__effective_on", "pk"),
        "event": (Lower("reorganisation__title"), "pk"),
        "plan": (Lower("plan_name"), "pk"),
    }
    card = ("event", "weight", "effective_on", "plan")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not any(flag.resolved_at for flag in self.records):
            self.columns.hide("resolved_at")

    def render_state(self, record):
        return record.reorganisation.get_state_display()

    def render_plan(self, value, record):
        return f"{value}: {record.leads_on}" if record.leads_on else value

    def render_resolved_at(self, value):
        return day_in_short(localtime(value).date())


class EventSheetTable(WeighedTable):
    """The sheets of one event, by their flags; each has its ``decided_on`` sheet."""

    select = SelectColumn(says="plan_name")
    plan = tables.Column(
        accessor="plan_name",
        linkify=lambda record: reverse("accounts:sheet", args=[record.pk]),
    )
    state = tables.Column(accessor="sheet_state", verbose_name="Sheet")
    weight = tables.Column(verbose_name="Asks")
    changes = NumberColumn(accessor="change_count", verbose_name="Changes")
    day = DayColumn(accessor="decided_on__day", verbose_name="Our day")
    team = tables.Column(accessor="team_name")
    owner = tables.Column(attrs=ONE_LINE)
    prepared_by = tables.Column(accessor="decided_on__prepared_by", attrs=ONE_LINE)

    sorts = {
        "plan": (Lower("plan_name"), "pk"),
        "team": (Lower("team_name"), "pk"),
        "weight": ("weight", "pk"),
        "state": (
            Case(*(When(sheet_state=state, then=n) for n, state in enumerate(STATES))),
            "pk",
        ),
    }
    card = ("plan", "state", "weight", "day")
    optional = ("weight", "changes", "day", "team", "owner", "prepared_by")

    class Meta:
        sequence = ("select", "plan", "state", "weight", "...")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if not any(flag.decided_on.prepared_at for flag in self.records):
            self.columns.hide("changes")
            self.columns.hide("prepared_by")
            self.optional = ("weight", "day", "team", "owner")

    def render_state(self, value):
        return format_html(
            '<span class="sheet-state sheet-{}">{}</span>', value, STATES.get(value, value)
        )

    def value_state(self, value):
        return STATES.get(value, value)


class JobSheetTable(ListTable):
    """What became of each sheet of a job."""

    plan = tables.Column(
        accessor="plan_name",
        linkify=lambda record: reverse("accounts:sheet", args=[record.flag_id]),
    )
    state = tables.Column()
    says = tables.Column(verbose_name="What was done, or why not", default="")
    rows = NumberColumn(accessor="rows", verbose_name="Rows written")

    sorts = {
        # What was refused asks for a look, and what was not come to asks for more.
        "state": (
            Case(When(state="refused", then=0), When(state="waiting", then=1), default=2),
            Lower("plan_name"),
            "pk",
        ),
        "plan": (Lower("plan_name"), "pk"),
        "rows": ("rows", "pk"),
    }
    card = ("plan", "state", "says")

    def __init__(self, *args, writes, **kwargs):
        super().__init__(*args, **kwargs)
        if not writes:
            self.columns.hide("rows")


class LetterTable(ListTable):
    subject = tables.Column(
        linkify=lambda record: record.get_absolute_url() if record.sent_at else None
    )
    person = tables.Column(verbose_name="To", attrs=ONE_LINE)
    effective_on = DayColumn(verbose_name="About")
    sent_at = tables.Column(verbose_name="Sent", empty_values=(), attrs=ONE_LINE)

    sorts = {
        "sent_at": (WENT, "pk"),
        "effective_on": ("effective_on", "pk"),
        "person": ("person__last_name", "pk"),
    }
    card = ("subject", "person", "sent_at")

    def __init__(self, *args, held=(), **kwargs):
        super().__init__(*args, **kwargs)
        self.held = held  # what does not go to field users for want of a certificate

    def render_subject(self, value):
        return value or "Not yet written"

    def render_sent_at(self, value, record):
        if value:
            return _to_the_minute(value)
        if record.about in self.held and record.person.role == User.Role.FIELD:
            return "held: not certified"
        return f"waits for {_to_the_minute(record.due_at)}"


def _to_the_minute(moment) -> str:
    here = localtime(moment)
    return f"{day_in_short(here.date())}, {here:%H:%M}"


class PostFlagTable(WeighedTable):
    """One row a post and an event that touches its organisation."""

    select = SelectColumn(says="role")
    holder = tables.Column(
        verbose_name="Who held it",
        default="vacant",
        linkify=lambda record: reverse("stakeholders:person", args=[record.person]),
    )
    role = tables.Column(verbose_name="Post")
    code = CodeColumn(
        verbose_name="At",
        linkify=lambda record: reverse("footprints:organisation", args=[record.code]),
    )
    event = tables.Column(
        accessor="reorganisation__title",
        linkify=lambda record: record.reorganisation.get_absolute_url(),
    )
    effective_on = DayColumn(accessor="reorganisation__effective_on", verbose_name="Takes effect")

    sorts = {
        "weight": ("weight", "reorganisation__effective_on", "pk"),
        "effective_on": ("reorganisation__effective_on", "pk"),
        "code": ("code", "pk"),
    }
    card = ("holder", "role", "code", "event")

    class Meta:
        sequence = ("select", "...")


class ScenarioTable(ListTable):
    """Scenarios; each record has `moved`, what of its event is no longer as it supposes."""

    name = tables.Column(
        accessor="draft__name",
        verbose_name="Scenario",
        linkify=lambda record: record.get_absolute_url(),
    )
    event = tables.Column(
        accessor="event__title", linkify=lambda record: record.event.get_absolute_url()
    )
    effective_on = DayColumn(accessor="event__effective_on", verbose_name="If it comes")
    plan = tables.Column(
        accessor="plan__name", linkify=lambda record: record.plan.get_absolute_url()
    )
    stands = tables.Column(accessor="pk", empty_values=(), verbose_name="Stands")
    made_by = tables.Column(accessor="made_by", attrs=ONE_LINE)
    made_at = DayColumn(accessor="made_at", verbose_name="Made")

    sorts = {
        "made_at": ("made_at", "pk"),
        "name": (Lower("draft__name"), "pk"),
        "effective_on": ("event__effective_on", "pk"),
    }
    card = ("name", "stands", "plan", "effective_on")
    optional = ("plan", "made_by", "made_at")

    def render_stands(self, record):
        if not record.moved:
            return "As it was"
        return format_html('<span class="undecided-inline">{}</span>', " ".join(record.moved))

    def value_stands(self, record):
        return " ".join(record.moved) or "as it was"
