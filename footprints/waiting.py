"""What waits for a steward: reports to apply, reorganisations to accept or dismiss."""

from collections import Counter

from django.db.models import Value
from django.urls import NoReverseMatch, reverse

from .lists import Action
from .models import Proposal, Report

PAGES = {"reports": ("Reports", "inbox"), "proposals": ("Proposals", "lightbulb")}


def actions_for(user) -> list[Action]:
    """The ways to what waits, each with its number, for those who may decide; one query.

    A page that there is not is not offered. Whoever is no staff is not asked about: that would be
    two queries of every reader's page.
    """
    if not (user.is_staff and user.has_perm("footprints.add_release")):
        return []
    reports = Report.objects.waiting().order_by().values_list(Value("reports"))
    proposals = Proposal.objects.filter(state=Proposal.State.OPEN).order_by()
    both = reports.union(proposals.values_list(Value("proposals")), all=True)
    waiting = Counter(name for (name,) in both)
    found = []
    for name, (label, icon) in PAGES.items():
        try:
            address = reverse(f"footprints:{name}")
        except NoReverseMatch:
            continue
        number = waiting[name]
        found.append(Action(f"{label}, {number} waiting" if number else label, address, icon))
    return found
