"""Loads the boundaries of one kind of body from one day on: previews them, and records them."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from footprints.boundaries.reading import NotBoundaries, read
from footprints.management.days import day
from footprints.models import Kind
from footprints.services.boundaries import NothingPlaced, load_boundaries, preview_boundaries
from footprints.written import day_in_full

SHOWN = 20  # lines of each sort that the terminal shows; with -v 2 all


class Command(BaseCommand):
    help = (
        "Load boundaries (GeoJSON, as the Office for National Statistics publishes them) of the "
        "bodies of one kind, from the day on which they hold."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--kind", required=True, help="whose: sub_icb, icb, ccg, region …")
        parser.add_argument(
            "--from", type=day, required=True, dest="day", help="the first day they hold"
        )
        parser.add_argument("--preview", action="store_true", help="only say what it would do")

    def handle(self, *, file, kind, day, preview, verbosity, **options):
        most = SHOWN if verbosity < 2 else None
        try:
            kind = Kind.objects.get(pk=kind)
        except Kind.DoesNotExist:
            known = ", ".join(Kind.objects.filter(is_footprint=True).values_list("pk", flat=True))
            raise CommandError(f"There is no kind «{kind}». Areas are: {known}.") from None
        load = preview_boundaries if preview else load_boundaries
        try:
            loaded = load(read(file), kind=kind, day=day)
        except NotBoundaries as error:
            raise CommandError(str(error)) from None
        except NothingPlaced as error:
            raise CommandError("\n".join([str(error), *_lines(error.notes, most)])) from None
        say = self.stdout.write
        say(f"{loaded.read:,} features read, of {kind.plural} from {day_in_full(day)}")
        say(
            f"  {loaded.placed} of {loaded.bodies} have a shape: {len(loaded.new)} new, "
            f"{len(loaded.changed)} changed, {len(loaded.same)} as they were"
        )
        say(f"  {loaded.points:,} points, {loaded.size / 1024:,.0f} KiB")
        say(f"{len(loaded.unplaced)} not placed")
        for line in _lines(loaded.unplaced, most):
            say(line)
        say(f"{len(loaded.odd)} odd")
        for line in _lines(loaded.odd, most):
            say(line)
        if loaded.release is None:
            say("Nothing new in it.")
        elif preview:
            say("Only a preview: run it again without to record them.")
        else:
            say(f"Recorded as release {loaded.release.pk}.")


def _lines(notes, most):
    """The first notes, each with the number of its feature."""
    lines = [
        f"  {f'feature {note.number}: ' if note.number else ''}{note.text}"
        for note in notes[:most]
    ]
    if most is not None and len(notes) > most:
        lines.append(f"  and {len(notes) - most} more: -v 2 lists them")
    return lines
