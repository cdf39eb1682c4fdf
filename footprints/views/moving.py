"""The board of events by state, and the forms by which one moves on or to another day."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import now
from django.views.generic import TemplateView, View

from .. import created, hanging, panels
from ..forms import MoveDateForm, MoveForm
from ..hanging import Hanging
from ..models import Reorganisation, Succession
from ..services.dating import move_date
from ..services.declaring import MOVES, CannotMove, move_event, needs_reason
from .reorganisations import shown_events
from .stewards import PERMISSION, StewardsOnly

State = Reorganisation.State

SHOWN = 12  # cards a column; the list has the rest
PAST_SHOWN = 5  # of what took effect: history, which the list tells
CODES_SHOWN = 4


@dataclass(frozen=True)
class Card:
    event: Reorganisation
    old: list[str]
    new: list[str]
    old_besides: int
    new_besides: int
    touched: list[Hanging]
    moves: tuple
    panels: list[str]


@dataclass
class Column:
    state: str
    label: str
    count: int = 0
    cards: list[Card] = field(default_factory=list)
    is_shown: bool = False

    @property
    def rest(self) -> int:
        return self.count - len(self.cards)

    @property
    def list_address(self) -> str:
        return f"{reverse('footprints:reorganisations')}?{urlencode({'state': self.state})}"


class Board(LoginRequiredMixin, TemplateView):
    """The events by state, each with what of the reader's it touches, and where it may go.

    On a phone one column at a time: `?state=` says which.
    """

    template_name = "footprints/board.html"

    def get_context_data(self, **kwargs):
        user = self.request.user
        events = {state: self._events(state) for state in State}
        all_of_them = [event for found, _ in events.values() for event in found]
        touched = hanging.on_events(all_of_them, user)
        bodies = _bodies(all_of_them)
        said = panels.of_cards("board", self.request, all_of_them)
        may_move = user.has_perm(PERMISSION)
        asked = self.request.GET.get("state", "")
        first = next((state for state, (found, _) in events.items() if found), State.RUMOURED)
        shown = asked if asked in State.values else first
        columns = [
            Column(
                state,
                state.label,
                count,
                [
                    _card(
                        event,
                        bodies,
                        touched[event.pk],
                        MOVES[state] if may_move else (),
                        said.get(event.pk, []),
                    )
                    for event in found
                ],
                state == shown,
            )
            for state, (found, count) in events.items()
        ]
        return super().get_context_data(
            # What was dropped stands apart from the way to effective, where there is any.
            columns=[c for c in columns if c.state not in State.dropped() or c.count],
            may_record=may_move,
            **kwargs,
        )

    def _events(self, state) -> tuple[list[Reorganisation], int]:
        found = shown_events(None).filter(state=state)
        if state == State.EFFECTIVE:
            return list(found.order_by("-effective_on", "title", "pk")[:PAST_SHOWN]), found.count()
        return list(found.order_by("effective_on", "title", "pk")[:SHOWN]), found.count()


def _bodies(events) -> dict[int, tuple[list[str], list[str]]]:
    """The codes before and after of each event, wide bodies first as recorded; two queries."""
    found: dict[int, tuple[dict, dict]] = {event.pk: ({}, {}) for event in events}
    area = Succession.objects.now().filter(
        reorganisation__in=events, passes=Succession.Passes.AREA
    )
    names = ("reorganisation_id", "predecessor__code", "successor__code")
    for event, old, new in area.order_by("pk").values_list(*names):
        found[event][0][old] = True
        if new and new != old:
            found[event][1][new] = True
    for event, opened in created.by_events(events).items():
        found[event][1].update(dict.fromkeys(body.organisation.code for body in opened))
    return {event: (list(old), list(new)) for event, (old, new) in found.items()}


def _card(event, bodies, touched, moves, said) -> Card:
    old, new = bodies[event.pk]
    return Card(
        event,
        old[:CODES_SHOWN],
        new[:CODES_SHOWN],
        max(0, len(old) - CODES_SHOWN),
        max(0, len(new) - CODES_SHOWN),
        touched,
        moves,
        said,
    )


class _Mover(StewardsOnly, View):
    """A small form with a reason, and what its deed answers."""

    template_name = "footprints/move_event.html"

    def get(self, request, slug):
        event = get_object_or_404(Reorganisation, slug=slug)
        return self._page(event, self.form(event, initial=self.initial(event)))

    def post(self, request, slug):
        event = get_object_or_404(Reorganisation, slug=slug)
        form = self.form(event, data=request.POST)
        stands_in_the_way = None
        if form.is_valid():
            try:
                self.do(event, form.said())
            except CannotMove as refusal:
                form.add_error(None, str(refusal))
                stands_in_the_way = refusal.event
            else:
                event.refresh_from_db()
                messages.success(request, self.done(event))
                return redirect(event)
        return self._page(event, form, stands_in_the_way, status=422)

    def _page(self, event, form, other=None, status=200):
        context = {
            "event": event,
            "form": form,
            "other": other,
            "heading": self.heading(event),
            "is_day": isinstance(form, MoveDateForm),
            "touched": hanging.on_events([event], self.request.user)[event.pk],
        }
        return render(self.request, self.template_name, context, status=status)


class MoveEvent(_Mover):
    """Move the event to another state: `?to=` says to which."""

    def form(self, event, **given):
        return MoveForm(moves=MOVES[event.state], needs_reason=self._needs_reason(event), **given)

    def _needs_reason(self, event) -> bool:
        to = self._to()
        return to in MOVES[event.state] and needs_reason(event.state, to)

    def _to(self) -> str:
        return self.request.POST.get("to") or self.request.GET.get("to", "")

    def initial(self, event):
        return {"to": self.request.GET.get("to"), "seen": event.revision}

    def heading(self, event):
        if self._to() in MOVES[event.state]:
            becomes = State(self._to()).label.lower()
            why = ": say why" if self._needs_reason(event) else ""
            return f"It becomes {becomes}{why}"
        return "Move it on"

    def do(self, event, said):
        move_event(event, said.pop("to"), by=self.request.user, at=now(), **said)

    def done(self, event):
        return f"“{event}” is {event.get_state_display().lower()}."


class MoveDate(_Mover):
    """Let the event take effect on another day."""

    def form(self, event, **given):
        return MoveDateForm(**given)

    def initial(self, event):
        return {"to": event.effective_on, "seen": event.revision}

    def heading(self, event):
        return "Another day"

    def do(self, event, said):
        move_date(event, said.pop("to"), by=self.request.user, at=now(), **said)

    def done(self, event):
        return f"“{event}” takes effect on {event.effective_on:%-d %B %Y}."
