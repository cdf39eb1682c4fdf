"""Runs that were lost are ended, and old ones forgotten."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from .models import Run, Standing

KEPT = timedelta(days=30)
LOST = {
    Run.State.RUNNING: "Its worker was killed, or lost the database. Of what was under way "
    "nothing was written; the next run takes up what was left.",
    Run.State.WAITING: "No worker took it up within five minutes.",
}


def tidy(at: datetime) -> int:
    """End the runs that are lost and forget the old ones; how many rows. ``at`` is the present.

    Kept are, for 30 days, those that did something, failed or were asked for; and of each schedule
    the last run and the last good one, however old.
    """
    tidied = 0
    for state, says in LOST.items():
        lost = Run.objects.with_fate(at=at).filter(state=state, fate=Run.State.LOST)
        keys = list(lost.values_list("pk", flat=True))
        still = Run.objects.filter(pk__in=keys, state=state)  # it may have ended meanwhile
        tidied += still.update(state=Run.State.LOST, says=says, ended_at=at)
    later = Run.objects.filter(
        schedule=OuterRef("schedule"), task=OuterRef("task"), pk__gt=OuterRef("pk")
    )
    over = Run.objects.filter(ended_at__isnull=False).filter(Exists(later))
    over = over.exclude(~Exists(later.good()), state__in=Run.State.good())
    idle = Q(state=Run.State.NOTHING, asked_by=None)
    tidied += over.filter(idle | Q(ended_at__lt=at - KEPT)).delete()[0]
    Standing.objects.begin(at=at)
    return tidied
