"""The doors of the inbox: what hits me, and what I do about it."""

from datetime import date, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from footprints.names import count
from footprints.written import day_in_full

from ..alerts import handing, inbox
from ..alerts.forms import HandForm

A_WEEK = timedelta(days=7)
MANY = 1_000  # alerts of one deed


@login_required
def inbox_page(request):
    """Where the inbox was: it is the home page, with the same filters."""
    query = request.GET.urlencode()
    return redirect(f"{reverse('accounts:home')}{'?' if query else ''}{query}", permanent=True)


@login_required
@require_POST
def alerts_deed(request, deed):
    """Do one thing to all that are ticked, as `row`, or to the one line that was clicked, as
    `only`; each says the keys of its alerts. Then back to the list as it was filtered."""
    is_one = "only" in request.POST
    rows = request.POST.getlist("only" if is_one else "row")
    keys = [int(key) for row in rows for key in row.split(",") if key.isdecimal()][:MANY]
    until = "" if is_one else request.POST.get("until", "")
    until = until or (request.as_at.today + A_WEEK).isoformat()
    note = "" if is_one else request.POST.get("note", "")
    try:
        said = _do(request, deed, keys, until=until, note=note)
    except inbox.InboxError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return redirect(_back(request))


def _back(request) -> str:
    """The list as it was filtered, where the form says so; never another site."""
    query = request.POST.get("back", "")
    address = reverse("accounts:home")
    return request.as_at.keep(f"{address}?{QueryDict(query).urlencode()}" if query else address)


def _do(request, deed, keys, *, until: str, note: str) -> str:
    """Do it, and say what was done. Raises InboxError."""
    user = request.user
    match deed:
        case "see":
            done, said = inbox.see(keys, by=user), "seen"
        case "later":
            day = _day(until)
            done = inbox.put_off(keys, day, by=user, today=request.as_at.today)
            said = f"put off until {day_in_full(day)}"
        case "deal":
            done, said = inbox.deal_with(keys, by=user, note=note), "dealt with"
        case "again":
            done, said = inbox.take_up_again(keys, by=user), "in the inbox again"
        case "know":
            done, said = inbox.take_note(keys, by=user), "noted as called off"
        case "hand":
            return _hand(request, keys)
        case _:
            raise Http404("That is nothing that is done to an alert.")
    if not done:
        return "Nothing to do: it was so already."
    return f"{count(done, 'alert', 'alerts').capitalize()} {said}."


def mine(request, flag) -> dict:
    """What the page of a flag shows of the reader's own alert of it; opening it is seeing it."""
    user = request.user
    found = inbox.of(user).filter(flag=flag).select_related("person", "holder", "handed_by")
    # Of two of one flag their own, and of all the one that they hold.
    mine = sorted(found, key=lambda one: (one.holder_id != user.pk, one.person_id != user.pk))
    alert = next(iter(mine), None)
    if alert is None:
        return {}
    if alert.holder_id == request.user.pk and alert.seen_at is None:
        inbox.see([alert.pk], by=request.user)
    takers = handing.takers([flag.pk], by=request.user)
    return {
        "alert": alert,
        "alert_is_open": not (alert.resolved_at or alert.lapsed_at or flag.resolved_at),
        "hand_form": HandForm(user=request.user, offered=takers) if takers else None,
        "next_week": request.as_at.today + A_WEEK,
    }


@login_required
@require_POST
def alert_deed(request, pk, deed):
    """Deal with it, with a note; put it off until a day; have it back; hand it to a colleague."""
    alert = get_object_or_404(inbox.of(request.user).select_related("flag"), pk=pk)
    until, note = request.POST.get("until", ""), request.POST.get("note", "")
    try:
        said = _do(request, deed, [alert.pk], until=until, note=note)
    except inbox.InboxError as error:
        messages.error(request, str(error))
        return redirect(request.as_at.keep(alert.flag.get_absolute_url()))
    messages.success(request, said)
    return redirect(request.as_at.keep(reverse("accounts:home")))


def _hand(request, keys):
    form = HandForm(request.POST, user=request.user)
    if not form.is_valid():
        raise inbox.InboxError("Choose a colleague to hand it to.")
    to = form.cleaned_data["to"]
    note = form.cleaned_data["note"]
    done = handing.hand_on(keys, to, by=request.user, moment=now(), note=note)
    said = f"{to} has it now."
    if done.had:
        of = f"of {count(done.had, 'alert', 'alerts')} of these " if done.given else ""
        said = f"{to} knew {of}already: it is open in their inbox again"
        said += ", with your note." if note.strip() else "."
    return said


def _day(text) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise inbox.InboxError("Until which day?") from None
