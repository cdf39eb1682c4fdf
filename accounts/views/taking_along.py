"""What is taken along: the crosswalk and the brief of an event, and the ledger of some plans."""

import logging

from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils.text import slugify
from django.views.generic import TemplateView

from footprints.lists.files import as_csv
from footprints.models import Reorganisation

from ..models import User
from ..taking_along import crosswalk, ledger, ours
from ..taking_along.brief import brief
from ..taking_along.brief_pdf import as_pdf
from ..taking_along.forms import CrosswalkForm, LedgerForm

log = logging.getLogger(__name__)

SHOWN = 12  # lines of the file on its page


def may_take_the_brief(user: User) -> bool:
    """A brief says who must decide what: it is for those who do."""
    return user.role in User.Role.planning()


def _event(slug) -> Reorganisation:
    return get_object_or_404(Reorganisation, slug=slug)


def _file(content, name, kind) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv(heads, lines, name) -> HttpResponse:
    return _file(as_csv([heads, *lines]), f"{name}.csv", "text/csv; charset=utf-8")


def _beside(found: crosswalk.Crosswalk, plans, user) -> list[ours.Column]:
    """Our columns beside the crosswalk's."""
    bodies = {body for row in found.rows for body in (*row.before, *row.after)}
    return ours.columns(found.event, plans, bodies, user) if plans else []


def _shown(found: crosswalk.Crosswalk, columns: list[ours.Column]) -> list[dict]:
    """The first lines as the page shows them."""
    return [
        {
            "unit": found.before(row.unit),
            "old": found.before(row.old),
            "new": found.after(row.new) if row.new else None,
            "row": row,
            "ours": [(column, *column.cells(row)) for column in columns],
        }
        for row in found.rows[:SHOWN]
    ]


class TakeAlong(LoginRequiredMixin, TemplateView):
    """An event's files: what each holds, the first lines of the crosswalk, and the way to them."""

    template_name = "accounts/taking_along/event.html"

    def get(self, request, slug):
        event = _event(slug)
        plans = ours.plans_touched(event, request.user)
        chosen = request.GET if "plan" in request.GET else None
        first = plans[: ours.MOST_PLANS]
        form = CrosswalkForm(chosen, plans=plans, initial={"plan": [plan.pk for plan in first]})
        if chosen is not None:
            first = form.cleaned_data["plan"] if form.is_valid() else []
        found = crosswalk.crosswalk(event)
        columns = _beside(found, first, request.user)
        context = {
            "event": event,
            "plans": plans,
            "form": form,
            "found": found,
            "heads": [*crosswalk.HEADS, *(head for column in columns for head in column.heads)],
            "columns": columns,
            "lines": _shown(found, columns),
            "may_take_the_brief": may_take_the_brief(request.user),
        }
        return self.render_to_response(context, status=422 if form.errors else 200)


@login_required
def crosswalk_file(request, slug):
    """The crosswalk as CSV, with the territories of the plans asked for, or of none."""
    event = _event(slug)
    form = CrosswalkForm(request.GET, plans=ours.plans_touched(event, request.user))
    if not form.is_valid():
        return TakeAlong.as_view()(request, slug=slug)
    found = crosswalk.crosswalk(event)
    columns = _beside(found, form.cleaned_data["plan"], request.user)
    heads = [*crosswalk.HEADS, *(head for column in columns for head in column.heads)]
    lines = [
        [*found.line(row), *(cell for column in columns for cell in column.cells(row))]
        for row in found.rows
    ]
    log.info("Crosswalk of %s: %d lines for %s", event.slug, len(lines), request.user)
    return _csv(heads, lines, f"crosswalk-{event.slug}")


@login_required
def brief_file(request, slug):
    """One page for a director, as PDF."""
    if not may_take_the_brief(request.user):
        raise PermissionDenied
    event = _event(slug)
    address = request.build_absolute_uri(event.get_absolute_url())
    content = as_pdf(
        brief(event, request.user),
        asked_by=str(request.user),
        on=request.as_at.today,
        address=address,
    )
    return _file(content, f"brief-{event.slug}.pdf", "application/pdf")


class LedgerPage(LoginRequiredMixin, TemplateView):
    """Who held which practice when: the period and the plans are chosen here."""

    template_name = "accounts/taking_along/ledger.html"

    def get_context_data(self, **kwargs):
        today = self.request.as_at.today
        start = today.replace(month=1, day=1)
        initial = {"since": start, "until": today, "plan": self.request.GET.getlist("plan")}
        form = LedgerForm(user=self.request.user, initial=initial)
        return super().get_context_data(form=form, **kwargs)


@login_required
def ledger_file(request):
    """The ledger as CSV; what cannot be asked for is said on the page."""
    form = LedgerForm(request.GET, user=request.user)
    if not form.is_valid():
        return render(request, LedgerPage.template_name, {"form": form}, status=422)
    since, until, plans = (form.cleaned_data[name] for name in ("since", "until", "plan"))
    found = ledger.ledger([plan.pk for plan in plans], since, until, request.user)
    lines = list(found.lines())
    log.info("Ledger of %s to %s: %d lines for %s", since, until, len(lines), request.user)
    name = slugify(plans[0].name) if len(plans) == 1 else f"{len(plans)}-plans"
    return _csv(ledger.HEADS, lines, f"ledger-{name}-{since}-to-{until}")


def event_panel(request, event) -> str:
    """The files of an event, for the event's page a floor below; no query."""
    context = {"event": event, "may_take_the_brief": may_take_the_brief(request.user)}
    return render_to_string("accounts/taking_along/_panel.html", context, request)
