"""The calendar feed of one person, as RFC 5545 has it: whole days, one entry a task or event."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from django.db.models import Max
from icalendar import Calendar, Event

from footprints.dated import ONE_DAY
from footprints.models import Reorganisation, Step

from .models import Flag, Sheet, TerritoryPlan, User
from .models.decisions import lend_teams
from .timetable import Due

REFRESH = timedelta(hours=6)


def feed(
    events: list[Reorganisation],
    dues: Iterable[Due],
    sheets: Iterable[Sheet],
    *,
    since: datetime,
    address: Callable[[object], str],
) -> bytes:
    """The feed as a file. ``address`` makes a full address of a thing that has a page.

    Entries keep their identity while their day moves, so that calendars move them too. ``since``
    is the moment that entries without one of their own bear.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Waymark//Reorganisations//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("name", "Waymark")
    calendar.add("x-wr-calname", "Waymark")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    moments = _moments([event.pk for event in events])
    for event in events:
        _add(
            calendar,
            f"event-{event.slug}",
            event,
            event.effective_on,
            f"{'' if event.is_decided else '? '}{event.title}",
            f"{event.get_state_display()}. What it does to your plans is on its page.",
            address(event),
            moments.get(event.pk, since),
        )
    for due in dues:
        said = [due.what]
        if due.note:
            said.append(due.note)
        _add(
            calendar,
            f"task-{due.event.slug}-{due.milestone}",
            due.event,
            due.on,
            f"{due.title}: {due.event.title}",
            "\n".join(said),
            address(due.event),
            moments.get(due.event.pk, since),
        )
    for sheet in sheets:
        _add(
            calendar,
            f"our-day-{sheet.pk}",
            sheet.flag.reorganisation,
            sheet.day,
            f"Our day: {sheet.plan_name}",
            f"{sheet.flag.reorganisation.title}. {sheet.days.ours.why}",
            address(sheet),
            moments.get(sheet.flag.reorganisation_id, since),
        )
    return calendar.to_ical()


def _add(calendar, name, event, on: date, summary, description, url, at: datetime) -> None:
    entry = Event()
    entry.add("uid", f"{name}@waymark")
    entry.add("dtstamp", at)
    entry.add("sequence", event.revision)
    entry.add("dtstart", on)
    entry.add("dtend", on + ONE_DAY)
    entry.add("summary", summary)
    entry.add("description", description)
    entry.add("url", url)
    entry.add("status", "CONFIRMED" if event.is_decided else "TENTATIVE")
    entry.add("transp", "TRANSPARENT")  # nobody is busy all day for it
    calendar.add_component(entry)


def _moments(events: list[int]) -> dict[int, datetime]:
    """When each event was last heard of: an entry that did not change bears the same stamp."""
    steps = Step.objects.filter(reorganisation__in=events).order_by().values("reorganisation")
    return dict(steps.annotate(Max("at")).values_list("reorganisation", "at__max"))


def sheets_of(user: User, events: Iterable[Reorganisation]) -> list[Sheet]:
    """Sheets of these events, not applied yet, of plans that the user may see; with ``plan_name``.

    For those alone who plan: a field user's own day is in the letter.
    """
    flags = Flag.objects.on_plans().visible_to(user).filter(lapsed_at=None)
    found = Sheet.objects.filter(
        flag__in=flags.filter(reorganisation__in=[event.pk for event in events]), applied_at=None
    )
    found = list(found.select_related("flag__reorganisation").order_by("pk"))
    lend_teams(found)
    names = dict(
        TerritoryPlan.objects.filter(pk__in={sheet.flag.object_id for sheet in found}).values_list(
            "pk", "name"
        )
    )
    for sheet in found:
        sheet.plan_name = names[sheet.flag.object_id]
    return found
