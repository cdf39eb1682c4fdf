"""What changed at the ODS API since a day: its list, then each organisation's record.

``sync?LastChangeDate=YYYY-MM-DD`` lists links to the organisations whose records changed on or
after that day, without a limit; ``organisations/CODE`` gives one record as JSON. The file that
comes of it has one answer a line, as it was given.
"""

import json
import re
import time
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from .asking import Asker, Broken, Failed
from .downloading import Fetched, Keep, day_of
from .parts import Part
from .sources import Source

# The API answers for the last six months only (digital.nhs.uk, "Sync endpoint", 2022).
MOST_DAYS = 180
# Where nothing was fetched before: a full file of last month leaves no gap.
FIRST_DAYS = 60
# A record may appear some nights after the day that it is dated.
OVERLAP_DAYS = 2
# A record that fails on so many visits, while the list answers, is left out and named.
PATIENCE = 5
CODE = re.compile(r"[A-Za-z0-9-]{2,20}")
GONE = {404, 410}


class Paused(Exception):
    """This visit did its share; the walk goes on where it stopped."""


def first_day(position: dict, on: date) -> date:
    """From which day on changes are asked for. ``position`` is the feed's, ``on`` today."""
    earliest = on - timedelta(days=MOST_DAYS)
    since = position.get("since")
    if not since:
        return on - timedelta(days=FIRST_DAYS)
    return max(date.fromisoformat(since), earliest)


def walk(
    source: Source, asker: Asker, *, folder: Path, position: dict, keep: Keep, on: date
) -> Fetched:
    """The records that changed, as a file of JSON lines.

    Goes on where an earlier visit stopped, as long as its file is here; the list is not asked for
    again then. ``on`` is today (London). Raises Failed, and Paused where there is more to do than
    one visit should. In the position that comes back, ``since`` is the day that the next walk
    begins at, and ``missing`` names the listed organisations that have no record.
    """
    visit = _Walk(source, asker, folder, position, keep, on)
    try:
        return visit.run()
    except BaseException:
        if visit.part is not None:
            visit.part.close()
        raise


class _Walk:
    def __init__(self, source, asker, folder, position, keep, on):
        self.source, self.asker, self.folder, self.keep = source, asker, folder, keep
        self.position, self.on = position, on
        self.ends = time.monotonic() + asker.manners.walk_slice
        self.codes: list[str] = []
        self.part = self._found()

    def run(self) -> Fetched:
        if self.part is None and not self._begin():
            return Fetched(None, position=self._next())
        position = self.position
        for code in self.codes[position["done"] :]:
            if time.monotonic() > self.ends:
                raise Paused
            try:
                self.part.append(self._record(code))
            except Failed as failed:
                if failed.status not in GONE and not self._gives_up_on(code):
                    raise
                position["missing"].append(code)
            position["done"] += 1
            position["bytes"] = self.part.size
            self.keep(position)
        return self._finish()

    def _found(self) -> Part | None:
        """The file of an earlier visit, cut to what its position vouches for."""
        part = Part.found(self.folder, self.source.name, self.position.get("part"))
        if part is None:
            return None
        listed = part.beside("codes")
        codes = listed.read_text().split() if listed.exists() else []
        if len(codes) != self.position["listed"] or part.size < self.position["bytes"]:
            part.close()
            return None
        part.cut(self.position["bytes"])
        self.codes = codes
        return part

    def _begin(self) -> bool:
        """Ask for the list; whether there is anything on it."""
        since = first_day(self.position, self.on)
        codes, day = self._list(since)
        day = min(day or self.on, self.on)
        self.position = {"since": since.isoformat(), "day": day.isoformat(), "missing": []}
        if not codes:
            return False
        self.part = Part.begun(self.folder, self.source.name)
        self.part.beside("codes").write_text("".join(f"{code}\n" for code in codes))
        self.codes = codes
        self.position |= {
            "part": self.part.token,
            "listed": len(codes),
            "done": 0,
            "bytes": 0,
        }
        self.keep(self.position)
        return True

    def _finish(self) -> Fetched:
        position = self.position
        since, day = position["since"], date.fromisoformat(position["day"])
        if not position["bytes"]:
            self.part.remove()
            self.part, self.position = None, {"since": since}
            self.keep(self.position)
            raise Failed(f"None of the {position['listed']:,} organisations listed has a record.")
        name = f"{self.source.name}-since-{since}.jsonl"
        return Fetched(self.part, name=name, day=day, position=self._next())

    def _next(self) -> dict:
        """What the next walk needs to know."""
        day = date.fromisoformat(self.position["day"]) - timedelta(days=OVERLAP_DAYS)
        return {"since": day.isoformat(), "missing": self.position["missing"]}

    def _list(self, since: date) -> tuple[list[str], date | None]:
        asked = urlencode({"LastChangeDate": since.isoformat(), "_format": "json"})

        def read(response):
            answer = self._json(response, self.asker.manners.list_limit)
            try:
                links = [row["OrgLink"] for row in answer["Organisations"]]
                codes = [urlsplit(link).path.rpartition("/")[2] for link in links]
            except (KeyError, TypeError, ValueError, AttributeError):
                raise Failed("Its list of changes is no list of organisations.") from None
            if odd := [code for code in codes if not CODE.fullmatch(code)]:
                raise Failed(f"Its list of changes names {odd[0]!r}, which is no code.")
            return list(dict.fromkeys(codes)), day_of(response.headers)

        return self.asker.ask(f"{self.source.address}/sync?{asked}", read)

    def _record(self, code: str) -> bytes:
        def read(response):
            answer = self._json(response, self.asker.manners.answer_limit)
            try:
                named = answer["Organisation"]["OrgId"]["extension"]
            except (KeyError, TypeError):
                raise Failed(f"Its answer for {code} is no organisation.") from None
            if named != code:
                raise Failed(f"Asked for {code}, it gave {named}.")
            return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

        return self.asker.ask(f"{self.source.address}/organisations/{code}", read)

    def _json(self, response, most: int):
        if response.status_code != 200:
            raise Failed(f"It answered {response.status_code}, which was not the question.")
        raw = b"".join(self.asker.body(response, most))
        try:
            return json.loads(raw)
        except (ValueError, RecursionError):
            raise Broken("It sent something that is no JSON.") from None

    def _gives_up_on(self, code: str) -> bool:
        """Whether this record keeps the others waiting: it failed on many visits, though the
        server is well."""
        stumbled = self.position.get("stumbled", {})
        times = stumbled.get("times", 0) + 1 if stumbled.get("code") == code else 1
        self.position["stumbled"] = {"code": code, "times": times}
        self.keep(self.position)
        if times < PATIENCE:
            return False
        try:
            self._list(self.on)
        except Failed:
            return False
        return True
