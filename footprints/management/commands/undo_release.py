"""Undoes a release by a new one."""

from django.core.management.base import BaseCommand, CommandError

from footprints.models import Release
from footprints.services.releases import CannotUndo, undo_release


class Command(BaseCommand):
    help = "Undo a release: the facts known now are as they were before it."

    def add_arguments(self, parser):
        parser.add_argument("release", type=int, nargs="?", help="its number; none lists them")

    def handle(self, *, release, **options):
        if release is None:
            for each in Release.objects.standing():
                self.stdout.write(
                    f"{each.pk:5}  {each.applied_at:%Y-%m-%d %H:%M}  {each.source}  {each.title}"
                )
            return
        try:
            undo = undo_release(Release.objects.get(pk=release))
        except Release.DoesNotExist:
            raise CommandError(f"There is no release {release}.") from None
        except CannotUndo as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Release {undo}")
