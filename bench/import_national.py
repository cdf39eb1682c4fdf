"""What taking in the full file of ODS costs at national size: load, change, undo.

    .venv/bin/python -m bench.import_national [--organisations 300000] [--seed 2026]

The floor copies the very rows that the load wrote into the same tables with the same indexes,
constraints and triggers, in one transaction. Reading the file is part of the load. Times are those
on the wall, since a load reads on one core while the database works on the other, as COPY cannot:
run it on a machine that does nothing else. The seconds in which this process and its database
connection were at work, both added, are printed beside them.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .bodies import NATIONAL
from .load_register import copy_back, empty, taken_out
from .scratch import Busy, database, report

LOAD, CHANGE, UNDO = 1.5, 0.25, 1.0  # promises: of COPY; of the load; of applying
MEGABYTES = 400


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--organisations", type=int, default=NATIONAL)
    options.add_argument("--seed", type=int, default=2026)
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        whole, changed = Path(folder, "whole.xml"), Path(folder, "changed.xml")
        # In a process of its own: what it takes to make the files is none of the import's memory.
        command = [sys.executable, "-m", "bench.national", "xml", str(whole)]
        command += ["--changed", str(changed), "--seed", str(options.seed)]
        subprocess.run([*command, "--organisations", str(options.organisations)], check=True)
        with database():
            return 0 if measure(whole, changed) else 1


def measure(whole: Path, changed: Path) -> bool:
    from django.core.management import call_command
    from django.db import connection

    from footprints.services.receiving import preview_report
    from footprints.services.releases import undo_release

    call_command("load_register", stdout=open("/dev/null", "w"))  # noqa: SIM115
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    busy = Busy()

    def measured(name, work, *args):
        began, at_work = time.perf_counter(), busy()
        result = work(*args)
        seconds = time.perf_counter() - began
        print(f"{name:58} {seconds:8.3f} s  at work {busy() - at_work:.1f} s")
        sys.stdout.flush()
        return seconds, result

    first = received(whole)
    load, _ = measured("load the full file", applied, first)
    for fact in first.preview["facts"]:
        print(f"    {fact['name']}: {fact['new']:,} new")
    print(f"    not placed: {first.preview['unplaced']['topics']}")
    print(f"    anomalies: {first.preview['anomalies']['topics']}")
    second = received(changed)
    preview, _ = measured("preview of one changed in a hundred", preview_report, second)
    apply, release = measured("apply it", applied, second)
    for fact in second.preview["facts"]:
        print(f"    {fact['name']}: {fact['new']:,} {fact['changed']:,} {fact['gone']:,}")
    undo, _ = measured("undo it", undo_release, release)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rows = taken_out()
    empty()
    floor, _ = measured("COPY of the same rows", copy_back, rows)

    kept = [
        report("load the full file", load, floor, LOAD),
        report("preview and apply one changed in a hundred", preview + apply, load, CHANGE),
        report("undo it", undo, apply, UNDO),
        memory < MEGABYTES,
    ]
    print(f"memory of this process, at most: {memory:.0f} MB  promise {MEGABYTES} MB")
    return all(kept)


def received(path: Path):
    from footprints.models import Report
    from footprints.services.receiving import receive_report

    with path.open("rb") as file:
        return receive_report(file, name=path.name, via=Report.Via.COMMAND)


def applied(report_):
    from footprints.services.receiving import apply_report

    return apply_report(report_)


if __name__ == "__main__":
    raise SystemExit(main())
