"""One address, one file: asked for only if it changed, gone on with where it broke off, whole."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import requests
from django.utils.timezone import localtime

from .asking import Asker, Broken, Failed, TooLarge, moment_of
from .parts import Part
from .sources import Source

Keep = Callable[[dict], None]


@dataclass(slots=True)
class Fetched:
    """A whole file, in ``part``; None where nothing is new since the last one.

    ``day`` is the day (London) that the server says it is of; None if it does not say. ``etag``,
    ``last_modified`` and ``position`` are what to come back with next time.
    """

    part: Part | None
    name: str = ""
    day: date | None = None
    etag: str = ""
    last_modified: str = ""
    position: dict = field(default_factory=dict)


def day_of(headers) -> date | None:
    """The day in London on which what was sent was last changed, else on which it was sent.

    A report that a server writes when it is asked for has no Last-Modified: then it is of the
    moment of the answer.
    """
    moment = moment_of(headers.get("Last-Modified")) or moment_of(headers.get("Date"))
    if moment is None:
        return None
    with suppress(OverflowError):
        return localtime(moment).date()
    return None


def download(
    source: Source,
    asker: Asker,
    *,
    folder: Path,
    position: dict,
    keep: Keep,
    etag: str = "",
    last_modified: str = "",
) -> Fetched:
    """The file at the source's address, if it is not the one that we have.

    ``position`` is where an earlier visit stopped, as that visit gave it to ``keep``; ``etag``
    and ``last_modified`` are those of the file that we have. Raises Failed; what came so far
    stays in ``folder`` for the next visit.
    """
    visit = _Download(source, asker, folder, position, keep, etag, last_modified)
    try:
        return visit.run()
    except BaseException:
        if visit.part is not None:
            visit.part.close()
        raise


class _Download:
    def __init__(self, source, asker, folder, position, keep, etag, last_modified):
        self.source, self.asker, self.folder, self.keep = source, asker, folder, keep
        self.etag, self.last_modified = etag, last_modified
        self.position = position
        self.part = Part.found(folder, source.name, position.get("part"))
        self.kept_at = time.monotonic()

    def run(self) -> Fetched:
        if not self._is_whole():
            came = self.asker.ask(self.source.address, self._read, self._headers)
            if not came:
                return Fetched(None, etag=self.etag, last_modified=self.last_modified)
        self._refuse_what_is_no_report()
        told = self.position.get("day")
        return Fetched(
            part=self.part,
            name=self.source.file_name,
            day=date.fromisoformat(told) if told else None,
            etag=self.position["etag"],
            last_modified=self.position["last_modified"],
        )

    def _is_whole(self) -> bool:
        """A visit was ended between the last byte and the report."""
        length = self.position.get("length")
        return self.part is not None and length is not None and self.part.size == length

    def _headers(self) -> dict:
        if self.part is not None and self.part.size and self.position.get("validator"):
            size, validator = self.part.size, self.position["validator"]
            return {"Range": f"bytes={size}-", "If-Range": validator}
        self._forget()
        asked = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in asked.items() if value}

    def _read(self, response: requests.Response) -> bool:
        """Whether there is a file: the part then holds the whole of it."""
        status = response.status_code
        if status == 304:
            if not (self.etag or self.last_modified):
                raise Failed("It answered 304 (Not Modified), which was not the question.")
            return False
        if status == 416 or (status == 206 and not self._goes_on(response)):
            self._forget()
            raise Broken("It changed while it was being fetched.")
        if status == 200:
            self._begin(response)
        self._take(response)
        length, size = self.position["length"], self.part.size
        if length is not None and size != length:
            raise Broken(f"It broke off after {size:,} of {length:,} bytes.")
        return True

    def _begin(self, response: requests.Response):
        """A new file: what it is called next time, and how to go on with it if it breaks off."""
        self._forget()
        self.part = Part.begun(self.folder, self.source.name)
        headers = response.headers
        packed = headers.get("Content-Encoding", "identity").lower() != "identity"
        length = headers.get("Content-Length", "")
        day = day_of(headers)
        self.position = {
            "part": self.part.token,
            "validator": "" if packed else _validator(headers),
            "length": int(length) if length.isdigit() and not packed else None,
            "etag": headers.get("ETag", ""),
            "last_modified": headers.get("Last-Modified", ""),
            "day": day.isoformat() if day else "",
            "done": 0,
        }
        self.keep(self.position)

    def _goes_on(self, response: requests.Response) -> bool:
        """Whether this is the rest of the file that the part begins."""
        told = re.fullmatch(
            r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
        )
        if self.part is None or told is None or int(told[1]) != self.part.size:
            return False
        length, etag = self.position["length"], response.headers.get("ETag")
        if length is not None and told[3] not in ("*", str(length)):
            return False
        return not etag or etag == self.position["etag"]

    def _take(self, response: requests.Response):
        before = self.part.size
        try:
            for block in self.asker.body(response, self.asker.manners.size_limit - before):
                self.part.append(block)
                if time.monotonic() - self.kept_at > self.asker.manners.lease / 6:
                    self._note()
        except Broken as broken:
            broken.went_on = response.status_code == 206 and self.part.size > before
            self._note()
            raise
        except TooLarge:
            self._forget()
            raise

    def _note(self):
        self.kept_at = time.monotonic()
        self.position["done"] = self.part.size
        self.keep(self.position)

    def _refuse_what_is_no_report(self):
        """A server in trouble likes to send a page with status 200. Nothing of it is kept."""
        self.part.file.seek(0)
        head = self.part.file.read(2048).removeprefix(b"\xef\xbb\xbf").strip().lower()
        is_page = head.startswith(b"<") and (b"<!doctype html" in head or b"<html" in head)
        if head and not is_page:
            return
        self._forget()
        self.keep(self.position)
        raise Failed("It sent a web page, no report." if is_page else "It sent an empty file.")

    def _forget(self):
        if self.part is not None:
            self.part.remove()
        self.part, self.position = None, {}


def _validator(headers) -> str:
    """What tells this file from a later one at the address; empty where nothing safely does.

    A strong ETag, else a Last-Modified a minute or more before the answer (RFC 9110, 8.8.2.2
    and 13.1.5); none where the server says that it gives no ranges.
    """
    etag, modified = headers.get("ETag", ""), headers.get("Last-Modified", "")
    if headers.get("Accept-Ranges", "").strip().lower() == "none":
        return ""
    if etag:
        return "" if etag.startswith("W/") else etag
    changed, sent = moment_of(modified), moment_of(headers.get("Date"))
    if changed and sent and sent - changed >= timedelta(minutes=1):
        return modified
    return ""
