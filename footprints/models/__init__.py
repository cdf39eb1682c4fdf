from .derived import OfKind, Tally, Word
from .keys import REGISTER, WEIGHT_OF, Change, OrganisationKey, Outcome, Rule, Weight
from .organisations import (
    AreaPrescribingCommittee,
    Boundary,
    Footprint,
    Identifier,
    Kind,
    Organisation,
    Population,
    ProviderCollaborative,
    Version,
)
from .relationships import LeadProvider, Relationship
from .releases import NOW, Finding, Recorded, Release
from .reorganisations import Move, Reorganisation, Step, Succession, Touch
from .reports import Feed, Proposal, Report

__all__ = [
    "NOW",
    "REGISTER",
    "WEIGHT_OF",
    "AreaPrescribingCommittee",
    "Boundary",
    "Change",
    "Feed",
    "Finding",
    "Footprint",
    "Identifier",
    "Kind",
    "LeadProvider",
    "Move",
    "OfKind",
    "Organisation",
    "OrganisationKey",
    "Outcome",
    "Population",
    "Proposal",
    "ProviderCollaborative",
    "Recorded",
    "Relationship",
    "Release",
    "Reorganisation",
    "Report",
    "Rule",
    "Step",
    "Succession",
    "Tally",
    "Touch",
    "Version",
    "Weight",
    "Word",
]
