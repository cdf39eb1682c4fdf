"""What every page of an administrator says of the clock."""

import time

from django.utils.functional import SimpleLazyObject
from django.utils.timezone import now

from .schedules import as_they_stand, never_laid_down

KEPT = 20  # seconds: it costs two queries, and is on every page
_kept = {"until": 0.0, "found": ""}


def clock(request):
    """``clock_says``: what is wrong with the clock, in words, for staff; empty where it is well.

    Asked where it is shown, and kept in the process for a few seconds.
    """
    user = getattr(request, "user", None)  # an answer given before sign-in is looked at has none
    if user is None or not user.is_authenticated or not user.is_staff:
        return {}
    return {"clock_says": SimpleLazyObject(_says)}


def forget() -> None:
    """Ask anew the next time."""
    _kept["until"] = 0.0


def _says():
    if time.monotonic() >= _kept["until"]:
        _kept["found"] = _look()
        _kept["until"] = time.monotonic() + KEPT
    return _kept["found"]


def _look():
    found = as_they_stand(now())
    if not found:
        return "The clock has never been started: nothing is done by itself."
    titles = [each.title for each in found if each.is_missed] + list(never_laid_down(found))
    if not titles:
        return ""
    if len(titles) > len(found) / 2:
        return f"{len(titles)} of {len(found)} schedules are missed: nothing is done by itself."
    what = f"“{titles[0]}” is missed"
    return f"{what}, and {len(titles) - 1} more." if len(titles) > 1 else f"{what}."
