"""Says where a body's area went."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import localdate

from footprints.management.days import day
from footprints.tracing import UnknownCode, trace


class Command(BaseCommand):
    help = "Where a body's area went by a day, transitively, with shares."

    def add_arguments(self, parser):
        parser.add_argument("code")
        parser.add_argument("--on", type=day, metavar="DAY", help="default: today")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, code, on, as_json, **options):
        on = on or localdate()
        try:
            places = trace(code.upper(), on)
        except UnknownCode as error:
            raise CommandError(str(error)) from error
        if as_json:
            rows = [
                {
                    "code": place.code,
                    "name": place.name,
                    "kind": place.kind,
                    "from": place.from_day and place.from_day.isoformat(),
                    "event": place.event,
                    "share": None if place.share is None else float(place.share),
                }
                for place in places
            ]
            self.stdout.write(json.dumps(rows))
            return
        if not places:
            self.stdout.write(f"On {on:%-d %B %Y} nobody holds the area of {code.upper()}.")
        for place in places:
            share = "   ?  " if place.share is None else f"{place.share:6.1%}"
            since = f"from {place.from_day:%-d %b %Y}" if place.from_day else "start not known"
            event = f": {place.event}" if place.event else ""
            self.stdout.write(f"{share}  {place.code}  {place.name} ({since}{event})")
