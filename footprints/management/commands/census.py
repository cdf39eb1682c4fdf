"""Counts the live organisations by kind."""

import json

from django.core.management.base import BaseCommand
from django.utils.timezone import localdate

from footprints.management.days import day, moment
from footprints.models import Kind, Release, Version


class Command(BaseCommand):
    help = "Count the live organisations of a day by kind, as known now or at an earlier moment."

    def add_arguments(self, parser):
        parser.add_argument("--on", type=day, metavar="DAY", help="default: today")
        parser.add_argument("--known", type=moment, metavar="DAY", help="as known on that day")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, on, known, as_json, **options):
        on = on or localdate()
        release = Release.objects.known_at(known) if known else None
        counts = Version.objects.census(on, release)
        if as_json:
            self.stdout.write(json.dumps({"on": on.isoformat(), "counts": counts}))
            return
        kinds = Kind.objects.in_bulk()
        self.stdout.write(f"Live on {on:%-d %B %Y}:")
        for kind, number in counts.items():
            if not number:
                continue
            self.stdout.write(
                f"{number:8,}  {kinds[kind].name if number == 1 else kinds[kind].plural}"
            )
