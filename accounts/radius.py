"""The blast radius of an event by whose it is: who decides, and over how many of what.

The register knows no owner, so it is told here. Computed when asked for, never stored.
"""

from collections import Counter
from dataclasses import dataclass

from django.db.models import Count

from footprints import blast_radius
from footprints.models import OrganisationKey, Reorganisation

from .models import User
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
    """All that the event touches, whoever may see it, by owner, kind, change; two queries a kind.

    Rows are counted a body and owner, and what becomes of a body is asked once: an event has a few
    dozen bodies where a company has a million rows.
    """
    counts = Counter()
    for key in blast_radius.organisation_keys():
        change_of = _gravest(key, event)
        owner = _owner(key)
        names = [key.attname, owner] if owner else [key.attname]
        rows = blast_radius.touched(key, event).order_by().values_list(*names)
        for body, *owned, count in rows.annotate(count=Count("pk")) if change_of else ():
            counts[owned[0] if owned else None, key, change_of[body]] += count
    people = {owner for owner, _, _ in counts} - {None}
    called = dict(User.objects.filter(pk__in=people).values_list("pk", "username"))
    groups = [
        Group(
            called.get(owner, ""),
            key.rule.says,
            key.rule.decides,
            change,
            str(key.rule.outcomes[change]),
            count,
        )
        for (owner, key, change), count in counts.items()
    ]
    return sorted(groups, key=lambda g: (g.owner == "", g.owner, g.says, -g.count, g.change))


def _gravest(key: OrganisationKey, event: Reorganisation) -> dict[int, str]:
    """What the event does to each body, so far as the key's rule knows it; the gravest."""
    touches = blast_radius.touches(key).filter(reorganisation=event)
    found = touches.annotate(weight=blast_radius.weight_of(key)).order_by("weight", "-change")
    return dict(found.values_list("organisation", "change"))


def _owner(key: OrganisationKey) -> str:
    """The path from a row to its owner's key; "" where nobody owns what is flagged."""
    root = root_of(key)
    if not any(field.name == "owner" for field in root._meta.local_fields):
        return ""
    return f"{key.rule.root}__owner" if key.rule.root else "owner"
