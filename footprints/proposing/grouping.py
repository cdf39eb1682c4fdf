"""Makes events of passages: what reorganised together on one day, named as a person would."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection, transaction
from django.db.models import Q

from .. import events
from ..bundle import Bundle, KindRow, RelationshipRow, SuccessionRow, VersionRow
from ..lives import Lives, brief
from ..models import Kind, Move, Organisation, Relationship, Reorganisation, Succession, Version
from ..names import inline, short
from .judging import Passage, judge
from .movements import TOGETHER, Movements

KINDS = Reorganisation.Kind
# Below this, the evidence is rather about what the register lacks than about the NHS.
LEAST_CONFIDENCE = Decimal("0.2")
# A statutory succession is stated, not seen: it says all but where the members went.
STATED = Decimal("0.9")


@dataclass(frozen=True)
class Suggestion:
    """One event that the facts suggest. ``pairs``: (predecessor, successor) → its passage; the
    passage is None where a report stated the succession and no member moved."""

    kind: str
    title: str
    slug: str
    day: date
    confidence: Decimal
    pairs: dict[tuple[int, int], Passage | None]

    @property
    def passages(self) -> list[Passage]:
        found: dict[int, Passage] = {}
        for (old, _), passage in self.pairs.items():
            if passage:
                found.setdefault(old, passage)
        return list(found.values())


@transaction.atomic
def suggest(
    *,
    since: date | None = None,
    until: date | None = None,
    withheld: bool = False,
    release: int | None = None,
) -> list[Suggestion]:
    """The events that movements in these days suggest (both included; None: no end), by day.

    What is recorded is not suggested again: a succession of the predecessor at that day, decided
    or not, or moves between the two. ``withheld``: as if nobody had recorded the events of these
    days. ``release``: only what one release touched, and all that this is part of.
    """
    with connection.cursor() as cursor:
        movements = Movements(cursor, since=since, until=until, withheld=withheld, release=release)
        passages: list[Passage] = []
        for rank in movements.ranks():
            found = _unrecorded(judge(movements, movements.follow(rank)), since, until, withheld)
            passages += found
            movements.learn(
                (passage.old, passage.day.day, went.new, passage.share(went))
                for passage in found
                if passage.ended
                for went in passage.went
            )
        movements.close()
    return [s for s in _grouped(passages) if s.confidence >= LEAST_CONFIDENCE]


def of_passings(pairs: Iterable[tuple[str, str, date]]) -> list[Suggestion]:
    """The events that stated successions suggest, of which the register knows nothing.

    ``pairs``: (predecessor code, successor code, day). Only areas and legal bodies reorganise:
    practices and sites that succeed each other are no event. Codes that the register does not
    know, and a body that succeeds itself, are left out.
    """
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    codes = {code for old, new, _ in pairs for code in (old, new)}
    reorganises = Version.objects.now().filter(
        Q(kind__is_footprint=True) | Q(kind__is_legal_body=True), organisation__code__in=codes
    )
    keys = dict(reorganises.values_list("organisation__code", "organisation"))
    stated = {
        (keys[old], keys[new]): day for old, new, day in pairs if old in keys and new in keys
    }
    held = Succession.objects.now().filter(predecessor__in={old for old, _ in stated})
    recorded = set(held.values_list("predecessor", "successor"))
    days = {pair: day for pair, day in stated.items() if pair not in recorded}
    return _events({pair: (day, None) for pair, day in days.items()})


def _unrecorded(passages: list[Passage], since, until, withheld: bool) -> list[Passage]:
    """Without what an event that stands says already."""
    old = {passage.old for passage in passages}
    known: dict[int, set[tuple[date, int]]] = defaultdict(set)
    standing = Q(reorganisation__in=Reorganisation.objects.standing())
    if withheld:
        inside = Q()
        if since:
            inside &= Q(reorganisation__effective_on__gte=since)
        if until:
            inside &= Q(reorganisation__effective_on__lte=until)
        standing &= ~inside if inside else Q(pk__in=())
    rows = Succession.objects.now().filter(
        standing, predecessor__in=old, passes=Succession.Passes.AREA, becomes=None
    )
    moves = Move.objects.now().filter(standing, from_parent__in=old).distinct()
    day = "reorganisation__effective_on"
    for body, on, new in rows.values_list("predecessor", day, "successor"):
        known[body].add((on, new))
    for body, on, new in moves.values_list("from_parent", day, "to_parent"):
        known[body].add((on, new))
    return [
        kept for passage in passages if (kept := _less(passage, known[passage.old])) is not None
    ]


def _less(passage: Passage, known: set[tuple[date, int]]) -> Passage | None:
    """The passage without the ways that are recorded; None where it is as a whole.

    A body that ended, ended by the event that is recorded of it between the day it was last seen
    whole and the day it was seen gone, whichever successors that names.
    """
    near = timedelta(days=TOGETHER)
    first = min(filter(None, [passage.day.day, passage.day.seen_on])) - near
    last = max(passage.day.day, passage.day.arrived_on) + near
    at_that_time = {new for on, new in known if first <= on <= last}
    if passage.ended:
        return None if at_that_time else passage
    went = [each for each in passage.went if each.new not in at_that_time]
    return replace(passage, went=went) if went else None


def _grouped(passages: list[Passage]) -> list[Suggestion]:
    ended = {
        (passage.old, went.new): (passage.day.day, passage)
        for passage in passages
        if passage.ended
        for went in passage.went
    }
    found = _events(ended)
    parted = [passage for passage in passages if not passage.ended]
    return sorted([*found, *_transfers(parted)], key=lambda s: (s.day, s.title, s.slug))


def _events(pairs: dict[tuple[int, int], tuple[date, Passage | None]]) -> list[Suggestion]:
    """Events of bodies that ended, by the rules that group the bundled successions."""
    bundle, codes = _bundle(pairs)
    keys = {code: key for key, code in codes.items()}
    found = []
    lives = events.Lives(bundle)
    for event in events.group(bundle):
        inside = {
            (pair := (keys[row.predecessor], keys[row.successor])): pairs[pair][1]
            for row in event.successions
        }
        kind, title = _named(event, lives)
        found.append(Suggestion(kind, title, event.slug, event.day, confidence(inside), inside))
    return found


def _named(event: events.Event, lives: events.Lives) -> tuple[str, str]:
    """One body that is all of one new body was given another code: no merger."""
    old = {row.predecessor for row in event.successions}
    new = {row.successor for row in event.successions}
    if event.kind != KINDS.MERGER or len(old) > 1 or len(new) > 1:
        return event.kind, event.title
    was = lives.before(*old, event.day)
    kind = inline(lives.kinds[was.kind].name)
    is_now = lives.after(*new, event.day)
    return KINDS.RENAME, f"{short(was.name)} {kind} is {short(is_now.name)} from now on"[:240]


def _transfers(passages: list[Passage]) -> list[Suggestion]:
    """Bodies that go on without a real part of their members: an event for each way."""
    ways = [(passage, went) for passage in passages for went in passage.went]
    lives = Lives({key for passage, went in ways for key in (passage.old, went.new)})
    kinds = Kind.objects.in_bulk({passage.kind for passage in passages})
    found = []
    for passage, went in ways:
        day, kind = passage.day.day, kinds[passage.kind]
        old, new = lives.before(passage.old, day), lives.near(went.new, day)
        if old is None or new is None:
            continue
        pair = (passage.old, went.new)
        inside = {pair: replace(passage, went=[went], strays=_others(passage, went))}
        codes = f"{old.organisation.code}-{new.organisation.code}-{day}".lower()
        who = f"{len(went.members):,} {inline(kind.plural)} move"
        one, other = brief(old), brief(new)
        if one == other:  # two locations of one board
            one, other = (f"{brief(body)} {body.organisation.code}" for body in (old, new))
        title = f"{who} from {one} to {other}"[:240]
        found.append(
            Suggestion(KINDS.TRANSFER_OF_MEMBERS, title, codes, day, confidence(inside), inside)
        )
    return found


def _others(passage: Passage, went) -> list:
    """Members that left for elsewhere."""
    return [
        *passage.strays,
        *(m for each in passage.went if each is not went for m in each.members),
    ]


def confidence(pairs: dict[tuple[int, int], Passage | None]) -> Decimal:
    """Coverage × cleanness × agreement about the day (``judging``), of all the event's bodies
    by their members; three decimals."""
    passages = list({id(p): p for p in pairs.values() if p}.values())
    followed = sum((passage.followed for passage in passages), Decimal(0))
    if not followed:
        return STATED
    total = sum((passage.followed / passage.coverage for passage in passages), Decimal(0))
    placed = sum((passage.placed for passage in passages), Decimal(0))
    day = sum((p.day.agreement * p.followed for p in passages), Decimal(0)) / followed
    return (followed / total * (placed / followed) * day).quantize(Decimal("0.001"))


def _bundle(pairs) -> tuple[Bundle, dict[int, str]]:
    """The rows that grouping needs, of these bodies alone: as ``events`` reads them."""
    bodies = {key for pair in pairs for key in pair}
    codes = dict(Organisation.objects.filter(pk__in=bodies).values_list("pk", "code"))
    bundle = Bundle("", date.min, "")
    bundle.kinds = [
        KindRow(
            "",
            0,
            kind.code,
            kind.name,
            kind.plural,
            kind.family,
            kind.tier,
            kind.is_legal_body,
            kind.is_footprint,
            kind.is_unit,
        )
        for kind in Kind.objects.all()
    ]
    versions = Version.objects.now().filter(organisation__in=bodies)
    bundle.versions = [
        VersionRow(
            "",
            0,
            codes[v.organisation_id],
            v.kind_id,
            v.name,
            v.opened_on,
            v.closed_on,
            None,
            "",
            "",
        )
        for v in versions.order_by("organisation", "opened_on")
    ]
    above = Relationship.objects.now().filter(
        type=Relationship.Type.PART_OF, child__in=bodies, parent__in=bodies
    )
    bundle.relationships = [
        RelationshipRow(
            "",
            0,
            codes[r.child_id],
            r.type,
            codes[r.parent_id],
            None,
            r.opened_on,
            r.closed_on,
            "",
            "",
        )
        for r in above
    ]
    bundle.successions = [
        SuccessionRow(
            "", line, day, "merger", codes[old], codes[new], "area", None, None, "", "", ""
        )
        for line, ((old, new), (day, _)) in enumerate(sorted(pairs.items()))
    ]
    return bundle, codes
