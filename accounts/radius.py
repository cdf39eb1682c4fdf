"""The blast radius of an event by whose it is: who decides, and over how many of what.

The register knows no owner, so it is told here. Computed when asked for, never stored.
"""

from dataclasses import dataclass

from django.db.models import Count

from footprints import blast_radius
from footprints.models import Reorganisation

from .services.flags import root_of


@dataclass(frozen=True)
class Group:
    """So many rows of one kind, of one owner, to which the event does the same.

    ``owner`` is a user name, "" where the kind has none; ``decides`` the role that decides then.
    """

    owner: str
    says: str
    decides: str
    change: str
    outcome: str
    count: int


def by_owner(event: Reorganisation) -> list[Group]:
    """All that the event touches, whoever may see it, by owner, kind, change; a query a kind."""
    groups = []
    for circle in blast_radius.of(event):
        rule = circle.key.rule
        owner = _owner(circle.key)
        names = [owner, "change"] if owner else ["change"]
        rows = circle.rows.order_by().values_list(*names).annotate(count=Count("pk"))
        for *owned, change, count in rows:
            groups.append(
                Group(
                    owned[0] or "" if owned else "",
                    rule.says,
                    rule.decides,
                    change,
                    str(rule.outcomes[change]),
                    count,
                )
            )
    return sorted(groups, key=lambda g: (g.owner == "", g.owner, g.says, -g.count, g.change))


def _owner(key) -> str:
    """The path from a row to its owner's user name; "" where nobody owns what is flagged."""
    root = root_of(key)
    if not any(field.name == "owner" for field in root._meta.local_fields):
        return ""
    return f"{key.rule.root}__owner__username" if key.rule.root else "owner__username"
