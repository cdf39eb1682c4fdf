"""A register of national size: 300,000 organisations on top of the bundle, by COPY, from a seed.

    .venv/bin/python -m bench.national make NAME [--organisations 300000] [--seed 2026]
    .venv/bin/python -m bench.national drop NAME
    .venv/bin/python -m bench.national xml PATH [--organisations …] [--seed …] [--changed PATH]

`make` keeps a database of that name on the embedded server (or on DATABASE_URL's), which the page
benches take with `--database NAME`; `drop` removes it. `xml` writes the same bodies as the full
file that is published, and with `--changed` a second one in which one body of a hundred differs.
Indexes and constraints are dropped before the COPY and made again after it: so the exclusion
constraints check every row that was written. Keep no other database under such a name.
"""

import argparse
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from datetime import time as clock

from .bodies import NATIONAL, National, releases
from .scratch import create, drop, kept, server


def main(argv=None):
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("deed", choices=["make", "drop", "xml"])
    options.add_argument("name", help="of the database; for xml, the path of the file")
    options.add_argument("--organisations", type=int, default=NATIONAL)
    options.add_argument("--seed", type=int, default=2026)
    options.add_argument("--changed", help="xml: where to write the file with 1 %% changed")
    options = options.parse_args(argv)
    if options.deed == "xml":
        from .national_xml import write

        with server():
            write(options.name, options.organisations, options.seed, changed=options.changed)
        return 0
    if options.deed == "drop":
        drop(options.name)
        return 0
    begun = time.perf_counter()
    create(options.name)
    with kept(options.name):
        for table, rows in fill(options.organisations, options.seed).items():
            print(f"{table:32} {rows:>12,}")
    print(f"{options.name} in {time.perf_counter() - begun:.0f} s")
    return 0


def fill(organisations: int = NATIONAL, seed: int = 2026) -> dict[str, int]:
    """Load the bundle and write the made register on top; return the rows of each table."""
    from django.db import connection

    from footprints import bundle
    from footprints.models import Release
    from footprints.models.derived import rebuild
    from footprints.services.loading import load_bundle

    facts = bundle.read()
    load_bundle(facts)
    # The bundle was there before the first of the releases below.
    before = datetime.combine(releases()[0][0], clock(0, 1), UTC).replace(day=1, month=1)
    Release.objects.update(applied_at=before)
    national = National(facts, organisations, seed)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica"
        )  # keys are right as made: no triggers
        rows = _Rows(cursor, facts)
        rows.releases()
        remake = _take_down(cursor, [f"footprints_{name}" for name in _COLUMNS])
        for body in national.bodies():
            rows.add(body)
        rows.events(national.events)
        written = rows.copy()
        for statement in remake:
            cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")
        for table in _COLUMNS:
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('footprints_{table}', 'id'), "
                f"(SELECT max(id) FROM footprints_{table}))"
            )
        rebuild()
        cursor.execute("VACUUM ANALYZE")
    return written


_FACT = "source note asserted_by_id retracted_by_id "
_COLUMNS = {
    "organisation": "id code is_provisional longitude latitude",
    "version": _FACT + "opened_on closed_on organisation_id kind_id name",
    "identifier": _FACT + "opened_on closed_on organisation_id scheme value",
    "relationship": _FACT + "opened_on closed_on child_id type parent_id",
    "population": _FACT + "organisation_id year boundary_on people",
    "reorganisation": "id revision flagged_revision slug kind title effective_on state",
    "step": "reorganisation_id state source said_by reason at",
    "succession": _FACT + "reorganisation_id predecessor_id successor_id passes share",
}
_NULL = r"\N"


class _Rows:
    """Lines for COPY by table, with keys of our own."""

    def __init__(self, cursor, facts):
        self.cursor = cursor
        self.facts = facts
        self.lines: dict[str, list[str]] = defaultdict(list)
        cursor.execute("SELECT code, id FROM footprints_organisation")
        self.keys = dict(cursor.fetchall())
        self.next_key = max(self.keys.values()) + 1
        cursor.execute("SELECT max(id) FROM footprints_reorganisation")
        self.next_event = cursor.fetchone()[0] + 1

    def releases(self):
        from footprints.models import Release

        made = [
            Release.objects.create(
                kind=Release.Kind.FILE,
                source=source,
                title=f"{source} of {day:%B %Y}",
                published_on=day,
                applied_at=datetime.combine(day, clock(6, 30), UTC),
            )
            for day, source in releases()
        ]
        self.release = [release.pk for release in made]
        self.moments = [release.applied_at.isoformat() for release in made]

    def add(self, body):
        key = self.keys[body.code] = self.next_key
        self.next_key += 1
        lines = self.lines
        lines["organisation"].append(f"{key}\t{body.code}\tf\t{_NULL}\t{_NULL}\n")
        for told in body.versions:
            kind, name = told.what
            lines["version"].append(f"{self._dated(told)}\t{key}\t{kind}\t{name}\n")
        for told in body.identifiers:
            scheme, value = told.what
            lines["identifier"].append(f"{self._dated(told)}\t{key}\t{scheme}\t{value}\n")
        for told in body.parents:
            type_, parent = told.what
            lines["relationship"].append(
                f"{self._dated(told)}\t{key}\t{type_}\t{self.keys[parent]}\n"
            )
        for year, counted, people, asserted in body.people:
            lines["population"].append(
                f"made\t\t{self.release[asserted]}\t{_NULL}\t{key}\t{year}\t{counted}\t{people}\n"
            )

    def events(self, events):
        lines = self.lines
        for number, event in enumerate(events):
            key = self.next_event + number
            lines["reorganisation"].append(
                f"{key}\t1\t1\tmade-{number}\t{event.kind}\t{event.title}\t"
                f"{event.effective_on}\teffective\n"
            )
            lines["step"].append(f"{key}\teffective\tmade\t\t\t{self.moments[event.asserted]}\n")
            for predecessor, successor, share in event.successions:
                lines["succession"].append(
                    f"made\t\t{self.release[event.asserted]}\t{_NULL}\t{key}\t"
                    f"{self.keys[predecessor]}\t{self.keys[successor]}\tarea\t{share:.6f}\n"
                )

    def copy(self) -> dict[str, int]:
        written = {}
        for table, columns in _COLUMNS.items():
            rows = self.lines.pop(table, [])
            names = ", ".join(f'"{name}"' for name in columns.split())
            with self.cursor.copy(f"COPY footprints_{table} ({names}) FROM STDIN") as copy:
                for at in range(0, len(rows), 5000):
                    copy.write("".join(rows[at : at + 5000]))
            written[table] = len(rows)
        return written

    def _dated(self, told):
        retracted = _NULL if told.retracted is None else self.release[told.retracted]
        return (
            f"made\t\t{self.release[told.asserted]}\t{retracted}\t"
            f"{told.opened_on or _NULL}\t{told.closed_on or _NULL}"
        )


def _take_down(cursor, tables) -> list[str]:
    """Drop the indexes and exclusions of these tables; return the statements that make them."""
    cursor.execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype IN ('x', 'u') AND conrelid::regclass::text = ANY(%s)",
        [tables],
    )
    remake = []
    for table, name, definition in cursor.fetchall():
        cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}" CASCADE')
        remake.append(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {definition}')
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE NOT indisprimary AND indrelid::regclass::text = ANY(%s)",
        [tables],
    )
    for name, definition in cursor.fetchall():
        cursor.execute(f"DROP INDEX {name}")
        remake.append(definition)
    return remake


if __name__ == "__main__":
    sys.exit(main())
