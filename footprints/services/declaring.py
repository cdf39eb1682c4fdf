"""Events declared by hand: what is said of one, and each step through its states."""

from django.db import transaction

from ..models import Reorganisation, Step


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
