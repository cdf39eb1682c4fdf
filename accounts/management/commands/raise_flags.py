"""Flags what changed since the last run, and alerts those whom it concerns."""

from django.core.management.base import BaseCommand
from django.utils.timezone import now

from accounts.alerts.addressing import raise_alerts
from accounts.services.flags import raise_flags
from footprints.names import count


class Command(BaseCommand):
    help = (
        "Flag everything of ours that a reorganisation touches, and alert those whom it concerns; "
        "only what changed is looked at."
    )

    def handle(self, **options):
        flags, alerts = raise_flags(), raise_alerts(moment=now())
        said = count(flags, "new flag", "new flags").capitalize()
        self.stdout.write(f"{said}; {count(alerts, 'alert', 'alerts')}.")
