"""The places that bodies have, defined once: readers that share one speak of the same fact."""

from .claims import Slot

PART_OF = "part_of"
MEMBER_OF = "member_of"
LIES_IN = "lies_in"

COMMISSIONERS = frozenset({"ccg", "sub_icb"})
SYSTEMS = frozenset({"stp", "icb"})  # an STP that became an ICB kept its code

# Who commissions what a practice prescribes. Prescribing cost centres that are no practice
# (hospices, prisons, out-of-hours) sit with hubs too, and Welsh practices with a health board.
COMMISSIONER = Slot(
    name="commissioner",
    type=PART_OF,
    children=frozenset({"practice", "prescribing_cost_centre"}),
    parents=COMMISSIONERS | {"commissioning_hub", "health_board_wales"},
)

# The PCN that a practice is a core partner of.
PCN = Slot(
    name="pcn",
    type=MEMBER_OF,
    children=frozenset({"practice", "prescribing_cost_centre"}),
    parents=frozenset({"pcn"}),
)

# The reporting entity that a practice counts for, beside its commissioner (London, Frimley).
REPORTED_BY = Slot(
    name="reporting entity",
    type=MEMBER_OF,
    children=frozenset({"practice", "prescribing_cost_centre"}),
    parents=frozenset({"reporting_entity"}),
)

# The brick of a data supplier's that a practice is counted in. Suppliers copy codes of practices
# by hand, and are no authority on what a code is.
BRICK = Slot(
    name="brick",
    type=MEMBER_OF,
    children=frozenset({"practice", "prescribing_cost_centre"}),
    parents=frozenset({"brick"}),
    checks_children=True,
)

# Where a brick lies, by its supplier's word. It is no part of the NHS: the practices in it may be
# of other locations, and where it lies measures no division of an area.
BRICK_LOCATION = Slot(
    name="brick location",
    type=LIES_IN,
    children=frozenset({"brick"}),
    parents=COMMISSIONERS | SYSTEMS,
)

# The CCG, later the sub-ICB location, that a PCN lies in.
PCN_LOCATION = Slot(
    name="pcn location", type=PART_OF, children=frozenset({"pcn"}), parents=COMMISSIONERS
)

# The system that a CCG, later a sub-ICB location, is a part of.
LOCATION_SYSTEM = Slot(
    name="location system", type=PART_OF, children=COMMISSIONERS, parents=SYSTEMS
)

# The ICB that a reporting entity counts for: a reporting line, not commissioning.
ENTITY_SYSTEM = Slot(
    name="reporting entity system",
    type=PART_OF,
    children=frozenset({"reporting_entity"}),
    parents=SYSTEMS,
)

# The region that a system is a part of.
SYSTEM_REGION = Slot(
    name="system region", type=PART_OF, children=SYSTEMS, parents=frozenset({"region"})
)

# The system that a trust is a member of: a trust is no part of an area.
TRUST_SYSTEM = Slot(
    name="system",
    type=MEMBER_OF,
    children=frozenset({"trust", "care_trust"}),
    parents=SYSTEMS,
)

# The trust that a site belongs to.
SITE_TRUST = Slot(
    name="site trust",
    type=PART_OF,
    children=frozenset({"trust_site"}),
    parents=frozenset({"trust", "care_trust"}),
)
