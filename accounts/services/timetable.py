"""Keeping the tasks of an event: whose they are, and that they are done; and the feed's secret."""

import logging
import secrets

from django.db import transaction
from django.utils.timezone import now

from footprints.models import Reorganisation

from ..models import CalendarKey, Milestone, TimelineTask, User

log = logging.getLogger(__name__)


@transaction.atomic
def keep_task(
    event: Reorganisation,
    milestone: Milestone,
    *,
    owner: User | None,
    note: str,
    is_done: bool,
    by: User,
) -> TimelineTask | None:
    """Say whose the task is and whether it is done; None where nothing departs any more.

    The first to say that it is done stands as the one who did it.
    """
    TimelineTask.objects.bulk_create(
        [TimelineTask(reorganisation=event, milestone=milestone)], ignore_conflicts=True
    )
    task = TimelineTask.objects.select_for_update().get(reorganisation=event, milestone=milestone)
    task.owner, task.note = owner, note.strip()
    if is_done and not task.done_at:
        task.done_by, task.done_at = by, now()
    elif not is_done:
        task.done_by = task.done_at = None
    if not (task.owner or task.note or task.done_at):
        task.delete()
        return None
    task.save()
    log.info("Task %s of %s is kept by %s", milestone, event.slug, by)
    return task


@transaction.atomic
def change_calendar(user: User) -> CalendarKey:
    """Give the user's feed an address; another one where it has one, which is no more then."""
    key, is_new = CalendarKey.objects.update_or_create(
        user=user, defaults={"secret": secrets.token_urlsafe(32), "made_at": now()}
    )
    log.info("The calendar of %s has %s address", user, "an" if is_new else "another")
    return key
