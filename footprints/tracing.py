"""Where a body's area or its statutory functions went, and where they came from.

Successions are followed day by day, shares multiplied along a path and added where paths meet.
Only what lies on the way is read, however many successions the register holds.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from .ancestry import BY_THEN, NOW
from .lives import Lives
from .models import Reorganisation, Succession, Version
from .shares import Split, derive

AREA, FUNCTIONS = Succession.Passes.AREA, Succession.Passes.FUNCTIONS


class UnknownCode(Exception):
    def __init__(self, code: str):
        super().__init__(f"{code} is not in the register.")


@dataclass(frozen=True)
class Place:
    """One body that holds part of the area, or of the functions, on the day asked for.

    ``share`` is the part of the body asked about, 0 to 1, or None where a split's shares are not
    known; ``from_day`` the first day there, on this code; ``event`` the reorganisation that
    brought it there, None where the body is still itself. ``is_derived``: the share rests on the
    people of the members that moved, because no source states it (``footprints.shares``).
    """

    code: str
    name: str
    kind: str
    from_day: date | None
    event: str | None
    share: Decimal | None
    is_derived: bool = False


@dataclass(frozen=True)
class Ancestor:
    """One body whose area, or functions, the body asked about holds in part on the day.

    ``share`` is the part of the *ancestor* that came: shares of several are never summed.
    ``left_on`` is the first day on which it no longer held that part; ``from_day`` the day from
    which the body asked about holds it, ``event`` what brought it there. Name and kind are those
    that the ancestor had last.
    """

    code: str
    name: str
    kind: str
    left_on: date
    from_day: date
    event: str
    share: Decimal | None
    is_derived: bool = False


class Step(NamedTuple):
    """One way out of a body: on a day, to a successor (None: to nobody), with a share."""

    on: date
    successor: int | None
    share: Decimal | None
    event: str
    is_derived: bool = False


@dataclass
class _Arrival:
    share: Decimal | None
    from_day: date | None
    event: str | None
    is_derived: bool = False


def trace(code: str, day: date, *, known: int | None = None, passes: str = AREA) -> list[Place]:
    """The bodies that hold the area of ``code`` on that day, most of it first.

    Follows decided reorganisations that took effect by then. A code that only changes its nature
    stays where it is. An area that passed to nobody (a closure) ends in no place.

    ``passes="functions"``: the legal bodies that hold its statutory functions. These go where a
    succession of functions says (a CCG's to its ICB on 1 July 2022), else along with the area
    (when CCGs or ICBs merge). A body that never could sign a contract has none.

    Raises UnknownCode.
    """
    found = trace_all([code], day, known=known, passes=passes)
    if code not in found:
        raise UnknownCode(code)
    return found[code]


def trace_all(
    codes: Collection[str], day: date, *, known: int | None = None, passes: str = AREA
) -> dict[str, list[Place]]:
    """``trace`` of many codes in a fixed number of queries; unknown codes are left out."""
    starts = _first_days(Version.objects.filter(organisation__code__in=list(codes)), known, passes)
    outward = _steps([key for key, _ in starts.values()], day, known, passes)
    arrived = {
        code: {} if first is NEVER else _follow(key, first, outward)
        for code, (key, first) in starts.items()
    }
    versions = _holding(Version.objects.known(known).on(day), passes)
    ends = {key for arrivals in arrived.values() for key in arrivals}
    names = {
        version.organisation_id: version
        for version in versions.filter(organisation__in=ends).select_related("organisation")
    }
    return {
        code: sorted(
            (
                Place(
                    names[key].organisation.code,
                    names[key].name,
                    names[key].kind_id,
                    arrival.from_day,
                    arrival.event,
                    arrival.share,
                    arrival.is_derived,
                )
                for key, arrival in arrivals.items()
                if key in names
            ),
            key=lambda place: (-(place.share or 0), place.code),
        )
        for code, arrivals in arrived.items()
    }


def trace_back(
    code: str, day: date, *, known: int | None = None, passes: str = AREA
) -> list[Ancestor]:
    """The bodies of whose area ``code`` holds a part on that day, those that ended last first.

    The mirror of ``trace``: an ancestor is listed with the share that ``trace`` of the ancestor
    gives for this body on the day. A chain multiplies. The body is no ancestor of itself, and one
    that does not live on the day holds nothing. Raises UnknownCode.
    """
    versions = Version.objects.known(known).filter(organisation__code=code)
    key = versions.values_list("organisation", flat=True).first()
    if key is None:
        raise UnknownCode(code)
    ancestors = _behind(key, day, known, passes)
    if not ancestors or not _holding(versions.on(day), passes).exists():
        return []
    starts = _first_days(Version.objects.filter(organisation__in=ancestors), known, passes)
    outward = _steps(list(ancestors), day, known, passes)
    lives = Lives(ancestors, known)
    found = []
    for ancestor, first in starts.values():
        arrival = None if first is NEVER else _follow(ancestor, first, outward).get(key)
        if arrival is None or ancestor == key:
            continue
        left_on = min(step.on for step in outward[ancestor] if _is_open(step, first))
        last = lives.before(ancestor, left_on)
        found.append(
            Ancestor(
                last.organisation.code,
                last.name,
                last.kind_id,
                left_on,
                arrival.from_day,
                arrival.event,
                arrival.share,
                arrival.is_derived,
            )
        )
    return sorted(found, key=lambda a: (-a.left_on.toordinal(), -(a.share or 0), a.code))


NEVER = date.max  # the first legal day of a body that never was a legal one


def _holding(versions, passes: str):
    """Those of the versions that can hold what passes: functions, a legal body alone."""
    return versions.filter(kind__is_legal_body=True) if passes == FUNCTIONS else versions


def _first_days(versions, known, passes) -> dict[str, tuple[int, date | None]]:
    """Code → the body's key and the first day it held what passes; None where not known."""
    found: dict[str, tuple[int, date | None]] = {}
    rows = versions.known(known).values_list(
        "organisation__code", "organisation", "opened_on", "kind__is_legal_body"
    )
    for code, key, opened_on, is_legal in rows:
        if passes == FUNCTIONS and not is_legal:
            opened_on = NEVER
        _, first = found.get(code, (key, opened_on))
        found[code] = key, None if None in (first, opened_on) else min(first, opened_on)
    return found


# --- What lies on the way -----------------------------------------------------------------------

# The successions that count: decided, in effect by the day, and of what passes. ``UNION`` drops
# what was reached before on the same day, so that a circle ends.
COUNTS = """
{known} AND succession.passes = ANY (%(passes)s) AND succession.becomes_id IS NULL
AND event.state = ANY (%(states)s) AND event.effective_on <= %(day)s
"""
OUT_OF = """
footprints_succession AS succession
JOIN footprints_reorganisation AS event ON event.id = succession.reorganisation_id
"""
# {alone} keeps the walk to the index of predecessors, body by body, however many successions
# there are and whatever the planner believes of them. No index holds what was retracted.
ALONE = "OFFSET 0"
FORWARD = """
WITH RECURSIVE reached(body, since) AS (
    SELECT key, '-infinity'::date FROM unnest(%(keys)s::bigint[]) AS asked(key)
    UNION
    SELECT way.successor_id, way.effective_on
    FROM reached
    CROSS JOIN LATERAL (
        SELECT succession.successor_id, event.effective_on
        FROM {out_of}
        WHERE succession.predecessor_id = reached.body AND {counts} {alone}
    ) AS way
    WHERE way.successor_id IS NOT NULL AND way.effective_on >= reached.since
)
SELECT way.*
FROM (SELECT DISTINCT body FROM reached) AS held
CROSS JOIN LATERAL (
    SELECT succession.predecessor_id, area.is_area, succession.passes, event.effective_on,
           succession.successor_id, succession.share, event.title, succession.id
    FROM {out_of}
    CROSS JOIN LATERAL (
        -- Shares are derived of areas alone; a kind is an area whatever we knew by then.
        SELECT bool_or(kind.is_footprint) AS is_area
        FROM footprints_version AS life JOIN footprints_kind AS kind ON kind.code = life.kind_id
        WHERE life.organisation_id = succession.predecessor_id
    ) AS area
    WHERE succession.predecessor_id = held.body AND {counts} {alone}
) AS way
ORDER BY way.effective_on, way.id
"""
BACKWARD = """
WITH RECURSIVE behind(body, before) AS (
    SELECT %(key)s::bigint, %(day)s::date
    UNION
    SELECT way.predecessor_id, way.effective_on
    FROM behind
    CROSS JOIN LATERAL (
        SELECT succession.predecessor_id, event.effective_on
        FROM {out_of}
        WHERE succession.successor_id = behind.body AND {counts} {alone}
    ) AS way
    WHERE way.effective_on <= behind.before
)
SELECT DISTINCT body FROM behind
"""


def _ask(sql: str, day: date, known: int | None, passes: str, **params) -> list[tuple]:
    counts = COUNTS.format(known=(NOW if known is None else BY_THEN).format("succession"))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.format(out_of=OUT_OF, counts=counts, alone=ALONE if known is None else ""),
            {
                "day": day,
                "known": known,
                # Functions go along with the area where nothing is said of them.
                "passes": [AREA, FUNCTIONS] if passes == FUNCTIONS else [AREA],
                "states": [str(state) for state in Reorganisation.State.settled()],
                **params,
            },
        )
        return cursor.fetchall()


def _behind(key: int, day: date, known: int | None, passes: str) -> set[int]:
    """Whatever may have come to the body by then; some of it may have gone elsewhere."""
    return {body for (body,) in _ask(BACKWARD, day, known, passes, key=key)} - {key}


def _steps(keys, day: date, known: int | None, passes: str) -> dict[int, list[Step]]:
    """The ways out of these bodies and of whatever they lead to, in order of day."""
    ways: dict[tuple[int, date], dict[str, list[Step]]] = defaultdict(lambda: defaultdict(list))
    areas = set()
    for body, is_area, what, *step, _ in _ask(FORWARD, day, known, passes, keys=list(keys)):
        ways[body, step[0]][what].append(Step(*step))
        if is_area:
            areas.add(body)
    silent = {
        at: Split(*at)
        for at, steps in ways.items()
        if at[0] in areas
        and steps[AREA]
        and not steps[FUNCTIONS]
        and all(step.share is None and step.successor for step in steps[AREA])
    }
    derived = derive(silent.values(), known)
    outward = defaultdict(list)
    for at, steps in ways.items():
        shares = derived[silent[at]].people if silent.get(at) in derived else {}
        for step in steps[FUNCTIONS] or steps[AREA]:
            if step.successor in shares:
                step = step._replace(share=shares[step.successor], is_derived=True)
            outward[at[0]].append(step)
    return outward


# --- Following it -------------------------------------------------------------------------------


def _follow(start: int, opened_on: date | None, outward) -> dict[int, _Arrival]:
    """Bodies reached from the start. Events are walked in order of day, so paths add up."""
    held = {start: _Arrival(Decimal(1), opened_on, None)}
    done: set[tuple] = set()
    while True:
        due = min(
            (
                (step.on, key)
                for key in held
                for step in outward[key]
                if (key, step.on) not in done and _is_open(step, held[key].from_day)
            ),
            default=None,
            key=lambda item: item[0],
        )
        if due is None:
            return held
        on, key = due
        arrival = held.pop(key)
        done.add((key, on))
        steps = [step for step in outward[key] if step.on == on]
        for step in steps:
            if step.successor is None:
                continue
            part = None if None in (step.share, arrival.share) else arrival.share * step.share
            is_derived = arrival.is_derived or step.is_derived
            if there := held.get(step.successor):
                there.share = None if None in (there.share, part) else there.share + part
                there.is_derived |= is_derived
            else:
                held[step.successor] = _Arrival(part, on, step.event, is_derived)
        _keep_the_rest(held, key, arrival, steps)


def _keep_the_rest(held, key: int, arrival: _Arrival, steps: list[Step]):
    """What a body that lives on did not give away is still with it; a body that ended drops out
    with the names. Where a share is not known, all of it is taken to pass."""
    shares = [step.share for step in steps]
    if None in shares or sum(shares) >= 1:
        return
    rest = None if arrival.share is None else arrival.share * (1 - sum(shares))
    if there := held.get(key):  # it came back the same day, in a circle
        there.share = None if None in (there.share, rest) else there.share + rest
    else:
        is_derived = arrival.is_derived or any(step.is_derived for step in steps)
        held[key] = _Arrival(rest, arrival.from_day, arrival.event, is_derived)


def _is_open(step: Step, from_day: date | None) -> bool:
    return from_day is None or step.on >= from_day
