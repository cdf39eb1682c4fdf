from .decisions import Decision, Sheet, SheetChange
from .drawing import Challenge, PlanChange, PlanStep, SharedUnit
from .flags import Digest, Flag, Letter
from .history import SheetComment, SheetDeed
from .jobs import Job, JobSheet
from .leads import AccountLead
from .measures import Figure, Measure
from .scenarios import Scenario
from .suggestions import Suggestion
from .teams import DataSupplier, Freeze, Team
from .territories import (
    Assignment,
    CoverageRole,
    Nation,
    RosterEntry,
    RosterRole,
    Territory,
    TerritoryPlan,
)
from .timetable import CalendarKey, Milestone, TimelineTask
from .users import User

__all__ = [
    "AccountLead",
    "Assignment",
    "CalendarKey",
    "Challenge",
    "CoverageRole",
    "DataSupplier",
    "Decision",
    "Digest",
    "Figure",
    "Flag",
    "Freeze",
    "Job",
    "JobSheet",
    "Letter",
    "Measure",
    "Milestone",
    "Nation",
    "PlanChange",
    "PlanStep",
    "RosterEntry",
    "RosterRole",
    "Scenario",
    "SharedUnit",
    "Sheet",
    "SheetChange",
    "SheetComment",
    "SheetDeed",
    "Suggestion",
    "Team",
    "Territory",
    "TerritoryPlan",
    "TimelineTask",
    "User",
]
