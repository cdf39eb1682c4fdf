"""The other end of a webhook, on this machine: it keeps what it was sent, and answers as told.

Every answer is a function of the handler. Those laid out are given one a request, in order; after
them, 200.
"""

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """One request, as it came."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Receiver:
    """What came, what will be answered, and how much of it was taken."""

    address: str = ""
    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: deque = field(default_factory=deque)
    poured: int = 0
    closing: threading.Event = field(default_factory=threading.Event)


def status(code: int, text: str = "", **headers):
    """An answer of that status, with these headers."""

    def answer(handler, receiver):
        body = text.encode()
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def late(seconds: float):
    """200, after so long."""

    def answer(handler, receiver):
        receiver.closing.wait(seconds)
        status(200)(handler, receiver)

    return answer


def drip(handler, receiver):
    """A header, a byte at a time, that never ends: each byte begins a socket's timeout anew."""
    with contextlib.suppress(OSError):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not receiver.closing.wait(0.05):
            handler.wfile.write(b"x")


def pour(handler, receiver):
    """200 and a gigabyte, or as much of it as is taken."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(2**30))
    handler.end_headers()
    with contextlib.suppress(OSError):
        while receiver.poured < 2**30 and not receiver.closing.is_set():
            receiver.poured += handler.connection.send(b"x" * 2**16)


def pour_chunks(handler, receiver):
    """200 and chunks without end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    with contextlib.suppress(OSError):
        while receiver.poured < 2**30 and not receiver.closing.is_set():
            handler.wfile.write(b"10000\r\n" + b"x" * 2**16 + b"\r\n")
            receiver.poured += 2**16


def hang_up(handler, receiver):
    """Nothing at all: the connection ends."""
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def receiving(*answers, wrap=None):
    """A receiver that listens on loopback; ``wrap`` makes its socket one of TLS."""
    receiver = Receiver(answers=deque(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _take(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            receiver.received.append(
                Received(self.command, self.path, dict(self.headers.items()), body)
            )
            answer = receiver.answers.popleft() if receiver.answers else status(200, "ok")
            self.close_connection = True
            answer(self, receiver)

        do_POST = do_GET = _take

        def log_message(self, *args):
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request, client_address):
            pass  # whom it answers may have gone

    server = Server(("127.0.0.1", 0), Handler)
    if wrap:
        server.socket = wrap(server.socket)
    receiver.port = server.server_address[1]
    receiver.address = f"{'https' if wrap else 'http'}://127.0.0.1:{receiver.port}/in"
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield receiver
    finally:
        receiver.closing.set()
        server.shutdown()
        serving.join()
        server.server_close()


def until(claim, seconds=10):
    """Ask until the claim holds, or time is over; whether it did."""
    end = time.monotonic() + seconds
    while not (holds := claim()) and time.monotonic() < end:
        time.sleep(0.05)
    return bool(holds)
