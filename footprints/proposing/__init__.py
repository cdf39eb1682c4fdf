"""Reorganisations that nobody announced, suggested by where the members of a body went.

When a footprint (a CCG, sub-ICB location, STP, ICB, PCN, region) closes, or empties, and no event
says who took its area over, its members tell: practices, PCNs, sub-ICB locations and whatever
else was part of it, or a member of it. ``movements`` follows them by set statements, ``judging``
says what a movement amounts to, ``grouping`` makes events of it, ``evidence`` keeps what was seen
for a person, ``evaluating`` compares the events with what is recorded. Nothing here writes a
fact; ``footprints.services.proposals`` does.

The finest bodies come first: what is suggested of sub-ICB locations is evidence about their ICBs.
"""

from . import evidence
from .evaluating import Evaluation, evaluate
from .grouping import Suggestion, of_passings, suggest

__all__ = ["Evaluation", "Suggestion", "evaluate", "evidence", "of_passings", "suggest"]
