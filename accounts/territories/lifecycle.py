"""A plan's way: drawn, submitted, approved, active, superseded, archived; and back.

Each deed is one transaction over the plan, and over the one it supersedes: it locks them, moves
the state where the plan stands in one from which it may be moved, makes the plan news for
flagging, and keeps a `PlanStep`. Activating changes nothing of what either plan holds, so that it
can be taken back.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from footprints.names import count
from footprints.written import day_in_full

from ..models import Challenge, PlanStep, TerritoryPlan, User
from .coverage import undeclared_overlaps
from .line import locked_in_line, take_place
from .plans import PlanError, may_plan

log = logging.getLogger(__name__)

State, Deed = TerritoryPlan.State, PlanStep.Deed


class WrongState(PlanError):
    """The plan is not in a state from which the deed starts: somebody was first, or a tab old."""


class SamePerson(PlanError):
    """Whoever submitted the plan does not approve it, where two pairs of eyes are asked for."""


class SeenOtherwise(PlanError):
    """The plan is not what the approver's page showed: a reorganisation came to it meanwhile."""


class NotYet(PlanError):
    """A day on which the plan cannot be, or become, active."""


@dataclass(frozen=True)
class Obstacle:
    """What keeps a plan from being submitted, in words, and where its rows are."""

    says: str
    address: str


class Hindered(PlanError):
    """The plan cannot be submitted as it is; `obstacles` says why."""

    def __init__(self, obstacles: list[Obstacle]):
        self.obstacles = obstacles
        super().__init__(" ".join(obstacle.says for obstacle in obstacles))


# --- What stands in the way ---------------------------------------------------------------------


def nothing_drawn(plan: TerritoryPlan, day: date) -> Obstacle | None:
    """A plan that holds no unit would leave everything without an owner."""
    if plan.assignments.on(plan.day_for(day)).exists():
        return None
    return Obstacle("No unit belongs to a territory yet.", plan.get_absolute_url())


def undecided_challenges(plan: TerritoryPlan, day: date) -> Obstacle | None:
    """What the field said of the plan is answered before it is put up."""
    number = Challenge.objects.open().filter(plan=plan).count()
    if not number:
        return None
    what = count(number, "challenge is", "challenges are").capitalize()
    return Obstacle(
        f"{what} not decided yet.",
        f"{reverse('accounts:challenges')}?plan={plan.pk}&state=open",
    )


def covered_twice(plan: TerritoryPlan, day: date) -> Obstacle | None:
    """What two territories of the team hold in one role is declared as shared."""
    number = len(undeclared_overlaps(plan, plan.day_for(day)))
    if not number:
        return None
    what = count(number, "unit is", "units are").capitalize()
    return Obstacle(
        f"{what} held by more than one territory, undeclared.",
        f"{reverse('accounts:coverage', args=[plan.pk])}#overlaps",
    )


# Each is asked with the plan and the day; None: nothing is in the way.
OBSTACLES: list[Callable[[TerritoryPlan, date], Obstacle | None]] = [
    nothing_drawn,
    undecided_challenges,
    covered_twice,
]


def obstacles(plan: TerritoryPlan, day: date) -> list[Obstacle]:
    """What keeps the plan from being submitted on that day. Gaps do not: they are only told.

    It is judged as it would stand on the day on which it becomes active, where that is known.
    """
    day = max(day, plan.activates_on or day)
    return [found for asked in OBSTACLES if (found := asked(plan, day))]


# --- Who may do what ----------------------------------------------------------------------------


def may_decide(user: User) -> bool:
    """Whether the user approves plans, sends them back, and brings them back."""
    return user.role == User.Role.MANAGER


# Deed → (the states from which it starts, who may do it).
WAYS: dict[str, tuple[tuple[State, ...], Callable[[User], bool]]] = {
    "submit": ((State.DRAFT,), may_plan),
    "approve": ((State.SUBMITTED,), may_decide),
    "send_back": ((State.SUBMITTED, State.APPROVED), may_decide),
    "confirm": ((State.APPROVED,), may_decide),
    "schedule": ((State.APPROVED,), may_decide),
    "activate": ((State.APPROVED,), may_plan),
    "bring_back": ((State.SUPERSEDED,), may_decide),
    "reopen": ((State.SUBMITTED, State.APPROVED, State.ARCHIVED), may_plan),
    "archive": (
        (State.DRAFT, State.SUBMITTED, State.APPROVED, State.ACTIVE, State.SUPERSEDED),
        may_plan,
    ),
}


def may_do(deed: str, plan: TerritoryPlan, user: User) -> bool:
    """Whether the user may do the deed to a plan in its state, which is visible to them."""
    return plan.state in WAYS[deed][0] and may_ever(deed, plan, user)


def may_ever(deed: str, plan: TerritoryPlan, user: User) -> bool:
    """Whether the deed is the user's to do, whether the state allows it just now or not.

    What a manager decided, a manager takes back: planners archive no active plan.
    """
    if (deed, plan.state) in (("archive", State.ACTIVE), ("reopen", State.APPROVED)):
        return may_decide(user)
    return WAYS[deed][1](user)


def submitter(plan: TerritoryPlan) -> User | None:
    """Who put the plan up for approval last."""
    step = plan.steps.filter(deed=Deed.SUBMITTED).select_related("by").last()
    return step and step.by


def awaits_another(plan: TerritoryPlan, user: User) -> bool:
    """Whether a submitted or approved plan needs other eyes than this user's."""
    stands = plan.state in (State.SUBMITTED, State.APPROVED)
    return settings.FOUR_EYES and stands and submitter(plan) == user


# --- The deeds ----------------------------------------------------------------------------------


@transaction.atomic
def submit(plan: TerritoryPlan, *, on: date, by: User, reason: str = "") -> None:
    """Put a draft up for approval: from now on it stands as it is.

    Raises Hindered while anything of `OBSTACLES` is in the way.
    """
    _take(plan, "submit", State.SUBMITTED)
    if hindrances := obstacles(plan, on):
        raise Hindered(hindrances)
    record(plan, Deed.SUBMITTED, by=by, reason=reason)


@transaction.atomic
def send_back(plan: TerritoryPlan, *, by: User, reason: str) -> None:
    """Make what was submitted or approved a draft again, and say what is wrong with it."""
    if not reason.strip():
        raise PlanError("Say what should be different: the planner reads it.")
    _take(plan, "send_back", State.DRAFT)
    record(plan, Deed.SENT_BACK, by=by, reason=reason)


@transaction.atomic
def approve(
    plan: TerritoryPlan,
    *,
    on: date,
    by: User,
    activates_on: date | None = None,
    seen: int | None = None,
) -> None:
    """Approve a submitted plan; the clock makes it active on `activates_on`, or a person does.

    ``seen`` is the revision that the approver's page showed; None: it does not matter. Raises
    SamePerson for who submitted it, where two are asked for, SeenOtherwise, Hindered where
    somebody challenged it meanwhile, NotYet for a day on which it cannot begin.
    """
    _take(plan, "approve", State.APPROVED)
    _refuse_approver(plan, by, seen)
    if hindrances := obstacles(plan, on):
        raise Hindered(hindrances)
    _set_day(plan, activates_on, today=on)
    record(plan, Deed.APPROVED, by=by, reason=_becomes(activates_on))


@transaction.atomic
def confirm(plan: TerritoryPlan, *, by: User, seen: int | None = None) -> None:
    """Approve an approved plan once more, as a reorganisation left it; its day stays.

    ``seen`` as for `approve`. Raises SamePerson and SeenOtherwise.
    """
    _take(plan, "confirm", State.APPROVED)
    _refuse_approver(plan, by, seen)
    record(plan, Deed.APPROVED, by=by, reason="As it is after a reorganisation.")


@transaction.atomic
def schedule(plan: TerritoryPlan, *, on: date, activates_on: date | None, by: User) -> None:
    """Have an approved plan become active on another day; None: when somebody says so."""
    _take(plan, "schedule", State.APPROVED)
    _set_day(plan, activates_on, today=on)
    record(plan, Deed.APPROVED, by=by, reason=_becomes(activates_on))


@transaction.atomic
def activate(plan: TerritoryPlan, *, on: date, by: User | None = None) -> TerritoryPlan | None:
    """Let the company work by an approved plan from today on; return the one it supersedes.

    That is the one it replaces or, where another draft was faster, what took its place. Nothing
    of it is changed. ``on`` is today; ``by`` None is the clock. Raises NotYet where the plan does
    not hold today.
    """
    before = locked_in_line(plan)
    _take(plan, "activate", State.ACTIVE)
    _refuse_day(plan, on)
    if before:
        _take(before, "supersede", State.SUPERSEDED, (State.ACTIVE,))
        record(before, Deed.SUPERSEDED, by=by, reason=f"By {plan}.")
        take_place(before, plan, by_now=plan)
    record(plan, Deed.ACTIVATED, by=by, reason=f"In place of {before}." if before else "")
    return before


@transaction.atomic
def bring_back(plan: TerritoryPlan, *, on: date, by: User) -> TerritoryPlan | None:
    """Work by a superseded plan again; return the one in its place, which is approved again.

    ``on`` is today. Raises NotYet where the plan has ended.
    """
    after = locked_in_line(plan)
    _take(plan, "bring_back", State.ACTIVE)
    _refuse_day(plan, on)
    if after:
        _take(after, "give way", State.APPROVED, (State.ACTIVE,))
        # Else the clock would make it active again within a minute.
        TerritoryPlan.objects.filter(pk=after.pk).update(activates_on=None)
        after.activates_on = None
        take_place(plan, after, by_now=plan)
        record(after, Deed.SUPERSEDED, by=by, reason=f"{plan} was brought back.")
    record(plan, Deed.BROUGHT_BACK, by=by, reason=f"In place of {after}." if after else "")
    return after


@transaction.atomic
def archive(plan: TerritoryPlan, *, by: User, reason: str = "") -> None:
    """Put the plan away: nothing touches it any more, and everything of it can still be read."""
    _take(plan, "archive", State.ARCHIVED)
    record(plan, Deed.ARCHIVED, by=by, reason=reason)


@transaction.atomic
def reopen(plan: TerritoryPlan, *, by: User, reason: str = "") -> None:
    """Make a draft again of what was submitted, approved or archived."""
    _take(plan, "reopen", State.DRAFT)
    record(plan, Deed.REOPENED, by=by, reason=reason)


def activate_due(day: date) -> int:
    """Make active what is approved for that day or an earlier one; return how many.

    One plan that cannot (it has ended meanwhile) keeps no other. Run again, it finds nothing.
    """
    due = TerritoryPlan.objects.filter(state=State.APPROVED, activates_on__lte=day)
    done = 0
    for plan in due.order_by("activates_on", "pk"):
        try:
            activate(plan, on=day)
        except PlanError as error:  # two clocks at once, or the plan has ended
            log.warning("Plan %s is not active: %s", plan.pk, error)
        else:
            done += 1
    return done


def record(plan: TerritoryPlan, deed: Deed, *, by: User | None, reason: str = "") -> PlanStep:
    """Keep that this was done to the plan, in the caller's transaction."""
    plan.refresh_from_db(fields=["revision"])
    step = plan.steps.create(
        deed=deed, by=by, at=now(), reason=reason.strip(), revision=plan.revision
    )
    log.info("Plan %s: %s by %s", plan.pk, deed, by or "the clock")
    return step


# --- Parts of the deeds -------------------------------------------------------------------------


def _take(plan, deed, to, states=None):
    """Move the plan to a state by condition, locked and revised by the same statement."""
    states = states or WAYS[deed][0]
    moved = TerritoryPlan.objects.filter(pk=plan.pk, state__in=states)
    was = plan.state
    if not moved.revise():
        plan.refresh_from_db(fields=["state"])
        raise WrongState(standing(plan))
    TerritoryPlan.objects.filter(pk=plan.pk).update(state=to)
    plan.refresh_from_db()  # whatever the page showed, the deed is done to what is there
    log.info("Plan %s: %s → %s", plan.pk, was, to)


def _refuse_approver(plan, by, seen):
    if settings.FOUR_EYES and submitter(plan) == by:
        raise SamePerson("You submitted this plan: another manager approves it.")
    if seen not in (None, plan.revision - 1):  # taking it has added one
        raise SeenOtherwise(
            f"{plan} has changed since your page was made: look again, then approve."
        )


def standing(plan: TerritoryPlan) -> str:
    """What the plan is, for somebody whose page showed something else."""
    step = plan.steps.select_related("by").last()
    who = f" ({step.get_deed_display().lower()} by {step.by or 'the clock'})" if step else ""
    return f"{plan} is {plan.get_state_display().lower()} by now{who}: look again."


def _set_day(plan, day, *, today):
    if day:
        if day < today:
            raise NotYet(
                f"{day_in_full(day)} has passed. Choose today or a later day, or none and make "
                "it active by hand."
            )
        _refuse_day(plan, day)
    TerritoryPlan.objects.filter(pk=plan.pk).update(activates_on=day)
    plan.activates_on = day


def _refuse_day(plan, day):
    if day < plan.opened_on:
        raise NotYet(
            f"{plan} holds from {day_in_full(plan.opened_on)}. It can be active from then on: "
            "until then its units would be nobody's."
        )
    if plan.closed_on and day >= plan.closed_on:
        raise NotYet(f"{plan} holds until {day_in_full(plan.last_day)}: it has ended by then.")


def _becomes(day):
    return f"Becomes active on {day_in_full(day)}." if day else ""
