"""Members that are named of what splits, each with the body after that it goes to.

A member lies in what splits on the day before, however deep: a practice of a location of a board
lies in the board. What is named of a PCN or a location holds of the practices in it.
"""

from ..ancestry import all_above
from ..dated import ONE_DAY
from ..drafted import Bodies
from ..drafts import Draft, Problem
from ..models import Relationship

NOWHERE = ""


def problems(draft: Draft, bodies: Bodies) -> list[Problem]:
    """Named members that do not lie in what splits, or cannot go where they are named."""
    homes, day = _homes(draft, bodies), draft.effective_on
    found = []
    for code, new in draft.named:
        if code not in bodies.known or homes.get((code, new)):
            continue  # an unknown code is told with the others
        if code in draft.closes:
            text = "closes in this event itself: it goes nowhere as a member."
        elif (code, new) in homes:
            text = "lies in none of the bodies before on the day before."
        else:
            text = "lies in a body that does not go to where it is named."
        found.append(Problem(f"{bodies.name(code, day)} ({code}) {text}", "named"))
    return found


def moves(draft: Draft, bodies: Bodies, keys: dict[str, int]) -> list[dict]:
    """The moves of the named members, by the relationship that binds each to what splits.

    ``keys`` are those of all bodies, new ones too.
    """
    direct = {
        (child, parent): type
        for child, parent, type in Relationship.objects.now()
        .on(draft.effective_on - ONE_DAY)
        .filter(
            child__code__in=dict(draft.named),
            parent__code__in=draft.predecessors,
            type__in=(Relationship.Type.PART_OF, Relationship.Type.MEMBER_OF),
        )
        .order_by("type")
        .values_list("child__code", "parent__code", "type")
    }
    return [
        {
            "child_id": keys[code],
            "type": direct.get((code, old), Relationship.Type.PART_OF),
            "from_parent_id": keys[old],
            "to_parent_id": keys[new],
        }
        for (code, new), old in _homes(draft, bodies).items()
    ]


def _homes(draft: Draft, bodies: Bodies) -> dict[tuple[str, str], str]:
    """``{(member, body after): body before}`` of each named member that may go there.

    NOWHERE where no body before holds the member; left out where none that does goes there.
    """
    olds = {bodies.known[code].pk: code for code in draft.predecessors if code in bodies.known}
    members = {code: bodies.known[code].pk for code, _ in draft.named if code in bodies.known}
    above = all_above(members.values(), draft.effective_on - ONE_DAY)
    passing = {(way.old, way.new) for way in draft.ways()}
    found = {}
    for code, new in draft.named:
        if code not in members:
            continue
        within = sorted(olds[key] for key in above[members[code]] if key in olds)
        if code in draft.closes or not within:
            found[code, new] = NOWHERE
            continue
        home = next((old for old in within if (old, new) in passing), None)
        if home:
            found[code, new] = home
    return found
