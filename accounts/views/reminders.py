"""The doors of what is due: the list of it, the panel over the inbox, and putting off."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from footprints.lists import Action, ListView
from footprints.names import count

from ..models import Reminder
from ..reminders import sweeping
from ..reminders.lists import ReminderFilter, ReminderTable

A_WEEK = timedelta(days=7)


def refreshed(request):
    """The reader's own reminders as they stand now: what was just done is not asked again."""
    sweeping.sweep(today=request.as_at.today, moment=now(), person=request.user)
    return Reminder.objects.standing().filter(person=request.user)


def due_panel(request) -> list[sweeping.Waiting]:
    """What is due for the reader, as last swept, a count a kind, for a panel of a page."""
    return sweeping.counts(request.user, request.as_at.today)


class DueList(ListView):
    title = "Due"
    lead = "What waits for you by a day. It goes by itself once it is done."
    model = Reminder
    table_class = ReminderTable
    filterset_class = ReminderFilter
    noun = ("thing", "things")
    count_limit = 1_000
    depends_on_day = False
    default_sort = "due_on"
    empty_title = "Nothing is due"
    empty_text = (
        "Tasks of a reorganisation, questions that colleagues ask you and what waits for your "
        "answer are here before the day by which they should be done."
    )

    def get_queryset(self):
        return refreshed(self.request)

    def get_table_kwargs(self):
        asleep = self.request.GET.get("show") == "asleep"
        return {"today": self.as_at.today, "shows_sleepers": asleep}

    def get_actions(self):
        return [Action("When letters come", reverse("accounts:writing_hours"), "envelope")]

    def get_bulk_actions(self):
        if self.request.GET.get("show") == "asleep":
            return [Action("Show again", _many("again"), "arrow-counterclockwise")]
        return [Action("Put off a week", _many("later"), "clock")]


def _many(deed):
    return reverse("accounts:reminders_deed", args=[deed])


@login_required
@require_POST
def reminders_deed(request, deed):
    """Do one thing to all that are ticked, as `row`."""
    keys = [int(row) for row in request.POST.getlist("row") if row.isdecimal()][:1000]
    today = request.as_at.today
    match deed:
        case "later":
            done = sweeping.put_off(keys, today + A_WEEK, by=request.user, today=today)
            said = "put off a week"
        case "again":
            done, said = sweeping.take_up_again(keys, by=request.user), "shown again"
        case _:
            raise Http404("That is nothing that is done to what is due.")
    messages.success(request, f"{count(done, 'thing', 'things').capitalize()} {said}.")
    return redirect(request.as_at.keep(reverse("accounts:due")))
