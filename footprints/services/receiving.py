"""A file from its arrival to its release: received, previewed, applied or set aside.

Reports are taken in order of the day they tell of, whatever order they come in: where newer
reports that may speak of the same facts are applied already, they are undone, and applied again
after the older one, in the same transaction. So real files give the same register in any order.
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import PurePath

from django.conf import settings
from django.core.files import File
from django.db import DataError, IntegrityError, transaction
from django.db.models import Count, Exists, OuterRef
from django.utils.timezone import now

from ..models import Finding, Organisation, Release, Report, Version
from ..reports.opening import Unreadable, opened
from ..reports.recognising import READERS, NotRecognised, recognise
from .merging import merge, net
from .proposals import propose, propose_from_passings
from .releases import CannotUndo, lock_register, undo_release

State = Report.State
EXAMPLES = 200  # findings of each sort that a preview keeps

Progress = Callable[[str, int, int], None]


class Received(Exception):
    """This very file was received before, and that report still stands."""

    def __init__(self, report: Report):
        self.report = report
        super().__init__(
            f"This very file is here already: {report}, {report.get_state_display().lower()}."
        )


class CannotApply(Exception):
    """The report cannot be applied; the message says why, and what to do."""


REFUSALS = (Unreadable, NotRecognised, CannotUndo, CannotApply, DataError, IntegrityError)


def quietly(doing: str, done: int, total: int):
    """A progress that nobody watches."""


def receive_report(
    file, *, name: str, via: str, about_on: date | None = None, by=None, at=None
) -> Report:
    """Keep a file as received, and return its report; nothing is read yet.

    ``file`` is open for reading bytes, at its start. ``about_on`` is the day it tells of, where
    somebody says so. Raises Received where the same bytes wait, or are applied, already; a file
    that was refused, set aside or undone may come again.
    """
    digest, size = hashlib.sha256(), 0
    while block := file.read(1 << 20):
        digest.update(block)
        size += len(block)
    file.seek(0)
    with transaction.atomic():
        for report in Report.objects.filter(sha256=digest.hexdigest()).order_by("-pk"):
            if report.stands:
                raise Received(report)
        report = Report(
            name=PurePath(name.replace("\\", "/")).name[:200] or "report",
            size=size,
            sha256=digest.hexdigest(),
            via=via,
            received_at=at or now(),
            about_on=about_on,
            by=by,
        )
        report.file.save(digest.hexdigest()[:16], File(file), save=False)
        report.save()
    return report


def preview_report(report: Report, *, progress: Progress = quietly) -> Report:
    """Apply the report in a transaction that is rolled back, and keep what that did.

    One code path with ``apply_report``: what would break on applying breaks here. A file that
    cannot be read is refused, with the reason; nothing is raised for it.
    """
    report.refresh_from_db()
    try:
        with transaction.atomic():
            applied = _apply(report, by=None, progress=progress)
            preview = _preview(report, applied)
            transaction.set_rollback(True)
    except REFUSALS as refusal:
        _say(report, state=State.REFUSED, error=str(refusal))
        return report
    _say(
        report,
        state=State.PREVIEWED,
        source=report.source,
        title=report.title,
        about_on=report.about_on,
        preview=preview,
        error="",
    )
    return report


def apply_report(report: Report, *, by=None, progress: Progress = quietly) -> Release:
    """Apply the report in one transaction; return its release. Applying twice applies once.

    Raises CannotApply where the report is not waiting for it, or cannot be put in its place.
    """
    report.refresh_from_db()
    try:
        with transaction.atomic():
            lock_register()
            if standing := report.release:
                return standing
            applied = _apply(report, by=by, progress=progress)
            preview = _preview(report, applied)
            is_news = bool(preview["facts"])
            _say(
                report,
                state=State.APPLIED if is_news else State.NOTHING_NEW,
                source=report.source,
                title=report.title,
                about_on=report.about_on,
                preview=preview,
                error="",
            )
            progress("Looking for reorganisations", 0, 0)
            for merged in applied.merged:
                propose_from_passings(merged.passings, at=now(), on_release=merged.release)
            propose(applied.release, at=now())
            return applied.release
    except REFUSALS as refusal:
        _say(report, state=State.REFUSED, error=str(refusal))
        raise CannotApply(str(refusal)) from refusal


def discard_report(report: Report, *, by=None):
    """Set a report aside that is not applied. Raises CannotApply where it is."""
    waiting = {State.RECEIVED, State.READING, State.PREVIEWED, State.REFUSED}
    if not Report.objects.filter(pk=report.pk, state__in=waiting).update(
        state=State.DISCARDED, doing="", done=0, total=0
    ):
        raise CannotApply("Only a report that is not applied is set aside.")
    report.refresh_from_db()


def reasons_to_ask(report: Report) -> list[str]:
    """Why a steward has to look at a previewed report before it is applied; none: it may be.

    The operator's thresholds are ``settings.REPORT_LIMITS``.
    """
    return (report.preview or {}).get("reasons", ["It was not previewed."])


@dataclass
class Applied:
    """What applying a report did: its own release, all that were opened, what stood before."""

    release: Release
    before: int
    merged: list
    again: list[Report]


def _apply(report: Report, *, by, progress: Progress) -> Applied:
    """Put the report in its place by day: undo what is newer, apply it, apply that again."""
    lock_register()
    before = Release.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    _recognise(report)
    again = _newer(report)
    with transaction.atomic():
        _undo(again, by)
        merged = [_merge(report, by, progress)]
        waiting = _standing(merged[0].awaited_by, besides=[report, *again])
        if waiting:
            transaction.set_rollback(True)
    if waiting:
        # Lines of older reports have a body to stand on now: these are read again, too, in
        # their turn. The bodies must be there before, or their turn would come too soon again.
        Organisation.objects.bulk_create(
            [Organisation(code=code) for code in merged[0].opened], ignore_conflicts=True
        )
        again = {each.pk: each for first in waiting for each in (first, *_newer(first))}
        again = [*({each.pk: each for each in _newer(report)} | again).values()]
        _undo(again, by)
        merged = []
        again = sorted([*again, report], key=_order)
    else:
        again = sorted(again, key=_order)
    merged += [_merge(each, by, progress) for each in again]
    release = next(each.release for each in merged if each.release.report_id == report.pk)
    return Applied(release, before, merged, [each for each in again if each.pk != report.pk])


def _order(report: Report):
    return report.about_on, report.source


def _readers() -> dict:
    return {reader.source: reader for reader in READERS}


def _recognise(report: Report):
    """Name the report's source, title and day, by its content. Raises what the readers raise."""
    with opened(report.file.path, report.name) as document:
        reader = recognise(document)
        report.source, report.title = reader.source, reader.title[:200]
        if report.about_on is None:
            report.about_on = reader.day()
    if report.about_on is None:
        raise CannotApply("Nothing in the file says which day it tells of: please say it.")
    if report.about_on > report.received_at.date() + timedelta(days=366):
        raise CannotApply(f"It tells of {report.about_on}, more than a year after it came.")


def _merge(report: Report, by, progress: Progress):
    """Merge the report's claims: those that changed since its last file, where that suffices."""
    earlier = _last_file(report)
    with ExitStack() as held:
        document = held.enter_context(opened(report.file.path, report.name))
        reader = recognise(document)
        before = None
        if earlier and reader.compares:
            before = held.enter_context(opened(earlier.file.path, earlier.name))
        merged = merge(
            reader.claims(report.about_on, before, before and earlier.about_on),
            source=report.source,
            title=reader.title,
            authority=reader.authority,
            day=report.about_on,
            report=report,
            by=by,
            lines=(report.preview or {}).get("read", {}).get("lines", 0),
            is_whole=before is None,
            progress=progress,
        )
        merged.read["lines"] = reader.read
        return merged


def _last_file(report: Report) -> Report | None:
    """The standing report of the same source before this one, where its lines need no second
    look: nobody else brought newer news since, and no body came that they had waited for."""
    standing = Release.objects.standing().exclude(report=report)
    own = standing.filter(source=report.source, published_on__lte=report.about_on)
    last = own.exclude(report=None).order_by("-pk").select_related("report").first()
    if last is None:
        return None
    since = standing.filter(
        pk__gt=last.pk, published_on__gt=last.published_on, published_on__lte=report.about_on
    )
    found = Finding.objects.filter(
        release__in=own, severity=Finding.Severity.UNPLACED, topic="unknown organisation"
    )
    known = Organisation.objects.filter(code=OuterRef("code"))
    if since.exclude(source=report.source).exists() or found.filter(Exists(known)).exists():
        return None
    return last.report


def _standing(releases=None, besides=()) -> list[Report]:
    """The reports whose release stands (one of these, if given), the oldest news first."""
    standing = Release.objects.standing().exclude(report=None).exclude(report__in=besides)
    if releases is not None:
        standing = standing.filter(pk__in=releases)
    return sorted(Report.objects.filter(pk__in=standing.values("report")), key=_order)


def _newer(report: Report) -> list[Report]:
    """Standing reports that tell of a later day and may speak of the same facts."""
    readers = _readers()
    mine = readers[report.source].authority
    return [
        other
        for other in _standing(besides=[report])
        if _order(other) > _order(report) and mine.overlaps(readers[other.source].authority)
    ]


def _undo(reports: list[Report], by):
    """Undo the releases of these reports, the newest release first. Raises CannotUndo."""
    standing = Release.objects.standing().filter(report__in=reports)
    for release in standing.order_by("-pk"):
        undo_release(release, by=by)


def _preview(report: Report, applied: Applied) -> dict:
    """What a person decides on, as JSON; see ``footprints.views.reports`` for how it is shown."""
    own = next(each for each in applied.merged if each.release == applied.release)
    preview = {
        "read": dict(own.read),
        "facts": net.changes(applied.before),
        "unplaced": _findings(applied.release, Finding.Severity.UNPLACED),
        "anomalies": _findings(applied.release, Finding.Severity.ANOMALY),
        "later": [
            {"report": each.pk, "title": each.title, "about_on": each.about_on.isoformat()}
            for each in applied.again
        ],
    }
    preview["reasons"] = _reasons(preview, own.opened, report)
    return preview


def _findings(release: Release, severity: str) -> dict:
    found = release.findings.filter(severity=severity)
    topics = found.order_by().values_list("topic").annotate(count=Count("pk")).order_by("-count")
    topics = dict(topics)
    return {
        "count": sum(topics.values()),
        "topics": topics,
        "examples": list(found.values("line", "code", "topic", "text")[:EXAMPLES]),
    }


def _reasons(preview: dict, opened_codes: list[str], report: Report) -> list[str]:
    """Why a steward is asked: one sentence for each of the operator's limits that is passed."""
    limits = settings.REPORT_LIMITS
    reasons = []
    lines = preview["read"].get("lines", 0)
    if unplaced := preview["unplaced"]["count"]:
        part = unplaced / max(lines, 1)
        if part > limits["unplaced"]:
            reasons.append(f"{part:.1%} of its lines could not be read or placed.")
    if (anomalies := preview["anomalies"]["count"]) > limits["anomalies"]:
        reasons.append(f"It shows {anomalies:,} anomalies.")
    touched = sum(fact["changed"] + fact["gone"] for fact in preview["facts"])
    if touched > limits["changed"] * max(lines, 1):
        reasons.append(f"It changes or ends {touched:,} facts that are held.")
    if preview["later"]:
        reasons.append(
            "Other reports would be undone and read again: newer ones, or lines that waited for "
            "bodies that it brings."
        )
    twin = _may_be_provisional(opened_codes)
    if twin:
        reasons.append(
            f"{', '.join(twin)} may be what a provisional body of an announced event becomes: "
            "give that body its code first."
        )
    return reasons


def _may_be_provisional(codes: list[str]) -> list[str]:
    """New bodies of a kind of which the register holds provisional ones."""
    if not codes:
        return []
    kinds = Version.objects.now().filter(organisation__is_provisional=True).values("kind")
    held = Version.objects.now().filter(kind__in=kinds)  # few: a load opens bodies by the thousand
    return sorted(set(codes).intersection(held.values_list("organisation__code", flat=True)))


def _say(report: Report, **fields):
    """Write fields of the report, and that nothing is being done to it."""
    fields |= {"doing": "", "done": 0, "total": 0}
    for name, value in fields.items():
        setattr(report, name, value)
    Report.objects.filter(pk=report.pk).update(**fields)
