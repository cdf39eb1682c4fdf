from .decisions import Decision, Sheet, SheetChange
from .flags import Digest, Flag, Letter
from .history import SheetComment, SheetDeed
from .jobs import Job, JobSheet
from .leads import AccountLead
from .scenarios import Scenario
from .teams import DataSupplier, Freeze, Team
from .territories import Assignment, CoverageRole, RosterEntry, Territory, TerritoryPlan
from .timetable import CalendarKey, Milestone, TimelineTask
from .users import User

__all__ = [
    "AccountLead",
    "Assignment",
    "CalendarKey",
    "CoverageRole",
    "DataSupplier",
    "Decision",
    "Digest",
    "Flag",
    "Freeze",
    "Job",
    "JobSheet",
    "Letter",
    "Milestone",
    "RosterEntry",
    "Scenario",
    "Sheet",
    "SheetChange",
    "SheetComment",
    "SheetDeed",
    "Team",
    "Territory",
    "TerritoryPlan",
    "TimelineTask",
    "User",
]
