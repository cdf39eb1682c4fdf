"""What was said and done about a sheet: kept for good, whatever is applied, undone or decided."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from footprints.models import OrganisationKey

from .decisions import RECORD, Sheet, person
from .territories import CoverageRole


class SheetComment(models.Model):
    """What somebody said about one row of a sheet. Never changed, never taken away."""

    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="comments")
    body = OrganisationKey(rule=RECORD, related_name="+", db_index=False)
    role = models.CharField(max_length=12, choices=CoverageRole.choices)
    text = models.TextField(max_length=2000)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(name="sheetcomment_says_something", condition=~Q(text=""))
        ]

    def __str__(self):
        return f"{self.by}: {self.text[:80]}"


class SheetDeed(models.Model):
    """One thing that was done to a sheet, by whom, when. Append only."""

    class Deed(models.TextChoices):
        DECIDED = "decided", "decided"
        DATED = "dated", "set the days"
        PREPARED = "prepared", "prepared it"
        APPROVED = "approved", "approved it"
        TAKEN_BACK = "taken_back", "took it back"
        APPLIED = "applied", "applied it"
        RELEASED = "released", "opened it again: what was held is due"
        UNDONE = "undone", "undid it"

    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="deeds")
    deed = models.CharField(max_length=10, choices=Deed.choices)
    by = person()  # nobody: the clock
    at = models.DateTimeField()
    says = models.TextField(blank=True)
    # Of what was prepared, approved or applied: that these were the same changes.
    fingerprint = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="sheetdeed_by_somebody_or_the_clock",
                condition=Q(by__isnull=False) | Q(deed__in=["applied", "released"]),
            )
        ]

    def __str__(self):
        return f"{self.by or 'The clock'} {self.get_deed_display()}"


__all__ = ["SheetComment", "SheetDeed"]
