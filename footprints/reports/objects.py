"""JSON from a stream, an object at a time: one, an array of any length, or one a line.

Nothing is kept but the object at hand. An object that holds a long array (an answer of an API
with its page of records) is read through: its items come as they are met, and what stands around
them after the last one.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

from .claims import BadLine
from .limits import MEGABYTE, Unreadable

CHUNK = 64 * 1024
OBJECT = 8 * MEGABYTE  # a region with all that points at it has two
SPACE = " \t\r\n"


class Found(NamedTuple):
    """``line``: of the file where each line is JSON, else which item it is, from 1.

    ``is_around``: the value is what stood around an array that was read through.
    """

    line: int
    value: Any
    is_around: bool = False


class Broken(Unreadable):
    """The JSON is not whole, or no JSON."""


def objects(stream: BinaryIO, arrays: frozenset[str]) -> Iterator[Found]:
    """Every item of an array or object after object. ``arrays``: members to read through.

    Raises ``Unreadable``: no JSON, cut off, not UTF-8, an object too big.
    """
    reader, number = _Reader(stream), 0
    while mark := reader.mark():
        if mark == "[":
            found = ((value, False) for value in reader.items())
        elif mark == "{":
            found = _members(reader, arrays)
        else:
            reader.fail("an object or an array should stand here")
        for value, is_around in found:
            number += not is_around
            yield Found(number, value, is_around)


def _members(reader, arrays):
    around, was_read_through = {}, False
    size = reader.taken
    for key in reader.members():
        if key in arrays and reader.mark() == "[":
            was_read_through = True
            for item in reader.items():
                yield item, False
            size = reader.taken
        else:
            around[key] = reader.value()
            if reader.taken - size > OBJECT:
                raise Broken(TOO_BIG)
    yield around, was_read_through


def lines(stream: BinaryIO, arrays: frozenset[str]) -> Iterator[Found | BadLine]:
    """The same, where each line is an object; a line that is none is named, the rest read."""
    number = 0
    while line := stream.readline(OBJECT + 1):
        number += 1
        if len(line) > OBJECT:
            raise Broken(TOO_BIG)
        if not line.strip():
            continue
        try:
            value = DECODER.decode(line.decode("utf-8-sig" if number == 1 else "utf-8").strip())
        except UnicodeDecodeError:
            yield BadLine(number, "It is not UTF-8.")
        except (ValueError, RecursionError) as error:
            yield BadLine(number, f"It is no JSON: {_reason(error)}.")
        else:
            held = value.keys() & arrays if isinstance(value, dict) else ()
            for name in held:
                items = value.pop(name)
                yield from (
                    Found(number, item) for item in (items if isinstance(items, list) else [items])
                )
            yield Found(number, value, is_around=bool(held))


TOO_BIG = f"A single object of the JSON has more than {OBJECT // MEGABYTE} MB."


def _refuse(constant):
    raise ValueError(f"{constant} is no number")


DECODER = json.JSONDecoder(parse_constant=_refuse)


class _Reader:
    """A place in a stream of JSON, and what was read beyond it."""

    def __init__(self, stream):
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text, self.at, self.taken = "", 0, 0
        self.is_all = False

    def more(self):
        """Read on: as much again as is unused, so that a long value is tried few times."""
        rest = self.text[self.at :]
        chunk = self.stream.read(max(CHUNK, len(rest)))
        self.is_all = not chunk
        try:
            self.text = rest + self.decoder.decode(chunk, final=self.is_all)
        except UnicodeDecodeError:
            raise Broken("The JSON is not UTF-8.") from None
        self.at = 0

    def mark(self) -> str:
        """The next character that is no space, not taken; '' at the end."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in SPACE:
                    return self.text[self.at]
                self.at += 1
            if self.is_all:
                return ""
            self.more()

    def take(self, *expected):
        mark = self.mark()
        if mark not in expected or not mark:
            self.fail(f"{' or '.join(expected)} should stand here")
        self.at += 1
        self.taken += 1
        return mark

    def value(self):
        self.mark()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
                # A number at the end of what was read may go on in what was not.
                if end < len(self.text) or self.is_all or self.text[end - 1] in '"]}':
                    self.taken += end - self.at
                    self.at = end
                    return value
            except RecursionError:
                self.fail("it is nested too deep")
            except json.JSONDecodeError as error:
                if self.is_all:
                    is_cut = error.pos >= len(self.text) or error.msg.startswith("Unterminated")
                    self.at = len(self.text) if is_cut else self.at
                    self.fail(error.msg)
            except ValueError as error:  # a constant, or a number of thousands of digits
                self.fail(str(error)[:100])
            if len(self.text) - self.at > OBJECT:
                raise Broken(TOO_BIG)
            self.more()

    def items(self):
        self.take("[")
        if self.mark() == "]":
            self.take("]")
            return
        while True:
            yield self.value()
            if self.take(",", "]") == "]":
                return

    def members(self):
        """Each key; its value is to be read before the next."""
        self.take("{")
        if self.mark() == "}":
            self.take("}")
            return
        while True:
            if self.mark() != '"':
                self.fail("a name should stand here")
            key = self.value()
            self.take(":")
            yield key
            if self.take(",", "}") == "}":
                return

    def fail(self, reason):
        if self.is_all and self.at >= len(self.text):
            raise Broken("The JSON breaks off: this is half a file.")
        seen = self.text[self.at : self.at + 30]
        raise Broken(f"The JSON cannot be read at {seen!r}: {reason}.")


def _reason(error) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error)[:100]
