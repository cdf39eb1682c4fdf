"""Flags what changed since the last run."""

from django.core.management.base import BaseCommand

from accounts.services.flags import raise_flags
from footprints.names import count


class Command(BaseCommand):
    help = "Flag everything of ours that a reorganisation touches; only what changed is looked at."

    def handle(self, **options):
        self.stdout.write(f"{count(raise_flags(), 'new flag', 'new flags').capitalize()}.")
