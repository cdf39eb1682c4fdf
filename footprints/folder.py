"""The watched folder: reports that somebody, or some program, puts there are received.

What was received is moved to ``received/`` within the folder: whoever put it there sees that it
was taken, a look stays short, and nothing need be remembered between two looks. What cannot be
received is moved to ``refused/``, beside a text file that says why. Both may be emptied at will:
the file as received is kept with the report.
"""

import logging
import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.db import transaction

from .alone import FOLDER, alone
from .models import Report
from .reports.limits import UPLOAD
from .services.receiving import Received, receive_report

logger = logging.getLogger(__name__)

QUIET = 30  # seconds without a change, after which a file is taken to be whole

# What programs call a file that they are still writing: sftp clients, browsers, editors, Office.
UNFINISHED_STARTS = (".", "~$")
UNFINISHED_ENDS = "~ .part .partial .filepart .crdownload .download .tmp .temp .swp".split()


class Refused(Exception):
    """This cannot be received; the message says why."""


def receive(folder: str | Path, *, at: datetime) -> Iterator[Report]:
    """Receive each whole file of the folder, the oldest first; yield its report once committed.

    A file that changed less than ``QUIET`` seconds before ``at`` waits for the next look. Several
    workers, on several machines, may look at once: each file is received once.
    """
    folder = Path(folder)
    if not folder.is_dir():
        logger.error("REPORTS_FOLDER: %s is no folder", folder)
        return
    with alone(FOLDER) as is_ours:
        for entry in _settled(folder, at.timestamp()) if is_ours else []:
            try:
                report = _receive(entry, at)
            except FileNotFoundError:
                continue  # whoever put it there took it away
            except Refused as refusal:
                _refuse(entry, str(refusal))
            except OSError as error:  # of this file alone: the others are received
                logger.error("The watched folder: %s is left there: %s", entry, error)
            else:
                _move(entry, folder / "received")
                if report:
                    yield report


def _settled(folder: Path, moment: float) -> list[Path]:
    """What lies in the folder and changes no more, the oldest first."""
    found = []
    for entry in folder.iterdir():
        name = entry.name
        is_ours = name in {"received", "refused"} and entry.is_dir() and not entry.is_symlink()
        if is_ours or name.startswith(UNFINISHED_STARTS):
            continue
        if name.lower().endswith(tuple(UNFINISHED_ENDS)):
            continue
        try:
            status = entry.lstat()
        except FileNotFoundError:
            continue
        # A copy may be given the time of its original, which is long ago: then ctime tells.
        if max(status.st_mtime, status.st_ctime) <= moment - QUIET:
            found.append((status.st_mtime, entry))
    return [entry for _, entry in sorted(found)]


def _receive(entry: Path, at: datetime) -> Report | None:
    """Receive one file; None where it was received before and only not moved away since."""
    name = os.fsencode(entry.name).decode(errors="replace")
    with _opened(entry) as file, transaction.atomic():
        try:
            report = receive_report(file, name=name, via=Report.Via.FOLDER, at=at)
        except Received as received:
            before = received.report
            came_so = before.via == Report.Via.FOLDER and before.name == name[:200]
            if came_so and not (entry.parent / "received" / entry.name).exists():
                return None
            raise Refused(str(received)) from received
        if os.fstat(file.fileno()).st_size != report.size:
            report.file.delete(save=False)
            raise OSError("it grew while it was read")
        return report


def _opened(entry: Path):
    """The file, open for reading. Raises Refused for what is none, or is too big, or is empty."""
    mode = entry.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise Refused("It is a link. Put the file itself here.")
    if stat.S_ISDIR(mode):
        raise Refused("It is a folder. Put its files here, one by one or in a zip.")
    # A link may have come in its place since; a pipe must not make us wait for its writer.
    try:
        file = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except PermissionError:
        raise Refused("Waymark may not read it: give it the rights to.") from None
    status = os.fstat(file)
    try:
        if not stat.S_ISREG(status.st_mode):
            raise Refused("It is no file.")
        if not status.st_size:
            raise Refused("It is empty.")
        if status.st_size > UPLOAD:
            raise Refused(
                f"It has {status.st_size / 2**20:,.0f} MB; {UPLOAD / 2**20:,.0f} MB are the most."
            )
    except Refused:
        os.close(file)
        raise
    return os.fdopen(file, "rb")


def _refuse(entry: Path, reason: str):
    logger.warning("The watched folder: %s is refused: %s", entry, reason)
    moved = _move(entry, entry.parent / "refused")
    if moved:
        try:
            moved.with_name(f"{moved.name}.txt").write_text(f"{reason}\n", encoding="utf-8")
        except OSError as error:
            logger.error("The watched folder: no reason can be written: %s", error)


def _move(entry: Path, to: Path) -> Path | None:
    """Move it there, under a name that is free; None where it is gone, or cannot be moved."""
    try:
        to.mkdir(exist_ok=True)
        target, number = to / entry.name, 1
        while os.path.lexists(target):
            number += 1
            target = to / f"{entry.stem}-{number}{entry.suffix}"
        entry.rename(target)
        return target
    except FileNotFoundError:
        return None  # whoever put it there took it away
    except OSError as error:
        logger.error("The watched folder: %s cannot be moved to %s: %s", entry, to, error)
        return None
