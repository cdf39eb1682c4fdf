"""What the clock does about sheets on a day, in this process."""

from collections import Counter
from datetime import date

from accounts.sheets import applying


def tick(day: date) -> Counter:
    """Let go of what was held until the day and apply what is due; how many of each."""
    done = Counter(released=applying.release_held(day))
    for flags in applying.due(day):
        done += applying.apply_due(flags, day)
    return done
