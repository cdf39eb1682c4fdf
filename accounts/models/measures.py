"""Numbers that a company brings: sales, patients, potential, by unit or by any finer body."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from footprints.models import OrganisationKey

from .decisions import RECORD
from .teams import Team
from .users import User


class MeasureQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """A team's own measures are its members' where it is walled; any other is everybody's."""
        return self.filter(Q(team=None) | Q(team__is_walled=False) | Q(team=user.team_id))


class Measure(models.Model):
    """One upload of a number: what it counts, whose it is, from where, of which day.

    A later upload under the same name replaces the figures; the steps of it stay in the log.
    ``unplaced`` keeps [code as written, amount] of the first that no body could be found for, and
    the two totals say how many, and how much.
    """

    name = models.CharField(max_length=60)
    unit = models.CharField(
        "counted in", max_length=20, blank=True, help_text="£, packs, patients. Empty: a number."
    )
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="measures"
    )
    source = models.CharField(max_length=200, help_text="Who counted it, in which report.")
    counted_on = models.DateField("as counted on", help_text="The codes are those of this day.")
    days_each = models.DecimalField(
        "working days each",
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        help_text="Days in the field that one of it asks for a year. Empty: none.",
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    unplaced = models.JSONField(default=list, editable=False)
    unplaced_count = models.PositiveIntegerField(default=0, editable=False)
    unplaced_amount = models.DecimalField(
        max_digits=20, decimal_places=4, default=0, editable=False
    )

    objects = MeasureQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="measure_name_once_a_team", fields=["name", "team"], nulls_distinct=False
            ),
            models.CheckConstraint(name="measure_says_its_source", condition=~Q(source="")),
            models.CheckConstraint(
                name="measure_asks_for_no_negative_days",
                condition=Q(days_each__isnull=True) | Q(days_each__gte=0),
            ),
        ]

    def __str__(self):
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def get_absolute_url(self):
        return reverse("accounts:measure", args=[self.pk])


class Figure(models.Model):
    """The amount of a measure at one body."""

    measure = models.ForeignKey(
        Measure, on_delete=models.CASCADE, related_name="figures", db_index=False
    )
    # It was counted on the body as it was: history, which is read through its successors.
    organisation = OrganisationKey(rule=RECORD, related_name="+", db_index=False)
    amount = models.DecimalField(max_digits=18, decimal_places=4)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="figure_once_a_measure", fields=["measure", "organisation"]
            ),
        ]

    def __str__(self):
        return f"{self.organisation}: {self.amount}"


__all__ = ["Figure", "Measure"]
