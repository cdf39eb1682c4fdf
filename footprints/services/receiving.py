"""A file from its arrival to its release: received, previewed, applied or set aside."""

import hashlib
from datetime import date
from pathlib import PurePath

from django.core.files import File
from django.db import transaction
from django.utils.timezone import now

from ..models import Report


class Received(Exception):
    """This very file was received before, and that report still stands."""

    def __init__(self, report: Report):
        self.report = report
        super().__init__(
            f"This very file is here already: {report}, {report.get_state_display().lower()}."
        )


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
