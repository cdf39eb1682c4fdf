"""Which territory of one plan is which of another."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from ..models import TerritoryPlan
from .sides import Side
from .units import Pair


def is_kin(a: TerritoryPlan, b: TerritoryPlan) -> bool:
    """Whether one is a copy of the other, or both come of one plan."""
    return _root(a) == _root(b)


def _root(plan: TerritoryPlan) -> int:
    """The plan that it is a copy of a copy of."""
    key, source, seen = plan.pk, plan.copied_from_id, set()
    while source and source not in seen:
        seen.add(source)
        key = source
        source = TerritoryPlan.objects.values_list("copied_from", flat=True).get(pk=source)
    return key


def matched(
    a: Side, b: Side, paired: Sequence[Pair], people: Mapping[Pair, int]
) -> tuple[dict[str, str], set[str]]:
    """Codes of ``a`` → codes of ``b``, and those that were paired by what they hold: for the rule
    see ``comparing.comparison``. One query for each plan that is a copy."""
    found: dict[str, str] = {}
    if is_kin(a.plan, b.plan):
        found = {code: code for code in a.territories if code in b.territories}
    taken = set(found.values())
    all_known = all(pair in people for pair in paired)
    overlap: dict[tuple[str, str], int] = defaultdict(int)
    for pair in paired:
        before, after = pair.before, pair.after
        if None not in (before, after) and before not in found and after not in taken:
            overlap[before, after] += people[pair] if all_known else 1
    by_overlap = set()
    for before, after in sorted(overlap, key=lambda key: (-overlap[key], key)):
        if before not in found and after not in taken:
            found[before] = after
            taken.add(after)
            by_overlap.add(before)
    return found, by_overlap


__all__ = ["is_kin", "matched"]
