"""What the clock does, in this process: about sheets on a day, and about news."""

from collections import Counter
from datetime import date

from django.utils.timezone import now

from accounts.alerts.addressing import raise_alerts
from accounts.services.flags import raise_flags
from accounts.sheets import applying


def tick(day: date) -> Counter:
    """Let go of what was held until the day and apply what is due; how many of each."""
    done = Counter(released=applying.release_held(day))
    for flags in applying.due(day):
        done += applying.apply_due(flags, day)
    return done


def look() -> int:
    """What the clock does after news: flags, then alerts and the letters owed. New flags."""
    raised = raise_flags()
    raise_alerts(moment=now())
    return raised
