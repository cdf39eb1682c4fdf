"""How well the suggestions recover what is recorded, had nobody recorded it."""

from dataclasses import dataclass, field
from datetime import date

from ..models import Move, Organisation, Reorganisation, Succession, Version
from .grouping import Suggestion, suggest

Pair = tuple[str, str]  # predecessor code, successor code


@dataclass(frozen=True)
class Evaluation:
    """Suggestions against the recorded successions of areas between ``since`` and ``until``.

    ``wrong`` was suggested and is not recorded, ``missed`` the other way round; ``misdated``
    pairs are right and their day is not: (pair, suggested, recorded). An event is recovered when
    its pairs and its day are. Where the register records moves of members alone (STPs between
    regions), a suggested pair is right by these, and its event is neither right nor wrong.
    """

    suggestions: list[Suggestion]
    pairs: set[Pair]
    recorded: dict[Pair, date]
    misdated: list[tuple[Pair, date, date]]
    events_right: list[str]
    events_wrong: list[str]
    events_missed: list[str]
    moves: set[Pair] = field(default_factory=set)

    @property
    def right(self) -> set[Pair]:
        return self.pairs & (self.recorded.keys() | self.moves)

    @property
    def wrong(self) -> list[Pair]:
        return sorted(self.pairs - self.right)

    @property
    def missed(self) -> list[Pair]:
        return sorted(self.recorded.keys() - self.pairs)

    @property
    def precision(self) -> float | None:
        return len(self.right) / len(self.pairs) if self.pairs else None

    @property
    def recall(self) -> float | None:
        if not self.recorded:
            return None
        return len(self.pairs & self.recorded.keys()) / len(self.recorded)

    @property
    def event_precision(self) -> float | None:
        suggested = len(self.events_right) + len(self.events_wrong)
        return len(self.events_right) / suggested if suggested else None

    @property
    def event_recall(self) -> float | None:
        recorded = len(self.events_right) + len(self.events_missed)
        return len(self.events_right) / recorded if recorded else None


def evaluate(*, since: date | None = None, until: date | None = None) -> Evaluation:
    """Suggest events with those of these days withheld, and compare with what they say.

    Recorded are the successions of footprints between two codes, of decided events.
    """
    suggestions = suggest(since=since, until=until, withheld=True)
    inside = Reorganisation.objects.decided()
    if since:
        inside = inside.filter(effective_on__gte=since)
    if until:
        inside = inside.filter(effective_on__lte=until)
    footprints = Version.objects.now().filter(kind__is_footprint=True).values("organisation")
    rows = Succession.objects.now().filter(
        reorganisation__in=inside,
        passes=Succession.Passes.AREA,
        becomes=None,
        successor__isnull=False,
        predecessor__in=footprints,
    )
    recorded: dict[Pair, date] = {}
    events: dict[tuple[str, date], set[Pair]] = {}
    for old, new, day, title in rows.values_list(
        "predecessor__code",
        "successor__code",
        "reorganisation__effective_on",
        "reorganisation__title",
    ):
        recorded[old, new] = day
        events.setdefault((title, day), set()).add((old, new))
    moves = {
        ((old, new), day)
        for old, new, day in Move.objects.now()
        .filter(reorganisation__in=inside)
        .values_list("from_parent__code", "to_parent__code", "reorganisation__effective_on")
    }
    codes = dict(
        Organisation.objects.filter(
            pk__in={key for s in suggestions for pair in s.pairs for key in pair}
        ).values_list("pk", "code")
    )
    found = {
        (s.title, s.day): {(codes[old], codes[new]) for old, new in s.pairs} for s in suggestions
    }
    days = {pair: day for (_, day), pairs in found.items() for pair in pairs}
    theirs = {(day, frozenset(pairs)): title for (title, day), pairs in events.items()}
    ours = {
        (day, frozenset(pairs)): title
        for (title, day), pairs in found.items()
        if pairs & recorded.keys() or not {(pair, day) for pair in pairs} <= moves
    }
    return Evaluation(
        suggestions,
        set(days),
        recorded,
        sorted((p, d, recorded[p]) for p, d in days.items() if recorded.get(p, d) != d),
        sorted(theirs[each] for each in ours.keys() & theirs.keys()),
        sorted(ours[each] for each in ours.keys() - theirs.keys()),
        sorted(theirs[each] for each in theirs.keys() - ours.keys()),
        {pair for pair, _ in moves},
    )
