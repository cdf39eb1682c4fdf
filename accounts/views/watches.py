"""The doors of watches: begin one, see them all, stop some, answer where one is to go."""

from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import now
from django.views.decorators.http import require_POST

from footprints.lists import Action, ListView
from footprints.models import Organisation, Reorganisation
from footprints.names import count, listed
from stakeholders.models import Person

from .. import tasks
from ..models import TerritoryPlan, Watch, WatchMove
from ..watches import keeping
from ..watches.lists import WatchFilter, WatchTable, shown_to
from ..watches.saying import lines_of, notices_of
from ..watches.searches import said, words_of
from ..watches.unasked import unasked_of

NEWS_FOR = timedelta(days=90)  # a notice stands on the pages; the list says where from for ever
NOTICES_SHOWN = 8


class WatchPage(ListView):
    """What the reader watches, what is coming to it, and where it went."""

    template_name = "accounts/watches/watches.html"
    title = "What I watch"
    lead = "You hear of what touches these. Where a body ends, your watch goes to its successor."
    model = Watch
    table_class = WatchTable
    filterset_class = WatchFilter
    noun = ("watch", "watches")
    count_limit = 1_000
    depends_on_day = False
    default_sort = "what"
    empty_title = "You watch nothing yet"
    empty_text = (
        "Open an organisation, a reorganisation, a plan or a person, or search the register, and "
        "press Watch."
    )

    def get_queryset(self):
        return shown_to(self.request.user)

    def get_table_kwargs(self):
        return {"user": self.request.user, "today": self.request.as_at.today}

    def get_bulk_actions(self):
        return [Action("Stop watching", reverse("accounts:stop_watching"), "eye-slash")]

    def get_context_data(self, **kwargs):
        user, today = self.request.user, self.request.as_at.today
        return super().get_context_data(
            **notices(self.request), unasked=unasked_of(user, today=today), **kwargs
        )


def notices(request) -> dict:
    """What pages say of the reader's watches that went along: the questions, and the notices."""
    asked, moved = notices_of(request.user, since=now() - NEWS_FOR)
    return {
        "watches_asked": asked,
        "watches_moved": moved[:NOTICES_SHOWN],
        "watches_moved_more": max(len(moved) - NOTICES_SHOWN, 0),
    }


THINGS = {
    "organisation": (Organisation, "code"),
    "reorganisation": (Reorganisation, "slug"),
    "plan": (TerritoryPlan, "pk"),
    "stakeholder": (Person, "pk"),
}


@login_required
@require_POST
def watch(request):
    """Watch the one thing that is named, or watch it no more, and go back to it."""
    kind, what = _named(request)
    if "stop" in request.POST:
        held = Watch.objects.visible_to(request.user).filter(**{kind: what})
        keeping.stop(request.user, held.values_list("pk", flat=True), on=request.as_at.today)
        messages.success(request, "You watch it no more.")
        return redirect(request.as_at.keep(_page_of(kind, what)))
    try:
        made = keeping.watch(request.user, on=request.as_at.today, **{kind: what})
    except keeping.WatchError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _begun(request, made))
        tasks.raise_flags.soon()
    return redirect(request.as_at.keep(_page_of(kind, what)))


def _named(request):
    """The kind of thing and the thing that a form names; 404 where there is none, or none that
    the reader may open."""
    for kind, (model, name) in THINGS.items():
        if kind in request.POST:
            rows = model.objects
            if model is TerritoryPlan:
                rows = rows.visible_to(request.user)
            value = request.POST[kind]
            if "\x00" in value or (name == "pk" and not value.isdecimal()):
                raise Http404("There is nothing of that name.")
            return kind, get_object_or_404(rows, **{name: value})
    if "search" in request.POST:
        return "search", words_of(request.POST["search"])
    raise Http404("Say what to watch.")


def _page_of(kind, what) -> str:
    if kind == "search":
        return f"{reverse('footprints:organisations')}?{what}"
    return what.get_absolute_url()


def _begun(request, made: Watch) -> str:
    if not made.closed_on:
        return "You watch it: you hear of every reorganisation that touches it."
    open_ones = Watch.objects.visible_to(request.user).open()
    moves = WatchMove.objects.filter(watch=made).exclude(successor=None)
    codes = sorted(
        open_ones.filter(organisation__in=_followed(moves)).values_list(
            "organisation__code", flat=True
        )
    )
    if not codes:
        return "It closed without a successor: there is nothing to hear of it any more."
    return f"It is no more: you watch {listed(codes)}, where its area is now."


def _followed(moves) -> set[int]:
    """The bodies to which these moves lead, over as many events as there were."""
    found, further = set(), set(moves.values_list("successor", flat=True))
    list_of = set(moves.values_list("watch__list", flat=True))
    while further - found:
        found |= further
        more = WatchMove.objects.filter(
            watch__list__in=list_of, watch__organisation__in=further, successor__isnull=False
        )
        further = set(more.values_list("successor", flat=True))
    return found


@login_required
@require_POST
def stop_watching(request):
    """Watch what is ticked, as `row`, no more."""
    keys = [int(row) for row in request.POST.getlist("row") if row.isdecimal()][:1000]
    done = keeping.stop(request.user, keys, on=request.as_at.today)
    messages.success(request, f"You watch {count(done, 'thing', 'things')} less.")
    return redirect(request.as_at.keep(reverse("accounts:watches")))


@login_required
def watch_questions(request):
    """The watches of bodies that were split: which successors the reader follows."""
    user = request.user
    asked = {watch.pk for watch in keeping.questions(user)}
    answered = WatchMove.objects.exclude(answered_at=None).values("watch")
    watches = Watch.objects.visible_to(user).filter(closed_by__isnull=False)
    watches = watches.filter(pk__in=asked) | watches.filter(pk__in=answered)
    events = {watch.closed_by for watch in watches.select_related("closed_by")}
    lines = [line for some in lines_of(user, events).values() for line in some]
    lines.sort(key=lambda line: (line.event.effective_on, line.old.code if line.old else ""))
    return render(
        request,
        "accounts/watches/questions.html",
        {
            "questions": [line for line in lines if line.asks],
            "answered": [line for line in lines if line.state == "answered"],
        },
    )


@login_required
@require_POST
def answer_watch(request, pk):
    """Follow the successors that are ticked, as `follow`, and no other."""
    question = get_object_or_404(Watch.objects.visible_to(request.user), pk=pk)
    follow = {int(key) for key in request.POST.getlist("follow") if key.isdecimal()}
    try:
        kept = keeping.answer(request.user, question, follow, on=request.as_at.today)
    except keeping.WatchError as error:
        messages.error(request, str(error))
    else:
        code = question.organisation.code
        messages.success(
            request,
            f"You follow {count(kept, 'successor', 'successors')} of {code}."
            if kept
            else f"You follow none of the successors of {code}.",
        )
    return redirect(request.as_at.keep(reverse("accounts:watch_questions")))


# --- On the pages of the floors below ------------------------------------------------------------


def _button(request, kind, name, held) -> str:
    context = {"kind": kind, "name": name, "watch": held}
    return render_to_string("accounts/watches/_button.html", context, request=request)


def unwatched_deed(request, organisation) -> str:
    """Where the page has counted what hangs on the body, and no watch of the reader's does."""
    return _button(request, "organisation", organisation.code, None)


def _held(request, **thing):
    return Watch.objects.visible_to(request.user).filter(**thing).first()


def organisation_deed(request, organisation) -> str:
    held = _held(request, organisation=organisation.pk)
    return _button(request, "organisation", organisation.code, held)


def event_deed(request, event) -> str:
    return _button(request, "reorganisation", event.slug, _held(request, reorganisation=event))


def plan_deed(request, plan) -> str:
    return _button(request, "plan", plan.pk, _held(request, plan=plan))


def person_deed(request, person) -> str:
    return _button(request, "stakeholder", person.pk, _held(request, stakeholder=person))


def search_deed(request, query) -> str:
    """For what the register's list is narrowed by; nothing for the whole of it."""
    words = words_of(query)
    if not words:
        return ""
    held = _held(request, search=words)
    context = {"kind": "search", "name": words, "watch": held, "says": said([words])[words]}
    return render_to_string("accounts/watches/_button.html", context, request=request)
