"""Account leads: who answers for a whole body whose practices stay with several territories."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Q

from footprints.dated import PERIOD, Dated, DatedQuerySet
from footprints.models import Change, OrganisationKey, Outcome, Rule
from footprints.revised import Revised, RevisedQuerySet

from .decisions import Sheet
from .territories import Territory, TerritoryPlan
from .users import User

LEAD_RULE = Rule(
    says="an account lead",
    decides="owner",
    outcomes={
        Change.ENDS: Outcome.REVERIFY,
        Change.SPLITS: Outcome.REVERIFY,
        Change.CLOSES: Outcome.REVERIFY,
    },
)


class AccountLeadQuerySet(RevisedQuerySet, DatedQuerySet):
    def visible_to(self, user: User):
        """Leads of the plans that the user may open."""
        return self.filter(plan__in=TerritoryPlan.objects.visible_to(user))

    def answered_for_by(self, user: User):
        """Those of open plans; for a field user, of territories of theirs."""
        found = self.visible_to(user).exclude(plan__state__in=TerritoryPlan.State.put_away())
        if user.role == User.Role.FIELD:
            found = found.filter(territory__in=Territory.objects.visible_to(user))
        return found


class AccountLead(Revised, Dated):
    """A territory that leads on a whole body in a plan: made by a sheet that was applied.

    Nobody's practices are its alone for that. Undoing the sheet takes the lead away again, and
    gives back those that the sheet ended. One that a copy of a plan took along has no sheet that
    made it: no undo of the original's sheets reaches the copy.
    """

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="leads")
    territory = models.ForeignKey(Territory, on_delete=models.PROTECT, related_name="leads")
    organisation = OrganisationKey(rule=LEAD_RULE, related_name="account_leads")
    made_by = models.ForeignKey(
        Sheet,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="leads",
        verbose_name="made by the sheet",
        help_text="None: it came with a copy of its plan.",
    )
    ended_by = models.ForeignKey(
        Sheet, on_delete=models.PROTECT, null=True, blank=True, related_name="leads_ended"
    )

    objects = AccountLeadQuerySet.as_manager()

    class Meta(Revised.Meta, Dated.Meta):
        abstract = False
        ordering = ["opened_on", "pk"]
        constraints = [
            *Revised.Meta.constraints,
            *Dated.Meta.constraints,
            models.CheckConstraint(
                name="accountlead_ended_by_a_sheet",
                condition=Q(ended_by__isnull=True, closed_on__isnull=True)
                | Q(ended_by__isnull=False, closed_on__isnull=False)
                # A copy takes along from when another leads, and not the sheet that says so.
                | Q(ended_by__isnull=True, made_by__isnull=True),
            ),
            ExclusionConstraint(
                name="accountlead_one_a_body_and_plan",
                expressions=[
                    ("plan", RangeOperators.EQUAL),
                    ("organisation", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self):
        return f"{self.territory} leads on {self.organisation}"


__all__ = ["AccountLead"]
