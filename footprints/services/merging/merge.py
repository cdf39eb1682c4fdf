"""One report, one release."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from django.db import connection, transaction

from ... import anomalies
from ...models import Finding, Kind, Release, Report
from ...reports import Authority
from ...reports.claims import Claim
from ..releases import lock_register, open_release
from . import absence, bonds, labels, lives
from .staging import Staging

Progress = Callable[[str, int, int], None]


STEPS = 17
MUCH = 5_000  # rows written that may mislead the planner
# What these are joined and chosen by: the words of each name take longer than all the rest.
KNOWN = "opened_on, closed_on, asserted_by_id, retracted_by_id"
WRITTEN = {
    "footprints_version": f"organisation_id, kind_id, {KNOWN}",
    "footprints_relationship": f"child_id, parent_id, type, {KNOWN}",
    "footprints_identifier": f"organisation_id, scheme, {KNOWN}",
}
OPENED = "SELECT code FROM named_body WHERE is_new"
AWAITED_BY = """
SELECT DISTINCT release_id FROM footprints_finding
WHERE severity = 'unplaced' AND topic = 'unknown organisation' AND code IN ({opened})
"""


@dataclass
class Merged:
    """What one report did: its release, and how many claims of each kind were read.

    ``opened``: codes of the bodies that the register did not know. ``awaited_by``: keys of the
    releases with lines that could not be placed for want of one of these. ``passings``: the
    successions it states, as (predecessor, successor, day).
    """

    release: Release
    read: Counter = field(default_factory=Counter)
    opened: list[str] = field(default_factory=list)
    awaited_by: list[int] = field(default_factory=list)
    passings: list[tuple[str, str, date]] = field(default_factory=list)


def quietly(doing: str, done: int, total: int):
    """A progress that nobody watches."""


@transaction.atomic
def merge(
    claims: Iterable[Claim],
    *,
    source: str,
    title: str,
    authority: Authority,
    day: date,
    report: Report | None = None,
    by=None,
    lines: int = 0,
    is_whole: bool = True,
    progress: Progress = quietly,
) -> Merged:
    """Make the register say what the report says, in one release, as news of ``day``.

    Newer news of what it is an authority for is to be undone before (``services.receiving``).
    ``lines`` is how many lines are expected, for the progress; 0 where that is not known.
    ``is_whole``: the claims are all of the report's, not those alone that changed since its last
    file. The release is opened even where nothing is new in it: that was heard, too.
    """
    lock_register()
    release = open_release(
        kind=Release.Kind.FILE,
        source=source,
        by=by,
        title=title,
        published_on=day,
        sha256=report.sha256 if report else "",
        report=report,
    )
    given = {
        "day": day,
        "source": source,
        "title": title,
        "release": release.pk,
        "supplier": str(Kind.Family.SUPPLIER),
    }
    with connection.cursor() as cursor:
        staging = Staging(cursor, authority)
        lives.begin(cursor)
        labels.begin(cursor)
        staging.fill(
            claims,
            lambda line: progress("Reading", line, lines),
            lambda: _take(cursor, given),
        )
        for position, (doing, step) in enumerate(_steps(cursor, authority, given, is_whole)):
            progress(doing, position, STEPS)
            step()
        merged = Merged(release, staging.read)
        merged.opened = _column(cursor, OPENED)
        merged.awaited_by = _column(cursor, AWAITED_BY.format(opened=OPENED))
        cursor.execute("SELECT predecessor, successor, day FROM staged_passing ORDER BY line")
        merged.passings = cursor.fetchall()
    return merged


def _take(cursor, given: dict):
    lives.add(cursor, given)
    lives.compare(cursor, given)
    lives.doubts(cursor, given)
    lives.write(cursor, given)
    labels.add(cursor, given)
    labels.compare(cursor, given)
    labels.doubts(cursor, given)
    labels.write(cursor, given)


def _steps(cursor, authority: Authority, given: dict, is_whole: bool):
    """What is done once the claims are staged, in order; bodies before their places."""
    yield "Writing new lives", lambda: lives.add(cursor, given)
    yield "Comparing lives", lambda: lives.compare(cursor, given)
    yield "Noting differences", lambda: lives.doubts(cursor, given)
    yield "Writing lives", lambda: lives.write(cursor, given)
    yield "Noting differences", lambda: lives.doubt_records(cursor, given)
    yield "Comparing places", lambda: bonds.compare(cursor, authority, given)
    yield "Noting differences", lambda: bonds.doubts(cursor, given)
    yield "Writing places", lambda: bonds.write(cursor, given)
    yield "Writing new codes", lambda: labels.add(cursor, given)
    yield "Comparing codes", lambda: labels.compare(cursor, given)
    yield "Noting differences", lambda: labels.doubts(cursor, given)
    yield "Writing codes", lambda: labels.write(cursor, given)
    yield "Noting differences", lambda: labels.doubt_unplaced(cursor)
    # A table that was empty a moment ago is planned as empty: a join over it took half an hour.
    yield "Taking stock", lambda: _take_stock(cursor, given)
    yield (
        "Looking for what is missing",
        lambda: absence.note(cursor, authority, given, is_whole=is_whole),
    )
    yield "Looking for anomalies", lambda: anomalies.note(cursor, given["release"], given["day"])
    yield "Keeping the findings", lambda: _keep_findings(cursor, given)


def _take_stock(cursor, given: dict):
    """Analyse the tables of facts, where the report had much to write."""
    cursor.execute(
        "SELECT sum(written) FROM ("
        + " UNION ALL ".join(
            f"SELECT count(*) AS written FROM {table} WHERE asserted_by_id = %(release)s"
            for table in WRITTEN
        )
        + ") AS counted",
        given,
    )
    (written,) = cursor.fetchone()
    if written > MUCH:
        tables = ", ".join(f"{table} ({columns})" for table, columns in WRITTEN.items())
        cursor.execute(f"ANALYZE {tables}")


def _keep_findings(cursor, given: dict):
    table = Finding._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} (release_id, severity, topic, code, file, line, text) "
        "SELECT %(release)s, severity, topic, code, '', nullif(line, 0), text "
        "FROM staged_finding ORDER BY severity DESC, line, topic, code",
        given,
    )


def _column(cursor, query: str) -> list:
    cursor.execute(query)
    return [value for (value,) in cursor.fetchall()]
