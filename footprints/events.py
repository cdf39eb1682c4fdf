"""Groups successions into the events that a person would recognise. No database.

One event is a connected set of successions of one day and one family (commissioners and systems,
or providers), with the functions that pass: 18 CCG mergers on 1 April 2020, 42 events on 1 July
2022. A body that closes belongs to the event that ends its parent: on 1 April 2026 Frimley's one
sub-ICB location was split in the same stroke as Frimley ICB.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from textwrap import shorten

from .bundle import Bundle, RelationshipRow, SuccessionRow, VersionRow
from .names import count, inline, listed, short

FAR_PAST, FAR_FUTURE = date.min, date.max
LONGEST_TITLE, LONGEST_SLUG = 240, 80


@dataclass(frozen=True)
class Moved:
    """A child whose parent changes on the day of the event."""

    child: str
    type: str
    from_parent: str
    to_parent: str
    source: str


@dataclass(frozen=True)
class Said:
    """Who said so, and when: the evidence of an event's state."""

    reason: str
    source: str
    on: date | None = None
    checked_on: date | None = None


@dataclass
class Event:
    day: date
    kind: str
    title: str
    slug: str
    successions: list[SuccessionRow]
    moves: list[Moved] = field(default_factory=list)
    state: str = "effective"
    said: Said = Said("Recorded in the bundled facts.", "")


@dataclass(frozen=True)
class LateDay:
    """A succession whose source gives the predecessor's last day; the event is the day after."""

    row: SuccessionRow
    day: date


class Lives:
    """What each code was on a day, from the rows of the bundle."""

    def __init__(self, bundle: Bundle):
        self.kinds = {kind.code: kind for kind in bundle.kinds}
        self._versions: dict[str, list[VersionRow]] = defaultdict(list)
        for row in bundle.versions:
            self._versions[row.code].append(row)

    def on(self, code: str, day: date) -> VersionRow | None:
        for row in self._versions[code]:
            if (row.opened_on or FAR_PAST) <= day < (row.closed_on or FAR_FUTURE):
                return row
        return None

    def before(self, code: str, day: date) -> VersionRow:
        """The version on the day before, else the last one that ever was."""
        found = self.on(code, day - timedelta(days=1)) or self.on(code, day)
        return found or self._versions[code][-1]

    def after(self, code: str, day: date) -> VersionRow:
        return self.on(code, day) or self._versions[code][-1]

    def family(self, row: VersionRow) -> str:
        return self.kinds[row.kind].family


class Together:
    """Disjoint sets: which bodies belong to one event."""

    def __init__(self):
        self._parent: dict = {}

    def find(self, item):
        self._parent.setdefault(item, item)
        while self._parent[item] != item:
            self._parent[item] = item = self._parent[self._parent[item]]
        return item

    def join(self, one, other):
        self._parent[self.find(other)] = self.find(one)


def effective_days(bundle: Bundle) -> tuple[dict[SuccessionRow, date], list[LateDay]]:
    """The first day of each succession, and those whose source names the last day before it.

    Some mid-year trust successions (RY1, R1E, RGQ, RJF) carry the predecessor's last day.
    """
    lives, days, late = Lives(bundle), {}, []
    for row in bundle.successions:
        days[row] = row.day
        following = row.day + timedelta(days=1)
        version = lives.on(row.predecessor, row.day)
        if row.becomes is None and version and version.closed_on == following:
            days[row] = following
            late.append(LateDay(row, following))
    return days, late


def group(bundle: Bundle) -> list[Event]:
    """The events of the bundle's successions, in order of day and title."""
    days, _ = effective_days(bundle)
    lives = Lives(bundle)
    together = Together()
    by_day = defaultdict(list)
    for row, day in days.items():
        by_day[day].append(row)
    parents = _parents(bundle.relationships)

    grouped: dict[tuple, list[SuccessionRow]] = defaultdict(list)
    for day, rows in by_day.items():
        closing = {row.predecessor for row in rows if row.predecessor != row.successor}
        for row in rows:
            family = lives.family(lives.before(row.predecessor, day))
            together.join((day, family, row.predecessor), (day, family, row.predecessor))
            if row.successor:
                together.join((day, family, row.predecessor), (day, family, row.successor))
            if row.passes == "area" and row.predecessor != row.successor:
                for parent in parents(row.predecessor, day - timedelta(days=1)):
                    if parent in closing:
                        together.join((day, family, parent), (day, family, row.predecessor))
    for row, day in days.items():
        family = lives.family(lives.before(row.predecessor, day))
        grouped[together.find((day, family, row.predecessor))].append(row)

    events = [_event(key[0], rows, lives) for key, rows in grouped.items()]
    _attach_moves(events, bundle.relationships, lives)
    events.sort(key=lambda event: (event.day, event.title, event.slug))
    _fit(events)
    return events


def _fit(events: list[Event]):
    """Shorten what is longer than its column, and tell apart what has the same address.

    Two families may reorganise into the same body on the same day: a care trust, say.
    """
    taken = set()
    for event in events:
        event.title = shorten(event.title, LONGEST_TITLE, placeholder=" …")
        day = f"-{event.day}"
        subject = event.slug.removesuffix(day)[: LONGEST_SLUG - len(day) - len("-9")]
        slugs = (f"{subject}{suffix}{day}" for suffix in ("", *(f"-{n}" for n in range(2, 10))))
        event.slug = next(slug for slug in slugs if slug not in taken)
        taken.add(event.slug)


def clusters(bundle: Bundle) -> list[Event]:
    """The mergers that are reported of boards which share leadership; none is decided.

    Each rests on a provisional code. Everything that is part of a member, or a member of it, on
    the day before would move to the successor.
    """
    events = []
    for row in bundle.clusters:
        plan = (
            "a merger is planned" if row.kind == "merger" else "a merger is reported, not decided"
        )
        successions = [
            SuccessionRow(
                file=row.file,
                line=row.line,
                day=row.planned_on,
                kind="merger",
                predecessor=member,
                successor=row.code,
                passes="area",
                share=Decimal(1),
                becomes=None,
                confidence="low",
                source=row.source,
                note=f"{row.said}; as of {row.as_of}",
            )
            for member in row.members
        ]
        moves = [
            Moved(child.child, child.type, child.parent, row.code, row.source)
            for child in bundle.relationships
            if child.parent in row.members
            and child.type in ("part_of", "member_of")
            and (child.opened_on or FAR_PAST) < row.planned_on
            and (child.closed_on or FAR_FUTURE) >= row.planned_on
        ]
        reason = f"{row.said.capitalize()}. {plan.capitalize()}; no list of decisions was found."
        if row.kind == "merger":
            reason = f"{row.said.capitalize()}; no order was found."
        dated = maybe_day(row.as_of)
        if dated is None:
            reason += f" The source is of {row.as_of}."
        said = Said(reason, row.source, dated, row.checked_on)
        members = count(len(row.members), "ICB", "ICBs")
        events.append(
            Event(
                row.planned_on,
                row.kind,
                f"{row.name}: {members} {'would merge' if row.kind == 'merger' else 'cluster'}",
                f"{row.code}-{row.planned_on}".lower(),
                successions,
                moves,
                row.state,
                said,
            )
        )
    return events


def maybe_day(text: str) -> date | None:
    """The date of a text that is one; sources that give the year alone have none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _parents(relationships: Iterable[RelationshipRow]):
    rows = defaultdict(list)
    for row in relationships:
        if row.type == "part_of":
            rows[row.child].append(row)

    def on(child: str, day: date) -> list[str]:
        return [
            row.parent
            for row in rows[child]
            if (row.opened_on or FAR_PAST) <= day < (row.closed_on or FAR_FUTURE)
        ]

    return on


def _attach_moves(events: list[Event], relationships: list[RelationshipRow], lives: Lives):
    """Parent changes without a new code, each to the event that explains it."""
    ends = defaultdict(list)
    for row in relationships:
        if row.closed_on:
            ends[row.child, row.type, row.closed_on].append(row)
    by_pair, by_child, by_body = {}, {}, {}
    for event in events:
        for row in event.successions:
            by_pair[event.day, row.predecessor, row.successor] = event
            by_child.setdefault((event.day, row.predecessor), event)
            for body in filter(None, (row.predecessor, row.successor)):
                by_body.setdefault((event.day, body), event)
    for new in relationships:
        for old in ends.get((new.child, new.type, new.opened_on), ()):
            if old.parent == new.parent:
                continue
            event = (
                by_pair.get((new.opened_on, old.parent, new.parent))
                or by_child.get((new.opened_on, new.child))
                or by_body.get((new.opened_on, new.parent))
                or by_body.get((new.opened_on, old.parent))
            )
            if event is None:
                slug = f"{old.parent}-{new.parent}-{new.opened_on}".lower()
                event = Event(new.opened_on, "transfer_of_members", "", slug, [])
                events.append(event)
                by_pair[new.opened_on, old.parent, new.parent] = event
            event.moves.append(Moved(new.child, new.type, old.parent, new.parent, new.source))
    for event in events:
        if not event.title:
            event.title = _transfer(event, lives)


def _transfer(event: Event, lives: Lives) -> str:
    first = event.moves[0]
    kind = lives.kinds[lives.before(first.child, event.day).kind]
    who = count(len(event.moves), inline(kind.name), inline(kind.plural))
    if len(event.moves) == 1:
        who = short(lives.before(first.child, event.day).name)
    old = lives.before(first.from_parent, event.day).name
    new = lives.after(first.to_parent, event.day).name
    return f"{who[0].upper()}{who[1:]} move{'s' * (len(event.moves) == 1)} from {old} to {new}"


def _event(day: date, rows: list[SuccessionRow], lives: Lives) -> Event:
    area = [row for row in rows if row.passes == "area"]
    changed = [row for row in area if row.becomes]
    passing = [row for row in area if not row.becomes]
    # The widest bodies name the event: Frimley ICB rather than its one sub-ICB location.
    widest = min((_tier(row, day, lives) for row in passing), default=None)
    leading = [row for row in passing if _tier(row, day, lives) == widest]
    if leading:
        kind, title, subject = _passing(day, leading, lives)
    else:
        kind, title, subject = _nature(day, changed, lives)
    return Event(day, kind, title, f"{subject}-{day}".lower(), rows)


def _tier(row: SuccessionRow, day: date, lives: Lives) -> int:
    return lives.kinds[lives.before(row.predecessor, day).kind].tier


def _passing(day: date, rows: list[SuccessionRow], lives: Lives) -> tuple[str, str, str]:
    """Kind, title and subject; the subject is the event's address, whatever the rows' order."""
    old = list(dict.fromkeys(row.predecessor for row in rows))
    new = list(dict.fromkeys(row.successor for row in rows if row.successor))
    kind = lives.kinds[lives.before(old[0], day).kind]
    survivors = [code for code in new if lives.on(code, day - timedelta(days=1))]

    def before(codes):
        return listed([short(lives.before(code, day).name) for code in codes])

    def after(codes):
        return listed([short(lives.after(code, day).name) for code in codes])

    if not new:
        return "abolition", f"{before(old)} {inline(kind.name)} closes", old[0]
    if len(old) == 1 and len(new) > 1:
        ways = {2: "in two", 3: "three ways", 4: "four ways"}.get(len(new), f"{len(new)} ways")
        return "split", f"{before(old)} {inline(kind.name)} splits {ways}", old[0]
    if len(new) == 1 and survivors:
        title = f"{before(old)} {'joins' if len(old) == 1 else 'join'} {after(new)}"
        return "absorption", title, f"{min(old)}-{new[0]}"
    if len(new) == 1:
        merging = count(len(old), inline(kind.name), inline(kind.plural))
        verb = "merge" if len(old) > 1 else "is replaced"
        name = f"{after(new)} {kind.name}" if kind.code in ("ccg", "icb", "stp") else after(new)
        return "merger", f"{name}: {merging} {verb}", new[0]
    created = [code for code in new if code not in survivors]
    grown = (
        f"; {after(survivors)} {'grows' if len(survivors) == 1 else 'grow'}" if survivors else ""
    )
    regrouping = count(len(old), inline(kind.name), inline(kind.plural))
    title = f"{after(created or new)}: {regrouping} regroup{grown}"
    return "regrouping", title, "-".join(sorted(new))


def _nature(day: date, rows: list[SuccessionRow], lives: Lives) -> tuple[str, str, str]:
    rows = sorted(rows, key=lambda row: (_tier(row, day, lives), row.predecessor))
    first = rows[0]
    became = lives.after(first.predecessor, day)
    was, now = lives.kinds[lives.before(first.predecessor, day).kind], lives.kinds[first.becomes]
    title = f"{short(became.name)}: the {was.name} becomes an {now.name}"
    others = [row for row in rows if row.becomes != first.becomes]
    if others:
        old = lives.kinds[lives.before(others[0].predecessor, day).kind]
        new = lives.kinds[others[0].becomes]
        many = len(others) > 1
        title += f", {count(len(others), inline(old.name), inline(old.plural))} "
        title += f"become {inline(new.plural)}" if many else f"becomes a {inline(new.name)}"
    return "change_of_nature", title, first.predecessor
