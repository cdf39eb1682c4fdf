"""The reorganisations as a list, and the page of one: what it does, on whose word."""

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import models
from django.db.models import Count, Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce, ExtractYear
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import NoReverseMatch, reverse
from django.views.generic import TemplateView

from .. import blast_radius, created, hanging, panels, timeline
from ..filters import ReorganisationFilter
from ..life.story import passing_rows
from ..lists import Action, ListView
from ..lives import Lives
from ..models import Kind, Move, Relationship, Release, Reorganisation, Step, Succession, Version
from ..services.declaring import MOVES
from ..shares import fill_in
from ..tables import ReorganisationTable
from .stewards import PERMISSION

ROWS_SHOWN = 12  # of each circle of the blast radius


class ReorganisationList(ListView):
    """Every event, the latest first: what is coming stands above what was."""

    template_name = "footprints/reorganisation_list.html"
    title = "Reorganisations"
    lead = "What changed in the NHS, what will by law, and what is only said."
    model = Reorganisation
    table_class = ReorganisationTable
    filterset_class = ReorganisationFilter
    default_sort = "-effective"
    noun = ("reorganisation", "reorganisations")
    count_limit = 10_000
    empty_title = "No reorganisation is known"
    empty_text = "They come with the facts that are loaded, or are recorded by a data steward."

    def get_queryset(self):
        release = self.as_at.release
        passing = Succession.objects.known(release).filter(reorganisation=OuterRef("pk"))
        moving = Move.objects.known(release).filter(reorganisation=OuterRef("pk"))
        area = passing.filter(passes=Succession.Passes.AREA).order_by().values("reorganisation")
        return shown_events(release).annotate(
            old_bodies=_count(area, "predecessor"),
            new_bodies=_count(area, "successor"),
            moved=_count(moving.order_by().values("reorganisation"), "child"),
        )

    def get_actions(self):
        actions = [Action("Board", reverse("footprints:board"), "kanban")]
        if self.request.user.has_perm(PERMISSION):
            address = reverse("footprints:record_event")
            actions.insert(0, Action("Record a reorganisation", address, "plus-lg"))
        return actions

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        years = (
            shown_events(self.as_at.release)
            .order_by()
            .values(year=ExtractYear("effective_on"))
            .annotate(
                count=Count("pk"),
                undecided=Count("pk", filter=~models.Q(state__in=Reorganisation.State.settled())),
            )
            .order_by("-year")
        )
        since, until = self.request.GET.get("since"), self.request.GET.get("until")
        context["years"] = [
            {
                **row,
                "on": (since, until) == (f"{row['year']}-01-01", f"{row['year']}-12-31"),
                "address": self.address(
                    since=f"{row['year']}-01-01", until=f"{row['year']}-12-31"
                ),
            }
            for row in years
        ]
        return context


def shown_events(release):
    """The events of which the register knew something by then; those that are declared, now.

    An event whose recording was undone is none any more, though nothing was said of its bodies.
    """
    event = OuterRef("pk")
    shown = Exists(Succession.objects.known(release).filter(reorganisation=event)) | Exists(
        Move.objects.known(release).filter(reorganisation=event)
    )
    if release is None:  # declared, and nothing said of its bodies yet
        undone = Step.objects.filter(
            reorganisation=event,
            release__kind=Release.Kind.UNDO,
            effective_on=None,
            state=Reorganisation.State.SUPERSEDED,
        )
        shown |= (
            ~Exists(Succession.objects.filter(reorganisation=event))
            & ~Exists(Move.objects.filter(reorganisation=event))
            & ~Exists(undone)
        )
    return Reorganisation.objects.filter(shown)


def _count(rows, column):
    """How many bodies a column of an event's rows names, each once."""
    return Coalesce(
        Subquery(rows.annotate(bodies=Count(column, distinct=True)).values("bodies")), 0
    )


@dataclass(frozen=True)
class Moved:
    """Children that an event moves from one parent to another, all in the same sense."""

    old: Version | None
    new: Version | None
    type: str
    children: list[Version]
    noun: str


@dataclass(frozen=True)
class Ring:
    """One circle of the blast radius as its reader may see it: how many, and the first rows."""

    says: str
    decides: str
    count: int
    rows: list[dict]

    @property
    def besides(self):
        return self.count - len(self.rows)


class ReorganisationDetail(LoginRequiredMixin, TemplateView):
    """One event: its state and evidence, old → new, and what hangs on the bodies it touches."""

    template_name = "footprints/reorganisation.html"

    def get_context_data(self, *, slug, **kwargs):
        event = get_object_or_404(Reorganisation, slug=slug)
        release = self.request.as_at.release
        successions = list(
            event.successions.known(release)
            .select_related("reorganisation", "becomes")
            .order_by("passes", "pk")
        )
        fill_in(successions, release)
        moves = list(event.moves.known(release).order_by("type", "pk"))
        if release is not None and not successions and not moves:
            raise Http404(f"Nothing was known of «{event}» yet.")
        lives = Lives(
            {
                *(row.predecessor_id for row in successions),
                *(row.successor_id for row in successions),
                *(
                    key
                    for row in moves
                    for key in (row.child_id, row.from_parent_id, row.to_parent_id)
                ),
            },
            release,
        )
        rows = sorted(passing_rows(successions, lives), key=_reading_order)
        visible = [row for row in successions if row.passes == Succession.Passes.AREA]
        rings = self._rings(event)
        user, steps = self.request.user, _told(event)
        return super().get_context_data(
            event=event,
            today=self.request.as_at.today,
            steps=steps,
            areas=[r for r in rows if r["row"].passes == Succession.Passes.AREA],
            functions=[r for r in rows if r["row"].passes == Succession.Passes.FUNCTIONS],
            moved=_grouped(moves, event, lives),
            picture=timeline.draw(_drawn(successions), lives),
            drawn_functions=len(_drawn(successions)) > len(visible),
            rings=rings,
            sources=_sources([*successions, *moves]),
            moves=MOVES[event.state] if user.has_perm(PERMISSION) else (),
            written_by=_written_by(steps) if user.has_perm(PERMISSION) else None,
            opens=created.by_events([event]).get(event.pk, []),
            may_change=user.is_staff and user.has_perm("footprints.change_reorganisation"),
            # Field users are told nothing of what hangs where: their panels ask themselves.
            panels=panels.of(
                "reorganisation",
                self.request,
                event,
                None if rings is None else {ring.says for ring in rings},
            ),
            **kwargs,
        )

    def _rings(self, event):
        """The circles in which the reader has any row; None where none may be shown at all."""
        if hanging.is_field_user(self.request.user):
            return None
        user, rings = self.request.user, []
        counts = blast_radius.counted([event], lambda key, rows: hanging.sees(user, key, rows))
        for circle in blast_radius.of(event):
            key = circle.key
            count = counts[event.pk].get(key)
            if not count:
                continue
            seen = hanging.sees(user, key, circle.rows)
            relations = [f.name for f in key.model._meta.local_fields if f.many_to_one]
            first = seen.select_related(*relations).order_by("pk")[:ROWS_SHOWN]
            rings.append(
                Ring(circle.says, circle.decides, count, [_row(key, row) for row in first])
            )
        return rings


def _told(event) -> list[Step]:
    """The steps of the event, the latest first; each says what it did to the flags it leaves."""
    steps = list(event.steps.select_related("by", "release__undone_by"))
    dropped, was_dropped = Reorganisation.State.dropped(), False
    for step in steps:
        is_dropped, step.flags = step.state in dropped, ""
        if is_dropped and not was_dropped:
            state = step.get_state_display().lower()
            step.flags = f"It leaves no flag while it is {state}: those that it raised lapse."
        elif was_dropped and not is_dropped:
            step.flags = "What it touches is flagged again."
        was_dropped = is_dropped
    return steps[::-1]


def _written_by(steps: list[Step]) -> Release | None:
    """The release that recorded the event, where it stands; of its steps, the latest first.

    A day that was moved since is undone with it: the page of the undo lists both. An event that
    was undone may be recorded anew, from the same proposal.
    """
    written = [step.release for step in steps if step.release]
    standing = [each for each in written if not (each.undoes_id or hasattr(each, "undone_by"))]
    return standing[-1] if standing else None


def _row(key, row):
    """A row of ours as its circle lists it: what it is, what befalls its body, where it leads."""
    change = key.rule.outcomes.get(row.change)
    target = getattr(row, key.rule.root) if key.rule.root else row
    try:
        address = target.get_absolute_url()
    except (AttributeError, NoReverseMatch):
        address = None
    return {
        "text": str(row),
        "root": str(target) if target is not row else "",
        "address": address,
        "outcome": getattr(change, "label", ""),
    }


def _reading_order(row):
    """Wider bodies before narrower ones, those that end before those that become, then codes."""
    old = row["old"]
    return (
        old.kind.tier if old else 99,
        row["row"].becomes_id is not None,
        old.organisation.code if old else "",
        -(row["row"].share or 0),
    )


def _drawn(successions):
    """The successions in the picture: with the functions where they are few enough to follow."""
    areas = [row for row in successions if row.passes == Succession.Passes.AREA]
    return successions if len(successions) <= 24 else areas


def _grouped(moves, event, lives):
    """Moves from one parent to another, those of most children first."""
    groups = defaultdict(list)
    for move in moves:
        child = lives.near(move.child_id, event.effective_on)
        key = (move.from_parent_id, move.to_parent_id, move.type, child.kind_id if child else "")
        groups[key].append(child)
    grouped = []
    for (old, new, type, _), children in groups.items():
        children = sorted(filter(None, children), key=lambda v: v.name.lower())
        kind: Kind | None = children[0].kind if children else None
        grouped.append(
            Moved(
                lives.before(old, event.effective_on),
                lives.near(new, event.effective_on),
                Relationship.Type(type).label,
                children,
                (kind.name if len(children) == 1 else kind.plural) if kind else "",
            )
        )
    return sorted(grouped, key=lambda moved: (-len(moved.children), moved.noun))


def _sources(rows):
    """Each source and note once, with how many rows rest on it."""
    said = defaultdict(int)
    for row in rows:
        if row.source or row.note:
            said[row.source, row.note] += 1
    return [(source, note, count) for (source, note), count in said.items()]
