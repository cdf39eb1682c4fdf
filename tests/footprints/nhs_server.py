"""A server like those of the NHS, on this machine: it serves real files, fails, stalls, cuts off.

It counts what it is asked. Every path is a file; before a file is served, the troubles that a
test laid on its path happen, one a request, in order.
"""

import json
import socket
import struct
import threading
import time
from collections import Counter, defaultdict, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MODIFIED = "Thu, 13 Nov 2025 09:30:00 GMT"


@dataclass
class File:
    """What lies at a path, and what its server says of it. ``ranges``: whether it gives parts."""

    body: bytes
    etag: str = ""
    modified: str = ""
    type: str = "text/csv"
    ranges: bool = True
    chunked: bool = False
    says_length: bool = True


@dataclass
class Asked:
    """One request, as it came."""

    path: str
    query: dict
    headers: dict
    at: float
    status: int = 0
    sent: int = 0


@dataclass
class NHS:
    """The server's files, its troubles and what it was asked."""

    files: dict[str, File] = field(default_factory=dict)
    troubles: dict[str, deque] = field(default_factory=lambda: defaultdict(deque))
    asked: list[Asked] = field(default_factory=list)
    address: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def trouble(self, path: str, *troubles):
        """Lay these on the path: each is a function of the handler and the file there."""
        self.troubles[path].extend(troubles)

    def counts(self) -> Counter:
        return Counter(each.path for each in self.asked)

    def requests(self, path: str) -> list[Asked]:
        return [each for each in self.asked if each.path == path]

    def organisations(self, codes, *, folder="/ORD/2-0-0"):
        """What the ODS API has: a list of changes, and a record behind each of its links."""
        links = [{"OrgLink": f"{self.address}{folder}/organisations/{code}"} for code in codes]
        listed = json.dumps({"Organisations": links}).encode()
        self.files[f"{folder}/sync"] = File(listed, type="application/json")
        for code in codes:
            self.files[f"{folder}/organisations/{code}"] = record(code)


def record(code: str, name: str = "") -> File:
    """An organisation as the ODS API gives it, in short."""
    organisation = {
        "Name": name or f"ORGANISATION {code}",
        "Date": [{"Type": "Operational", "Start": "2019-10-25"}],
        "OrgId": {"root": "2.16.840.1.113883.2.1.3.2.4.18.48", "extension": code},
        "Status": "Active",
        "LastChangeDate": "2026-11-20",
        "orgRecordClass": "RC1",
        "Roles": {"Role": [{"id": "RO177", "primaryRole": True, "Status": "Active"}]},
    }
    body = json.dumps({"Organisation": organisation}, indent=1).encode()
    return File(body, type="application/json")


# --- Troubles -----------------------------------------------------------------------------------


def status(code: int, **headers):
    """Answer with that status and nothing more; ``Retry_After=1`` is a header."""

    def happen(handler, file):
        handler.head(code, {name.replace("_", "-"): value for name, value in headers.items()}, 0)

    return happen


def redirect(to: str):
    return status(302, Location=to)


def page(text: str = "<!DOCTYPE html><html><title>Service unavailable</title></html>"):
    """A web page with status 200, as a server in trouble sends it."""

    def happen(handler, file):
        handler.give(File(text.encode(), type="text/html"))

    return happen


def silence(seconds: float = 5):
    """Say nothing for so long, then hang up."""

    def happen(handler, file):
        handler.server.nhs.closing.wait(seconds)
        handler.hang_up()

    return happen


def cut(after: int, *, then: float = 0):
    """Promise the whole, send so many bytes of it, fall silent for a while, hang up."""

    def happen(handler, file):
        handler.give(file, most=after)
        handler.server.nhs.closing.wait(then)
        handler.hang_up()

    return happen


def changes_to(new: File):
    """From this request on another file lies there."""

    def happen(handler, file):
        handler.server.nhs.files[handler.asked.path] = new
        handler.give(new)

    return happen


def endless(handler, file):
    """A body that goes on until the other side has had enough."""
    handler.head(200, {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}, None)
    block = b"A81001,NHS,FOR EVER\r\n" * 500
    while not handler.server.nhs.closing.is_set():
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(block), block))
        handler.asked.sent += len(block)


def dripping(pause: float):
    """The whole promised, and a byte of it now and then."""

    def happen(handler, file):
        handler.head(200, {"Content-Type": file.type}, len(file.body))
        for byte in file.body:
            handler.wfile.write(bytes([byte]))
            if handler.server.nhs.closing.wait(pause):
                return

    return happen


# --- The server ---------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        parts, nhs = urlsplit(self.path), self.server.nhs
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = f"{parts.path}?{query['report']}" if "report" in query else parts.path
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(path, query, headers, time.monotonic())
        nhs.asked.append(self.asked)
        file = nhs.files.get(path)
        if nhs.troubles[path]:
            nhs.troubles[path].popleft()(self, file)
        elif file is None:
            self.head(404, {}, 0)
        else:
            self.give(file)

    def give(self, file: File, *, most: int | None = None):
        """Send the file, or the part of it that is asked for, or word that it has not changed."""
        headers = {"Content-Type": file.type}
        if file.etag:
            headers["ETag"] = file.etag
        if file.modified:
            headers["Last-Modified"] = file.modified
        asked = self.asked.headers
        known, since = asked.get("if-none-match"), asked.get("if-modified-since")
        if (known and known == file.etag) or (not known and since and since == file.modified):
            return self.head(304, headers, None)
        body, code = file.body, 200
        if file.ranges:
            headers["Accept-Ranges"] = "bytes"
            start = asked.get("range", "").removeprefix("bytes=").removesuffix("-")
            if start and asked.get("if-range") in (file.etag, file.modified):
                headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
                body, code = body[int(start) :], 206
        if file.chunked:
            headers["Transfer-Encoding"] = "chunked"
        length = len(body) if file.says_length and not file.chunked else None
        self.head(code, headers, length)
        body = body[:most]
        if file.chunked:
            ends = b"" if most is not None else b"0\r\n\r\n"
            self.wfile.write(b"%x\r\n%s\r\n%s" % (len(body), body, ends))
        else:
            self.wfile.write(body)
        self.asked.sent += len(body)
        if not file.says_length:
            self.hang_up()

    def head(self, code: int, headers: dict, length: int | None):
        self.asked.status = code
        self.send_response_only(code)
        self.send_header("Date", formatdate(usegmt=True))
        for name, value in headers.items():
            self.send_header(name, str(value))
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def hang_up(self):
        self.close_connection = True

    def log_message(self, *args):
        """The test reads ``asked``."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request, client_address):
        """A client that hangs up is what some tests are about."""


@contextmanager
def serving():
    """An NHS on a free port of this machine."""
    nhs = NHS()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.nhs = nhs
    nhs.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield nhs
    finally:
        nhs.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def refusing_port() -> int:
    """A port of this machine where nobody listens."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
