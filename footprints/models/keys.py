"""Whatever depends on an organisation says so: the one way to point at one.

``OrganisationKey`` is a foreign key with a rule: what happens to the row when the organisation
changes, who decides, and how the row is described to a person. The blast radius of a
reorganisation walks Django's model registry for these keys (``footprints.blast_radius``), so the
register never imports what hangs on it, and nothing that hangs on it is forgotten.
"""

from dataclasses import dataclass

from django.db import models


class Change(models.TextChoices):
    """What one reorganisation does to one organisation; the words of ``footprints_touch``."""

    ENDS = "ends", "closes into one successor"
    SPLITS = "splits", "splits between several successors"
    CLOSES = "closes", "closes without a successor"
    CHANGES_NATURE = "changes_nature", "keeps its code and becomes another kind of body"
    RENAMED = "renamed", "keeps its code and gets another name"
    HANDS_OVER = "hands_over", "hands its statutory functions to another body"
    RECEIVES = "receives", "takes over the area or functions of another body"
    CHANGES_PARENT = "changes_parent", "moves to another parent"

    @classmethod
    def closing(cls) -> tuple["Change", ...]:
        """Those after which the organisation is no more."""
        return cls.ENDS, cls.SPLITS, cls.CLOSES


class Outcome(models.TextChoices):
    """What becomes of a row of ours by default; a person may decide otherwise."""

    CARRY = "carry", "Carries over"
    KEEP_THE_LINE = "keep_the_line", "Keep the line"
    SPLIT = "split", "Split"
    LEAVE = "leave", "Stays as it is"
    BRING_IN = "bring_in", "Bring in"
    CLOSE = "close", "Close"
    REVERIFY = "reverify", "Re-verify"
    HOLD = "hold", "Hold"


class Weight(models.IntegerChoices):
    """How much a flag asks of a person; higher asks more."""

    KNOW = 1, "Know"
    CHECK = 2, "Check"
    ACT = 3, "Act"


WEIGHT_OF = {
    Outcome.CARRY: Weight.KNOW,
    Outcome.LEAVE: Weight.KNOW,
    Outcome.BRING_IN: Weight.CHECK,
    Outcome.REVERIFY: Weight.CHECK,
    Outcome.HOLD: Weight.ACT,
    Outcome.KEEP_THE_LINE: Weight.ACT,
    Outcome.SPLIT: Weight.ACT,
    Outcome.CLOSE: Weight.ACT,
}


@dataclass(frozen=True)
class Rule:
    """What happens to a row when its organisation changes.

    ``says`` describes the row to a person ("unit of a territory"); ``decides`` names the role that
    must decide; ``root`` is the field of the row that gets the flag ("" for the row itself);
    ``outcomes`` gives the default for each change that touches the row: a change without one
    leaves the row untouched.
    """

    says: str
    decides: str
    outcomes: dict[str, str]
    root: str = ""

    @property
    def is_register(self) -> bool:
        """True where the row is the register's own: a release changes it, no decision does."""
        return not self.outcomes


REGISTER = Rule(says="a fact of the register", decides="the register", outcomes={})


class OrganisationKey(models.ForeignKey):
    """A foreign key to an organisation, with the rule of what its changes do to the row."""

    def __init__(self, to="footprints.Organisation", on_delete=models.PROTECT, *, rule, **kwargs):
        self.rule = rule
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self):
        # Migrations know a plain foreign key: a rule is behaviour, not schema.
        name, _, args, kwargs = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, kwargs

    def clone(self):
        _, _, args, kwargs = self.deconstruct()
        return type(self)(*args, rule=self.rule, **kwargs)
