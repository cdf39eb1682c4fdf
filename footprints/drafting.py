"""What somebody typed of an event, made a draft; and a draft's form, whatever is still missing.

The whole draft stands in the form, and in the page's address but for long texts: so going back,
reloading and passing the address on lose nothing, and nothing half done is kept by us.
"""

import csv
import re
from collections.abc import Callable
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
MOST_FIELDS = 60  # shares with a field each; more are pasted as lines into one
MOST_LINES = 5000
MILLIONTH = Decimal("0.000001")
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
    ``parts``: the shares as typed, in per cent, by pair; ``passes``: the pairs that are ticked;
    ``named``: codes of members by the body after that they go to.
    """

    kind: str = ""
    day: date | None = None
    texts: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, list[str]] = field(default_factory=dict)
    new_bodies: list[NewBody] = field(default_factory=list)
    parts: dict[tuple[str, str], str] = field(default_factory=dict)
    passes: set[tuple[str, str]] = field(default_factory=set)
    named: dict[str, list[str]] = field(default_factory=dict)
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
            named=self._named() if "named" in shape.asks else (),
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

    def _named(self) -> tuple[tuple[str, str], ...]:
        after = {*self.bodies["after"], *(body.key for body in self.new_bodies)}
        return tuple((c, new) for new, codes in self.named.items() if new in after for c in codes)

    @property
    def pairs(self) -> int:
        """How many shares there are to be said at most."""
        return len(self.bodies["before"]) * (len(self.bodies["after"]) + len(self.new_bodies))

    @property
    def is_pasted(self) -> bool:
        """Whether the shares are too many for a field each, and stand in one as lines."""
        return self.pairs > MOST_FIELDS


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
        form.bodies[side] = _read_codes(form, typed, side, typed.getlist(side))
    keys = _read_new(form, typed)
    _read_parts(form, typed, keys)
    _read_lines(form, typed.get("shares", ""))
    for name in typed:
        if name.startswith("to:") and (new := keys(name[3:])):
            form.named[new] = _read_codes(form, typed, name, CODES.split(typed[name].upper()))
        elif name.startswith("add_to:") and (new := keys(name[7:])) and new not in form.named:
            form.named[new] = _read_codes(form, typed, name[4:], [])
    form.supersedes = list(dict.fromkeys(slug for slug in typed.getlist("supersedes") if slug))
    return form


def _read_codes(form: Form, typed: QueryDict, name: str, codes: list[str]) -> list[str]:
    """The codes in a field, with what a button adds to it and takes off."""
    added = CODES.split(typed.get(f"add_{name}", "").replace("\x00", " ").strip().upper())
    dropped = typed.get(f"drop_{name}", "").upper()
    given = (code.replace("\x00", "").strip().upper()[:20] for code in (*codes, *added))
    picked = list(dict.fromkeys(code for code in given if code and code != dropped))
    if len(picked) > MOST:
        about = "named" if name.startswith("to:") else name
        text = f"{MOST} codes are taken at once; the last {len(picked) - MOST} are left out."
        form.problems.append(Problem(text, about))
    return picked[:MOST]


def _read_new(form: Form, typed: QueryDict) -> Callable[[str], str]:
    """Read the bodies that do not exist yet; return what each body's key of the page is now.

    Those after one that was taken off move up; of that one the key is "".
    """
    names, kinds = typed.getlist("new_name"), typed.getlist("new_kind")
    dropped = typed.get("drop_new", "")
    keys = {}
    for number, name in enumerate(names[:MOST], 1):
        name = " ".join(name.replace("\x00", " ").split())[:200]
        keys[f"new{number}"] = ""
        if name and dropped != str(number):
            kind = kinds[number - 1] if number <= len(kinds) else ""
            body = NewBody(f"new{len(form.new_bodies) + 1}", name, kind)
            form.new_bodies.append(body)
            keys[f"new{number}"] = body.key
    return lambda key: keys.get(key, key)


def _read_parts(form: Form, typed: QueryDict, keys):
    for name in typed:
        what, _, pair = name.partition(":")
        old, _, new = pair.partition(">")
        new = keys(new)
        if not new:
            continue
        if what == "part" and typed[name].strip():
            _read_share(form, old, new, typed[name])
        elif what == "goes":
            form.passes.add((old, new))


def _read_share(form: Form, old: str, new: str, typed: str):
    form.parts[old, new] = typed.strip()[:20]
    if _share(typed) is None:
        text = f"“{typed[:20]}” is no share: write per cent, to four decimals, as 41 or 33.3333."
        form.problems.append(Problem(text, "shares"))


def _read_lines(form: Form, pasted: str):
    """Shares pasted from a sheet: before, after and per cent in a line, as CSV or with tabs.

    A body after that does not exist yet goes by its name. Without a number the one goes to the
    other, in a part that is not known. A first line of headings is passed over.
    """
    after = {code: code for code in form.bodies["after"]}
    after |= {body.name.upper(): body.key for body in form.new_bodies}
    after |= {body.key.upper(): body.key for body in form.new_bodies}
    wrong = []
    for number, line in enumerate(pasted.replace("\x00", "").splitlines()[:MOST_LINES], 1):
        delimiter = next((one for one in "\t;" if one in line), ",")
        row = [cell.strip() for cell in next(csv.reader([line[:500]], delimiter=delimiter), [])]
        if not any(row):
            continue
        old, new, part, *_ = (*row, "", "", "")
        pair = old.upper(), after.get(new.upper(), "")
        if pair[0] not in form.bodies["before"] or not pair[1]:
            if number > 1 or _share(part) is not None:
                stray = new if pair[0] in form.bodies["before"] else old
                side = "after" if stray == new else "before"
                wrong.append(f"line {number}: “{stray[:40]}” does not stand {side}")
            continue
        form.passes.add(pair)
        if part:
            _read_share(form, *pair, part)
    if wrong:
        besides = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        text = f"Of the shares that were pasted, {'; '.join(wrong[:3])}{besides}."
        form.problems.append(Problem(text, "shares"))


def as_fields(form: Form, *, longest: int | None = None) -> QueryDict:
    """The form as its page holds it, with no button pressed, for an address.

    Fields that are longer than ``longest`` characters are left out: an address has its limits.
    """
    fields = QueryDict(mutable=True)
    given = {"kind": form.kind, **form.texts}
    for new, codes in form.named.items():
        given[f"to:{new}"] = " ".join(codes)
    if form.is_pasted:
        given["shares"] = lines_of(form)
    else:
        given |= {f"part:{old}>{new}": part for (old, new), part in form.parts.items()}
        given |= dict.fromkeys((f"goes:{old}>{new}" for old, new in sorted(form.passes)), "1")
    for name, text in given.items():
        if text and (longest is None or len(text) <= longest):
            fields[name] = text
    for side in SIDES:
        fields.setlist(side, form.bodies[side])
    fields.setlist("new_name", [body.name for body in form.new_bodies])
    fields.setlist("new_kind", [body.kind for body in form.new_bodies])
    fields.setlist("supersedes", form.supersedes)
    return fields


def lines_of(form: Form) -> str:
    """The shares as lines to be pasted again."""
    pairs = dict.fromkeys((*sorted(form.passes), *form.parts))
    return "\n".join(f"{old},{new},{form.parts.get((old, new), '')}" for old, new in pairs)


def _share(typed: str) -> Decimal | None:
    """A share of one from what was typed in per cent, to four decimals; None where it is none."""
    try:
        number = Decimal(typed.strip().removesuffix("%").strip())
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number) > 1000:
        return None
    share = (number / 100).quantize(MILLIONTH)
    return share if share == number / 100 else None  # finer than is kept: not rounded unsaid


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
