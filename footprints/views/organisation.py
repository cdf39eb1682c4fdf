"""The page of one organisation: everything the register knows of it, on the day shown."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Count, Exists, F, OuterRef, Q, Window
from django.db.models.functions import Lower, RowNumber
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import TemplateView

from .. import hanging, panels, timeline
from ..lives import Lives
from ..models import (
    Identifier,
    Kind,
    LeadProvider,
    Move,
    Organisation,
    Population,
    Relationship,
    Reorganisation,
    Succession,
    Version,
)
from ..tracing import trace
from ..within import BELOW, bodies_above

CHILDREN_SHOWN = 12  # of each kind; the list has the rest


@dataclass(frozen=True)
class Relation:
    """The body at the other end of a relationship, as it is called on the day shown."""

    version: Version | None
    type: str
    opened_on: date | None
    closed_on: date | None
    source: str
    note: str
    holds: bool


@dataclass(frozen=True)
class Group:
    """Bodies of one kind that stand in one sense to the organisation: how many, and the first."""

    heading: str
    kind: Kind
    count: int
    versions: list[Version]
    has_more: bool


@dataclass(frozen=True)
class Chapter:
    """One reorganisation in a body's story, with the successions that led to it or from it."""

    event: Reorganisation
    rows: list[dict]

    @property
    def parts(self):
        """Areas, then statutory functions under a heading of their own."""
        areas = [r for r in self.rows if r["row"].passes == Succession.Passes.AREA]
        functions = [r for r in self.rows if r["row"].passes == Succession.Passes.FUNCTIONS]
        heading = "Statutory functions" if areas else "Statutory functions only"
        parts = [{"heading": "", "rows": areas}, {"heading": heading, "rows": functions}]
        return [part for part in parts if part["rows"]]


class OrganisationDetail(LoginRequiredMixin, TemplateView):
    """Everything the register knows of one code, on the day shown."""

    template_name = "footprints/organisation.html"

    def get(self, request, *args, code, **kwargs):
        release = request.as_at.release
        # Most bodies have few kinds of facts: one query says which are worth asking for.
        found = (
            Organisation.objects.filter(code=code)
            .annotate(
                **{
                    f"has_{name}": Exists(rows.filter(about(OuterRef("pk"))))
                    for name, (rows, about) in _facts(release).items()
                }
            )
            .first()
        )
        if found is None:
            # Codes are read aloud and typed in small letters.
            if code != code.upper() and Organisation.objects.filter(code=code.upper()).exists():
                address = request.get_full_path().replace(code, code.upper(), 1)
                return redirect(address)
            raise Http404(f"No organisation has the code {code}.")
        self.organisation = found
        return self.render_to_response(self.get_context_data(**kwargs))

    def get_context_data(self, **kwargs):
        day, release = self.request.as_at.day, self.request.as_at.release
        body = self.organisation
        flows = timeline.flows_of(body.pk, release)
        upward = self._upward(day, release)
        facts = {
            name: list(rows.filter(about(body.pk))) if getattr(body, f"has_{name}") else []
            for name, (rows, about) in _facts(release).items()
        }
        leads, moves = facts.pop("leads"), facts.pop("moves")
        lives = Lives(
            {
                body.pk,
                *(row.predecessor_id for row in flows),
                *(row.successor_id for row in flows),
                *(row.parent_id for row in upward),
                *(row.provider_id for row in leads),
                *(row.collaborative_id for row in leads),
                *(key for row in moves for key in (row.from_parent_id, row.to_parent_id)),
            },
            release,
        )
        versions = lives.of(body.pk)
        if not versions:
            raise Http404(f"Nothing was known of {body.code} yet.")
        version = lives.on(body.pk, day)
        shown = version or lives.near(body.pk, day)
        own = [row for row in upward if row.child_id == body.pk]
        context = {
            "organisation": body,
            "version": version,
            "shown": shown,
            "versions": versions,
            "chain": _chain(body.pk, upward, lives, day) if version else [],
            "parents": [self._relation(row, lives, day) for row in own],
            "groups": self._groups(day, release) if version else [],
            "committees": self._committees(day, release) if version else [],
            "led_by": _leads(leads, lives, "collaborative_id", "provider_id", body, day),
            "leads": _leads(leads, lives, "provider_id", "collaborative_id", body, day),
            "picture": timeline.draw(flows, lives, {body.pk}),
            "functions_drawn": any(row.passes == Succession.Passes.FUNCTIONS for row in flows),
            "undecided_drawn": any(not row.reorganisation.is_decided for row in flows),
            "story": _story(flows, lives),
            "coming": _coming(body.pk, day, flows, moves, lives),
            "hanging": hanging.on_body(body, self.request.user),
            "panels": panels.of("organisation", self.request, body),
            "sources": _sources(versions, own, leads, flows, facts),
            **facts,
        }
        if version is None:
            goes_on = any(row.predecessor_id == body.pk for row in flows)
            context |= self._absent(shown, goes_on, day, release)
        return super().get_context_data(**context, **kwargs)

    def _upward(self, day, release):
        """Every relationship of the body to a parent, ever; on the day, those of its parents."""
        shown = Relationship.objects.known(release)
        above = shown.on(day).filter(
            type__in=BELOW, child__in=bodies_above(self.organisation.pk, day, release)
        )
        return list(
            shown.filter(Q(child=self.organisation) | Q(pk__in=above.values("pk"))).order_by(
                "type", F("opened_on").asc(nulls_first=True), "parent__code"
            )
        )

    def _relation(self, row, lives, day):
        holds = (row.opened_on is None or row.opened_on <= day) and (
            row.closed_on is None or row.closed_on > day
        )
        at = day if holds else (row.opened_on or row.closed_on or day)
        return Relation(
            lives.near(row.parent_id, at),
            row.get_type_display(),
            row.opened_on,
            row.closed_on,
            row.source,
            row.note,
            holds and lives.on(row.parent_id, day) is not None,
        )

    def _groups(self, day, release):
        """The bodies below it, one group a sense and kind; the first of each, and how many."""
        below = (
            Relationship.objects.known(release)
            .on(day)
            .filter(parent=self.organisation)
            .exclude(type=Relationship.Type.COVERS)
        )
        ranked = (
            Version.objects.known(release)
            .on(day)
            .decided()
            .filter(organisation__parent_relationships__in=below)
            .annotate(
                type=F("organisation__parent_relationships__type"),
                rank=Window(
                    RowNumber(), partition_by=["type", "kind"], order_by=[Lower("name"), "pk"]
                ),
                together=Window(Count("pk"), partition_by=["type", "kind"]),
            )
            .filter(rank__lte=CHILDREN_SHOWN)
            .select_related("organisation", "kind")
            .order_by("-type", "kind__tier", "kind", "rank")
        )
        groups = defaultdict(list)
        for version in ranked:
            groups[version.type, version.kind].append(version)
        headings = {"serves": "serving it", "member_of": "members of it", "part_of": "part of it"}
        return [
            Group(headings[type], kind, of[0].together, of, of[0].together > len(of))
            for (type, kind), of in groups.items()
        ]

    def _committees(self, day, release):
        """Committees that cover the body, or what it is part of; with the code they cover."""
        above = bodies_above(self.organisation.pk, day, release)
        covering = (
            Relationship.objects.known(release)
            .on(day)
            .filter(type=Relationship.Type.COVERS, parent__in=above)
        )
        return list(
            Version.objects.known(release)
            .on(day)
            .filter(organisation__parent_relationships__in=covering)
            .annotate(covers=F("organisation__parent_relationships__parent__code"))
            .select_related("organisation", "kind")
            .order_by(Lower("name"), "covers")
        )

    def _absent(self, shown, goes_on, day, release):
        """What to say of a body that does not live on the day: not yet, or where its area went."""
        if shown.opened_on and shown.opened_on > day:
            return {"is_early": True}
        if not goes_on:
            return {}
        return {"places": trace(self.organisation.code, day, known=release)}


def _facts(release):
    """Facts of a body by name: a queryset of them, and which of them are about an organisation."""
    start = F("opened_on").asc(nulls_first=True)
    return {
        "leads": (
            LeadProvider.objects.known(release).order_by("service_line", start),
            lambda key: Q(collaborative=key) | Q(provider=key),
        ),
        "moves": (
            Move.objects.known(release)
            .exclude(reorganisation__state__in=Reorganisation.State.dropped())
            .select_related("reorganisation")
            .order_by("reorganisation__effective_on", "pk"),
            lambda key: Q(child=key),
        ),
        "identifiers": (
            Identifier.objects.known(release).order_by("scheme", start),
            lambda key: Q(organisation=key),
        ),
        "populations": (
            Population.objects.known(release).order_by("-boundary_on", "-year"),
            lambda key: Q(organisation=key),
        ),
    }


def _chain(key, upward, lives, day):
    """The bodies above, the widest first, each as it is called on the day."""
    parents = {}
    for row in upward:
        holds = (row.opened_on is None or row.opened_on <= day) and (
            row.closed_on is None or row.closed_on > day
        )
        if holds and row.type in BELOW and lives.on(row.parent_id, day):
            parents.setdefault(row.child_id, row.parent_id)
    chain = []
    while key in parents and len(chain) < 6:
        key = parents.pop(key)
        chain.insert(0, lives.on(key, day))
    return chain


def _leads(leads, lives, ours, theirs, body, day):
    """Lead providers of a collaborative, or what a provider leads: one row a service line."""
    return [
        {
            "service_line": row.service_line,
            "version": lives.near(getattr(row, theirs), row.opened_on or day),
            "opened_on": row.opened_on,
            "closed_on": row.closed_on,
            "row": row,
            "holds": row.closed_on is None or row.closed_on > day,
        }
        for row in leads
        if getattr(row, ours) == body.pk
    ]


def passing_rows(successions, lives):
    """Rows for the old → new component: what passed, with the names of the days around it."""
    rows = []
    for row in successions:
        day = row.reorganisation.effective_on
        old = lives.before(row.predecessor_id, day)
        new = lives.near(row.successor_id, day) if row.successor_id else None
        rows.append({"row": row, "old": old, "new": new})
    return rows


def _story(flows, lives):
    """The events that led to the body and on from it, oldest first."""
    chapters = defaultdict(list)
    for row in flows:
        chapters[row.reorganisation].append(row)
    return [Chapter(event, passing_rows(rows, lives)) for event, rows in chapters.items()]


def _coming(key, day, flows, moves, lives):
    """The events after the day that touch the body itself, the next one first."""
    chapters = {}
    for row in flows:
        if row.reorganisation.effective_on > day and key in (
            row.predecessor_id,
            row.successor_id,
        ):
            chapters.setdefault(row.reorganisation, []).append(row)
    coming = [
        {"event": event, "rows": passing_rows(rows, lives), "move": None}
        for event, rows in chapters.items()
    ]
    for move in moves:
        event = move.reorganisation
        if event.effective_on > day:
            parents = {
                "old": lives.before(move.from_parent_id, event.effective_on),
                "new": lives.near(move.to_parent_id, event.effective_on),
            }
            coming.append({"event": event, "rows": [], "move": parents})
    return sorted(coming, key=lambda item: (item["event"].effective_on, item["event"].title))


def _sources(versions, relationships, leads, flows, facts):
    """What each fact of the page rests on: (what kind of fact, source, note), each said once."""
    rows = [
        *(("What it is called", row) for row in versions),
        *(("ONS code", row) for row in facts["identifiers"]),
        *(("Population", row) for row in facts["populations"]),
        *(("Where it belongs", row) for row in relationships),
        *(("Lead provider", row) for row in leads),
        *(("Succession", row) for row in flows),
    ]
    said = {}
    for what, row in rows:
        if row.source or row.note:
            said.setdefault((what, row.source, row.note), 0)
            said[what, row.source, row.note] += 1
    return [(what, source, note, count) for (what, source, note), count in said.items()]
