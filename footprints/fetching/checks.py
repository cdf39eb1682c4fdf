"""The settings of fetching are judged when the program starts, not when a feed is first due."""

from datetime import timedelta

from django.conf import settings
from django.core.checks import Error, register
from django.core.exceptions import ImproperlyConfigured

from .sources import configured


@register
def check_feeds(app_configs, **kwargs):
    """Say which word of REPORT_FEEDS is wrong, and refuse to ask anybody all the time."""
    errors = []
    try:
        configured()
    except ImproperlyConfigured as wrong:
        errors.append(Error(str(wrong), id="footprints.E001"))
    every = settings.REPORTS_FETCHED_EVERY
    if every < timedelta(minutes=15):
        errors.append(
            Error(
                "REPORTS_FETCHED_EVERY is in hours, 0.25 (a quarter) at the least.",
                id="footprints.E002",
            )
        )
    return errors
