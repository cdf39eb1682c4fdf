"""The tasks of a reorganisation, on its page and in one's own calendar."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import localdate
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from footprints.models import Reorganisation

from .. import feed, timetable
from ..forms import TaskForm
from ..models import CalendarKey, Milestone
from ..services.timetable import change_calendar, keep_task
from ..territories.plans import may_plan

BEFORE = (Milestone.FIVE_MONTHS, Milestone.TWELVE_WEEKS, Milestone.FOUR_WEEKS)


def tasks_panel(request, event) -> str:
    """The tasks of an event, for its page a floor below; those that the reader may see."""
    today = request.as_at.today
    dues = timetable.of_event(event, request.user, today=today)
    if not dues:
        return ""
    rows = [
        {
            "due": due,
            "is_late": due.is_late(today),
            "may_keep": timetable.may_keep(due, request.user),
        }
        for due in dues
    ]
    context = {"event": event, "rows": rows, "before": BEFORE}
    return render_to_string("accounts/_tasks_panel.html", context, request=request)


@login_required
def task(request, slug, milestone):
    """Whose a task is, and whether it is done: the form, and its answer."""
    event = get_object_or_404(Reorganisation, slug=slug)
    found = [due for due in timetable.of_events([event]) if due.milestone == milestone]
    if not found:
        raise Http404("The event has no such task: it is dropped, or the task is none.")
    (due,) = found
    if not timetable.may_keep(due, request.user):
        raise PermissionDenied("Tasks are kept by planners, managers and whoever owns them.")
    may_give = may_plan(request.user)
    form = TaskForm(request.POST or None, due=due, may_give=may_give)
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        given.setdefault("owner", due.owner)
        keep_task(event, due.milestone, **given, by=request.user)
        messages.success(request, f"Kept: {due.title}.")
        return redirect(request.as_at.keep(event.get_absolute_url()) + "#timetable")
    context = {"event": event, "due": due, "form": form}
    status = 422 if form.errors else 200
    return render(request, "accounts/timetable/task.html", context, status=status)


@login_required
@cache_control(private=True, no_store=True)
def calendar(request):
    """The address of the reader's own feed, and to make or change it."""
    if request.method == "POST":
        change_calendar(request.user)
        messages.success(request, "Your feed has an address of its own.")
        return redirect(request.as_at.keep(reverse("accounts:calendar")))
    key = CalendarKey.objects.filter(user=request.user).first()
    context = {
        "address": key and request.build_absolute_uri(key.get_absolute_url()),
        "made_at": key and key.made_at,
    }
    return render(request, "accounts/timetable/calendar.html", context)


@require_safe
@cache_control(private=True, max_age=600)
def calendar_feed(request, secret):
    """The feed of whoever has that secret, without signing in; of nobody who may no longer."""
    key = get_object_or_404(
        CalendarKey.objects.select_related("user"), secret=secret, user__is_active=True
    )
    user, today = key.user, localdate()
    events = timetable.events_of(user, today=today)
    content = feed.feed(
        events,
        timetable.open_for(user, events),
        feed.sheets_of(user, events) if may_plan(user) else [],
        since=key.made_at,
        address=lambda thing: request.build_absolute_uri(thing.get_absolute_url()),
    )
    return HttpResponse(
        content,
        content_type="text/calendar; charset=utf-8",
        headers={"Content-Disposition": 'inline; filename="waymark.ics"'},
    )
