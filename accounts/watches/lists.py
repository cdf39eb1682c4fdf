"""What somebody watches, as a list."""

import django_filters
import django_tables2 as tables
from django.db.models import Case, CharField, Exists, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce, Concat, Lower
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from footprints.lists import DayColumn, ListTable, PartsFilter, SelectColumn
from footprints.models import Version
from footprints.names import listed
from footprints.written import day_in_short

from ..models import TerritoryPlan, User, Watch, WatchMove
from . import saying, searches

CLOSED = "A plan that you may not open any more"
BREAK = mark_safe("<br>")
SHOWN = 2  # of what is coming to one watch; more are counted
KINDS = [
    ("organisation", "Organisations"),
    ("reorganisation", "Reorganisations"),
    ("plan", "Plans"),
    ("stakeholder", "People"),
    ("search", "Searches"),
]
SINGULAR = {
    "organisation": "Organisation",
    "reorganisation": "Reorganisation",
    "plan": "Plan",
    "stakeholder": "Person",
    "search": "Search",
}


def shown_to(user: User):
    """The watches of a user that stand, and those that ended with their body; each with its
    ``called``, by which it is found and sorted, ``code``, and ``may_open``."""
    ended = WatchMove.objects.filter(watch=OuterRef("pk"), successor=None)
    newest = Version.objects.now().filter(organisation=OuterRef("organisation"))
    newest = newest.order_by("-opened_on", "-pk").values("name")[:1]
    # A plan is named to those alone who may open it: nor is it found or sorted by its name.
    seen = TerritoryPlan.objects.visible_to(user).filter(pk=OuterRef("plan"))
    called = Case(
        When(
            organisation__isnull=False,
            then=Coalesce(Subquery(newest), "organisation__code", output_field=CharField()),
        ),
        When(reorganisation__isnull=False, then="reorganisation__title"),
        When(plan__isnull=False, then=Coalesce(Subquery(seen.values("name")[:1]), Value(CLOSED))),
        When(
            stakeholder__isnull=False,
            then=Concat("stakeholder__given_name", Value(" "), "stakeholder__family_name"),
        ),
        default="search",
        output_field=CharField(),
    )
    found = Watch.objects.visible_to(user).filter(Q(closed_on=None) | Exists(ended))
    found = found.select_related("organisation", "reorganisation", "plan", "stakeholder")
    return found.annotate(
        called=called,
        code=Coalesce("organisation__code", Value("")),
        may_open=Case(When(plan=None, then=True), default=Exists(seen)),
    )


class WatchFilter(django_filters.FilterSet):
    q = PartsFilter("called code", label="What is watched")
    kind = django_filters.ChoiceFilter(
        label="Kind", method="of_kind", choices=KINDS, empty_label="Everything"
    )

    def of_kind(self, watches, name, value):
        if value == "search":
            return watches.exclude(search="")
        return watches.filter(**{f"{value}__isnull": False})


class WatchTable(ListTable):
    select = SelectColumn(accessor="pk", says="called")
    what = tables.Column(
        accessor="called", verbose_name="You watch", linkify=lambda record: address_of(record)
    )
    code = tables.Column(verbose_name="Code", attrs={"td": {"class": "code"}}, default="")
    kind = tables.Column(accessor="pk", verbose_name="Kind")
    coming = tables.Column(accessor="pk", verbose_name="What is coming")
    came = tables.Column(accessor="pk", verbose_name="It came from")
    since = DayColumn(accessor="opened_on", verbose_name="Since")

    sorts = {
        "what": (Lower("called"), "pk"),
        "code": ("code", "pk"),
        "since": ("opened_on", "pk"),
    }
    card = ("what", "code", "coming")
    optional = ("code", "kind", "came", "since")

    def __init__(self, *args, user, today, **kwargs):
        super().__init__(*args, **kwargs)
        watches = list(self.records)
        self.coming = saying.what_is_coming(user, today=today) if watches else {}
        self.came = saying.came_from(user) if watches else {}
        self.words = searches.said({w.search for w in watches if w.search})
        bodies = {w.organisation_id for w in watches if w.organisation_id}
        living = Version.objects.now().on(today).filter(organisation__in=bodies)
        self.living = set(living.values_list("organisation", flat=True)) if bodies else set()

    def render_what(self, value, record):
        return self.value_what(record)

    def value_what(self, record):
        if record.search:
            return self.words[record.search]
        if record.organisation_id and record.called != record.code:
            return record.called.removesuffix(f" - {record.code}")
        return record.called

    def render_kind(self, record):
        return SINGULAR[record.kind]

    def render_came(self, record):
        return listed(self.came.get(record.organisation_id, [])) or "—"

    def render_coming(self, record):
        lines = self.coming.get(record.pk, [])
        if record.closed_on:
            return format_html(
                "<strong>Ended {}, no successor.</strong> Watch another in its place.",
                day_in_short(record.closed_on),
            )
        gone = record.organisation_id and record.organisation_id not in self.living
        if gone and not lines:
            return format_html("<strong>{}</strong>", "Not there today; no successor is known.")
        if not record.may_open or not lines:
            return "—"
        told = format_html_join(
            BREAK,
            '{} <span class="muted">{}, {}</span>',
            (
                (
                    line.in_short if line.state else line.event.title,
                    day_in_short(line.event.effective_on),
                    line.event.get_state_display().lower(),
                )
                for line in lines[:SHOWN]
            ),
        )
        more = len(lines) - SHOWN
        return format_html("{}<br>and {} more", told, more) if more > 0 else told

    def value_coming(self, record):
        lines = self.coming.get(record.pk, [])
        return "; ".join(f"{line.event.effective_on}: {line.in_short}" for line in lines)


def address_of(watch: Watch) -> str | None:
    """The page of what is watched; None of a plan that its watcher may not open any more."""
    if watch.search:
        return f"{reverse('footprints:organisations')}?{watch.search}"
    if not watch.may_open:
        return None
    return watch.thing.get_absolute_url()


__all__ = ["WatchFilter", "WatchTable", "address_of", "shown_to"]
