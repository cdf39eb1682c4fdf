"""News is a row: what changed since it was last looked at for flags, shared by all three floors.

Whoever changes a row raises its ``revision`` in the same statement or transaction. The upper floor
looks for rows whose revision it has not acted on; a partial index holds just these, so that a run
with nothing to do costs nothing.
"""

from django.db import models
from django.db.models import F, Q


class RevisedQuerySet(models.QuerySet):
    def unflagged(self):
        """Rows that changed since the last flagging."""
        return self.filter(revision__gt=F("flagged_revision"))

    def revise(self) -> int:
        """Say that these rows changed; return how many."""
        return self.update(revision=F("revision") + 1)


class Revised(models.Model):
    """A row that a reorganisation may unsettle, or a reorganisation itself."""

    revision = models.PositiveIntegerField(default=1, editable=False)
    flagged_revision = models.PositiveIntegerField(default=0, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(class)s_flagged_no_further_than_it_is",
                condition=Q(flagged_revision__lte=F("revision")),
            )
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="%(class)s_unflagged",
                condition=Q(revision__gt=F("flagged_revision")),
            )
        ]
