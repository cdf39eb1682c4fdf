from .flags import Digest, Flag, Letter
from .territories import Assignment, CoverageRole, RosterEntry, Territory, TerritoryPlan
from .users import Team, User

__all__ = [
    "Assignment",
    "CoverageRole",
    "Digest",
    "Flag",
    "Letter",
    "RosterEntry",
    "Team",
    "Territory",
    "TerritoryPlan",
    "User",
]
