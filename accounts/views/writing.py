"""When a person is written to, and of what: their own page, and the one click in a letter."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from ..alerts import wanting
from ..alerts.forms import HoursForm
from ..models import LetterKind, WritingHours


@login_required
def writing_hours(request):
    """When the reader is written to, and of which kinds of things."""
    hours = WritingHours.objects.filter(user=request.user).first()
    form = HoursForm(request.POST or None, instance=hours or WritingHours(user=request.user))
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            form.save()
            wanting.want(form.wanted, of=request.user)
        messages.success(request, "Kept.")
        return redirect(request.as_at.keep(reverse("accounts:writing_hours")))
    status = 422 if form.errors else 200
    return render(request, "accounts/inbox/hours.html", {"form": form}, status=status)


# A mail program that posts for its reader has neither a session nor a token (RFC 8058); what the
# address does is all that it can do, and whoever has the letter may do that.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def letters_off(request, token):
    """Say what the address would turn off, without signing in; a POST does it."""
    try:
        person, kinds = wanting.read_off(token)
    except wanting.BadLink as error:
        raise Http404(str(error)) from error
    if request.method == "POST":
        wanting.turn_off(kinds, of=person)
    off = wanting.unwanted_by([person.pk])[person.pk]
    context = {
        "person": person,
        "kinds": kinds,
        "still": [kind for kind in kinds if kind not in off],
        "others": [kind for kind in LetterKind.for_role(person.role) if kind not in off],
        "was_done": request.method == "POST",
    }
    return render(request, "accounts/inbox/letters_off.html", context)
