from .alerts import AGE, Alert
from .certificates import Certificate, LetterPolicy
from .decisions import Decision, Sheet, SheetChange
from .drawing import Challenge, PlanChange, PlanStep, SharedUnit
from .flags import Flag, FlagRun
from .history import SheetComment, SheetDeed
from .hours import Pace, UrgencyRule, WritingHours
from .jobs import Job, JobSheet
from .leads import AccountLead
from .letters import Digest, Letter
from .measures import Figure, Measure
from .reminders import Reminder
from .saved_views import SavedView
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
from .unwanted import LetterKind, Unwanted
from .users import User
from .watches import Watch, WatchList, WatchMove
from .webhooks import Delivery, Subscription, Webhook

__all__ = [
    "AGE",
    "AccountLead",
    "Alert",
    "Assignment",
    "CalendarKey",
    "Certificate",
    "Challenge",
    "CoverageRole",
    "DataSupplier",
    "Decision",
    "Delivery",
    "Digest",
    "Figure",
    "Flag",
    "FlagRun",
    "Freeze",
    "Job",
    "JobSheet",
    "Letter",
    "LetterKind",
    "LetterPolicy",
    "Measure",
    "Milestone",
    "Nation",
    "Pace",
    "PlanChange",
    "PlanStep",
    "Reminder",
    "RosterEntry",
    "RosterRole",
    "SavedView",
    "Scenario",
    "SharedUnit",
    "Sheet",
    "SheetChange",
    "SheetComment",
    "SheetDeed",
    "Subscription",
    "Suggestion",
    "Team",
    "Territory",
    "TerritoryPlan",
    "TimelineTask",
    "Unwanted",
    "UrgencyRule",
    "User",
    "Watch",
    "WatchList",
    "WatchMove",
    "Webhook",
    "WritingHours",
]
