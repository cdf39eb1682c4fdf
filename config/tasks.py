"""The clock's own door: the rows that say what it has had done are kept within bounds."""

from celery import shared_task
from django.utils.timezone import now

from . import tidying


@shared_task(
    title="Tidy the list of runs",
    purpose="Ends runs whose worker was killed, and forgets what was done over 30 days ago.",
    did=("row tidied", "rows tidied"),
)
def tidy_runs():
    """End what was lost, and forget what is old."""
    return tidying.tidy(now())
