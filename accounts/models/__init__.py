from .decisions import Decision, Sheet, SheetChange
from .flags import Digest, Flag, Letter
from .territories import Assignment, CoverageRole, RosterEntry, Territory, TerritoryPlan
from .users import Team, User

__all__ = [
    "Assignment",
    "CoverageRole",
    "Decision",
    "Digest",
    "Flag",
    "Letter",
    "RosterEntry",
    "Sheet",
    "SheetChange",
    "Team",
    "Territory",
    "TerritoryPlan",
    "User",
]
