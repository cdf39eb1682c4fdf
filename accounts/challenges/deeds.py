"""Challenges: a field user says "not like this" of a unit, and a manager answers.

A challenge changes nothing by itself; accepting it is a deed on the plan like any other, in the
transaction that answers it. While one is open its plan cannot be submitted.
"""

import logging
from datetime import date

from django.db import IntegrityError, transaction
from django.utils.timezone import now

from footprints.models import Organisation
from footprints.written import day_in_full

from ..models import Assignment, Challenge, Territory, TerritoryPlan, User
from ..territories import plans

log = logging.getLogger(__name__)

State = Challenge.State
# What may still become otherwise: an approved plan was looked at by everybody, the rest is past.
OPEN_TO_IT = (
    TerritoryPlan.State.DRAFT,
    TerritoryPlan.State.SUBMITTED,
    TerritoryPlan.State.ACTIVE,
)


class ChallengeError(Exception):
    """What cannot be challenged, or answered so, in the reader's words."""


class Answered(ChallengeError):
    """Somebody has answered it, or it was withdrawn."""


def is_open_to_it(plan: TerritoryPlan) -> bool:
    """Whether a unit of the plan may be challenged."""
    return plan.state in OPEN_TO_IT


def may_answer(user: User) -> bool:
    """Whether the user answers challenges, where the plan is visible to them."""
    return user.role == User.Role.MANAGER


def held_by(plan: TerritoryPlan, organisation: Organisation, role: str, day: date):
    """The territory that has the unit in that role on the day, or None."""
    held = Assignment.objects.filter(plan=plan, organisation=organisation, role=role).on(day)
    held = held.select_related("territory").first()
    return held and held.territory


@transaction.atomic
def challenge(
    territory: Territory,
    organisation: Organisation,
    *,
    reason: str,
    by: User,
    on: date,
    wanted: Territory | None = None,
) -> Challenge:
    """Say of a unit that it should not be as it is on that day, in the name of a territory.

    ``wanted`` is where it should be; None: away from the territory, wherever to. Raises
    ChallengeError where the plan takes none, nothing would change, or somebody has challenged the
    unit already.
    """
    plan = territory.plan
    if not is_open_to_it(plan):
        raise ChallengeError(
            f"{plan} is {plan.get_state_display().lower()}: nothing of it is challenged."
        )
    day = plan.day_for(on)
    if not Organisation.objects.of_kind(day, kind__is_unit=True).filter(pk=organisation.pk):
        raise ChallengeError(f"{organisation.code} is no unit that lives on {day_in_full(day)}.")
    there = held_by(plan, organisation, plan.role, day)
    if wanted is None and there != territory:
        raise ChallengeError(f"{organisation.code} is not in {territory} on {day_in_full(day)}.")
    if wanted is not None and there == wanted:
        raise ChallengeError(f"{organisation.code} is in {wanted} already.")
    if territory not in (there, wanted):
        raise ChallengeError(f"That is no matter of {territory}: it neither has nor wants it.")
    try:
        with transaction.atomic():
            made = Challenge.objects.create(
                plan=plan,
                territory=territory,
                organisation=organisation,
                role=plan.role,
                wanted=wanted,
                reason=reason.strip(),
                by=by,
                at=now(),
            )
    except IntegrityError as error:
        if "challenge_one_open_a_unit" not in str(error):
            raise
        raise ChallengeError(
            f"{organisation.code} is challenged already; the answer is still to come."
        ) from error
    log.info("Challenge %s of plan %s by %s", made.pk, plan.pk, by)
    return made


@transaction.atomic
def accept(
    challenge: Challenge, *, by: User, on: date, to: Territory | None = None, answer: str = ""
) -> Challenge:
    """Put the unit where it was wanted, or where ``to`` says, from that day on.

    Raises Answered where it is not open any more, and ChallengeError where nobody said where the
    unit should go, or the plan cannot change now; then nothing has changed.
    """
    found = _open(challenge)
    to = to or found.wanted
    if to is None:
        raise ChallengeError("Say which territory it should go to.")
    if not plans.may_change(found.plan, by):
        raise ChallengeError(
            f"{found.plan} is {found.plan.get_state_display().lower()}, and cannot change now: "
            "have it sent back to draft first."
        )
    is_as_wanted = found.wanted in (None, to)
    try:
        plans.assign_units(
            found.plan,
            to,
            [found.organisation],
            found.role,
            opened_on=found.plan.day_for(on),
            by=by,
            because=f"as {found.by} asked" if is_as_wanted else f"after {found.by} challenged it",
        )
    except plans.PlanError as error:
        raise ChallengeError(str(error)) from error
    state = State.ACCEPTED if is_as_wanted else State.CHANGED
    return _answer(found, state, by=by, answer=answer, granted=to)


@transaction.atomic
def refuse(challenge: Challenge, *, by: User, answer: str) -> Challenge:
    """Leave the unit where it is, and say why. Raises Answered; ChallengeError without a why."""
    if not answer.strip():
        raise ChallengeError("Say why: whoever challenged it reads the answer.")
    return _answer(_open(challenge), State.REFUSED, by=by, answer=answer)


@transaction.atomic
def withdraw(challenge: Challenge, *, by: User) -> Challenge:
    """Take one's own challenge back. Raises Answered."""
    found = _open(challenge)
    if found.by_id != by.pk:
        raise ChallengeError("Whoever raised it withdraws it.")
    return _answer(found, State.WITHDRAWN, by=by)


def _open(challenge: Challenge) -> Challenge:
    """The challenge as it is now, locked."""
    found = (
        Challenge.objects.select_for_update(of=["self"])
        .select_related("plan", "territory", "wanted", "organisation", "by")
        .get(pk=challenge.pk)
    )
    if found.state != State.OPEN:
        raise Answered(f"It is {found.get_state_display().lower()} already.")
    return found


def _answer(found, state, *, by, answer="", granted=None):
    found.state, found.decided_by, found.decided_at = state, by, now()
    found.answer, found.granted = answer.strip(), granted
    found.save(update_fields=["state", "decided_by", "decided_at", "answer", "granted"])
    log.info("Challenge %s %s by %s", found.pk, state, by)
    return found
