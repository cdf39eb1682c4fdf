"""One question to a server: asked at our pace, again where that may help, and never for ever."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from django.conf import settings

from .manners import Manners

BLOCK = 1 << 16
ANSWERS = {200, 206, 304, 416}
ELSEWHERE = {301, 302, 303, 307, 308}

T = TypeVar("T")


class Failed(Exception):
    """What was asked for did not come; in words. ``status`` is the answer's, where there was one.

    ``wait``: seconds that the server asks us to stay away.
    """

    def __init__(self, words: str, *, status: int | None = None, wait: float | None = None):
        self.status, self.wait = status, wait
        super().__init__(words)


class TooLarge(Failed):
    """More of it than is taken: it will not be taken another time either."""


class Broken(Failed):
    """It failed in a way that may pass: asked again. ``went_on``: some of it came all the same."""

    def __init__(self, words: str, *, went_on: bool = False, **more):
        self.went_on = went_on
        super().__init__(words, **more)


class _Session(requests.Session):
    def get_redirect_target(self, resp):
        """None: we follow by ourselves. requests would first read the whole body of a redirect,
        however long it is, and choke on an address that is none."""


class Asker:
    """Asks for one visit's worth of things.

    ``turn`` waits until a request may be made; ``alive`` is called before whatever takes time,
    and may end the visit by raising; ``until`` is the moment (``time.monotonic``) when it ends.
    """

    def __init__(
        self,
        manners: Manners,
        *,
        turn: Callable[[], None],
        alive: Callable[[], None],
        until: float,
    ):
        self.manners, self.turn, self.alive, self.until = manners, turn, alive, until
        self.session = _Session()
        self.session.headers.update(
            {
                "User-Agent": settings.FETCHING_AGENT,
                # Sizes and ranges are then those of the file itself.
                "Accept-Encoding": "identity",
            }
        )

    def close(self):
        self.session.close()

    def ask(self, address: str, read: Callable[[requests.Response], T], headers=dict) -> T:
        """What ``read`` makes of the answer: status 200, 206, 304 or 416.

        ``headers()`` gives an attempt's headers. Where the connection, the server (429 or 5xx) or
        ``read`` (by raising Broken) fails, it is asked again after a growing wait; raises Failed
        in the end, and at once where the answer would stay the same.
        """
        failures = 0
        while True:
            try:
                with self._answer(address, headers()) as response:
                    return read(response)
            except Broken as broken:
                failures = 1 if broken.went_on else failures + 1
                if failures > self.manners.retries:
                    raise Failed(str(broken), status=broken.status, wait=broken.wait) from broken
                self._wait(failures, broken)

    def body(self, response: requests.Response, most: int) -> Iterator[bytes]:
        """The answer's body, in blocks, as they come. Raises Broken where it breaks off,
        TooLarge beyond ``most`` bytes, Failed where its end could not be told."""
        length, size = response.headers.get("Content-Length"), 0
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if length is None and not chunked:
            raise Failed("The answer does not say where it ends: half of it would look whole.")
        if length is not None and length.isdigit() and int(length) > most:
            raise TooLarge(_too_large(most))
        try:
            # What is there is read, rather than a whole block: a server that sends a byte a
            # minute must not keep us beyond the time limit.
            while block := response.raw.read1(BLOCK, decode_content=True):
                size += len(block)
                if size > most:
                    raise TooLarge(_too_large(most))
                yield block
                self.alive()
                self.check_time()
        except urllib3.exceptions.ReadTimeoutError:
            raise Broken(
                f"It fell silent in the middle, for {self.manners.read_timeout:g} seconds."
            ) from None
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise Broken(f"The connection broke off in the middle ({_reason(error)}).") from error

    def check_time(self):
        """Raise Failed where this visit has taken its time."""
        if time.monotonic() > self.until:
            raise Failed(f"It took longer than {self.manners.time_limit / 60:g} minutes.")

    def _answer(self, address: str, headers: dict) -> requests.Response:
        for _ in range(self.manners.redirects + 1):
            self.alive()
            self.turn()
            self.check_time()
            response = self._get(address, headers)
            if response.status_code not in ELSEWHERE or "Location" not in response.headers:
                break
            response.close()
            address = _followed(address, response.headers["Location"])
        else:
            raise Failed("It sends us from one address to the next, without an end.")
        if response.status_code in ANSWERS:
            return response
        response.close()
        status = response.status_code
        words = f"It answered {_status(status)}."
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500:
            raise Broken(words, status=status, wait=_retry_after(response))
        raise Failed(words, status=status)

    def _get(self, address: str, headers: dict) -> requests.Response:
        timeouts = (self.manners.connect_timeout, self.manners.read_timeout)
        host = urlsplit(address).netloc
        try:
            return self.session.get(
                address, headers=headers, stream=True, allow_redirects=False, timeout=timeouts
            )
        except requests.exceptions.SSLError as error:
            raise Failed(f"The certificate of {host} does not hold ({_reason(error)}).") from error
        except requests.exceptions.ReadTimeout:
            raise Broken(f"{host} did not answer within {timeouts[1]:g} seconds.") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise Broken(f"No connection to {host} ({_reason(error)}).") from error
        except requests.exceptions.RequestException as error:
            raise Failed(f"{host} could not be asked: {error}") from error

    def _wait(self, failures: int, broken: Broken):
        # Half of the wait is left to chance, so that those who failed together do not come back
        # together.
        grown = min(self.manners.backoff * 2 ** (failures - 1), self.manners.longest_wait)
        wait = max(grown * random.uniform(0.5, 1), broken.wait or 0)
        too_long = wait > self.manners.longest_wait or time.monotonic() + wait > self.until
        if too_long:
            raise Failed(str(broken), status=broken.status, wait=wait) from broken
        self.alive()
        time.sleep(wait)


def _followed(address: str, location: str) -> str:
    """The address we are sent to. Raises Failed unless it is of the web, and no less safe."""
    try:
        target = urljoin(address, location)
        before, after = urlsplit(address).scheme, urlsplit(target).scheme
    except ValueError:
        raise Failed(f"It sends us to {location!r}, which is no address.") from None
    if after not in {"http", "https"} or (before, after) == ("https", "http"):
        raise Failed(f"It sends us to {target}, where we do not follow.")
    return target


def _retry_after(response: requests.Response) -> float | None:
    """Seconds that the answer asks us to wait: it gives them, or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return min(float(asked), 86_400.0)
    moment = moment_of(asked)
    if moment is None:
        return None
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), 86_400.0)


def moment_of(header: str | None) -> datetime | None:
    """The moment in an HTTP date, with its time zone; None where there is none."""
    try:
        moment = parsedate_to_datetime(header or "")
    except (TypeError, ValueError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _status(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)


def _reason(error: BaseException) -> str:
    """The innermost reason that a library gives, without its wrappings."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        wrapped = [getattr(error, "reason", None), *error.args, error.__cause__]
        inner = next((each for each in wrapped if isinstance(each, BaseException)), None)
        if inner is None:
            break
        error = inner
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _too_large(most: int) -> str:
    return f"It is larger than {most / 2**20:,.0f} MB, the most that is taken."
