"""Steps of an event: taken, and taken back with the release that wrote their facts."""

from django.db import transaction

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

    An event whose recording is undone stands no more; one whose day was moved has its former day.
    """
    for step in release.steps.select_related("reorganisation").order_by("pk"):
        event = step.reorganisation
        before = event.steps.filter(pk__lt=step.pk, effective_on__isnull=False).order_by("pk")
        if former := before.last():
            event.effective_on = former.effective_on
            reason = f"Moving its day was undone: it is {day_in_full(event.effective_on)} again."
            day = event.effective_on
        else:
            event.state, day = Reorganisation.State.SUPERSEDED, None
            reason = "Its recording was undone."
        event.save(update_fields=["effective_on", "state"])
        take_step(
            Step(
                reorganisation=event,
                state=event.state,
                effective_on=day,
                reason=reason,
                at=undo.applied_at,
                release=undo,
            ),
            by=undo.by,
        )
