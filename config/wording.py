"""When a schedule runs, in plain words."""

import re
from datetime import datetime

from django.conf import settings
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

SECONDS = {"days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
WEEKDAYS, WEEKEND = {1, 2, 3, 4, 5}, {0, 6}


def when_in_words(row: PeriodicTask) -> str:
    """ "every minute", "on weekdays at 07:00, London time"; of a row of django-celery-beat."""
    if row.interval:
        return interval_in_words(row.interval)
    if row.crontab:
        return crontab_in_words(row.crontab)
    return str(row.clocked or row.solar or "never")


def interval_in_words(interval: IntervalSchedule) -> str:
    """In the largest unit that says it whole: 60 seconds are a minute."""
    if interval.period not in SECONDS:
        return str(interval)
    seconds = interval.every * SECONDS[interval.period]
    unit, size = next((u, s) for u, s in SECONDS.items() if seconds % s == 0)
    number = seconds // size
    return f"every {unit[:-1]}" if number == 1 else f"every {number:,} {unit}"


def crontab_in_words(crontab: CrontabSchedule) -> str:
    """A time of day, on which days; what is more intricate than that, as django-celery-beat
    says it."""
    found = time_of_day(crontab)
    if found is None:
        return crontab.human_readable
    time, days = found
    zone = str(crontab.timezone)
    place = "" if zone == "UTC" else f", {zone.rpartition('/')[2].replace('_', ' ')} time"
    return f"{days_in_words(days)} at {time}{place or ' UTC'}"


def time_of_day(crontab: CrontabSchedule) -> tuple[str, frozenset[int]] | None:
    """("07:00", days of the week on which, Sunday is 0); None where it is not as plain as that."""
    plain = re.fullmatch(r"\d{1,2}", crontab.minute) and re.fullmatch(r"\d{1,2}", crontab.hour)
    # More than a plain time of day, django-celery-beat says in its own words.
    if not plain or (crontab.day_of_month, crontab.month_of_year) != ("*", "*"):
        return None
    days = frozenset(crontab.schedule.day_of_week)
    return f"{int(crontab.hour):02}:{int(crontab.minute):02}", days


def days_in_words(days: frozenset[int]) -> str:
    """ "every day", "on weekdays", "on Mondays and Thursdays"."""
    if len(days) == 7:
        return "every day"
    if days == WEEKDAYS:
        return "on weekdays"
    if days == WEEKEND:
        return "at weekends"
    *most, last = [f"{DAYS[day]}s" for day in sorted(days, key=lambda day: day or 7)]
    return f"on {', '.join(most)} and {last}" if most else f"on {last}"


def our_zone() -> str:
    """The place whose time the schedules are in: "London"."""
    return settings.TIME_ZONE.rpartition("/")[2].replace("_", " ")


def lasted(began: datetime | None, ended: datetime | None) -> str:
    """How long that was: "12 ms", "3.4 s", "5 min 10 s"; empty where it is not over."""
    if began is None or ended is None:
        return ""
    return in_words((ended - began).total_seconds())


def in_words(seconds: float) -> str:
    """So many seconds, as precisely as anybody wants to know."""
    if seconds < 1:
        return f"{max(1, round(seconds * 1000))} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for name, size, part, least in (
        ("days", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // least
            said = f"{whole // size} {'day' if (name, whole // size) == ('days', 1) else name}"
            return f"{said} {rest} {part}" if rest else said
    return f"{whole} s"
