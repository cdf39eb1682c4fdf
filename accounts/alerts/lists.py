"""The inbox as a list: its columns, and by what it is narrowed."""

from urllib.parse import urlencode

import django_filters
import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime

from footprints.filters import DayFilter
from footprints.lists import DayColumn, PartsFilter, SelectColumn
from footprints.models import Reorganisation, Weight
from footprints.names import count, listed
from footprints.templatetags.waymark import icon
from footprints.written import day_in_short

from ..models import Alert, User
from ..tables import ONE_LINE, WeighedTable
from . import inbox
from .lines import Line, Old, lines_of

SHOWN = 4  # territories of a plan by code; more are counted
PLACES_SHOWN = 4  # plans of a line
SUCCESSORS_SHOWN = 3
OLD_SHOWN = 3  # bodies of a successor

# Reasons that need no word: it is the reader's own.
PLAIN = (
    Alert.Because.OWNER,
    Alert.Because.PATCH,
    Alert.Because.LEAD,
    Alert.Because.WATCH,
)

# A deed of one line: it posts the line alone, whatever else is ticked.
DEED = (
    '<button class="deed" name="only" value="{}" formaction="{}" data-key="{}" '
    'title="{}">{}<span class="deed-word">{}<span class="visually-hidden">: {}</span></span>'
    "</button>"
)
DEEDS = (
    ("deal", "Dealt with", "e", "check2"),
    ("later", "Put off a week", "z", "clock"),
)


class InboxFilter(django_filters.FilterSet):
    q = PartsFilter("flag__reorganisation__title", label="Reorganisation")
    show = django_filters.ChoiceFilter(
        label="Show",
        method="shown",
        choices=[
            ("asleep", "Put off"),
            ("handed", "Handed on by me"),
            ("done", "Dealt with"),
            ("all", "All"),
        ],
        empty_label="Open",
    )
    weight = django_filters.ChoiceFilter(
        label="Asks", choices=Weight.choices, empty_label="Anything"
    )
    because = django_filters.ChoiceFilter(
        label="Why it is yours", choices=Alert.Because.choices, empty_label="Any reason"
    )
    state = django_filters.ChoiceFilter(
        label="State of the event",
        field_name="flag__reorganisation__state",
        choices=Reorganisation.State.choices,
        empty_label="Every state",
    )

    effective_on = DayFilter(label="Takes effect on")

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        self.day = request.as_at.today

    def shown(self, alerts, name, value):
        user = self.request.user
        match value:
            case "asleep":
                return alerts.held_by(user).asleep(self.day)
            case "handed":
                return alerts.filter(person=user).exclude(holder=user)
            case "done":
                return alerts.held_by(user).exclude(resolved_at=None, flag__resolved_at=None)
        return alerts

    @property
    def qs(self):
        found = super().qs
        if self.is_bound and self.form.is_valid() and self.form.cleaned_data.get("show"):
            return found
        return found.held_by(self.request.user).awake(self.day)


class InboxTable(WeighedTable):
    """A row an event, of the reader's alerts of it that stand on the page; in a file one each."""

    select = SelectColumn(accessor="pk", says="event_title")
    weight = tables.Column(verbose_name="Asks")
    event = tables.Column(accessor="flag__reorganisation__title", verbose_name="What changes")
    becomes = tables.Column(accessor="pk", verbose_name="In codes")
    where = tables.Column(accessor="pk", verbose_name="Where it hits me", empty_values=())
    effective_on = DayColumn(verbose_name="Takes effect")
    next = tables.Column(accessor="pk", verbose_name="What to do", empty_values=())
    state = tables.Column(accessor="flag__reorganisation__state", verbose_name="State")
    because = tables.Column(verbose_name="Why it is mine")
    raised = tables.Column(accessor="raised_at", verbose_name="Since", attrs=ONE_LINE)

    sorts = {
        "weight": inbox.IN_TURN,
        "effective_on": ("effective_on", "pk"),
        "raised": ("raised_at", "pk"),
    }
    card = ("event", "weight", "effective_on", "where", "next")
    optional = ("becomes", "state", "because", "raised")
    aside = optional
    css_class = "inbox"

    def __init__(self, *args, user, today, has_deeds=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.user, self.today, self.has_deeds = user, today, has_deeds
        self.told = lines_of(self.records, user)
        self.line_of = {alert.pk: line for line in self.told for alert in line.alerts}
        self.place_of = {place.alert.pk: place for line in self.told for place in line.places}

    @property
    def shown_records(self):
        return [line.first for line in self.told]

    def render_select(self, record):
        return format_html(
            '<input type="checkbox" name="row" value="{}" aria-label="Select {}">',
            self.line_of[record.pk].key,
            record.event_title,
        )

    def render_event(self, record):
        line, event = self.line_of[record.pk], record.flag.reorganisation
        said = event.get_state_display()
        if event.is_decided:
            state = ""
        elif event.state in event.State.dropped():
            state = format_html(' <span class="undecided">{}</span>', said)
        else:
            state = format_html(' <span class="undecided">{}, not decided</span>', said)
        return format_html(
            '<a href="{}">{}</a>{}{}', line.address, event.title, state, changes(line)
        )

    def value_event(self, record):
        return record.event_title

    def render_becomes(self, record):
        return in_words(self.line_of[record.pk])

    def render_where(self, record):
        line = self.line_of[record.pk]
        shown = line.places[:PLACES_SHOWN]
        places = format_html_join("", "<li>{}</li>", ((self.place(each),) for each in shown))
        if more := len(line.places) - len(shown):
            said = count(more, "more plan", "more plans")
            query = urlencode({"q": line.event.title, "dealt_with": "no"})
            address = f"{reverse('accounts:flags')}?{query}"
            places += format_html('<li><a href="{}">and {}</a></li>', address, said)
        if line.people:
            said = count(line.people, "person’s post", "people’s posts")
            link = format_html('<a href="{}">{}</a>', self.posts(line), said)
            places += format_html("<li>{} at these bodies</li>", link)
        return format_html('<ul class="hits">{}</ul>', places)

    def place(self, place):
        """One plan that it hits, and why, where that is not plain."""
        if place.leads:
            what = f"{place.leads[0]} leads on {place.leads[1]}"
        else:
            what = listed(place.territories[:SHOWN])
            if len(place.territories) > SHOWN:
                what += f" and {len(place.territories) - SHOWN} more"
        alert = place.alert
        said = self.why(alert)
        if alert.wakes_on:
            said = f"{said} · until {day_in_short(alert.wakes_on)}".removeprefix(" · ")
        return format_html(
            '<a href="{}">{}</a> <span class="muted">{}{}</span>',
            place.address,
            what or place.plan or "what you watch",
            place.plan if what else "",
            f" · {said}" if said else "",
        )

    def why(self, alert) -> str:
        if alert.holder_id == self.user.pk and (giver := alert.given_by):
            return f"from {giver}"
        if alert.holder_id != self.user.pk:
            return f"with {alert.holder}"
        if alert.because in PLAIN:
            return ""
        return alert.get_because_display().lower()

    def posts(self, line) -> str:
        """Where the posts are: the list of those who verify them, else the event's own page."""
        if self.user.role == User.Role.FIELD:
            return line.event.get_absolute_url()
        return f"{reverse('accounts:post_flags')}?{urlencode({'q': line.event.title})}"

    def value_where(self, record):
        place = self.place_of[record.pk]
        if place.leads:
            return f"{place.leads[0]} leads on {place.leads[1]}: {place.plan}"
        codes = ", ".join(place.territories)
        return f"{codes}: {place.plan}" if codes else place.plan

    def render_effective_on(self, value):
        away = (value - self.today).days
        if away < 0:
            return day_in_short(value)
        said = "today" if not away else f"in {count(away, 'day', 'days')}"
        return format_html('{} <small class="muted">{}</small>', day_in_short(value), said)

    def render_next(self, record):
        line = self.line_of[record.pk]
        said, address = line.next_step(self.user)
        step = format_html('<a class="next-step" href="{}">{}</a>', address, said)
        if record.weight == Weight.KNOW:
            step = format_html('<span class="muted">{}</span>', said)
        if not self.has_deeds or record.holder_id != self.user.pk:
            return step
        deeds = format_html_join(
            "",
            DEED,
            (
                (line.key, self.address(deed), key, says, icon(drawn), says, record.event_title)
                for deed, says, key, drawn in DEEDS
            ),
        )
        return format_html('{} <span class="deeds">{}</span>', step, deeds)

    def address(self, deed):
        return reverse("accounts:alerts_deed", args=[deed])

    def value_next(self, record):
        return self.line_of[record.pk].next_step(self.user)[0]

    def render_raised(self, value):
        return day_in_short(localtime(value).date())

    def render_state(self, record):
        return record.flag.reorganisation.get_state_display()

    def render_because(self, record):
        return self.why(record).capitalize() or record.get_because_display()

    def row_class(self, record):
        line = self.line_of[record.pk]
        return "" if all(alert.seen_at for alert in line.alerts) else "is-new"


def changes(line: Line) -> str:
    """Old → new, of the reader's bodies."""
    rows = []
    for each in line.becomes[:SUCCESSORS_SHOWN]:
        shown = format_html_join(", ", "{}", ((body(old),) for old in each.old[:OLD_SHOWN]))
        if more := len(each.old) - OLD_SHOWN:
            shown = format_html("{} and {} more", shown, more) if more > 0 else shown
        new = body(each.new) if each.new else "closed, no successor"
        rows.append((shown, icon("arrow-right", "becomes"), new))
    for number, parent in line.moved[:SUCCESSORS_SHOWN]:
        said = f"{count(number, 'unit of yours', 'units of yours').capitalize()}, unchanged"
        rows.append((said, icon("arrow-right", "under"), format_html("under {}", body(parent))))
    if not rows and line.changed:
        said = count(line.changed, "unit of yours keeps its", "units of yours keep their")
        rows.append((said.capitalize(), "code and", "another kind of body"))
    found = format_html_join("", '<li>{} <span class="becomes-arrow">{}</span> {}</li>', rows)
    if (more := max(len(line.becomes), len(line.moved)) - SUCCESSORS_SHOWN) > 0:
        found += format_html("<li>and into {} more</li>", more)
    return format_html('<ul class="becomes">{}</ul>', found) if found else ""


def body(told: Old) -> str:
    return format_html('<span class="code">{}</span> {}', told.code, told.name)


def in_words(line: Line) -> str:
    """The same for a file: "09C, 99J → 91Q; …"."""
    said = [
        f"{', '.join(old.code for old in each.old)} → {each.new.code if each.new else 'closed'}"
        for each in line.becomes
    ]
    said += [f"{number} under {parent.code}" for number, parent in line.moved]
    return "; ".join(said)


__all__ = ["InboxFilter", "InboxTable"]
