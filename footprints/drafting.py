"""What somebody typed of an event, made a draft; and a draft's form, whatever is still missing.

The whole draft stands in the form, and in the page's address but for long texts: so going back,
reloading and passing the address on lose nothing, and nothing half done is kept by us.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation

from django.http import QueryDict

from .as_at import FIRST_DAY, LAST_DAY
from .drafts import SHAPES, Draft, Evidence, NewBody, Problem, Shape
from .models import Kind, Organisation, Reorganisation

KINDS, State = Reorganisation.Kind, Reorganisation.State
SIDES = ("before", "after", "members")
MOST = 400  # bodies on one side
LONGEST = {
    "title": 240,
    "source": 500,
    "document": 200,
    "quotation": 2000,
    "said_by": 200,
    "reason": 1000,
    "services": 500,
    "name": 200,
}
CODES = re.compile(r"[\s,;]+")


@dataclass
class Form:
    """The fields as typed, by name, and what of them makes no sense.

    ``bodies`` are the picked codes by side; ``new_bodies`` those that do not exist yet.
    ``parts``: the shares as typed, in per cent, by pair; ``passes``: the pairs that are ticked.
    """

    kind: str = ""
    day: date | None = None
    texts: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, list[str]] = field(default_factory=dict)
    new_bodies: list[NewBody] = field(default_factory=list)
    parts: dict[tuple[str, str], str] = field(default_factory=dict)
    passes: set[tuple[str, str]] = field(default_factory=set)
    supersedes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def shape(self) -> Shape | None:
        return SHAPES.get(self.kind) if self.kind else None

    @property
    def is_begun(self) -> bool:
        """Whether there is enough of it to say what would happen."""
        sides = [s for s in ("before", "after") if self.bodies.get(s)]
        return bool(self.kind and self.day and (sides or self.new_bodies))

    def draft(self) -> Draft | None:
        """The draft; None while its kind or its day is missing."""
        if not self.kind or not self.day:
            return None
        shape, text = self.shape, self.texts.get
        shares = {}
        for pair, typed in self.parts.items():
            share = _share(typed)
            if share is not None:
                shares[pair] = share
        said_on = _day(text("said_on", ""))
        return Draft(
            kind=self.kind,
            effective_on=self.day,
            state=text("state") or State.RUMOURED,
            before=tuple(self.bodies["before"]) if shape.has_before else (),
            after=tuple(self.bodies["after"]) if shape.has_after else (),
            new_bodies=tuple(self.new_bodies) if shape.has_after else (),
            passes=frozenset(self.passes),
            shares=shares,
            members=tuple(self.bodies["members"]) if "members" in shape.asks else (),
            services=text("services", "") if "services" in shape.asks else "",
            name=text("name", "") if "name" in shape.asks else "",
            becomes=text("becomes", "") if "becomes" in shape.asks else "",
            title=text("title", ""),
            evidence=Evidence(
                **{
                    name: text(name, "")
                    for name in ("source", "document", "quotation", "said_by", "reason")
                },
                said_on=said_on,
            ),
            supersedes=tuple(self.supersedes),
        )


def read(typed: QueryDict) -> Form:
    """The form that these fields make, with buttons of it pressed: a body added or taken off."""
    form = Form()
    kind = typed.get("kind", "")
    form.kind = kind if kind in KINDS.values else ""
    form.texts = {
        name: " ".join(typed.get(name, "").replace("\x00", " ").split())[:longest]
        for name, longest in LONGEST.items()
    }
    for name in ("state", "becomes", "said_on", "effective_on"):
        form.texts[name] = typed.get(name, "").strip()
    form.day = _read_day(form, "effective_on", "effective_on")
    _read_day(form, "said_on", "source")
    for side in SIDES:
        codes = [code.upper() for code in typed.getlist(side)]
        added = CODES.split(typed.get(f"add_{side}", "").strip().upper())
        dropped = typed.get(f"drop_{side}", "").upper()
        picked = dict.fromkeys(code[:20] for code in (*codes, *added) if code and code != dropped)
        form.bodies[side] = list(picked)[:MOST]
    _read_new(form, typed)
    _read_parts(form, typed)
    form.supersedes = list(dict.fromkeys(slug for slug in typed.getlist("supersedes") if slug))
    return form


def _read_new(form: Form, typed: QueryDict):
    names, kinds = typed.getlist("new_name"), typed.getlist("new_kind")
    dropped = typed.get("drop_new", "")
    for number, name in enumerate(names[:MOST], 1):
        name = " ".join(name.replace("\x00", " ").split())[:200]
        if name and dropped != str(number):
            kind = kinds[number - 1] if number <= len(kinds) else ""
            form.new_bodies.append(NewBody(f"new{len(form.new_bodies) + 1}", name, kind))


def _read_parts(form: Form, typed: QueryDict):
    for name in typed:
        what, _, pair = name.partition(":")
        old, _, new = pair.partition(">")
        if not new:
            continue
        if what == "part" and typed[name].strip():
            form.parts[old, new] = typed[name].strip()[:20]
            if _share(typed[name]) is None:
                form.problems.append(
                    Problem(
                        f"“{typed[name][:20]}” is no share: write per cent, as 41 or 33.3333.",
                        "shares",
                    )
                )
        elif what == "goes":
            form.passes.add((old, new))


def _share(typed: str) -> Decimal | None:
    """A share of one from what was typed in per cent; None where it is none."""
    try:
        number = Decimal(typed.strip().removesuffix("%").strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > 1000:
        return None
    return (number / 100).quantize(Decimal("0.000001"))


def _read_day(form: Form, name: str, about: str) -> date | None:
    typed = form.texts[name]
    day = _day(typed)
    if typed and day is None:
        form.problems.append(Problem(f"“{typed[:20]}” is no day: write 2027-04-01.", about))
    elif day and not FIRST_DAY <= day <= LAST_DAY:
        form.problems.append(Problem(f"{day:%-d %B %Y} lies outside what is planned.", about))
        return None
    return day


def _day(typed: str) -> date | None:
    try:
        return date.fromisoformat(typed)
    except ValueError:
        return None


def missing(form: Form) -> list[Problem]:
    """What a draft cannot even be made without."""
    found = []
    if not form.kind:
        found.append(Problem("Say what happens.", "kind"))
    if not form.day and not any(p.about == "effective_on" for p in form.problems):
        found.append(Problem("Say on which day it takes effect.", "effective_on"))
    return found


def several(text: str) -> list[str]:
    """The codes in a text that is nothing but two or more known codes, as pasted from a sheet."""
    typed = list(dict.fromkeys(filter(None, CODES.split(text.strip().upper()))))[:MOST]
    if len(typed) < 2:
        return []
    known = set(Organisation.objects.with_codes(typed).values_list("code", flat=True))
    return typed if known == set(typed) else []


def kinds_that_open() -> list[Kind]:
    """The kinds that a body may be opened as, wide areas first."""
    return list(Kind.objects.order_by("tier", "name"))
