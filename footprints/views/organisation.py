"""The page of one organisation: its whole life, on the day shown and as known then."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import redirect
from django.views.generic import TemplateView

from .. import hanging, panels, timeline
from ..life import belonging, leading, people, provenance
from ..life import body as bodies
from ..life import story as stories
from ..life.children import Group, groups_below
from ..lives import Lives
from ..models import Organisation, Relationship, Release, Succession
from ..shares import fill_in
from ..tracing import trace

OPEN = 12  # so many rows of the story are shown without being asked for


class OrganisationDetail(LoginRequiredMixin, TemplateView):
    """Everything the register knows of one code, on the day shown."""

    template_name = "footprints/organisation.html"

    def get(self, request, *args, code, **kwargs):
        found = bodies.find(code, request.as_at.release)
        if found is None:
            # Codes are read aloud and typed in small letters.
            if code != code.upper() and Organisation.objects.filter(code=code.upper()).exists():
                address = request.get_full_path().replace(code, code.upper(), 1)
                return redirect(address)
            raise Http404(f"No organisation has the code {code}.")
        self.body = found
        return self.render_to_response(self.get_context_data(**kwargs))

    def get_context_data(self, **kwargs):
        day, release = self.request.as_at.day, self.request.as_at.release
        body, key = self.body, self.body.key
        flows = timeline.flows_of(key, release)
        fill_in(flows.rows, release)
        upward = belonging.upward(key, day, release)
        lives = Lives(_named(body, flows, upward), release)
        versions = lives.of(key)
        if not versions:
            raise Http404(f"Nothing was known of {body.organisation.code} yet.")
        version = lives.on(key, day)
        shown = version or lives.near(key, day)
        own = [row for row in upward if row.child_id == key]
        parents = belonging.relations(own, lives, day, is_live=version is not None)
        groups = groups_below([key], day, release).get(key, [])
        coming = stories.coming(key, day, flows, body.moves, lives)
        hangs = hanging.on_body(body.organisation, self.request.user)
        context = {
            "organisation": body.organisation,
            "keep": f"?{self.request.as_at.query}" if self.request.as_at.query else "",
            "version": version,
            "shown": shown,
            "versions": versions,
            "identifiers": body.identifiers,
            "lines": belonging.lines(key, upward, lives, day) if version else [],
            "parents": parents,
            "sections": belonging.sections(parents),
            "parents_cut": len(own) >= belonging.MOST,
            **_grouped(groups, is_live=version is not None),
            "committees": leading.committees(key, day, release) if version else [],
            "led_by": leading.led_by(body, lives, day),
            "leads": leading.leads(body, lives, day),
            **_story(key, flows, lives),
            "coming": coming,
            "own_days": stories.days_of(key, flows, body.moves),
            **self._people(shown, flows, versions, day, release),
            "hanging": hangs,
            "panels": panels.of(
                "organisation",
                self.request,
                body.organisation,
                # Field users are told nothing of what hangs where: their panels ask themselves.
                None if hanging.is_field_user(self.request.user) else {h.says for h in hangs},
            ),
            "grounds": self._grounds(versions, own, flows, lives),
        }
        if version is None:
            goes_on = any(row.predecessor_id == key for row in flows)
            context |= self._absent(shown, goes_on, day, release)
        return super().get_context_data(**context, **kwargs)

    def _people(self, shown, flows, versions, day, release):
        """The population: the body's own figures, else its members', and the chart of either."""
        body = self.body
        days = stories.days_of(body.key, flows, body.moves)
        figures, sums = people.own_figures(body.populations), people.Sums([])
        if not figures and shown.kind.is_footprint and not body.organisation.is_provisional:
            sums = people.members_sums(body.key, day, release)
            figures = sums.figures
            days = sorted({*days, *(figure.boundary_on for figure in figures[1:])})
        known = [figure for figure in figures if figure.boundary_on <= day]
        closed_on = versions[-1].closed_on
        return {
            "figures": figures[::-1],
            "people": known[-1] if known else None,
            "sums": sums,
            "chart": people.chart(known, days, day, closed_on=closed_on),
        }

    def _grounds(self, versions, own, flows, lives):
        """What every fact of the page rests on; one query, for the releases."""
        body = self.body
        small = (body.identifiers, body.populations, body.leads, body.moves)
        keys = provenance.release_keys(versions, own, flows, *small)
        return provenance.grounds(body, versions, own, flows, lives, Release.objects.in_bulk(keys))

    def _absent(self, shown, goes_on, day, release):
        """What to say of a body that does not live on the day: not yet, or where its area went."""
        if shown.opened_on and shown.opened_on > day:
            return {"is_early": True}
        if not goes_on:
            return {}
        return {"places": trace(self.body.organisation.code, day, known=release)}


def _named(body: bodies.Body, flows, upward) -> set[int | None]:
    """The keys of all bodies that the page calls by name, but for its children."""
    return {
        body.key,
        *(key for row in flows for key in (row.predecessor_id, row.successor_id)),
        *(key for row in upward for key in (row.child_id, row.parent_id)),
        *(key for row in body.leads for key in (row.provider_id, row.collaborative_id)),
        *(key for row in body.moves for key in (row.from_parent_id, row.to_parent_id)),
    }


def _story(key: int, flows: timeline.Flow, lives: Lives) -> dict:
    """What it came from and what became of it, as a picture and as a list."""
    return {
        "picture": timeline.draw(flows, lives, {key}),
        "flow_cut": flows.is_cut,
        "functions_drawn": any(row.passes == Succession.Passes.FUNCTIONS for row in flows),
        "undecided_drawn": any(not row.reorganisation.is_decided for row in flows),
        "story": stories.story(key, flows, lives),
        "story_open": len(flows.rows) <= OPEN,
        "functions": stories.functions(key, flows, lives),
    }


def _grouped(groups: list[Group], *, is_live: bool) -> dict:
    """The children of the day, those of other days, and those that nobody took from a body that
    does not live. Committees of the day have a place of their own."""
    covers = Relationship.Type.COVERS
    now = [group for group in groups if group.moment == "now"]
    return {
        "groups": [group for group in now if group.type != covers] if is_live else [],
        "groups_left": [] if is_live else now,
        "groups_then": [group for group in groups if group.moment != "now"],
    }
