"""What loading the register costs, as a ratio to a bare COPY of the same rows.

    .venv/bin/python -m bench.load_register [--copies 40] [--rounds 5]

The floor copies the very rows that the load wrote into the same tables with the same indexes,
constraints and triggers, in one transaction. Every copy after the first is the bundle again
under codes of its own. Loads and floors alternate; medians are printed. The promise is for
national size; the bundle alone is too small for it, since its 7,000 rows cost less than asking.
"""

import argparse
import dataclasses
import statistics

from .scratch import database, report, timed

PROMISE = 1.5


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--copies", type=int, default=40, help="of the bundle, at the large size")
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    with database():
        kept = [measure(copies, options.rounds) for copies in (1, options.copies)]
    return 0 if kept[-1] else 1


def measure(copies: int, rounds: int) -> bool:
    from footprints import bundle
    from footprints.services.loading import load_bundle

    reading, facts = timed(bundle.read)
    many = times(facts, copies)
    loads, floors, repeats = [], [], []
    for _ in range(rounds):
        empty()
        seconds, loaded = timed(load_bundle, many)
        loads.append(seconds)
        repeats.append(timed(load_bundle, many)[0])
        kept_rows = taken_out()
        empty()
        floors.append(timed(copy_back, kept_rows)[0])
    rows = sum(loaded.written.values())
    print(f"{copies} × the bundle, {rows:,} facts; reading the files once: {reading:.3f} s")
    load, floor = statistics.median(loads), statistics.median(floors)
    kept = report("  load", load, floor, PROMISE if copies > 1 else None)
    report("  load again, with nothing new", statistics.median(repeats), floor)
    return kept


def times(facts, copies: int):
    """The bundle with every code repeated under names of its own."""

    def renamed(row, number):
        if number == 0:
            return row
        fields = {}
        for name in ("code", "child", "parent", "collaborative", "provider"):
            if hasattr(row, name):
                fields[name] = f"{getattr(row, name)}.{number}"
        for name in ("predecessor", "successor"):
            if getattr(row, name, None):
                fields[name] = f"{getattr(row, name)}.{number}"
        if hasattr(row, "members"):
            fields["members"] = tuple(f"{member}.{number}" for member in row.members)
        return dataclasses.replace(row, **fields)

    many = dataclasses.replace(facts)
    for stem in facts.rows_read:
        if stem not in ("kinds", "gaps"):
            rows = getattr(facts, stem)
            setattr(many, stem, [renamed(row, n) for n in range(copies) for row in rows])
    return many


def tables():
    from footprints.models import Kind, Organisation, Release, Reorganisation, Step
    from footprints.services.releases import RECORDED

    models = (Kind, Organisation, Release, Reorganisation, Step, *RECORDED)
    return [model._meta.db_table for model in models]


def empty():
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(tables())}, footprints_finding CASCADE")


def taken_out() -> dict[str, bytes]:
    """The rows of each table as COPY writes them."""
    from django.db import connection

    rows = {}
    with connection.cursor() as cursor:
        for table in tables():
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                rows[table] = b"".join(copy)
    return rows


def copy_back(rows: dict[str, bytes]):
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        for table, data in rows.items():
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write(data)


if __name__ == "__main__":
    raise SystemExit(main())
