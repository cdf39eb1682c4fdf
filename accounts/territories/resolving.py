"""Finds the unit that each line of a customer's alignment means, on the plan's first day.

In this order: a code that lives that day; a code that lived before, followed through the
reorganisations to that day; an ONS code; any name a body ever had, first as written, then without
its frame of NHS, CCG, ICB. What leads to one place is resolved; what leads to several, or only
looks alike, is listed with its options and never chosen for the customer. All in set statements:
the number of queries does not grow with the number of lines.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.db import connection
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Concat, Lower, Replace, Trim

from footprints.dated import last_day
from footprints.models import Identifier, Kind, Organisation, Version
from footprints.tracing import trace_all
from footprints.written import day_in_full, share

from .alignment import Line

NEAR_MISSES = 200  # texts for which likenesses are looked up: some 5 ms each on 300,000 names
OPTIONS = 4
LIKE = 0.35  # below this, pg_trgm's likenesses of our names are noise

# Replaced in this order, each between spaces, after capitals and marks have gone.
SAME_WORDS = (
    ("clinical commissioning group", "ccg"),
    ("integrated care board", "icb"),
    ("integrated care system", "ics"),
    ("sustainability and transformation partnership", "stp"),
    ("sub icb location", "sicbl"),
    ("primary care network", "pcn"),
    ("nhs foundation trust", "ft"),
    ("foundation trust", "ft"),
    ("nhs trust", "trust"),
    ("nhs", ""),
    ("the", ""),
)
FRAME = ("ccg", "icb", "ics", "stp", "sicbl", "pcn", "ft", "trust")
CODE = re.compile(r"\b(?=[A-Za-z]*\d)[A-Za-z0-9]{3,10}\b|(?<=\()[A-Za-z0-9]{3,10}(?=\))")
MISREAD = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Body:
    """An organisation as it was on some day; `kind` in words."""

    pk: int
    code: str
    name: str
    kind: str
    kind_code: str


@dataclass(frozen=True)
class Option:
    """A unit that a line may mean; `part` is the share that went there, None where not known."""

    body: Body
    why: str
    part: Decimal | None = None


@dataclass(frozen=True)
class Named:
    """A body by a name that it had until before `closed_on`, or has still."""

    key: int
    name: str
    closed_on: date | None


@dataclass(frozen=True)
class Resolved:
    """A line and the unit it means.

    `old` is the body that was written, where that one has closed; `day` when its area came to
    `body`. `why` says how the text leads there, and is "" for a code that lives.
    """

    line: Line
    body: Body
    old: Body | None = None
    why: str = ""
    day: date | None = None

    @property
    def is_plain(self) -> bool:
        return not self.why


@dataclass(frozen=True)
class Unresolved:
    """A line that means no one unit: what is wrong, and what it may mean."""

    line: Line
    problem: str
    old: Body | None = None
    options: tuple[Option, ...] = ()

    @property
    def splits(self) -> bool:
        return self.old is not None and len(self.options) > 1


@dataclass(frozen=True)
class Conflict:
    """One unit that the lines give to several territories."""

    body: Body
    lines: tuple[Line, ...]

    @property
    def is_repeated(self) -> bool:
        """True where the same unit was written twice; else several old ones come together."""
        return len({line.unit.casefold() for line in self.lines}) == 1

    @property
    def territories(self) -> dict[str, list[Line]]:
        found = defaultdict(list)
        for line in self.lines:
            found[line.territory].append(line)
        return dict(found)


@dataclass
class Resolution:
    """What the lines mean on `day`. Only `resolved` becomes part of a plan.

    `repeats` are units that lines of one territory name more than once: they are resolved, and
    count once.
    """

    day: date
    resolved: list[Resolved] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    repeats: list[Conflict] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def units(self) -> int:
        """How many units a plan of these has: several old bodies may be one unit now."""
        return len({found.body.pk for found in self.resolved})

    @property
    def territories(self) -> int:
        """How many territories a plan of these has."""
        return len({found.line.territory.casefold() for found in self.resolved})

    @property
    def changed(self) -> list[Resolved]:
        return [found for found in self.resolved if not found.is_plain]

    @property
    def plain(self) -> list[Resolved]:
        return [found for found in self.resolved if found.is_plain]


def recognises(texts: Collection[str]) -> set[str]:
    """Those of the texts that are the code, or exactly a name, of any body there ever was."""
    by_code = {code.casefold() for code in _by_code(texts)}
    rest = [text for text in texts if text.casefold() not in by_code]
    named = _by_name({text: (strict(text), loose(text)) for text in rest})
    return {text for text in texts if text.casefold() in by_code} | set(named)


@dataclass(frozen=True)
class Fit:
    """A day on which more of the codes lived: the list is probably of that day."""

    day: date
    next_day: date
    live: int
    live_on_the_day_given: int


def better_day(lines: Collection[Line], day: date, presets) -> Fit | None:
    """The day before a big reorganisation that suits the codes better than `day`; None if none.

    Of several the one with the most codes alive, and of those the latest.
    """
    keys = set(_by_code({line.unit for line in lines}).values())
    periods = list(
        Version.objects.now()
        .filter(organisation__in=keys)
        .values_list("organisation", "opened_on", "closed_on")
    )

    def live_on(asked: date) -> int:
        return len(
            {
                key
                for key, opened_on, closed_on in periods
                if (opened_on is None or opened_on <= asked)
                and (closed_on is None or closed_on > asked)
            }
        )

    here = live_on(day)
    fits = [
        Fit(preset.day_before, preset.day, live_on(preset.day_before), here)
        for preset in presets
        if preset.day <= day
    ]
    best = max(fits, key=lambda fit: (fit.live, fit.day), default=None)
    return best if best and best.live > here else None


def resolve(
    lines: Collection[Line], day: date, *, choices: Mapping[int, str] | None = None
) -> Resolution:
    """Resolve the lines to units that live on `day`.

    `choices` (line number → code) are a person's answers for lines that may mean several units;
    one that is not among a line's options is left aside.
    """
    choices = choices or {}
    texts = {text for line in lines for text in (line.unit, line.name) if text}
    written = {**_by_code(texts)}  # code → organisation key
    found = {text: written.get(text.upper()) for text in texts}
    why = {text: "" for text, key in found.items() if key}
    for text, key in _by_ons_code([text for text in texts if not found[text]]).items():
        found[text], why[text] = key, f"{text.upper()} is its ONS code"

    # Names: those whose line has no code that is known.
    wanted = {
        text
        for line in lines
        if not found[line.unit]
        for text in (line.unit, line.name)
        if text and not found.get(text)
    }
    by_name = _by_name({text: (strict(text), loose(text)) for text in wanted})
    inside = {text: CODE.findall(text) for text in wanted - set(by_name)}
    inside_keys = _by_code({code for codes in inside.values() for code in codes})
    for text, codes in inside.items():
        keys = {inside_keys[code.upper()] for code in codes if code.upper() in inside_keys}
        if len(keys) == 1 and len(codes) < len(text):
            found[text] = keys.pop()
            why[text] = "by the code in its name"
    missing = sorted(wanted - set(by_name) - {text for text in inside if found[text]})
    misread = {text: text.upper().translate(MISREAD) for text in missing}
    misread_keys = _by_code(set(misread.values()))
    near = _near_misses(missing[:NEAR_MISSES])

    keys = {key for key in found.values() if key}
    keys |= {key for candidates in by_name.values() for key in (named.key for named in candidates)}
    keys |= {key for candidates in near.values() for key, _ in candidates}
    keys |= set(misread_keys.values())
    register = _Register(keys, day)
    usual = Counter(
        register.live[found[line.unit]].kind_code
        for line in lines
        if found[line.unit] in register.live
    )

    resolution = Resolution(day)
    for line in lines:
        text = next((t for t in (line.unit, line.name) if t and found.get(t)), None)
        if text:
            answer = register.follow(line, found[text], why[text])
        else:
            named = next((t for t in (line.unit, line.name) if t in by_name), None)
            if named:
                answer = register.follow_name(line, by_name[named], usual)
            else:
                likes = [
                    (misread_keys[code], "O and 0, I and 1 are easily confused")
                    for t in (line.unit,)
                    if (code := misread.get(t)) in misread_keys
                ]
                likes += [(key, f"much like “{name}”") for key, name in near.get(line.unit, ())]
                answer = register.suggest(line, likes)
        if isinstance(answer, Unresolved) and line.number in choices:
            chosen = [o for o in answer.options if o.body.code == choices[line.number]]
            if chosen:
                answer = Resolved(
                    line, chosen[0].body, answer.old, f"You chose it: {chosen[0].why}"
                )
        if isinstance(answer, Resolved):
            resolution.resolved.append(answer)
        else:
            resolution.unresolved.append(answer)
    _part_conflicts(resolution)
    _notice(resolution)
    if len(missing) > NEAR_MISSES:
        resolution.notices.append(
            f"Names much like what you wrote are looked up for the first {NEAR_MISSES} of "
            f"{len(missing):,} that are not known."
        )
    return resolution


# --- Names ------------------------------------------------------------------------------------


def strict(text: str) -> str:
    """The text bare of capitals, marks and ways of writing: "NHS Kent & Medway CCG" is
    "kent and medway ccg"."""
    text = text.lower().replace("&", " and ")
    text = re.sub("['’]", "", text)
    text = f" {re.sub('[^a-z0-9]+', ' ', text)} "
    for words, same in SAME_WORDS:
        text = text.replace(f" {words} ", f" {same} " if same else " ")
    return text.strip()


def loose(text: str) -> str:
    """`strict` without the words that say what kind of body it is."""
    text = f" {strict(text)} "
    for word in FRAME:
        text = text.replace(f" {word} ", " ")
    return text.strip()


def _in_sql(text):
    """`strict` and `loose` of an expression, as expressions: the same rules in SQL."""
    bare = Replace(Lower(text), Value("&"), Value(" and "))
    bare = Func(bare, Value("['’]"), Value(""), Value("g"), function="regexp_replace")
    bare = Func(bare, Value("[^a-z0-9]+"), Value(" "), Value("g"), function="regexp_replace")
    bare = Concat(Value(" "), bare, Value(" "))
    for words, same in SAME_WORDS:
        bare = Replace(bare, Value(f" {words} "), Value(f" {same} " if same else " "))
    without = bare
    for word in FRAME:
        without = Replace(without, Value(f" {word} "), Value(" "))
    return Trim(bare), Trim(without)


def _by_name(wanted: Mapping[str, tuple[str, str]]) -> dict[str, list[Named]]:
    """Return text → the bodies that had that name.

    Exactly as written first; what says no kind, or is not found so, may match without its frame.
    One walk over the names, however many are wanted.
    """
    if not wanted:
        return {}
    as_strict, as_loose = _in_sql("name")
    stricts = {forms[0] for forms in wanted.values() if forms[0]}
    looses = {forms[1] for forms in wanted.values() if forms[1]}
    by_strict, by_loose = defaultdict(dict), defaultdict(dict)
    rows = (
        Version.objects.now()
        .decided()
        .annotate(strict=as_strict, loose=as_loose)
        .filter(Q(strict__in=stricts) | Q(loose__in=looses))
        .order_by("organisation__code", "opened_on")
        .values_list("strict", "loose", "organisation", "name", "closed_on")
    )
    for its_strict, its_loose, key, name, closed_on in rows:
        # The last of several names that come to the same stands.
        by_strict[its_strict][key] = by_loose[its_loose][key] = Named(key, name, closed_on)
    matches = {}
    for text, (its_strict, its_loose) in wanted.items():
        # "Kent and Medway" was the STP's whole name, and is meant for a CCG as often.
        candidates = by_strict.get(its_strict) if its_strict != its_loose else None
        candidates = candidates or by_loose.get(its_loose)
        if candidates:
            matches[text] = list(candidates.values())
    return matches


def _near_misses(texts: Collection[str]) -> dict[str, list[tuple[int, str]]]:
    """Return text → [(organisation key, name)] of the most alike names, by trigrams."""
    texts = [text for text in texts if len(text) > 4]
    if not texts:
        return {}
    near = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted.text, alike.organisation_id, alike.name
            FROM unnest(%s::text[]) AS wanted(text)
            CROSS JOIN LATERAL (
                SELECT version.organisation_id, version.name,
                       similarity(lower(version.name), lower(wanted.text)) AS likeness
                FROM footprints_version AS version
                JOIN footprints_organisation AS organisation
                  ON organisation.id = version.organisation_id
                 AND NOT organisation.is_provisional
                WHERE version.retracted_by_id IS NULL
                  AND lower(version.name) %% lower(wanted.text)
                ORDER BY likeness DESC, organisation.code
                LIMIT 12
            ) AS alike
            WHERE alike.likeness >= %s
            """,
            [texts, LIKE],
        )
        for text, key, name in cursor.fetchall():
            near[text].setdefault(key, name)
    return {text: list(found.items()) for text, found in near.items()}


# --- Codes ------------------------------------------------------------------------------------


def _by_code(texts: Collection[str]) -> dict[str, int]:
    """Return code → organisation key for those of the texts that are codes, in capitals."""
    codes = {text.upper() for text in texts if text and len(text) <= 20}
    if not codes:
        return {}
    rows = Organisation.objects.filter(code__in=codes, is_provisional=False)
    return dict(rows.values_list("code", "pk"))


def _by_ons_code(texts: Collection[str]) -> dict[str, int]:
    codes = {text.upper(): text for text in texts if re.fullmatch(r"[EWNS]\d{8}", text.upper())}
    if not codes:
        return {}
    rows = Identifier.objects.now().filter(scheme=Identifier.Scheme.GSS, value__in=codes)
    # A code that two bodies had in turn leads to the later one.
    rows = rows.order_by("opened_on").values_list("value", "organisation")
    return {codes[value]: key for value, key in rows}


# --- The way to the day -----------------------------------------------------------------------


class _Register:
    """What is known of some bodies on a day, and where those that closed went."""

    def __init__(self, keys, day):
        self.day = day
        kinds = {kind.pk: kind for kind in Kind.objects.all()}
        self.units = {kind.pk for kind in kinds.values() if kind.is_unit}
        self.live, self.was, self.closed, self.opens = {}, {}, {}, {}
        versions = (
            Version.objects.now()
            .filter(organisation__in=keys)
            .select_related("organisation")
            .order_by("organisation", F("opened_on").asc(nulls_first=True))
        )
        for version in versions:
            key = version.organisation_id
            if version.opened_on and version.opened_on > day:
                self.opens.setdefault(key, version.opened_on)
                self.was.setdefault(key, Body(key, version.organisation.code, "", "", ""))
                continue
            kind = kinds[version.kind_id]
            body = Body(key, version.organisation.code, version.name, kind.name, kind.pk)
            self.was[key], self.closed[key] = body, version.closed_on
            if version.closed_on is None or version.closed_on > day:
                self.live[key] = body
        gone = [self.was[key] for key in keys if key in self.was and key not in self.live]
        traced = trace_all([body.code for body in gone if body.name], day) if gone else {}
        ends = dict(
            Organisation.objects.with_codes(
                {place.code for places in traced.values() for place in places}
            ).values_list("code", "pk")
        )
        self.ends = {
            body.pk: [
                (
                    Body(
                        ends[place.code],
                        place.code,
                        place.name,
                        kinds[place.kind].name,
                        place.kind,
                    ),
                    place,
                )
                for place in traced.get(body.code, ())
            ]
            for body in gone
        }

    def follow(self, line, key, why):
        """What a line means whose body is known: that body, or where it went."""
        was = self.was[key]
        if key in self.live:
            return self._unit(Resolved(line, self.live[key], None, why))
        if not was.name:
            begins = self.opens.get(key)
            when = f" before {day_in_full(begins)}" if begins else f" on {day_in_full(self.day)}"
            return Unresolved(line, f"{was.code} does not exist{when}.", was)
        closed = f"closed after {day_in_full(last_day(self.closed[key]))}"
        ends = self.ends[key]
        if not ends:
            return Unresolved(line, f"{was.code} {was.name} {closed} and has no successor.", was)
        if len(ends) == 1:
            [(body, place)] = ends
            reason = f"{place.event}, {day_in_full(place.from_day)}"
            if why:
                reason = f"{reason}; {why}"
            return self._unit(Resolved(line, body, was, reason, place.from_day))
        options = tuple(
            Option(body, f"{share(place.share)} of {was.code}", place.share)
            for body, place in ends
        )
        between = ", ".join(f"{o.body.code} ({share(o.part)})" for o in options)
        return Unresolved(
            line, f"{was.code} {was.name} {closed} and splits between {between}.", was, options
        )

    def follow_name(self, line, candidates, usual):
        """What a line means whose text is a name that one or several bodies had."""
        if len(candidates) > 1:
            candidates = [c for c in candidates if c.key in self.live] or candidates
        if len(candidates) > 1 and usual:
            # In a file of sub-ICB locations, a name is that of one.
            kind = usual.most_common(1)[0][0]
            alike = [c for c in candidates if self.was[c.key].kind_code == kind]
            candidates = alike or candidates
        if len(candidates) > 1:
            options = self._options((c.key, f"once called {c.name}") for c in candidates)
            return Unresolved(line, f"Several bodies have been called {line.unit}.", None, options)
        [named] = candidates
        if named.closed_on is None or named.closed_on > self.day:
            return self.follow(line, named.key, "by its name")
        return self.follow(
            line, named.key, f"its name until {day_in_full(last_day(named.closed_on))}"
        )

    def suggest(self, line, likes):
        """What to say of a text that is no code and no name; `likes` may be what was meant."""
        options = self._options(likes)
        known = f"{line.unit} is no code, and no name, that any body has had."
        return Unresolved(line, known, None, options)

    def _options(self, candidates):
        options = {}
        for key, text in candidates:
            living = (
                [self.live[key]] if key in self.live else [b for b, _ in self.ends.get(key, ())]
            )
            for body in living:
                if body.kind_code in self.units:
                    options.setdefault(body.pk, Option(body, text))
        return tuple(options.values())[:OPTIONS]

    def _unit(self, resolved):
        if resolved.body.kind_code in self.units:
            return resolved
        body = resolved.body
        return Unresolved(
            resolved.line,
            f"{body.code} {body.name} is a {body.kind.lower()}: no plan assigns those.",
            body,
        )


def _part_conflicts(resolution):
    """Take out the lines that give one unit to several territories."""
    by_unit = defaultdict(list)
    for found in resolution.resolved:
        by_unit[found.body.pk].append(found)
    torn = {
        key: founds
        for key, founds in by_unit.items()
        if len({found.line.territory.casefold() for found in founds}) > 1
    }
    for key in by_unit.keys() - torn.keys():
        said = Counter(found.line.unit.casefold() for found in by_unit[key])
        # Several old bodies that are one unit now are no attempt to put it twice.
        twice = [
            found.line
            for found in by_unit[key]
            if found.old is None or said[found.line.unit.casefold()] > 1
        ]
        if len(twice) > 1:
            resolution.repeats.append(Conflict(by_unit[key][0].body, tuple(twice)))
    resolution.repeats.sort(key=lambda repeat: repeat.lines[0].number)
    resolution.resolved = [f for f in resolution.resolved if f.body.pk not in torn]
    resolution.conflicts = [
        Conflict(founds[0].body, tuple(found.line for found in founds)) for founds in torn.values()
    ]


def _notice(resolution):
    """Say what was put together, and who is left out where a territory has two owners."""
    owners, repeated = defaultdict(dict), 0
    seen = set()
    for found in resolution.resolved:
        if found.line.owner:
            owners[found.line.territory].setdefault(found.line.owner, found.line.number)
        said = (found.body.pk, found.line.unit.casefold())
        repeated += said in seen
        seen.add(said)
    for territory, names in owners.items():
        if len(names) > 1:
            first, *others = names
            rest = ", ".join(f"{name} (line {names[name]})" for name in others)
            resolution.notices.append(
                f"{territory} has {len(names)} owners: {first} becomes its owner; {rest} "
                "can join it on the plan's page."
            )
    if repeated:
        lines = "1 line repeats" if repeated == 1 else f"{repeated:,} lines repeat"
        resolution.notices.append(f"{lines} a unit in the same territory; it counts once.")
