"""Says where a body's area or statutory functions went, or where they came from."""

import json

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import localdate

from footprints.dated import last_day
from footprints.management.days import day
from footprints.models import Succession
from footprints.shares import DERIVED
from footprints.tracing import UnknownCode, trace, trace_back
from footprints.written import day_in_full, day_in_short


class Command(BaseCommand):
    help = (
        "Where a body's area went by a day, transitively, with shares: the part of the body that "
        "each holds. With --back, where it came from: the part of each predecessor that came; "
        "these are not summed."
    )

    def add_arguments(self, parser):
        parser.add_argument("code")
        parser.add_argument("--on", type=day, metavar="DAY", help="default: today")
        parser.add_argument(
            "--legal",
            action="store_true",
            help="statutory functions instead of the area: a CCG's went to its ICB",
        )
        parser.add_argument("--back", action="store_true", help="where it came from")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, code, on, legal, back, as_json, **options):
        code, on = code.upper(), on or localdate()
        passes = Succession.Passes.FUNCTIONS if legal else Succession.Passes.AREA
        try:
            found = (trace_back if back else trace)(code, on, passes=passes)
        except UnknownCode as error:
            raise CommandError(str(error)) from error
        if as_json:
            self.stdout.write(json.dumps([_row(place, back) for place in found]))
            return
        if not found:
            what = "the statutory functions" if legal else "the area"
            self.stdout.write(
                f"On {day_in_full(on)} {code} holds {what} of no other body."
                if back
                else f"On {day_in_full(on)} nobody holds {what} of {code}."
            )
        for place in found:
            self.stdout.write(_line(place, back))


def _row(place, back: bool) -> dict:
    row = {
        "code": place.code,
        "name": place.name,
        "kind": place.kind,
        "from": place.from_day and place.from_day.isoformat(),
        "event": place.event,
        "share": None if place.share is None else float(place.share),
    }
    if back:
        row["until"] = last_day(place.left_on).isoformat()
    if place.is_derived:
        row["derived"] = True
    return row


def _line(place, back: bool) -> str:
    share = "   ?  " if place.share is None else f"{place.share:6.1%}"
    if back:
        when = f"until {day_in_short(last_day(place.left_on))}"
    else:
        when = f"from {day_in_short(place.from_day)}" if place.from_day else "start not known"
    event = f": {place.event}" if place.event else ""
    derived = f"; share {DERIVED}" if place.is_derived else ""
    return f"{share}  {place.code}  {place.name} ({when}{event}{derived})"
