from .keys import REGISTER, WEIGHT_OF, Change, OrganisationKey, Outcome, Rule, Weight
from .organisations import (
    AreaPrescribingCommittee,
    Footprint,
    Identifier,
    Kind,
    Organisation,
    Population,
    ProviderCollaborative,
    Version,
)
from .relationships import LeadProvider, Relationship
from .releases import NOW, Finding, Release
from .reorganisations import Move, Reorganisation, Step, Succession, Touch

__all__ = [
    "NOW",
    "REGISTER",
    "WEIGHT_OF",
    "AreaPrescribingCommittee",
    "Change",
    "Finding",
    "Footprint",
    "Identifier",
    "Kind",
    "LeadProvider",
    "Move",
    "Organisation",
    "OrganisationKey",
    "Outcome",
    "Population",
    "ProviderCollaborative",
    "Relationship",
    "Release",
    "Reorganisation",
    "Rule",
    "Step",
    "Succession",
    "Touch",
    "Version",
    "Weight",
]
