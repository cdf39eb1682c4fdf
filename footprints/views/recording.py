"""Recording a reorganisation: one page in four parts, which says all along what it would do."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.http import HttpResponseRedirect, QueryDict
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.views.generic import TemplateView
from django_htmx.http import replace_url

from .. import drafting, hanging
from ..drafts import RECORDABLE, SHAPES, Evidence, Problem
from ..hanging import Hanging
from ..life.story import passing_rows
from ..lives import Lives
from ..models import Organisation, Reorganisation, Version
from ..names import abridged
from ..searching import search
from ..services.recording import (
    CannotRecord,
    RegisterBusy,
    record_event,
    rehearse,
)
from .stewards import StewardsOnly

HITS = 6
SIDES = {"before": "Before", "after": "After", "members": "The members that change sides"}
ROWS_SHOWN = 40
NAMED_SHOWN = 12  # bodies after that are each asked for the members that go there
LONGEST_IN_ADDRESS, LONGEST_ADDRESS = 1500, 6000  # characters: of a field, and of all of them


@dataclass(frozen=True)
class Rehearsed:
    """What recording the draft would do: in words, old → new, and what of ours it touches."""

    title: str
    rows: list[dict]
    opens: list[str]
    moves: int
    touched: list[Hanging]
    besides: int = 0


@dataclass(frozen=True)
class Part:
    """One share to be filled in: from a body to one of those after."""

    old: str
    new: str
    name: str
    share: str
    goes: bool


class RecordEvent(StewardsOnly, TemplateView):
    """The form of an event, filled from the address; POST records it, or adds and takes off."""

    template_name = "footprints/record_event.html"

    def get(self, request):
        self.typed = request.GET
        form = drafting.read(request.GET)
        return render(request, self.template_name, self._shown(form))

    def post(self, request):
        self.typed = request.POST
        form = drafting.read(request.POST)
        # A piece of the page that was asked for just as the button was pressed names it too.
        if "record" not in request.POST or request.htmx:
            return self._looked(form)
        problems = [*drafting.missing(form), *form.problems]
        if not problems:
            try:
                event = record_event(form.draft(), by=request.user, at=now())
            except CannotRecord as refusal:
                problems = refusal.problems
            else:
                messages.success(request, f"“{event}” is recorded. It can be undone as a release.")
                return redirect(event)
        return render(
            request, self.template_name, self._shown(form, problems, refused=True), status=422
        )

    def _looked(self, form):
        """The page with the pressed button's work done, at an address that holds the draft."""
        whole = drafting.as_fields(form)
        brief = drafting.as_fields(form, longest=LONGEST_IN_ADDRESS)
        brief = brief if len(brief.urlencode()) <= LONGEST_ADDRESS else QueryDict()
        address = f"{self.request.path}?{brief.urlencode()}"
        finds = any(self._found(name[5:], form)[0] for name in self.typed if name[:5] == "find_")
        if not self.request.htmx and not finds and brief == whole:
            return HttpResponseRedirect(address)
        response = render(self.request, self.template_name, self._shown(form))
        return response if self._is_finding else replace_url(response, address)

    @property
    def _is_finding(self) -> bool:
        """Whether a piece of the page asks for the hits of a search alone."""
        htmx = self.request.htmx
        return bool(htmx) and (htmx.target or "").startswith("hits-")

    def _shown(self, form, problems=(), *, refused=False) -> dict:
        rehearsed, problems = (
            (None, list(problems)) if self._is_finding or refused else self._rehearse(form)
        )
        codes = {code for side in drafting.SIDES for code in form.bodies[side]}
        names = _names([*codes, *(code for named in form.named.values() for code in named)], form)
        shape = form.shape
        asks = shape.asks if shape else frozenset()
        named = self._named(form, names) if "named" in asks else []
        about = {problem.about for problem in problems} if refused else set()
        return {
            "form": form,
            "text": form.texts,
            "shape": shape,
            "kinds": [(kind, kind.label, SHAPES[kind].says) for kind in Reorganisation.Kind],
            "states": [(state, state.label) for state in RECORDABLE],
            "body_kinds": drafting.kinds_that_open() if shape else [],
            "new_rows": _new_rows(form) if shape and shape.opens else [],
            "sides": self._sides(form, names) if shape else [],
            "parts": _parts(form, names) if "shares" in asks and not form.is_pasted else [],
            "pasted_shares": drafting.lines_of(form) if form.is_pasted else "",
            "takes_shares": "shares" in asks and form.pairs > 0,
            "named": named,
            "names_members": bool(
                form.named or "named" in about or any(s["asked"] for s in named)
            ),
            "rehearsed": rehearsed,
            "problems": problems,
            "conflicts": list({p.event.pk: p.event for p in problems if p.yields}.values()),
            "superseded": Reorganisation.objects.filter(slug__in=form.supersedes),
            "about": about,
            "refused": refused,
            "title_offered": rehearsed.title if rehearsed else "",
        }

    def _rehearse(self, form):
        """What the draft would do, and what keeps it from being recorded."""
        if not form.is_begun:
            return None, list(form.problems)
        draft, problems = form.draft(), [*form.problems]
        if draft.evidence.is_missing:  # typed last: what it would do is shown before
            problems += [problem for problem in draft.problems() if problem.about == "source"]
            draft = replace(draft, evidence=Evidence(said_by=str(self.request.user)))
        try:
            return rehearse(draft, self._seen, by=self.request.user, at=now()), problems
        except CannotRecord as refusal:
            problems += refusal.problems
        except RegisterBusy as busy:
            problems.append(Problem(str(busy)))
        return None, problems

    def _seen(self, event) -> Rehearsed:
        """Read what was recorded, before it is taken back."""
        successions = list(
            event.successions.now().select_related("reorganisation", "becomes").order_by("pk")
        )
        release = event.steps.get().release
        lives = Lives(
            {key for row in successions for key in (row.predecessor_id, row.successor_id)}
        )
        rows = passing_rows(successions[:ROWS_SHOWN], lives)
        return Rehearsed(
            event.title,
            rows,
            _opened(release),
            event.moves.now().count(),
            hanging.on_events([event], self.request.user)[event.pk],
            max(0, len(successions) - ROWS_SHOWN),
        )

    def _sides(self, form, names) -> list[dict]:
        shape = form.shape
        shown = []
        for side, label in SIDES.items():
            wanted = {
                "before": shape.has_before,
                "after": shape.has_after,
                "members": "members" in shape.asks,
            }[side]
            if not wanted or (side == "after" and form.kind == Reorganisation.Kind.CREATION):
                continue
            if side == "after" and not form.bodies[side] and _is_full(side, form):
                continue  # a body that is not in the register yet stands there
            asked, hits, pasted = self._found(side, form)
            shown.append(
                {
                    "name": side,
                    "label": label,
                    "asked": asked,
                    "picked": [(code, names.get(code)) for code in form.bodies[side]],
                    "hits": hits,
                    "pasted": pasted,
                    "pasted_codes": " ".join(pasted),
                    "hint": _hint(side, shape),
                    "is_full": _is_full(side, form),
                }
            )
        return shown

    def _found(self, side: str, form):
        """What is searched for on a side, its hits, and codes that are pasted there instead."""
        if f"add_{side}" in self.typed:
            return "", [], []
        asked = self.typed.get(f"find_{side}", "").strip()
        pasted = drafting.several(asked)
        if pasted or not asked:
            return asked, [], pasted
        day = form.day or self.request.as_at.day
        return asked, search(asked, day=day, limit=HITS).hits, []

    def _named(self, form, names) -> list[dict]:
        """For each body after, the members that are named to go there, and how to find more."""
        after = _after(form, names)
        if not form.bodies["before"] or len(after) > NAMED_SHOWN:
            return []
        shown = []
        for new, name in after:
            side = f"to:{new}"
            asked, hits, pasted = self._found(side, form)
            codes = form.named.get(new, [])
            shown.append(
                {
                    "name": side,
                    "key": f"to-{new}",
                    "label": name,
                    "asked": asked,
                    "codes": " ".join(codes),
                    "count": len(codes),
                    "first": [abridged(str(names[c])) for c in codes[:3] if names.get(c)],
                    "besides": max(0, len(codes) - 3),
                    "hits": hits,
                    "pasted": pasted,
                    "pasted_codes": " ".join(pasted),
                }
            )
        return shown


def _new_rows(form) -> list[dict]:
    """A row for each new body, and an empty one where another may follow."""
    rows = [
        {"number": number, "name": body.name, "kind": body.kind}
        for number, body in enumerate(form.new_bodies, 1)
    ]
    most = form.shape.after[1]
    if most is None or len(rows) + len(form.bodies["after"]) < most:
        rows.append({"number": len(rows) + 1, "name": "", "kind": _likely_kind(form)})
    return rows


def _likely_kind(form) -> str:
    """A body that follows others is of their kind, mostly."""
    keys = Organisation.objects.with_codes(form.bodies["before"][:1]).values("pk")
    last = Version.objects.now().filter(organisation__in=keys).order_by("-opened_on").first()
    return last.kind_id if last else ""


def _is_full(side: str, form) -> bool:
    """Whether the side has as many bodies as the kind takes."""
    most = {"before": form.shape.before, "after": form.shape.after}.get(side, (1, None))[1]
    there = len(form.bodies[side]) + (len(form.new_bodies) if side == "after" else 0)
    return most is not None and there >= most


def _hint(side: str, shape) -> str:
    fewest, most = {"before": shape.before, "after": shape.after}.get(side, (1, None))
    if (fewest, most) == (1, 1):
        return "One body."
    if most is None:
        return "One body or more." if fewest == 1 else f"{fewest} bodies or more."
    return ""


def _opened(release) -> list[str]:
    opened = Version.objects.filter(asserted_by=release).select_related("organisation", "kind")
    return [f"{v.name} ({v.kind}, for now {v.organisation.code})" for v in opened.order_by("pk")]


def _names(codes, form) -> dict[str, object]:
    """What each picked body is called next to the day."""
    bodies = {body.code: body.pk for body in Organisation.objects.with_codes(codes)}
    lives = Lives(bodies.values())
    day = form.day
    found = {}
    for code, key in bodies.items():
        versions = lives.of(key)
        found[code] = (lives.before(key, day) if day else None) or (
            versions[-1] if versions else None
        )
    return found


def _parts(form, names) -> list[dict]:
    """The shares to fill in, by body before: a row for each body after."""
    successors = _after(form, names)
    return [
        {
            "old": old,
            "name": names.get(old),
            "rows": [
                Part(
                    old,
                    new,
                    name,
                    form.parts.get((old, new), ""),
                    (old, new) in form.passes,
                )
                for new, name in successors
            ],
        }
        for old in form.bodies["before"]
        if successors
    ]


def _after(form, names) -> list[tuple[str, str]]:
    """The bodies after, by the key that stands for each in the form, and what they are called."""
    return [
        *((code, abridged(str(names.get(code) or code))) for code in form.bodies["after"]),
        *((body.key, body.name) for body in form.new_bodies),
    ]
