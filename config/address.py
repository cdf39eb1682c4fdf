"""The one address `./run` serves at, and who serves there. Standard library only.

`./run` asks before it installs anything, and `up` asks again before it starts anything: a taken
port should be known in the first second.
"""

import errno
import fcntl
import os
import socket
from urllib.parse import urlsplit

from .embedded import STATE_DIR, Unavailable

HOST = "127.0.0.1"  # a trial is seen from this machine only
LOCK = STATE_DIR / "up.lock"


def port():
    """The port to serve at: PORT, else 8000. Raises Unavailable if PORT is no port."""
    said = os.environ.get("PORT") or "8000"
    if not said.isdecimal() or not 0 < int(said) < 65536:
        raise Unavailable(f"PORT is {said!r}: it must be a number from 1 to 65535.")
    return int(said)


def address():
    """The address people type: BASE_URL, else localhost and the port."""
    return os.environ.get("BASE_URL") or f"http://localhost:{port()}"


def _is_taken(number):
    with socket.socket() as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((HOST, number))
        except PermissionError:
            raise Unavailable(
                f"This user may not serve at port {number}. Choose one above 1023: PORT=8000 ./run"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise
    # A browser tries the other loopback address of "localhost" first.
    with socket.socket(socket.AF_INET6) as door:
        door.settimeout(0.5)
        return door.connect_ex(("::1", number)) == 0


def _lock(file):
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        where = file.read().strip() or address()
        raise Unavailable(f"Waymark is already up from this folder: {where}") from None


def check():
    """Raise Unavailable if this checkout is up already, or another program has the port."""
    if LOCK.exists():
        with LOCK.open("r+") as file:
            _lock(file)
    number = port()
    if _is_taken(number):
        other = number + 1 if number < 65535 else number - 1
        raise Unavailable(
            f"Port {number} is taken by another program. Choose another one:\n  PORT={other} ./run"
        )


def hold():
    """Check, then return an open file that keeps a second `up` of this checkout out."""
    check()
    STATE_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.fdopen(os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600), "r+")
    try:
        _lock(file)
    except Unavailable:
        file.close()
        raise
    file.truncate(0)
    file.write(urlsplit(address()).geturl())
    file.flush()
    return file
