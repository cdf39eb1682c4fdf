"""Loads the bundled facts; says what it read, wrote and could not place."""

from collections import Counter
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from footprints import bundle
from footprints.models import Finding
from footprints.services.loading import load_bundle
from footprints.services.releases import Contradiction


class Command(BaseCommand):
    help = "Load the register from the bundled reference files, or from a folder like them."

    def add_arguments(self, parser):
        parser.add_argument("folder", nargs="?", type=Path, default=bundle.REFERENCE)
        parser.add_argument(
            "--findings", action="store_true", help="list every anomaly, not only their number"
        )

    def handle(self, *, folder, findings, verbosity, **options):
        try:
            report = load_bundle(bundle.read(folder))
        except bundle.BadBundle as error:
            raise CommandError(
                f"Nothing was loaded: {len(error.bad_lines)} bad line(s).\n{error}"
            ) from error
        except Contradiction as error:
            raise CommandError(f"Nothing was loaded. {error}") from error

        if report.release is None:
            self.stdout.write(
                f"The register is up to date: {sum(report.read.values()):,} rows read."
            )
        else:
            self.stdout.write(f"Release {report.release}")
            for name, rows in report.read.items():
                self.stdout.write(f"  read      {rows:6,} {name.replace('_', ' ')}")
            for verb, counts in (("wrote", report.written), ("retracted", report.retracted)):
                for name, rows in counts.items():
                    if rows:
                        self.stdout.write(f"  {verb:9} {rows:6,} {name}")
        for finding in report.findings:
            if finding.severity == Finding.Severity.UNPLACED:
                place = f"{finding.file}, line {finding.line}"
                self.stdout.write(f"  not placed: {place}: {finding.text}")
        odd = [f for f in report.findings if f.severity == Finding.Severity.ANOMALY]
        for topic, number in Counter(finding.topic for finding in odd).items():
            self.stdout.write(f"  anomaly: {topic}: {number:,}")
            if findings:
                for finding in odd:
                    if finding.topic == topic:
                        place = f"{finding.file}, line {finding.line}: " if finding.line else ""
                        self.stdout.write(f"      {place}{finding.text}")
