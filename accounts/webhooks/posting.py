"""One request to one address: to the address that was judged, bounded in time and in size."""

import contextlib
import http.client
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from urllib.parse import urlsplit

import requests.certs
import urllib3
from django.conf import settings
from urllib3.connection import HTTPConnection, HTTPSConnection

from .reach import Unreachable, resolve

CONNECT = 5  # seconds to be connected, the name's resolving included
WHOLE = 10  # seconds until the answer's status must be there
MOST = 64 * 2**10  # bytes read of an answer
KEPT = 500  # characters kept of it
LONGEST_WAIT = 86_400  # seconds that an answer may ask us to stay away

REDIRECTS = range(300, 400)
BLOCK = 1 << 13


@dataclass(frozen=True)
class Answer:
    """What came of a request: the status, where there was one, in words, and how it began."""

    says: str
    status: int | None = None
    text: str = ""
    seconds: float = 0
    wait: float | None = None  # seconds it asks us to stay away

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """It says that nothing is to be sent there ever again."""
        return self.status == HTTPStatus.GONE


class _Guarded:
    """A connection of urllib3 to an address that is judged where it is used.

    ``until`` (time.monotonic) ends it, whatever it waits for: a timeout of a socket begins anew
    with every byte.
    """

    until: float
    handle: socket.socket | None = None
    is_over = False

    def _new_conn(self) -> socket.socket:
        host = self.host.strip("[]")
        until = min(time.monotonic() + CONNECT, self.until)
        failure: Exception = Unreachable(f"{host} leads nowhere.")
        for family, kind, protocol, _, place in resolve(host, self.port, CONNECT):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(max(until - time.monotonic(), 0.01))
                connection.connect(place)
                connection.settimeout(max(self.until - time.monotonic(), 0.01))
                self._watch(connection)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure

    def _watch(self, connection):
        # TLS takes the socket's descriptor away with it: a second one still hangs up.
        self.handle = connection.dup()
        self.watch = threading.Timer(max(self.until - time.monotonic(), 0), self._hang_up)
        self.watch.daemon = True
        self.watch.start()

    def _hang_up(self):
        self.is_over = True
        with contextlib.suppress(OSError):
            self.handle.shutdown(socket.SHUT_RDWR)

    def leave(self):
        """Hang up now, and forget the watch."""
        self.close()
        if self.handle is not None:
            self.watch.cancel()
            self.handle.close()


class _Plain(_Guarded, HTTPConnection):
    """By http, where the operator allows it."""


class _Safe(_Guarded, HTTPSConnection):
    """By https, with a certificate that holds."""


@cache
def _trust() -> ssl.SSLContext:
    """The certificates of the system, a company's own among them, and the public ones."""
    context = ssl.create_default_context()
    context.load_verify_locations(cafile=requests.certs.where())
    return context


def post(address: str, body: bytes, headers: dict[str, str]) -> Answer:
    """Send the body there and say what came back; no failure of the other side raises.

    No redirect is followed: a webhook goes where it was pointed to, and nowhere else. No proxy of
    the environment is used: it would decide by itself where a name leads.
    """
    began = time.monotonic()
    try:
        parts = urlsplit(address)
        host, name, port = parts.netloc, parts.hostname, parts.port
    except ValueError:
        name = None
    if not name:
        return Answer("It is not sent: the address is none.")
    if parts.scheme != "https" and not settings.WEBHOOKS_ALLOW_HTTP:
        return Answer("It is not sent by http: the address must begin with https.")
    if parts.scheme == "https":
        connection = _Safe(name, port or 443, ssl_context=_trust())
    else:
        connection = _Plain(name, port or 80)
    connection.timeout, connection.until = WHOLE, began + WHOLE
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.request(
            "POST", target, body, headers, preload_content=False, decode_content=False
        )
        response = connection.getresponse()
        if connection.is_over:  # headers that break off look like headers that end
            raise TimeoutError
        text = _beginning(response)
        return Answer(
            _in_words(host, response),
            response.status,
            text,
            time.monotonic() - began,
            _asked_to_wait(response),
        )
    except Unreachable as error:
        says = str(error)
    except ssl.SSLCertVerificationError as error:
        says = f"The certificate of {host} does not hold ({error.verify_message})."
    except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
        if connection.is_over or isinstance(error, TimeoutError):
            took = CONNECT if connection.handle is None else WHOLE
            says = f"{host} did not answer within {took} seconds."
        elif connection.handle is None:
            says = f"No connection to {host} ({_reason(error)})."
        else:
            says = f"{host} broke off before it answered ({_reason(error)})."
    finally:
        connection.leave()
    return Answer(says[:500], seconds=time.monotonic() - began)


def _beginning(response) -> str:
    """The first of the answer's body, as far as it came; an end without end is not waited for."""
    found = b""
    with contextlib.suppress(OSError, http.client.HTTPException, urllib3.exceptions.HTTPError):
        while len(found) < MOST and (block := response.read1(BLOCK)):
            found += block
    return readable(found[: KEPT * 4].decode("utf-8", "replace"))[:KEPT]


def readable(text: str) -> str:
    """The text without what a page or a database cannot hold: control characters but newlines."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t").strip()


def _in_words(host: str, response) -> str:
    status = response.status
    try:
        phrase = f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        phrase = str(status)
    if status in REDIRECTS:
        where = readable(response.headers.get("Location", ""))
        with contextlib.suppress(ValueError):
            where = urlsplit(where).netloc or "another of its pages"
        return f"{host} answered {phrase}: it points to {where[:200]}, where we do not follow."
    return f"{host} answered {phrase}."[:500]


def _asked_to_wait(response) -> float | None:
    """Seconds that the answer asks us to stay away: it gives them, or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return min(float(asked[:9]), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(asked)
    except (TypeError, ValueError, IndexError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0), LONGEST_WAIT)


def _reason(error: BaseException) -> str:
    """What the system or the library says of it, in one line."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return readable(said).replace("\n", " ")[:200]
