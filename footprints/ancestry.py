"""What a body belongs to on a day, and what that belongs to, up to the region."""

from collections.abc import Collection
from datetime import date

from .models import Relationship

LEVELS = 5  # practice → PCN → sub-ICB location → ICB → region
UPWARD = [Relationship.Type.MEMBER_OF, Relationship.Type.PART_OF]


def ancestors(keys: Collection[int], day: date, known: int | None = None) -> dict[int, list[int]]:
    """Return organisation → its ancestors, the nearest first; those without any are left out.

    Up the relationships that show on that day, by the parent it is part of before one it is a
    member of. One query a level, however many bodies are asked about.
    """
    above: dict[int, list[int]] = {}
    tops = {key: key for key in keys}  # body asked about → the ancestor reached so far
    parents: dict[int, int] = {}
    for _ in range(LEVELS):
        wanted = set(tops.values()) - set(parents)
        if not wanted:
            break
        # The last row of a child stands: part of, then the first code where there are two.
        parents |= dict(
            Relationship.objects.live(day, known)
            .filter(type__in=UPWARD, child__in=wanted)
            .order_by("child", "type", "-parent__code")
            .values_list("child", "parent")
        )
        tops = {
            key: parents[top]
            for key, top in tops.items()
            # A circle is an anomaly that the register lists; here it only ends the climb.
            if top in parents and parents[top] not in (key, *above.get(key, ()))
        }
        for key, top in tops.items():
            above.setdefault(key, []).append(top)
    return above
