"""Which boundary holds on a day: the newest published one, or those of whole bodies that merged.

A boundary serves until the day on which the area of its body changes: a decided event passes area
to it or from it, or its ONS code becomes another (the ONS gives a new code where a boundary
changes: "ONS coding and naming policy", 2022). A body that only ever took over whole bodies since
has their shapes together, so that a merger is on the map before its boundaries are published.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from ..dated import ONE_DAY
from ..models import Boundary, Identifier, Reorganisation, Succession, Version


def boundaries_on(
    bodies: Iterable[int], day: date, known: int | None = None
) -> dict[int, tuple[int, ...]]:
    """Organisation → keys of the boundaries that together are its shape on that day.

    One key as a rule; several where the body has taken over whole bodies since they were
    published. Bodies without a boundary on the day are left out. Five queries, however many.
    """
    if not Boundary.objects.known(known).filter(boundary_on__lte=day).exists():
        return {}
    record = _Record(day, known)
    found = {body: record.pieces(body, day) for body in bodies}
    return {body: pieces for body, pieces in found.items() if pieces}


class _Record:
    """All that the register knows of boundaries, and of what changes them, up to a day."""

    def __init__(self, day: date, known: int | None):
        self.shapes = defaultdict(list)  # organisation → (from, key, ONS code), the oldest first
        rows = Boundary.objects.known(known).filter(boundary_on__lte=day).order_by("boundary_on")
        for body, *row in rows.values_list("organisation", "boundary_on", "pk", "ons_code"):
            self.shapes[body].append(tuple(row))
        self.into, self.out_of = defaultdict(list), defaultdict(list)
        self.days = defaultdict(set)  # organisation → the days on which its area changes
        decided = Reorganisation.objects.decided().filter(effective_on__lte=day)
        for before, after, on in (
            Succession.objects.known(known)
            .filter(passes=Succession.Passes.AREA, reorganisation__in=decided)
            .values_list("predecessor", "successor", "reorganisation__effective_on")
        ):
            if before == after:
                continue  # it keeps its code and its area: of another kind or name
            self.out_of[before, on].append(after)
            self.into[after, on].append(before)
            self.days[before].add(on)
            self.days[after].add(on)
        bodies = set(self.shapes) | set(self.days)
        self.codes = defaultdict(list)
        gss = Identifier.objects.known(known).filter(
            scheme=Identifier.Scheme.GSS, organisation__in=bodies
        )
        for row in gss:
            self.codes[row.organisation_id].append(row)
        self.began = {}
        lives = Version.objects.known(known).filter(organisation__in=set(self.days))
        for body, on in lives.values_list("organisation", "opened_on"):
            self.began[body] = min(on or date.min, self.began.get(body, date.max))

    def pieces(self, body: int, day: date) -> tuple[int, ...]:
        """Keys of the boundaries that together are the body's shape; none where not known."""
        changes = sorted(on for on in self.days[body] if on <= day)
        changed = changes[-1] if changes else date.min
        rows = self.shapes[body]
        place = bisect_right([on for on, _, _ in rows], day)
        if place and rows[place - 1][0] >= changed:
            on, key, code = rows[place - 1]
            return (key,) if self._keeps_its_code(body, on, day, code) else ()
        if not changes or not self._keeps_its_code(body, changed, day):
            return ()
        return self._taken_over(body, changed)

    def _taken_over(self, body, day):
        """The pieces of the bodies that became part of this one on that day, and its own."""
        before = self.into[body, day]
        if self.out_of[body, day] or any(self.out_of[each, day] != [body] for each in before):
            return ()  # only a part of somebody's area came, or some of it went
        if self.began.get(body, day) < day:
            before = [*before, body]
        found = [self.pieces(each, day - ONE_DAY) for each in before]
        return tuple(key for pieces in found for key in pieces) if found and all(found) else ()

    def _keeps_its_code(self, body, since, day, published="") -> bool:
        """Whether its ONS code on the day is that under which it was published, or of then."""
        now = self._code(body, day)
        then = self._code(body, since)
        return now is None or now in (published, then) or (then is None and not published)

    def _code(self, body, day):
        return next((row.value for row in self.codes[body] if row.holds(day)), None)
