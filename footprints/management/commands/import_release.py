"""Takes in a report of the NHS: previews it, and applies it."""

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from footprints.management.days import day
from footprints.models import Report
from footprints.services.receiving import (
    CannotApply,
    Received,
    apply_report,
    preview_report,
    receive_report,
)
from footprints.written import day_in_full

SHOWN = 20  # changes and findings of each sort that the terminal shows


class Command(BaseCommand):
    help = (
        "Take in a report as the NHS publishes it (ODS CSV, ePCN workbook, practice map, ONS "
        "names and codes, ODS XML, JSON), or the bricks of a data supplier: say what it would "
        "change, and apply it."
    )

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--preview", action="store_true", help="only say what it would change")
        parser.add_argument("--on", type=day, help="the day it tells of (default: read in it)")
        parser.add_argument("--json", action="store_true", help="for another program to read")

    def handle(self, *, file, on, preview, **options):
        try:
            with file.open("rb") as stream:
                report = receive_report(
                    stream, name=file.name, via=Report.Via.COMMAND, about_on=on
                )
        except OSError as error:
            raise CommandError(f"{file} cannot be opened: {error.strerror}.") from None
        except Received as received:
            report = received.report
            if report.release:
                return self._say(report, "It is applied already: nothing is done.", **options)
        report = preview_report(report)
        if report.state == Report.State.REFUSED:
            raise CommandError(report.error)
        if preview:
            return self._say(report, "Only a preview: run it again without to apply.", **options)
        try:
            release = apply_report(report)
        except CannotApply as error:
            raise CommandError(str(error)) from None
        return self._say(report, f"Applied as release {release.pk}.", **options)

    def _say(self, report, outcome: str, *, json: bool, **options):
        release = report.release
        if json:
            self.stdout.write(
                _as_json(
                    {
                        "report": report.pk,
                        "release": release and release.pk,
                        "source": report.source,
                        "title": report.title,
                        "about_on": report.about_on.isoformat(),
                        "state": report.state,
                        **report.preview,
                    }
                )
            )
            return
        said = report.preview
        self.stdout.write(f"{report.title}, as of {day_in_full(report.about_on)}")
        self.stdout.write(f"{said['read']['lines']:,} lines read")
        for facts in said["facts"]:
            self.stdout.write(
                f"  {facts['name']}: {facts['new']:,} new, {facts['changed']:,} changed, "
                f"{facts['gone']:,} gone"
            )
            for each in facts["examples"][:SHOWN] if options["verbosity"] > 1 else ():
                self.stdout.write(f"    {each['code']}: {each['was']} → {each['is']}")
        if not said["facts"]:
            self.stdout.write("  Nothing new in it.")
        for name in ("unplaced", "anomalies"):
            found = said[name]
            label = "not read or placed" if name == "unplaced" else "anomalies"
            self.stdout.write(f"{found['count']:,} {label}")
            for topic, count in found["topics"].items():
                self.stdout.write(f"  {topic}: {count:,}")
            for each in found["examples"][:SHOWN] if options["verbosity"] > 1 else ():
                line = f"line {each['line']}: " if each["line"] else ""
                self.stdout.write(f"    {line}{each['text']}")
        for reason in said["reasons"]:
            self.stdout.write(f"A steward would be asked: {reason}")
        for later in said["later"]:
            self.stdout.write(f"Read again: {later['title']}, {later['about_on']}")
        self.stdout.write(outcome)


def _as_json(said: dict) -> str:
    return json.dumps(said, indent=1, ensure_ascii=False)
