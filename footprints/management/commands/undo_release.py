"""Undoes a release by a new one; the later ones of its source first, where that is asked for."""

import json

from django.core.management.base import BaseCommand, CommandError

from footprints.models import Release
from footprints.services.releases import CannotUndo
from footprints.services.undoing import changes_of, later_than, undo_releases


class Command(BaseCommand):
    help = "Undo a release: the facts known now are as they were before it."

    def add_arguments(self, parser):
        parser.add_argument("release", type=int, nargs="?", help="its number; none lists them")
        parser.add_argument(
            "--with-later",
            action="store_true",
            help="undo the later releases of the same source first, all in one transaction",
        )
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *, release, with_later, as_json, **options):
        if release is None:
            self.list(as_json)
            return
        try:
            first = Release.objects.get(pk=release)
        except Release.DoesNotExist:
            raise CommandError(f"There is no release {release}.") from None
        try:
            undos = undo_releases([first, *(later_than(first) if with_later else [])])
        except CannotUndo as error:
            if as_json:
                reason = str(error).partition("\n")[0]
                blocking = [told(each) for each in error.releases]
                self.stdout.write(json.dumps({"refused": reason, "blocking": blocking}))
            raise CommandError(self.refusal(error, first, with_later)) from error
        if as_json:
            facts = {
                table.model: {"gone": table.gone, "back": table.back}
                for table in changes_of(undos).tables
            }
            undone = [{**told(undo.undoes), "undone_by": undo.pk} for undo in undos]
            self.stdout.write(json.dumps({"undone": undone, "facts": facts}))
            return
        for undo in undos:
            self.stdout.write(f"Release {undo}")

    def list(self, as_json):
        standing = Release.objects.standing()
        if as_json:
            self.stdout.write(json.dumps([told(release) for release in standing]))
            return
        for release in standing:
            self.stdout.write(
                f"{release.pk:5}  {release.applied_at:%Y-%m-%d %H:%M}  "
                f"{release.source}  {release.title}"
            )

    @staticmethod
    def refusal(error, release, with_later):
        if not with_later and later_than(release):
            return f"{error}\nOr undo them with it, newest first: --with-later"
        return str(error)


def told(release):
    """A release as JSON tells of it."""
    return {
        "release": release.pk,
        "source": release.source,
        "title": release.title,
        "applied_at": release.applied_at.isoformat(),
    }
