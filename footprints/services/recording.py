"""Recording an event by hand: what would stand in its way, a rehearsal, and the deed.

The rehearsal is the deed itself in a transaction that is rolled back: one code path.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef

from .. import clashes
from ..dated import ONE_DAY
from ..drafted import Bodies, headline
from ..drafts import Draft, Problem
from ..models import (
    Move,
    Organisation,
    Relationship,
    Release,
    Reorganisation,
    Step,
    Succession,
    Version,
)
from ..names import inline
from . import dividing
from .dating import source_of
from .declaring import CannotMove, move_event
from .releases import lock_register, open_release, renew_events
from .steps import take_step

KINDS = Reorganisation.Kind
LONGEST_TITLE, LONGEST_SLUG, LONGEST_CODE = 240, 80, 20
Seen = TypeVar("Seen")
BEARS = "2s"  # how long a rehearsal waits for the register while somebody writes to it
MOVING = (Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF)


class CannotRecord(Exception):
    """The draft is refused: ``problems`` says why, each in the reader's words."""

    def __init__(self, problems: list[Problem]):
        super().__init__("\n".join(problem.text for problem in problems))
        self.problems = problems


class RegisterBusy(Exception):
    """Somebody else writes to the register: the rehearsal did not wait for long."""


def problems_of(draft: Draft) -> list[Problem]:
    """Everything that keeps the draft from being recorded, in order of its form."""
    bodies = Bodies.of(draft)
    problems = [*_unknown(draft, bodies), *draft.problems()]
    day = draft.effective_on
    closes = bodies.some(draft.closes)
    survivors = draft.after if draft.kind == KINDS.ABSORPTION else ()
    keys = {code: body.pk for code, body in bodies.known.items()}
    problems += clashes.found(
        day=day,
        goes_on=bodies.some(code for code in draft.before if code not in draft.closes),
        closes=closes,
        receives=bodies.some(code for code in draft.after if code not in draft.before),
        ways=[
            (keys[way.old], keys[way.new])
            for way in draft.ways()
            if way.old in keys and way.new in keys
        ],
        instead_of=draft.supersedes,
    )
    problems += _not_alike(draft, bodies, survivors)
    problems += _not_members(draft, bodies)
    problems += dividing.problems(draft, bodies)
    return problems


def _unknown(draft: Draft, bodies: Bodies) -> list[Problem]:
    return [
        Problem(f"No organisation has the code {code}.", side)
        for side, codes in (
            ("before", draft.before),
            ("after", draft.after),
            ("members", draft.members),
            ("named", dict(draft.named)),
        )
        for code in codes
        if code not in bodies.known
    ]


def _not_alike(draft: Draft, bodies: Bodies, survivors) -> list[Problem]:
    """A kind that says one thing, and bodies that say another."""
    eve = draft.effective_on - ONE_DAY
    problems = []
    if draft.kind == KINDS.MERGER:
        problems += [
            Problem(
                f"{bodies.name(code, draft.effective_on)} ({code}) lives already before that day: "
                "this is a merger into a survivor.",
                "kind",
            )
            for code in draft.after
            if code in bodies.known and bodies.lives.on(bodies.known[code].pk, eve)
        ]
    problems += [
        Problem(
            f"{bodies.name(code, draft.effective_on)} ({code}) opens on that day: this is a "
            "merger into a new body.",
            "kind",
        )
        for code in survivors
        if code in bodies.known and not bodies.lives.on(bodies.known[code].pk, eve)
        if bodies.lives.on(bodies.known[code].pk, draft.effective_on)
    ]
    if draft.kind == KINDS.RENAME and draft.name:
        problems += [
            Problem(f"{code} is called so already.", "name")
            for code in draft.before
            if (version := bodies.before(code, draft.effective_on)) and version.name == draft.name
        ]
    if draft.kind == KINDS.CHANGE_OF_NATURE and draft.becomes:
        problems += [
            Problem(f"{code} is a {inline(version.kind.name)} already.", "becomes")
            for code in draft.before
            if (version := bodies.before(code, draft.effective_on))
            and version.kind_id == draft.becomes
        ]
    problems += [
        Problem(f"There is no kind of body “{kind}”.", "after")
        for kind in {*(body.kind for body in draft.new_bodies), draft.becomes} - {""}
        if kind not in bodies.kinds
    ]
    return problems


def _held(day):
    """Relationships by which a body hangs on its parent on the day before."""
    return Relationship.objects.now().on(day - ONE_DAY).filter(type__in=MOVING)


def _not_members(draft: Draft, bodies: Bodies) -> list[Problem]:
    if draft.kind != KINDS.TRANSFER_OF_MEMBERS or len(draft.before) != 1:
        return []
    members = bodies.some(draft.members)
    held = set(
        _held(draft.effective_on)
        .filter(child__in=members, parent__in=bodies.some(draft.before))
        .values_list("child", flat=True)
    )
    return [
        Problem(
            f"{bodies.name(body.code, draft.effective_on)} ({body.code}) is no member of "
            f"{bodies.name(draft.before[0], draft.effective_on)} before that day.",
            "members",
        )
        for body in members
        if body.pk not in held
    ]


@transaction.atomic
def record_event(draft: Draft, *, by, at: datetime) -> Reorganisation:
    """Record the event in a release of its own that can be undone; return the event.

    A body that does not exist yet gets a provisional code. Children of a body that ends whole
    into one other move with it. Events that it supersedes are moved there, with this one as the
    reason. Whatever of ours it touches is flagged anew. Raises CannotRecord.
    """
    lock_register()
    problems = problems_of(draft)
    if problems:
        raise CannotRecord(problems)
    bodies = Bodies.of(draft)
    title = (draft.title or headline(draft, bodies))[:LONGEST_TITLE]
    _refuse_twin(draft, title)
    event = Reorganisation.objects.create(
        slug=_slug(draft),
        kind=draft.kind,
        title=title,
        effective_on=draft.effective_on,
        state=draft.state,
    )
    release = open_release(
        kind=Release.Kind.EVENT, source=source_of(event), by=by, at=at, title=title[:200]
    )
    take_step(
        Step(
            reorganisation=event,
            state=draft.state,
            effective_on=draft.effective_on,
            on=draft.evidence.said_on,
            source=draft.evidence.where,
            said_by=draft.evidence.said_by,
            reason=draft.evidence.why,
            at=release.applied_at,
            release=release,
        ),
        by=by,
    )
    _assert(draft, bodies, event, release)
    renew_events(release)
    for other in Reorganisation.objects.filter(slug__in=draft.supersedes).order_by("pk"):
        _supersede(other, event, release, by=by, at=at)
    event.refresh_from_db()
    return event


def _refuse_twin(draft: Draft, title: str):
    """A button that is pressed twice records one event: also where no body closes by it."""
    twins = Reorganisation.objects.standing().filter(
        kind=draft.kind, effective_on=draft.effective_on, title=title
    )
    if twin := twins.exclude(slug__in=draft.supersedes).first():
        text = "This is recorded already; if it is another event, give it another title."
        raise CannotRecord([Problem(text, "title", twin)])


def _supersede(other: Reorganisation, event: Reorganisation, release: Release, *, by, at):
    if other.is_decided:
        text = f"“{other}” is decided: it is not superseded with another event, but undone."
        raise CannotRecord([Problem(text, "before", other)])
    try:
        move_event(
            other,
            Reorganisation.State.SUPERSEDED,
            on=None,
            reason=f"Superseded by “{event}” ({event.slug}).",
            by=by,
            at=at,
            release=release,
        )
    except CannotMove as refusal:
        raise CannotRecord([Problem(str(refusal), "before", other)]) from refusal


def rehearse(draft: Draft, look: Callable[[Reorganisation], Seen], *, by, at: datetime) -> Seen:
    """Record the event in a transaction that is rolled back, and return what ``look`` saw of it.

    ``look`` gets the recorded event and must have read all it returns. Raises CannotRecord;
    RegisterBusy where another release is being written for longer than a moment.
    """
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{BEARS}'")
            seen = look(record_event(draft, by=by, at=at))
            transaction.set_rollback(True)
            return seen
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":  # lock_not_available
            raise
        raise RegisterBusy("Facts are being written to the register: look again.") from error


def _assert(draft: Draft, bodies: Bodies, event: Reorganisation, release: Release):
    given = {"asserted_by": release, "source": draft.evidence.where}
    keys = {code: body.pk for code, body in bodies.known.items()}
    for new in draft.new_bodies:
        body = Organisation.objects.create(code=_code(draft), is_provisional=True)
        keys[new.key] = body.pk
        Version.objects.create(
            **given,
            note="Provisional: the code is ours until the real one is published.",
            organisation=body,
            kind=bodies.kinds[new.kind],
            name=new.name,
            opened_on=draft.effective_on,
        )
    functions = draft.kind == KINDS.TRANSFER_OF_SERVICES
    Succession.objects.bulk_create(
        Succession(
            **given,
            reorganisation=event,
            note=f"Services: {draft.services}" if functions else "",
            predecessor_id=keys[way.old],
            successor_id=keys[way.new] if way.new else None,
            passes=Succession.Passes.FUNCTIONS if functions else Succession.Passes.AREA,
            share=way.share,
            becomes_id=_becomes(draft, bodies, way),
            becomes_name=(draft.name or None) if way.old == way.new else None,
        )
        for way in draft.ways()
    )
    Move.objects.bulk_create(
        (Move(**given, reorganisation=event, **move) for move in _moves(draft, bodies, keys)),
        batch_size=2000,
    )


def _becomes(draft: Draft, bodies: Bodies, way) -> str | None:
    if way.old != way.new:
        return None
    return draft.becomes or bodies.before(way.old, draft.effective_on).kind_id


def _moves(draft: Draft, bodies: Bodies, keys: dict[str, int]) -> list[dict]:
    """The members that change sides: those named, and all of a body that ends whole into one."""
    held, named = _held(draft.effective_on), []
    if draft.kind == KINDS.TRANSFER_OF_MEMBERS:
        wanted = {keys[draft.before[0]]: keys[draft.successors[0]]}
        held = held.filter(child__code__in=draft.members)
    elif draft.kind == KINDS.TRANSFER_OF_SERVICES:
        return []
    else:
        parts = [way for way in draft.ways() if way.new and way.old != way.new]
        olds = [way.old for way in parts]
        wanted = {keys[way.old]: keys[way.new] for way in parts if olds.count(way.old) == 1}
        living = Version.objects.now().on(draft.effective_on - ONE_DAY)
        named = dividing.moves(draft, bodies, keys)
        held = held.filter(Exists(living.filter(organisation=OuterRef("child")))).exclude(
            child__code__in=(*draft.closes, *draft.after, *dict(draft.named))
        )
    rows = held.filter(parent__in=wanted).values_list("child", "type", "parent")
    return named + [
        {"child_id": child, "type": type, "from_parent_id": old, "to_parent_id": wanted[old]}
        for child, type, old in rows.order_by("pk")
    ]


def _slug(draft: Draft) -> str:
    """The event's address: bodies and day, told apart from every other event."""
    lead = draft.after or draft.before
    day = f"-{draft.effective_on}"
    subject = "-".join((*lead, *([] if lead else ["new"]))).lower()
    subject = subject[: LONGEST_SLUG - len(day) - 4].rstrip("-")
    taken = set(
        Reorganisation.objects.filter(slug__startswith=subject).values_list("slug", flat=True)
    )
    slug, number = f"{subject}{day}", 2
    while slug in taken:
        slug, number = f"{subject}-{number}{day}", number + 1
    return slug


def _code(draft: Draft) -> str:
    """A code of ours for a body that has none yet: P- and those it comes from, then a number."""
    stem = "-".join(("P", *(draft.predecessors or ("NEW",))))
    if len(stem) > LONGEST_CODE - 3:
        stem = f"P-{draft.predecessors[0]}"[: LONGEST_CODE - 3]
    taken = set(Organisation.objects.filter(code__startswith=stem).values_list("code", flat=True))
    code, number = stem, 2
    while code in taken:
        code, number = f"{stem}-{number}", number + 1
    return code
