"""Proposals: what the facts suggest, kept until a steward makes it an event or dismisses it."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import transaction
from django.db.models import Q

from ..models import (
    Move,
    Organisation,
    Proposal,
    Release,
    Reorganisation,
    Step,
    Succession,
)
from ..proposing import Suggestion, evidence, of_passings, suggest
from ..proposing.grouping import STATED
from ..proposing.movements import TOGETHER
from ..shares import rounded
from .releases import lock_register, open_release, renew_events
from .steps import take_step

State = Proposal.State
# Evidence that moved by less than a tenth is the same evidence: a dismissal of it stands.
MATERIAL = 0.1


class AlreadyDecided(Exception):
    """Somebody accepted or dismissed the proposal meanwhile."""

    def __init__(self, proposal: Proposal):
        super().__init__(
            f"“{proposal}” was {proposal.get_state_display().lower()} meanwhile: look at it again."
        )


class AlreadyRecorded(Exception):
    """An event says the same by now."""

    def __init__(self, event: Reorganisation):
        self.event = event
        super().__init__(f"“{event}” is recorded already: nothing is left to accept.")


@transaction.atomic
def propose(
    on_release: Release | None = None,
    *,
    at: datetime,
    since: date | None = None,
    until: date | None = None,
) -> list[Proposal]:
    """Keep what the register suggests now as proposals, and return those that are open.

    ``since``, ``until`` bound the days on which members left (both included). ``on_release``:
    only the bodies that it touched. Safe to run again: a proposal is kept once, an open one is
    brought up to date; a dismissed one stays dismissed unless its evidence changed materially,
    an accepted one unless its event was undone. An open one that the register no longer suggests
    is dismissed by nobody, and opens again when it does.
    """
    lock_register()
    suggestions = suggest(since=since, until=until, release=on_release and on_release.pk)
    kept = _keep(suggestions, evidence.written(suggestions), on_release, at)
    _set_aside_recorded(at)
    if on_release is since is until is None:
        silent = _open().exclude(slug__in=[suggestion.slug for suggestion in suggestions])
        gone = [p.pk for p in silent if not evidence.is_stated(p.evidence)]
        _set_aside(gone, "The facts no longer suggest it.", at)
    return kept


@transaction.atomic
def propose_from_passings(
    pairs: Iterable[tuple[str, str, date]], *, at: datetime, on_release: Release | None = None
) -> list[Proposal]:
    """Keep the successions that a report states and the register lacks as proposals.

    ``pairs``: (predecessor code, successor code, day). Returns the proposals that are open.
    Safe to run again, as ``propose``.
    """
    lock_register()
    suggestions = of_passings(pairs)
    return _keep(suggestions, evidence.written(suggestions), on_release, at)


def _open():
    return Proposal.objects.filter(state=State.OPEN)


def _keep(suggestions: list[Suggestion], written, release, at) -> list[Proposal]:
    """Write the suggestions over what is held of them; return the open proposals, in order."""
    held = {
        proposal.slug: proposal
        for proposal in Proposal.objects.select_for_update(of=["self"])
        .filter(slug__in=[suggestion.slug for suggestion in suggestions])
        .select_related("reorganisation")
    }
    standing = set(
        Reorganisation.objects.known()
        .filter(pk__in=[p.reorganisation_id for p in held.values() if p.reorganisation_id])
        .values_list("pk", flat=True)
    )
    new, changed, found = [], [], []
    for suggestion in suggestions:
        proposal = held.get(suggestion.slug)
        if proposal is None:
            proposal = Proposal(slug=suggestion.slug, proposed_at=at, release=release)
            new.append(proposal)
        elif _stays(proposal, written[suggestion.slug], standing):
            continue
        else:
            changed.append(proposal)
        _reopen(proposal)
        proposal.kind, proposal.title = suggestion.kind, suggestion.title
        proposal.effective_on = suggestion.day
        proposal.evidence = evidence.merged(proposal.evidence, written[suggestion.slug])
        stated = STATED if evidence.is_stated(proposal.evidence) else 0
        proposal.confidence = max(suggestion.confidence, stated)
        found.append(proposal)
    Proposal.objects.bulk_create(new)
    Proposal.objects.bulk_update(
        changed,
        [
            "kind",
            "title",
            "effective_on",
            "evidence",
            "confidence",
            "state",
            "reorganisation",
            "decided_at",
            "decided_by",
            "reason",
        ],
    )
    return found


def _stays(proposal: Proposal, new_evidence, standing: set[int]) -> bool:
    """Whether what was decided of it still holds."""
    if proposal.state == State.ACCEPTED:
        return proposal.reorganisation_id in standing
    if proposal.state == State.DISMISSED and proposal.decided_by_id:
        return evidence.difference(proposal.evidence, new_evidence) < MATERIAL
    return False


def _reopen(proposal: Proposal):
    """Open it (again); the reason of a person who dismissed it stays to be read."""
    if proposal.state == State.ACCEPTED or not proposal.decided_by_id:
        proposal.reason = ""
    proposal.state, proposal.reorganisation = State.OPEN, None
    proposal.decided_at = proposal.decided_by = None


def _set_aside_recorded(at: datetime):
    """Dismiss open proposals of bodies of which an event says by now where they went."""
    open_ones = list(_open())
    codes = {entry["code"] for proposal in open_ones for entry in proposal.evidence}
    recorded: dict[str, list[tuple[date, str]]] = {}
    standing = Q(reorganisation__in=Reorganisation.objects.standing())
    rows = Succession.objects.now().filter(
        standing, predecessor__code__in=codes, passes=Succession.Passes.AREA, becomes=None
    )
    moves = Move.objects.now().filter(standing, from_parent__code__in=codes).distinct()
    day = "reorganisation__effective_on"
    for code, on, new in [
        *rows.values_list("predecessor__code", day, "successor__code"),
        *moves.values_list("from_parent__code", day, "to_parent__code"),
    ]:
        recorded.setdefault(code, []).append((on, new))
    near = timedelta(days=TOGETHER)
    gone = [
        proposal.pk
        for proposal in open_ones
        if all(
            any(
                abs(on - proposal.effective_on) <= near
                and (entry["how"] != "parted" or new in {w["code"] for w in entry["went"]})
                for on, new in recorded.get(entry["code"], ())
            )
            for entry in proposal.evidence
        )
    ]
    _set_aside(gone, "An event records it by now.", at)


def _set_aside(keys: list[int], reason: str, at: datetime):
    """Dismiss proposals in nobody's name."""
    Proposal.objects.filter(pk__in=keys).update(
        state=State.DISMISSED, reason=reason, decided_at=at, decided_by=None
    )


@transaction.atomic
def dismiss(proposal: Proposal, *, by, reason: str, at: datetime) -> Proposal:
    """Say that no reorganisation took place, and why. Raises AlreadyDecided."""
    decided = Proposal.objects.filter(pk=proposal.pk, state=State.OPEN).update(
        state=State.DISMISSED, reason=reason, decided_at=at, decided_by=by
    )
    proposal.refresh_from_db()
    if not decided:
        raise AlreadyDecided(proposal)
    return proposal


@transaction.atomic
def accept(
    proposal: Proposal,
    *,
    by,
    state: str = Reorganisation.State.EFFECTIVE,
    reason: str = "",
) -> Reorganisation:
    """Make the proposal an event, in a release of its own that can be undone; return the event.

    Bodies that ended pass their area to their successors: all of it where there is one; shares
    by people where all the members' are known, else not known. Members that kept their code move
    with it. No body is closed in the register, as none is by an event that is recorded by hand:
    that is for its own report to say, which stays to be undone by itself. Whatever rests on these
    bodies is flagged. Raises AlreadyDecided, AlreadyRecorded.
    """
    lock_register()
    proposal = Proposal.objects.select_for_update().get(pk=proposal.pk)
    if proposal.state != State.OPEN:
        raise AlreadyDecided(proposal)
    event = Reorganisation.objects.filter(slug=proposal.slug).first()
    if event and Reorganisation.objects.known().filter(pk=event.pk).exists():
        raise AlreadyRecorded(event)
    event = event or Reorganisation(slug=proposal.slug)
    event.kind, event.title = proposal.kind, proposal.title
    event.effective_on, event.state = proposal.effective_on, state
    event.save()
    release = open_release(
        kind=Release.Kind.EVENT,
        # A source of its own: what is undone last in, first out is this event alone.
        source=_release_source(proposal),
        by=by,
        title=proposal.title[:200],
    )
    step = Step(
        reorganisation=event,
        state=state,
        effective_on=event.effective_on,
        on=proposal.release and proposal.release.published_on,
        source=_source(proposal),
        said_by="Proposed by the register, accepted by a steward",
        reason=" ".join(filter(None, [evidence.in_words(proposal.evidence), reason])),
        at=release.applied_at,
        release=release,
    )
    take_step(step, by=by)
    _assert(proposal, event, release)
    renew_events(release)
    proposal.state, proposal.reorganisation = State.ACCEPTED, event
    proposal.decided_at, proposal.decided_by, proposal.reason = release.applied_at, by, reason
    proposal.save()
    event.refresh_from_db()
    return event


def release_of(proposal: Proposal) -> Release | None:
    """The release that made the proposal an event; None where that was undone, or never was."""
    standing = Release.objects.standing().filter(kind=Release.Kind.EVENT)
    return standing.filter(source=_release_source(proposal)).order_by("-pk").first()


def _release_source(proposal: Proposal) -> str:
    return f"proposal {proposal.slug}"[:100]


def _assert(proposal: Proposal, event: Reorganisation, release: Release):
    keys = dict(
        Organisation.objects.with_codes(evidence.codes(proposal.evidence)).values_list(
            "code", "pk"
        )
    )
    given = {
        "reorganisation": event,
        "asserted_by": release,
        "source": _source(proposal),
    }
    successions, moves = [], []
    for entry in proposal.evidence:
        shares = _shares(entry)
        for went in entry["went"]:
            if entry["how"] != "parted":
                successions.append(
                    Succession(
                        **given,
                        predecessor_id=keys[entry["code"]],
                        successor_id=keys[went["code"]],
                        share=shares[went["code"]],
                        note=evidence.of_way(entry, went),
                    )
                )
            moves += [
                Move(
                    **given,
                    child_id=keys[member["code"]],
                    type=entry["type"],
                    from_parent_id=keys[entry["code"]],
                    to_parent_id=keys[went["code"]],
                )
                for member in went["members"]
                if member["is_itself"]
            ]
    Succession.objects.bulk_create(successions)
    Move.objects.bulk_create(moves, batch_size=2000)


def _source(proposal: Proposal) -> str:
    said = "Where the members went, as the register shows it"
    return f"{said}; last told by {proposal.release.title}" if proposal.release else said


def _shares(entry: dict) -> dict[str, Decimal | None]:
    """The share of each successor: by people, never by a count of members."""
    if len(entry["went"]) == 1:
        return {entry["went"][0]["code"]: Decimal(1)}
    people = {went["code"]: went["people"] for went in entry["went"]}
    if all(people.values()):
        return rounded({code: Decimal(number) for code, number in people.items()})
    return dict.fromkeys(people)
