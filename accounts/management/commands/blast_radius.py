"""Says what of ours an event touches, by owner and kind."""

import json
from dataclasses import asdict
from itertools import groupby

from django.core.management.base import BaseCommand, CommandError

from accounts.radius import by_owner
from footprints.models import Change, Outcome, Reorganisation
from footprints.written import day_in_full, number


class Command(BaseCommand):
    help = (
        "What of ours an event touches on or after its day, whoever may see it: how many of each "
        "kind, by owner. Only reads."
    )

    def add_arguments(self, parser):
        parser.add_argument("event", help="as in its address: 91q-2020-04-01")
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, event, as_json, **options):
        found = Reorganisation.objects.filter(slug=event.strip().lower()).first()
        if found is None:
            raise CommandError(f"No event has the address {event}: see /reorganisations/.")
        groups = by_owner(found)
        total = sum(group.count for group in groups)
        if as_json:
            said = {
                "event": found.slug,
                "title": found.title,
                "effective_on": found.effective_on.isoformat(),
                "state": found.state,
                "count": total,
                "groups": [asdict(group) for group in groups],
            }
            self.stdout.write(json.dumps(said))
            return
        day = day_in_full(found.effective_on)
        self.stdout.write(f"{found} ({day}, {found.get_state_display().lower()})")
        if not groups:
            self.stdout.write("It touches nothing of ours.")
        for owner, theirs in groupby(groups, key=lambda group: group.owner):
            self.stdout.write(f"\n{owner or 'Nobody owns'}")
            for group in theirs:
                does = Outcome(group.outcome).label.lower()
                self.stdout.write(
                    f"{number(group.count):>9}  {group.says}: its body "
                    f"{Change(group.change).label} ({does}; {group.decides} decides)"
                )
        if groups:
            self.stdout.write(f"\n{number(total):>9}  in all")
