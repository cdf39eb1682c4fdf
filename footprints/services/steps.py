"""Steps of an event: taken, and taken back with the release that wrote their facts."""

from django.db import transaction
from django.db.models import Q

from .. import clashes
from ..models import Release, Reorganisation, Step
from ..written import day_in_full


@transaction.atomic
def take_step(step: Step, *, by) -> Step:
    """Add an unsaved step to its event, which is in the step's state from now on.

    The last step taken stands. The event is flagged anew. Returns the step saved.
    """
    step.by = by
    step.save(force_insert=True)
    event = Reorganisation.objects.filter(pk=step.reorganisation_id)
    event.update(state=step.state)
    event.revise()
    return step


def take_back_steps(release: Release, undo: Release):
    """What a release wrote for a step is undone: so is the step, by a step of its own.

    An event whose recording is undone stands no more; one whose day was moved has its former day;
    one that was superseded stands again as it did, unless another event closes a body of it.
    """
    for step in release.steps.select_related("reorganisation"):
        event = step.reorganisation
        said = _take_back(event, step) if step.effective_on else _bring_back(event, step)
        event.save(update_fields=["effective_on", "state"])
        said.reorganisation, said.state = event, event.state
        said.at, said.release = undo.applied_at, undo
        take_step(said, by=undo.by)


def _take_back(event: Reorganisation, step: Step) -> Step:
    """The recording of the event, or a day that it was moved to."""
    # A proposal may be accepted again, once that was undone: what is undone is no former day.
    stands = Q(release=None) | Q(release__in=Release.objects.standing())
    before = event.steps.filter(stands, pk__lt=step.pk, effective_on__isnull=False)
    if former := before.last():
        event.effective_on = former.effective_on
        reason = f"Moving its day was undone: it is {day_in_full(event.effective_on)} again."
        return Step(effective_on=event.effective_on, reason=reason)
    event.state = Reorganisation.State.SUPERSEDED
    return Step(reason="Its recording was undone.")


def _bring_back(event: Reorganisation, step: Step) -> Step:
    """Another event stood instead of it, and the recording of that one was undone."""
    reason = "The event that stood instead of it was undone"
    if problems := clashes.of_event(event, event.effective_on):
        return Step(reason=f"{reason}; it stays superseded. {problems[0].text}")
    event.state = event.steps.filter(pk__lt=step.pk).last().state
    return Step(reason=f"{reason}: it is {event.get_state_display().lower()} again.")
