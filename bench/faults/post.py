"""A mail server on loopback that keeps what it takes, and fails as it is told."""

import contextlib
import html
import re
import socketserver
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy

from footprints.written import day_in_full

CHAPTER = re.compile(r"<h2>(.*?)</h2>\s*<p>(.*?)</p>", re.S)
STATUS = re.compile(
    r"^Status: .*?(?:, from (?P<decided>\d+ \w+ \d{4})|; (?P<reported>\d+ \w+ \d{4}) is the day)",
    re.S,
)
OFF = "off"


@dataclass
class Letter:
    """A letter that the server kept, whatever it answered.

    ``tells``: title of an event → how it stands by this letter, "1 April 2020 decided" or OFF.
    It is doubtful where its sender was not told that it is here, and suspect where its sender, or
    the database, may have been gone before that was written down.
    """

    pid: int
    began: float
    to: str = ""
    name: str = ""
    tells: dict[str, str] = field(default_factory=dict)
    taken: float = 0
    answered: float | None = None  # when 250 was said
    is_doubtful: bool = False
    is_suspect: bool = False

    def read(self, data: bytes):
        message = message_from_bytes(data, policy=policy.default)
        self.name, self.taken = message["Message-ID"], time.time()
        for title, status in CHAPTER.findall(message.get_body(("html",)).get_content()):
            title = html.unescape(title)
            if title.startswith("Called off: "):
                self.tells[title.removeprefix("Called off: ")] = OFF
            elif says := STATUS.match(re.sub(r"<.*?>", "", status)):
                self.tells[title] = in_words(
                    says["decided"] or says["reported"], bool(says["decided"])
                )


def in_words(day, is_decided: bool) -> str:
    """How an event stands, as a letter says it; ``day`` a date, or in words already."""
    day = day if isinstance(day, str) else day_in_full(day)
    return f"{day} {'decided' if is_decided else 'reported'}"


class HangUp(Exception):
    """End the conversation here and now."""


@dataclass
class Armed:
    """What is to go wrong at a stage of a conversation: "greeting", "sender", "recipient", "data"
    (while the letter comes) or "taken" (it is here, and 250 not said); so many times."""

    stage: str
    deed: Callable
    times: int = 1
    done: threading.Event = field(default_factory=threading.Event)


class Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        self.letter = Letter(pid=0, began=time.time())
        with contextlib.suppress(HangUp, OSError):
            self.converse()

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def reach(self, stage) -> str | None:
        """What is armed for this stage happens; what it answers in place of the usual."""
        with self.server.turn:
            armed = self.server.armed
            if armed is None or armed.stage != stage or not armed.times:
                return None
            armed.times -= 1
        try:
            return armed.deed(self)
        finally:
            armed.done.set()

    def converse(self):
        self.say(self.reach("greeting") or "220 post")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"EHLO":
                self.letter.pid = int(line.split()[1].partition(b".")[0].removeprefix(b"pid"))
                self.say("250 post")
            elif word == b"MAIL":
                self.say(self.reach("sender") or "250 ok")
            elif word == b"RCPT":
                self.letter.to = line.decode().partition("<")[2].partition(">")[0]
                self.say(self.reach("recipient") or "250 ok")
            elif word == b"DATA":
                self.say("354 go on")
                self.take()
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def take(self):
        data = []
        answer = self.reach("data")
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            data.append(line)
        if not line:
            raise HangUp
        if answer:
            self.say(answer)
            return
        letter, self.letter = self.letter, Letter(self.letter.pid, time.time())
        letter.read(b"".join(data))
        letter.is_doubtful = True  # until it is answered
        with self.server.turn:
            self.server.kept.append(letter)
        self.taken = letter
        answer = self.reach("taken")
        if answer is None:
            letter.is_doubtful, letter.answered = False, time.time()
        self.say(answer or "250 taken")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


class Post:
    """The server, which may be shut and opened again at the same door."""

    def __init__(self):
        self.kept: list[Letter] = []
        self.turn = threading.Lock()
        self.armed: Armed | None = None
        self.port = 0
        self.open()

    def open(self):
        self.server = Server(("127.0.0.1", self.port), Conversation, bind_and_activate=False)
        self.server.server_bind()
        self.server.server_activate()
        self.server.kept, self.server.turn = self.kept, self.turn
        self.server.armed = self.armed
        self.port = self.server.server_address[1]
        self.serving = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.serving.start()

    def shut(self):
        """From now on connections are refused."""
        self.server.shutdown()
        self.server.server_close()
        self.serving.join()

    def arm(self, stage, deed, times=1) -> Armed:
        self.armed = self.server.armed = Armed(stage, deed, times)
        return self.armed

    def disarm(self):
        self.armed = self.server.armed = None
