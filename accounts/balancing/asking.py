"""Suggestions: asked for on a page, worked out by a worker, taken whole, in part, or not.

The plan is read when a worker begins, and is free meanwhile: what is taken is held to where each
unit was then, as any gesture in the workspace is.
"""

import logging
from collections.abc import Collection, Mapping
from datetime import date

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.utils.timezone import now

from footprints.alone import alone
from footprints.models import Kind

from ..drawing import gestures
from ..models import Assignment, Measure, Suggestion, TerritoryPlan, User
from . import dealing, solving

log = logging.getLogger(__name__)

State = Suggestion.State
TRIES = 3  # workers that may be lost over one
LOCK = 0x57415935 << 32  # and the suggestion's key


class SuggestionError(Exception):
    """What cannot be done about a suggestion, in the reader's words."""


def ask(
    plan: TerritoryPlan,
    *,
    by: User,
    from_on: date,
    evens: str = Suggestion.Evens.PEOPLE,
    measure: Measure | None = None,
    still: float = 1,
    compact: float = 1,
    kind: Kind | None = None,
    locked: Collection[int] = (),
    locked_units: Collection[int] = (),
    homes: Mapping[int, int] | None = None,
) -> Suggestion:
    """Have a deal of the plan's units worked out, as they are on that day; a worker is started
    elsewhere. ``kind`` is of the units that are dealt, the plan's first unless given; ``locked``
    are keys of territories that keep what they have, ``locked_units`` of bodies that stay where
    they are, ``homes`` {territory: the body where its base is}. Raises SuggestionError while
    another is worked out for the plan."""
    try:
        with transaction.atomic():
            made = Suggestion.objects.create(
                plan=plan,
                by=by,
                asked_at=now(),
                from_on=plan.day_for(from_on),
                evens=evens,
                measure=measure,
                still=still,
                compact=compact,
                kind=kind,
                locked=sorted(locked),
                locked_units=sorted(locked_units),
                homes={str(key): body for key, body in (homes or {}).items()},
            )
    except IntegrityError as error:
        if "suggestion_one_at_a_time_a_plan" not in str(error):
            raise
        raise SuggestionError(
            "A suggestion for this plan is being worked out: wait for it, or stop it."
        ) from error
    log.info("Suggestion %s for plan %s asked for by %s", made.pk, plan.pk, by)
    return made


def unfinished() -> list[Suggestion]:
    """Suggestions that a worker should be at, the first asked for first."""
    return list(Suggestion.objects.under_way().order_by("pk"))


def work(suggestion: Suggestion, *, tries: int = solving.TRIES) -> None:
    """Work it out; nothing where another worker is at it, or it is over."""
    with alone(LOCK + suggestion.pk) as is_ours:
        if not is_ours or not _begin(suggestion):
            return
        try:
            _work(suggestion, tries)
        except (OperationalError, InterfaceError):
            raise
        except dealing.CannotDeal as refusal:
            _end(suggestion, State.FAILED, error=str(refusal))
        except Exception as error:
            log.exception("Suggestion %s failed", suggestion.pk)
            _end(
                suggestion,
                State.FAILED,
                error=f"Waymark failed at it ({type(error).__name__}). Nothing of the plan has "
                "changed. Whoever looks after Waymark finds the reason in its log.",
            )


def _begin(suggestion) -> bool:
    suggestion.refresh_from_db()
    if suggestion.is_under_way and suggestion.tries >= TRIES:
        _end(
            suggestion,
            State.FAILED,
            error=f"{TRIES} workers set about it, and none came back: they may lack memory.",
        )
        return False
    moved = (
        Suggestion.objects.filter(pk=suggestion.pk)
        .under_way()
        .update(state=State.WORKING, tries=F("tries") + 1, began_at=Coalesce("began_at", now()))
    )
    return bool(moved)


def _work(suggestion, tries):
    table = dealing.table_of(suggestion, suggestion.by)

    def tell(done: float) -> bool:
        working = Suggestion.objects.filter(pk=suggestion.pk, state=State.WORKING)
        return bool(working.update(percent=min(99, int(100 * done))))

    deal = solving.deal(table.problem, seed=suggestion.pk, tries=tries, tell=tell)
    _end(
        suggestion,
        State.DONE,
        percent=100,
        found=dealing.moves(table, deal),
        told=dealing.told(table, deal),
    )


def _end(suggestion, state, **fields) -> None:
    """End it, unless somebody stopped it meanwhile."""
    under_way = Suggestion.objects.filter(pk=suggestion.pk).under_way()
    under_way.update(state=state, ended_at=now(), began_at=Coalesce("began_at", now()), **fields)
    suggestion.refresh_from_db()


def stop(suggestion: Suggestion, *, by: User) -> None:
    """Stop it: nothing of it is kept. Raises SuggestionError where it is over."""
    under_way = Suggestion.objects.filter(pk=suggestion.pk).under_way()
    if not under_way.update(state=State.STOPPED, ended_at=now(), decided_by=by, decided_at=now()):
        raise SuggestionError("It is over already.")
    log.info("Suggestion %s stopped by %s", suggestion.pk, by)


def left(suggestion: Suggestion) -> list[list[int | None]]:
    """What of it has not come about: its rows whose unit is not where it would have it."""
    held = Assignment.objects.filter(plan=suggestion.plan_id, role=suggestion.plan.role)
    stands = dict(held.on(suggestion.from_on).values_list("organisation", "territory"))
    return [row for row in suggestion.found if stands.get(row[0]) != row[2]]


@transaction.atomic
def take(
    suggestion: Suggestion, *, by: User, units: Collection[int] | None = None
) -> gestures.Done:
    """Move what it suggests, all of it or these units (keys), as one change that can be undone;
    of one that was taken in part, of what is left.

    Raises SuggestionError where it is not there to be taken, and as ``gestures.move`` where the
    plan cannot change or units moved meanwhile; then nothing has changed.
    """
    found = Suggestion.objects.select_for_update(of=["self"]).select_related("plan")
    found = found.get(pk=suggestion.pk)
    if found.state not in (State.DONE, State.TAKEN):
        raise SuggestionError(f"It is {found.get_state_display().lower()}.")
    rest, wanted = left(found), None if units is None else set(units)
    if not rest:
        raise SuggestionError("All of it is taken: each unit is where it was suggested.")
    chosen = [row for row in rest if wanted is None or row[0] in wanted]
    if not chosen:
        raise SuggestionError("No unit is chosen.")
    done = gestures.move_all(
        found.plan,
        {unit: (before, after) for unit, before, after in chosen},
        from_on=found.from_on,
        by=by,
        because=f"as suggested ({len(chosen):,} of {len(found.found):,})",
    )
    _decide(found, State.TAKEN, by)
    return done


@transaction.atomic
def throw_away(suggestion: Suggestion, *, by: User) -> None:
    """Take nothing of it. Raises SuggestionError where it is not there."""
    found = Suggestion.objects.select_for_update().get(pk=suggestion.pk)
    if found.state != State.DONE:
        raise SuggestionError(f"It is {found.get_state_display().lower()}.")
    _decide(found, State.THROWN_AWAY, by)


def _decide(found, state, by):
    found.state, found.decided_by, found.decided_at = state, by, now()
    found.save(update_fields=["state", "decided_by", "decided_at"])
    log.info("Suggestion %s %s by %s", found.pk, state, by)
