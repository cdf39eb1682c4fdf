"""A made register of national size: bodies in real proportions, with the lives real ones have.

Nothing here knows a database or a file: `bench.national` copies the bodies into one, and
`bench.national_xml` writes them as the full file that is published. The ground they stand on
(regions, boards, commissioners, PCNs, trusts) is the bundle of facts; every name is put together
from the words of real names, as often as these occur there. All of it follows from one seed.
"""

import itertools
import random
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

NATIONAL = 300_000
RELATIONSHIPS_EACH = 10 / 3
SUCCESSIONS_EACH = 1 / 12
TODAY = date(2026, 11, 1)  # the day of the last release
FIRST_KNOWN = date(2019, 2, 1)  # the day of the first: facts before it came with that one

# kind → how many of 300,000 (the proportions of the published full file: most codes are sites
# and cost centres), where its code comes from.
SHAPES = {
    "trust": 700,
    "care_trust": 20,
    "place": 380,
    "local_authority": 400,
    "commissioning_hub": 100,
    "pcn": 1_400,
    "practice": 27_000,
    "prescribing_cost_centre": 95_000,
    "trust_site": 175_000,
}
SOURCES = ("ods full file", "epraccur", "etr", "ePCN", "eauth")
LETTERS = "ABCDEFGHJKLMNPQRSTVWXY"  # codes leave out I, O, U and Z
FAMILIES = {"practice": 0.5, "trust_site": 0.3, "prescribing_cost_centre": 0.2}

AREAS = (
    "AL B BA BB BD BH BL BN BR BS CA CB CH CM CO CR CT CV CW DA DE DH DL DN DT DY E EC EN EX FY "
    "GL GU HA HD HG HP HR HU HX IG IP KT L LA LE LN LS LU M ME MK N NE NG NN NR NW OL OX PE PL "
    "PO PR RG RH RM S SE SG SK SL SM SN SO SP SR SS ST SW SY TA TF TN TQ TR TS TW UB W WA WC WD "
    "WF WN WR WS WV YO"
).split()
STARTS = (
    "Ash Beck Bex Birch Brad Bram Bright Broad Brook Burn Cald Carl Chal Charl Chel Chester Clay "
    "Cold Crow Dal Darn Dean Dun East Edge Ellen Elm Fair Farn Fen Ferry Glen Grim Hadley Hal Ham "
    "Harl Hart Hather Hazel Hen Hether Hil Hol Horn Hun Ick Ken Kirk Lang Lin Lock Long Lyn Maid "
    "Mar Mel Mill Mor New Nor Oak Old Over Pen Pick Rams Red Roth Rush Salt Sand Sel Shel Sher "
    "Skip South Stan Stave Stock Strat Sut Swan Tad Tam Tan Thorn Tiver Under Wake Wal Ware Wat "
    "Wel West Whit Wig Win Wood Wor Wych Yar"
).split()
ENDS = (
    "ton ham ford bury ley worth field wick thorpe by dale combe stead hurst bourne bridge port "
    "mouth don well wood stone grave minster den gate holme shaw cliffe"
).split()
MIDDLES = ("", "ing", "er", "a")
SAINTS = "James Mary John Peter Paul Luke Thomas Andrew Anne George Michael Mark Giles".split()
SURNAMES = (
    "Smith Jones Taylor Brown Williams Wilson Johnson Davies Patel Robinson Wright Thompson Evans "
    "Walker White Roberts Green Hall Wood Khan Jackson Clarke Ahmed O'Connor O'Brien MacDonald "
    "Singh Hussain Begum Shah Murphy Kelly Llŷr Siân D'Souza"
).split()
TITLES = {
    "practice": [
        ("{place} Surgery", 16),
        ("{place} Medical Centre", 14),
        ("{place} Medical Practice", 8),
        ("The {place} Practice", 7),
        ("{place} Health Centre", 9),
        ("{place} {way} Surgery", 12),
        ("St {saint}'s Surgery", 2),
        ("St. {saint}s Medical Centre", 2),
        ("Saint {saint} Health Centre", 1),
        ("Dr {surname} & Partners", 7),
        ("Dr {initial} {surname}", 6),
        ("{place} and {other} Family Practice", 4),
    ],
    "prescribing_cost_centre": [
        ("{place} Community Nursing", 10),
        ("{place} Out of Hours", 8),
        ("{place} Urgent Treatment Centre", 5),
        ("{place} Substance Misuse Service", 5),
        ("{place} Care Home Support Team", 5),
        ("{other} {place} Dental Practice", 9),
        ("{place} Pharmacy", 20),
        ("{surname} Pharmacy ({place})", 8),
        ("{place} Hospice", 3),
        ("{place} Integrated Diabetes Service", 4),
    ],
    "trust_site": [
        ("{place} Hospital", 12),
        ("{place} Community Hospital", 6),
        ("{place} Clinic", 14),
        ("{place} Mental Health Unit", 7),
        ("{place} Ward, {other} Hospital", 12),
        ("{place} House", 10),
        ("{place} Day Centre", 6),
        ("{place} {way}", 9),
        ("{place} Physiotherapy at {other} Health Centre", 5),
        ("The {place} Unit - St {saint}'s Hospital", 4),
    ],
    "trust": [
        ("{place} NHS Foundation Trust", 3),
        ("{place} and {other} NHS Trust", 2),
        ("{place} University Hospitals NHS Foundation Trust", 2),
        ("{place} Community Healthcare NHS Trust", 1),
    ],
    "care_trust": [("{place} Care Trust", 1)],
    "place": [("{place} Place", 2), ("{place} and {other} Health and Care Partnership", 1)],
    "local_authority": [
        ("{place} Borough Council", 3),
        ("{place} District Council", 3),
        ("{place} County Council", 1),
        ("London Borough of {place}", 1),
    ],
    "commissioning_hub": [("{place} Commissioning Hub", 1)],
    "pcn": [
        ("{place} PCN", 4),
        ("{place} and {other} PCN", 2),
        ("{place} Health Alliance PCN", 1),
    ],
}
WAYS = "Road Street Lane Park Green Hill Court Avenue House Gate Bridge Close Square".split()
OLD_DAYS = (date(1974, 4, 1), date(1991, 4, 1), date(2002, 4, 1), date(2013, 4, 1))


@dataclass(slots=True)
class Told:
    """A dated fact on both clocks: days half open, releases by their place in `releases()`."""

    what: tuple
    opened_on: date | None
    closed_on: date | None
    asserted: int
    retracted: int | None = None


@dataclass(slots=True)
class Body:
    """`versions` hold (kind, name), `parents` (type, code of the parent), `identifiers`
    (scheme, value), `people` (year, boundary_on, people, asserted)."""

    code: str
    versions: list[Told] = field(default_factory=list)
    parents: list[Told] = field(default_factory=list)
    identifiers: list[Told] = field(default_factory=list)
    people: list[tuple] = field(default_factory=list)


@dataclass(slots=True)
class Made:
    """One reorganisation: `successions` hold (predecessor, successor or None, share)."""

    kind: str
    title: str
    effective_on: date
    successions: list[tuple]
    asserted: int


def releases() -> list[tuple[date, str]]:
    """The day and the source of forty releases, the oldest first; the bundle's comes before."""
    step = (TODAY - FIRST_KNOWN).days / 39
    return [
        (FIRST_KNOWN + timedelta(days=round(i * step)), SOURCES[i % len(SOURCES)])
        for i in range(40)
    ]


class National:
    """`bodies()` yields every Body once, parents before children; then `events` is filled."""

    def __init__(self, bundle, organisations: int = NATIONAL, seed: int = 2026):
        self.random = random.Random(seed)
        self.organisations = organisations
        self.days = [day for day, _ in releases()]
        self.codes = {row.code for row in bundle.versions}
        self.homes = _homes(bundle)
        self.pcns = _members(bundle, "pcn")
        self.trusts = [row.code for row in bundle.versions if row.kind == "trust"]
        self.boards = sorted({r.code for r in bundle.versions if r.kind == "icb" and _lives(r)})
        self.places, self.weights = self._places(bundle)
        self.practices: list[str] = []
        self.events: list[Made] = []
        self.made = self.related = self.succeeded = 0
        self.titles = {
            kind: ([text for text, _ in all_], list(itertools.accumulate(n for _, n in all_)))
            for kind, all_ in TITLES.items()
        }

    def bodies(self) -> Iterator[Body]:
        for kind, of_national in SHAPES.items():
            goal = max(2, round(of_national * self.organisations / NATIONAL))
            if kind == "trust_site":
                goal = self.organisations - self.made
            families = FAMILIES.get(kind, 0) * SUCCESSIONS_EACH * self.organisations
            begun, done = self.made, self.succeeded
            while self.made - begun < goal:
                if self.succeeded - done < families:
                    yield from self._family(kind)
                else:
                    yield self._body(kind, *self._life())

    # --- One body --------------------------------------------------------------------------

    def _body(self, kind, opened, closed, home=None) -> Body:
        dice = self.random
        home = home or dice.choice(self.homes)
        parent = dice.choice(self.trusts) if kind == "trust_site" else None
        body = Body(self._code(kind, parent))
        self.made += 1
        self._name(body, kind, opened, closed, home)
        for told in self._parents(body, kind, opened, closed, home, parent):
            body.parents.append(told)
        self.related += sum(told.retracted is None for told in body.parents)
        if kind not in ("pcn", "place", "commissioning_hub"):
            area = home.areas[dice.randrange(3)]
            text = f"{area}{dice.randint(1, 29)} {dice.randint(1, 9)}{_two(dice)}"
            body.identifiers += self._told(("postcode", text), opened, closed)
        if kind == "local_authority":
            body.identifiers += self._told(("gss", f"E07{self.made:06}"), opened, closed)
        if kind == "practice" and closed is None:
            self.practices.append(body.code)
            size = max(900, int(dice.lognormvariate(9, 0.5)))
            for year in (2022, 2024, 2025):
                counted = date(year, 7, 1)
                if opened is None or opened <= counted:
                    people = round(size * dice.uniform(0.95, 1.05))
                    body.people.append((year, counted, people, self._release(counted)))
        if kind == "trust" and closed is None:
            self.trusts.append(body.code)
        if kind == "pcn" and closed is None:
            self.pcns[home.code].append(body.code)
        return body

    def _life(self):
        """The first day and the first day after the end; the start is at times not known."""
        dice, chance = self.random, self.random.random()
        if chance < 0.05:
            opened = None
        elif chance < 0.3:
            opened = dice.choice(OLD_DAYS)
        elif chance < 0.5:
            opened = date(dice.randint(1995, 2026), 4, 1)
        else:
            opened = date(1990, 1, 1) + timedelta(days=dice.randrange(13_400))
        if dice.random() < 0.68:
            return opened, None
        first = max(opened or date(1985, 1, 1), date(1985, 1, 1)) + timedelta(days=200)
        left = (TODAY - first).days
        if left < 30:
            return opened, None
        closed = first + timedelta(days=dice.randrange(left))
        if dice.random() < 0.4 and date(closed.year, 4, 1) > first:
            closed = date(closed.year, 4, 1)
        return opened, closed

    def _name(self, body, kind, opened, closed, home):
        """The versions of a life: a third were renamed, some were shut and opened again."""
        dice = self.random
        first = opened or date(1974, 4, 1)
        cuts = []
        days = ((closed or TODAY) - first).days
        if days > 1500:
            cuts = [n for n in range(2) if dice.random() < (0.33, 0.12)[n]]
        since, name = opened, self._title(kind, home)
        for n in cuts:
            until = first + timedelta(days=days * (n + 1) // 3 + dice.randrange(200))
            body.versions += self._told((kind, name), since, until)
            gap = dice.random() < 0.12  # a code that was shut, and used again later
            since = until + timedelta(days=dice.randint(30, 300)) if gap else until
            changed = kind == "prescribing_cost_centre" and dice.random() < 0.05
            kind = "practice" if changed else kind
            name = self._title(kind, home)
        told = self._told((kind, name), since, closed)
        if dice.random() < 0.03 and told[0].asserted < 38:  # a misprint that was put right later
            wrong = told[0]
            end = wrong.retracted if wrong.retracted is not None else 39
            right = dice.randint(wrong.asserted + 1, max(end - 1, wrong.asserted + 1))
            if wrong.retracted is None or right < wrong.retracted:
                misprint = (kind, _misspelt(dice, name))
                told[:1] = [
                    Told(misprint, wrong.opened_on, wrong.closed_on, wrong.asserted, right),
                    Told(wrong.what, wrong.opened_on, wrong.closed_on, right, wrong.retracted),
                ]
        body.versions += told

    def _parents(self, body, kind, opened, closed, home, parent):
        dice = self.random
        if kind in ("practice", "pcn", "place", "local_authority", "prescribing_cost_centre"):
            what = "covers" if kind == "local_authority" else "part_of"
            yield from self._along(home.segments, what, opened, closed)
        if kind == "practice" and self.pcns[home.code]:
            begun = max(opened or date(2019, 7, 1), date(2019, 7, 1))
            moved = begun + timedelta(days=dice.randint(300, 2000))
            pcns = dice.sample(self.pcns[home.code], min(2, len(self.pcns[home.code])))
            stays = len(pcns) == 1 or dice.random() < 0.85
            cut = TODAY if stays else moved
            yield from self._along([(pcns[0], begun, cut)], "member_of", opened, closed, stays)
            if not stays:
                yield from self._along([(pcns[1], moved, None)], "member_of", opened, closed)
        if kind == "prescribing_cost_centre" and self.practices:
            other = dice.choice(self.practices)
            yield from self._along([(other, None, None)], "member_of", opened, closed)
        if kind in ("trust", "care_trust", "commissioning_hub"):
            board = dice.choice(self.boards)
            yield from self._along([(board, date(2022, 7, 1), None)], "member_of", opened, closed)
        if kind == "trust_site":
            handed = date(dice.randint(2004, 2026), dice.choice((4, 10)), 1)
            before = dice.choice(self.trusts)
            cut = handed if before != parent and dice.random() < 0.45 else None
            if cut:
                yield from self._along([(before, None, cut)], "part_of", opened, closed)
            yield from self._along([(parent, cut, None)], "part_of", opened, closed)
        # What a site or a team serves brings the relationships to their number.
        served = set()
        for _ in range(4):
            other = dice.choice(self.homes)
            enough = self.related + len(served) >= self.made * RELATIONSHIPS_EACH - 3
            if enough or served & {code for code, *_ in other.segments}:
                break
            served |= {code for code, *_ in other.segments}
            yield from self._along(other.segments, "serves", opened, closed)

    def _along(self, segments, what, opened, closed, stays=False):
        """One relationship a segment (parent, from, to) that the life meets."""
        for parent, since, until in segments:
            start = max(filter(None, (opened, since)), default=None)
            end = min(filter(None, (closed, None if stays else until)), default=None)
            if end is None or (start or date.min) < end:
                yield from self._told((what, parent), start, end)

    def _told(self, what, opened, closed) -> list[Told]:
        """How a fact came to be known: its end by a later release, where it ended since."""
        known = self._release(opened)
        ended = self._release(closed) if closed else known
        if ended <= known:
            return [Told(what, opened, closed, known)]
        return [Told(what, opened, None, known, ended), Told(what, opened, closed, ended)]

    def _release(self, day) -> int:
        return min(bisect_left(self.days, day), len(self.days) - 1) if day else 0

    # --- Reorganisations -------------------------------------------------------------------

    def _family(self, kind) -> Iterator[Body]:
        """Bodies that merge, split, are absorbed or follow each other, at times in a chain."""
        dice = self.random
        day = date(dice.randint(1996, 2026), dice.choice((1, 4, 4, 4, 7, 10)), 1)
        home = dice.choice(self.homes)
        shape = dice.choices(("merger", "absorption", "split", "rename"), (40, 25, 10, 25))[0]

        def old(count):
            found = []
            for _ in range(count):
                opened = day - timedelta(days=dice.randint(400, 9000))
                found.append(self._body(kind, opened, day, home))
            return found

        if shape == "split":
            before = old(1)
            after = [self._body(kind, day, None, home) for _ in range(2)]
            part = round(dice.uniform(0.2, 0.8), 3)
            rows = [
                (before[0].code, b.code, s) for b, s in zip(after, (part, 1 - part), strict=True)
            ]
            yield from before + after
        elif shape == "absorption":
            before = old(1)
            after = [self._body(kind, date(1992, 4, 1), None, home)]
            rows = [(before[0].code, after[0].code, 1)]
            yield from before + after
        else:
            before = old(1 if shape == "rename" else dice.choice((2, 2, 2, 3, 4)))
            again = day + timedelta(days=dice.randint(400, 4000))
            chained = again < TODAY and dice.random() < 0.5
            middle = self._body(kind, day, again if chained else None, home)
            rows = [(body.code, middle.code, 1) for body in before]
            yield from before
            yield middle
            if chained:
                last = self._body(kind, again, None, home)
                self._declare("rename", [(middle.code, last.code, 1)], again, middle)
                yield last
        self._declare(shape, rows, day, before[0])

    def _declare(self, kind, rows, day, body):
        self.succeeded += len(rows)
        title = f"{body.versions[-1].what[1]}: {kind}"
        self.events.append(Made(kind, title, day, rows, self._release(day)))

    # --- Codes and words -------------------------------------------------------------------

    def _code(self, kind, parent) -> str:
        dice = self.random
        for attempt in itertools.count():
            if attempt > 20:
                code = _alternating(dice)
            elif kind == "practice":
                code = f"{dice.choice(LETTERS)}{dice.randint(81, 99)}{dice.randint(1, 999):03}"
            elif kind == "pcn":
                code = f"U{dice.randrange(100_000):05}"
            elif kind == "prescribing_cost_centre" and dice.random() < 0.7:
                code = f"{dice.choice('YGVN')}{dice.randrange(100_000):05}"
            elif kind == "trust_site":
                code = f"{parent[:3]}{dice.choice(LETTERS + '0123456789')}{_two(dice)[1]}"
                code = code if attempt < 9 else f"{parent[:3]}{_two(dice)}"
            elif kind == "trust":
                code = f"{dice.choice('RTN')}{_two(dice)}"
            elif kind == "local_authority":
                code = str(dice.randint(100, 999))
            else:
                code = _alternating(dice)
            if code not in self.codes:
                self.codes.add(code)
                return code

    def _title(self, kind, home) -> str:
        dice = self.random
        text = dice.choices(self.titles[kind][0], cum_weights=self.titles[kind][1])[0]
        return text.format(
            place=dice.choice(home.places)
            if dice.random() < 0.6
            else dice.choices(self.places, cum_weights=self.weights)[0],
            other=dice.choices(self.places, cum_weights=self.weights)[0],
            way=dice.choice(WAYS),
            saint=dice.choice(SAINTS),
            surname=dice.choice(SURNAMES),
            initial=dice.choice(LETTERS),
        )

    def _places(self, bundle):
        """Names of places: the words of real names as often as they occur, and many rare ones."""
        common = set(
            "nhs and ccg icb trust foundation pcn the of hub sub entity reporting network board "
            "commissioning hospital hospitals committee group integrated h".split()
        )
        real = Counter(
            word.title()
            for row in bundle.versions
            for word in re.findall(r"[A-Za-z]{3,}", row.name)
            if word.lower() not in common
        )
        words = [word for word, _ in real.most_common()]
        weights = [real[word] for word in words]
        rare = sorted({a + b + c for a in STARTS for b in MIDDLES for c in ENDS} - set(words))
        self.random.shuffle(rare)
        words += rare + [f"{a} {b}" for a, b in zip(rare[:900], words[:900], strict=False)]
        weights += [120 / (rank + 8) for rank in range(len(words) - len(weights))]
        for home in self.homes:
            home.places = self.random.choices(words, weights, k=60)
            home.areas = self.random.choices(AREAS, k=3)
        return words, list(itertools.accumulate(weights))


@dataclass(slots=True)
class Home:
    """A patch of England: the commissioners it belonged to, one after another."""

    code: str
    segments: list[tuple]
    places: list[str] = field(default_factory=list)
    areas: list[str] = field(default_factory=list)


def _homes(bundle) -> list[Home]:
    """Each sub-ICB location of today, by each way back through the CCGs before it."""
    lives = defaultdict(list)
    for row in bundle.versions:
        if row.kind in ("ccg", "sub_icb"):
            lives[row.code].append(row)
    before = defaultdict(list)
    for row in bundle.successions:
        if row.passes == "area" and row.predecessor != row.successor and row.successor in lives:
            before[row.successor].append(row.predecessor)

    def ways(code, until):
        begun = min((row.opened_on for row in lives[code] if row.opened_on), default=None)
        older = [c for c in before[code] if c in lives and c != code]
        if begun is None or begun <= date(2013, 4, 1) or not older:
            yield [(code, begun, until)]
            return
        for predecessor in sorted(older):
            for way in ways(predecessor, begun):
                yield [*way, (code, begun, until)]

    return [
        Home(code, way)
        for code, rows in sorted(lives.items())
        if any(row.kind == "sub_icb" and _lives(row) for row in rows)
        for way in ways(code, None)
    ]


def _members(bundle, kind):
    of_kind = {row.code for row in bundle.versions if row.kind == kind and _lives(row)}
    found = defaultdict(list)
    for row in bundle.relationships:
        if row.child in of_kind and row.closed_on is None:
            found[row.parent].append(row.child)
    return found


def _lives(row) -> bool:
    return row.closed_on is None


def _two(dice) -> str:
    return dice.choice(LETTERS) + dice.choice(LETTERS)


def _alternating(dice) -> str:
    """The shape of codes since April 2020: a letter, a digit, in turn."""
    return "".join(dice.choice(LETTERS if i % 2 == 0 else "0123456789") for i in range(5))


def _misspelt(dice, name) -> str:
    at = dice.randrange(1, max(2, len(name) - 1))
    return name[:at] + name[at + 1 :]
