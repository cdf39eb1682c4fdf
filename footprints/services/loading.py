"""Loads a bundle of facts as one release: staged by COPY, written by set statements."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import IntegrityError, connection, transaction

from .. import anomalies, events
from ..bundle import Bundle
from ..models import (
    Finding,
    Identifier,
    Kind,
    LeadProvider,
    Move,
    Organisation,
    Population,
    Relationship,
    Release,
    Reorganisation,
    Step,
    Succession,
    Version,
)
from .releases import (
    Contradiction,
    content,
    lock_register,
    open_release,
    renew_events,
    same_content,
)

SOURCE = "bundle"


@dataclass
class LoadReport:
    """What a load read, wrote and retracted by table; what it could not place or found odd."""

    release: Release | None = None
    read: dict[str, int] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    retracted: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    @property
    def changed(self) -> int:
        return sum(self.written.values()) + sum(self.retracted.values())


@transaction.atomic
def load_bundle(bundle: Bundle, *, by=None) -> LoadReport:
    """Make the register say what the bundle says, in one release; none where nothing changes.

    Raises Contradiction where another source holds otherwise; nothing is written then.
    """
    lock_register()
    report = LoadReport(read=dict(bundle.rows_read))
    declared = [*events.group(bundle), *events.clusters(bundle)]
    _write_kinds(bundle)
    keys = _write_organisations(bundle)
    reorganisations = _declare(declared)

    with connection.cursor() as cursor:
        staged = _stage(cursor, bundle, declared, keys, reorganisations)
        fresh = {model: _compare(cursor, model) for model in staged}
        if any(new or gone for new, gone in fresh.values()):
            report.release = open_release(
                kind=Release.Kind.BUNDLE,
                source=SOURCE,
                by=by,
                title=bundle.title,
                published_on=bundle.published_on,
                sha256=bundle.sha256,
            )
            try:
                for model in staged:
                    name = model._meta.model_name
                    report.retracted[name] = _retract(cursor, model, report.release)
                    report.written[name] = _assert(cursor, model, report.release)
            except IntegrityError as error:
                raise Contradiction(f"Another source holds otherwise: {error}") from error
            renew_events(report.release)
        for model in staged:
            cursor.execute(f"DROP TABLE {_temp(model)}, gone_{_temp(model)}")

    report.findings = [*_unplaced(bundle), *anomalies.found(bundle)]
    if report.release:
        for finding in report.findings:
            finding.release = report.release
        Finding.objects.bulk_create(report.findings, batch_size=2000)
    return report


def _write_kinds(bundle: Bundle):
    fields = "name plural family tier is_legal_body is_footprint is_unit".split()
    Kind.objects.bulk_create(
        [
            Kind(code=row.code, **{name: getattr(row, name) for name in fields})
            for row in bundle.kinds
        ],
        update_conflicts=True,
        unique_fields=["code"],
        update_fields=fields,
    )


def _write_organisations(bundle: Bundle) -> dict[str, int]:
    """Every code has its organisation; return the keys by code."""
    provisional = {row.code for row in bundle.clusters}
    places = {row.code: (row.longitude, row.latitude) for row in bundle.places}
    codes = sorted({row.code for row in bundle.versions} | provisional)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE staged_organisation (code text, is_provisional boolean, "
            "longitude float8, latitude float8) ON COMMIT DROP"
        )
        _copy(
            cursor,
            "staged_organisation (code, is_provisional, longitude, latitude)",
            ((code, code in provisional, *places.get(code, (None, None))) for code in codes),
        )
        cursor.execute(
            "INSERT INTO footprints_organisation (code, is_provisional, longitude, latitude) "
            "SELECT code, is_provisional, longitude, latitude FROM staged_organisation "
            # A code that was provisional is decided once the facts give it a life of its own.
            "ON CONFLICT (code) DO UPDATE "
            "SET longitude = excluded.longitude, latitude = excluded.latitude, is_provisional = "
            "footprints_organisation.is_provisional AND excluded.is_provisional "
            "WHERE (footprints_organisation.longitude, footprints_organisation.latitude) "
            "IS DISTINCT FROM (excluded.longitude, excluded.latitude) "
            "OR footprints_organisation.is_provisional AND NOT excluded.is_provisional"
        )
        cursor.execute("DROP TABLE staged_organisation")
    return dict(Organisation.objects.with_codes(codes).values_list("code", "pk"))


def _declare(declared: list[events.Event]) -> dict[str, int]:
    """Every event has its reorganisation, with a first step; return the keys by slug.

    What people wrote of an event since stays: a known slug is left as it is.
    """
    slugs = [event.slug for event in declared]
    known = set(Reorganisation.objects.filter(slug__in=slugs).values_list("slug", flat=True))
    created = Reorganisation.objects.bulk_create(
        Reorganisation(
            slug=event.slug,
            kind=event.kind,
            title=event.title,
            effective_on=event.day,
            state=event.state,
        )
        for event in declared
        if event.slug not in known
    )
    said = {event.slug: event for event in declared}
    Step.objects.bulk_create(
        Step(
            reorganisation=reorganisation,
            state=reorganisation.state,
            on=said[reorganisation.slug].said.on,
            checked_on=said[reorganisation.slug].said.checked_on,
            source=said[reorganisation.slug].said.source
            or "; ".join(
                dict.fromkeys(row.source for row in said[reorganisation.slug].successions)
            ),
            reason=said[reorganisation.slug].said.reason,
        )
        for reorganisation in created
    )
    return dict(Reorganisation.objects.filter(slug__in=slugs).values_list("slug", "pk"))


def _stage(cursor, bundle: Bundle, declared, keys, reorganisations) -> list[type]:
    """Copy the bundle's facts into temporary tables shaped as the facts are."""
    days, _ = events.effective_days(bundle)
    parts: dict = {}
    for row in days:
        if row.passes == "area" and row.predecessor != row.successor:
            parts[days[row], row.predecessor] = parts.get((days[row], row.predecessor), 0) + 1

    def share(row):
        whole = parts.get((days.get(row), row.predecessor), 1) == 1 or row.passes == "functions"
        return row.share if row.share is not None or not whole or not row.successor else 1

    facts = {
        Version: (
            "source note opened_on closed_on organisation_id kind_id name",
            [
                *(
                    (r.source, r.note, r.opened_on, r.closed_on, keys[r.code], r.kind, r.name)
                    for r in bundle.versions
                ),
                *(
                    (
                        r.source,
                        f"Provisional: {r.said}, as of {r.as_of}",
                        r.planned_on,
                        None,
                        keys[r.code],
                        "icb",
                        r.name,
                    )
                    for r in bundle.clusters
                ),
            ],
        ),
        Identifier: (
            "source note opened_on closed_on organisation_id scheme value",
            (
                (r.source, "", r.opened_on, r.closed_on, keys[r.code], r.scheme, r.value)
                for r in bundle.identifiers
            ),
        ),
        Population: (
            "source note organisation_id year boundary_on people",
            (
                (r.source, "", keys[r.code], r.year, r.boundary_on, r.people)
                for r in bundle.populations
            ),
        ),
        Relationship: (
            "source note opened_on closed_on child_id parent_id type",
            (
                (r.source, r.note, r.opened_on, r.closed_on, keys[r.child], keys[r.parent], r.type)
                for r in bundle.relationships
            ),
        ),
        LeadProvider: (
            "source note opened_on closed_on collaborative_id provider_id service_line evidence",
            (
                (
                    r.source,
                    r.note,
                    r.opened_on,
                    r.closed_on,
                    keys[r.collaborative],
                    keys[r.provider],
                    r.service_line,
                    r.evidence,
                )
                for r in bundle.lead_providers
            ),
        ),
        Succession: (
            "source note reorganisation_id predecessor_id successor_id passes share becomes_id",
            (
                (
                    r.source,
                    r.note,
                    reorganisations[event.slug],
                    keys[r.predecessor],
                    r.successor and keys[r.successor],
                    r.passes,
                    share(r),
                    r.becomes,
                )
                for event in declared
                for r in event.successions
            ),
        ),
        Move: (
            "source note reorganisation_id child_id type from_parent_id to_parent_id",
            (
                (
                    m.source,
                    "",
                    reorganisations[event.slug],
                    keys[m.child],
                    m.type,
                    keys[m.from_parent],
                    keys[m.to_parent],
                )
                for event in declared
                for m in event.moves
            ),
        ),
    }
    for model, (columns, rows) in facts.items():
        cursor.execute(
            f"CREATE TEMP TABLE {_temp(model)} ON COMMIT DROP AS "
            f"SELECT {', '.join(content(model))} FROM {model._meta.db_table} WITH NO DATA"
        )
        _copy(cursor, f"{_temp(model)} ({', '.join(columns.split())})", rows)
        cursor.execute(f"ANALYZE {_temp(model)}")
    return list(facts)


def _temp(model) -> str:
    return f"staged_{model._meta.model_name}"


def _copy(cursor, target: str, rows: Iterable[tuple]):
    with cursor.copy(f"COPY {target} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


# What the source believes: the facts that a standing release of it asserted and no later one
# retracted, whatever other sources made of them since. Undone releases, and the copies that undos
# leave, say nothing about belief. Grouped, not joined: a join is planned by the table's last
# figures, which know of no retraction yet, and compared each row with each (40,000 took 42 s).
STANDING = """
SELECT id FROM footprints_release AS release
WHERE source = %s AND kind <> 'undo'
  AND NOT EXISTS (SELECT FROM footprints_release AS undo WHERE undo.undoes_id = release.id)
"""
BELIEVED = """
SELECT {columns} FROM (
    SELECT {columns}, asserted_by_id AS said, 0 AS took_back FROM {table}
    WHERE asserted_by_id IN ({standing})
    UNION ALL
    SELECT {columns}, 0, retracted_by_id FROM {table} WHERE retracted_by_id IN ({standing})
) AS fact
GROUP BY {columns} HAVING max(said) > max(took_back)
"""
# A fact that the source takes back only where a row of it stands that is the source's to retract.
STANDS = """
SELECT FROM {table} AS fact
JOIN footprints_release AS asserted ON asserted.id = fact.asserted_by_id
WHERE fact.retracted_by_id IS NULL AND (asserted.source = %s OR asserted.kind = 'undo') AND {same}
"""


def _compare(cursor, model) -> tuple[int, int]:
    """Leave in the staged table what is new, and beside it what is gone; return both counts."""
    staged, table = _temp(model), model._meta.db_table
    cursor.execute(
        f"CREATE TEMP TABLE believed_{staged} ON COMMIT DROP AS "
        + BELIEVED.format(columns=", ".join(content(model)), table=table, standing=STANDING),
        [SOURCE, SOURCE],
    )
    cursor.execute(f"ANALYZE believed_{staged}")
    cursor.execute(
        f"CREATE TEMP TABLE gone_{staged} ON COMMIT DROP AS SELECT * FROM ("
        f"SELECT * FROM believed_{staged} EXCEPT SELECT * FROM {staged}) AS gone WHERE EXISTS ("
        + STANDS.format(table=table, same=same_content(model, "fact", "gone"))
        + ")",
        [SOURCE],
    )
    gone = cursor.rowcount
    cursor.execute(
        f"DELETE FROM {staged} USING believed_{staged} AS fact "
        f"WHERE {same_content(model, staged, 'fact')}"
    )
    # What another source says already needs no second row: a person was quicker, or a report.
    stated = [column for column in content(model) if column not in ("source", "note")]
    cursor.execute(
        f"DELETE FROM {staged} USING {table} AS fact, footprints_release AS news "
        "WHERE fact.retracted_by_id IS NULL "
        "AND news.id = coalesce(fact.origin_id, fact.asserted_by_id) AND news.source <> %s "
        f"AND {same_content(model, staged, 'fact', stated)}",
        [SOURCE],
    )
    cursor.execute(f"DROP TABLE believed_{staged}")
    cursor.execute(f"SELECT count(*) FROM {staged}")
    return cursor.fetchone()[0], gone


def _retract(cursor, model, release: Release) -> int:
    """Retract what is gone, unless another source did; return how many."""
    cursor.execute(
        f"UPDATE {model._meta.db_table} AS fact SET retracted_by_id = %s "
        f"FROM gone_{_temp(model)} AS gone, footprints_release AS asserted "
        "WHERE fact.retracted_by_id IS NULL AND asserted.id = fact.asserted_by_id "
        "AND (asserted.source = %s OR asserted.kind = 'undo') "
        f"AND {same_content(model, 'fact', 'gone')}",
        [release.pk, release.source],
    )
    return cursor.rowcount


def _assert(cursor, model, release: Release) -> int:
    columns = ", ".join(content(model))
    cursor.execute(
        f"INSERT INTO {model._meta.db_table} ({columns}, asserted_by_id) "
        f"SELECT {columns}, %s FROM {_temp(model)}",
        [release.pk],
    )
    return cursor.rowcount


def _unplaced(bundle: Bundle) -> list[Finding]:
    return [
        Finding(
            severity=Finding.Severity.UNPLACED,
            topic="unknown organisation",
            file=bad.file,
            line=bad.line,
            text=bad.reason,
        )
        for bad in bundle.unplaced
    ]
