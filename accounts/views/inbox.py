"""The doors of the inbox: what hits me, and what I do about it."""

from datetime import date, timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from footprints.names import count
from footprints.written import day_in_full

from ..alerts import inbox
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
    rows = request.POST.getlist("only") or request.POST.getlist("row")
    keys = [int(key) for row in rows for key in row.split(",") if key.isdecimal()][:MANY]
    back = _back(request)
    try:
        until = None
        if deed == "later":
            given = "" if "only" in request.POST else request.POST.get("until", "")
            until = _day(given) if given else request.as_at.today + A_WEEK
        if deed == "hand":
            said = _hand(request, keys)
        else:
            note = "" if "only" in request.POST else request.POST.get("note", "")
            done = _do(request, deed, keys, until=until, note=note)
            said = f"{count(done, 'alert', 'alerts').capitalize()} {_done(deed, until)}."
    except inbox.InboxError as error:
        messages.error(request, str(error))
        return redirect(back)
    messages.success(request, said)
    return redirect(back)


def _back(request) -> str:
    """The list as it was filtered, where the form says so; never another site."""
    query = request.POST.get("back", "")
    address = reverse("accounts:home")
    return request.as_at.keep(f"{address}?{QueryDict(query).urlencode()}" if query else address)


def _done(deed, until):
    return {
        "see": "seen",
        "later": f"put off until {day_in_full(until)}" if until else "",
        "deal": "dealt with",
        "again": "in the inbox again",
    }[deed]


def _do(request, deed, keys, *, until=None, note=""):
    user = request.user
    match deed:
        case "see":
            return inbox.see(keys, by=user)
        case "later":
            return inbox.put_off(keys, until, by=user, today=request.as_at.today)
        case "deal":
            return inbox.deal_with(keys, by=user, note=note)
        case "again":
            return inbox.take_up_again(keys, by=user)
    raise Http404("That is nothing that is done to an alert.")


def mine(request, flag) -> dict:
    """What the page of a flag shows of the reader's own alert of it; opening it is seeing it."""
    alert = inbox.of(request.user).filter(flag=flag).select_related("person", "holder").first()
    if alert is None:
        return {}
    if alert.holder_id == request.user.pk and alert.seen_at is None:
        inbox.see([alert.pk], by=request.user)
    return {
        "alert": alert,
        "alert_is_open": not (alert.resolved_at or alert.lapsed_at or flag.resolved_at),
        "hand_form": HandForm(user=request.user),
        "next_week": request.as_at.today + A_WEEK,
    }


@login_required
@require_POST
def alert_deed(request, pk, deed):
    """Deal with it, with a note; put it off until a day; have it back; hand it to a colleague."""
    alert = get_object_or_404(inbox.of(request.user).select_related("flag"), pk=pk)
    try:
        if deed == "hand":
            said = _hand(request, [alert.pk])
        else:
            until = _day(request.POST.get("until", "")) if deed == "later" else None
            note = request.POST.get("note", "")
            done = _do(request, deed, [alert.pk], until=until, note=note)
            said = _said(deed, until) if done else "Nothing to do: it was so already."
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
    inbox.hand_on(keys, to, by=request.user, note=form.cleaned_data["note"])
    return f"{to} has it now."


def _day(text) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise inbox.InboxError("Until which day?") from None


def _said(deed, until):
    return {
        "see": "Marked as seen.",
        "deal": "Dealt with.",
        "again": "In the inbox again.",
        "later": f"Put off until {day_in_full(until)}." if until else "",
    }[deed]
