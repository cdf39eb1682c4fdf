"""Territory plans: which team covers which units, in which territories, when."""

from datetime import date

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from footprints.dated import PERIOD, ClosingDayField, Dated, DatedQuerySet, last_day
from footprints.models import Change, OrganisationKey, Outcome, Rule
from footprints.revised import Revised, RevisedQuerySet

from .teams import Team
from .users import User

ASSIGNMENT_RULE = Rule(
    says="a unit of a territory",
    decides="owner",
    root="plan",
    outcomes={
        # The whole area goes to one successor: it carries, unless territories meet there
        # (accounts.effects finds those, and raises the flag's weight).
        Change.ENDS: Outcome.CARRY,
        Change.SPLITS: Outcome.SPLIT,
        Change.CLOSES: Outcome.CLOSE,
        Change.CHANGES_NATURE: Outcome.CARRY,
        Change.RECEIVES: Outcome.CARRY,
        Change.CHANGES_PARENT: Outcome.LEAVE,
    },
)


class CoverageRole(models.TextChoices):
    """How a territory covers a unit. Gaps and overlaps are judged per role."""

    OWNER = "owner", "Owner"
    MIRROR = "mirror", "Mirror"
    OVERLAY = "overlay", "Overlay"
    CO_PROMOTION = "co_promotion", "Co-promotion"
    COVER = "cover", "Cover"


class TerritoryPlanQuerySet(RevisedQuerySet):
    def visible_to(self, user: User):
        """Plans the user may open: a walled team's are for its members alone; a field user sees
        those they own, and those that hold a territory of theirs, but no scenario."""
        plans = self.filter(Q(team__is_walled=False) | Q(team=user.team_id))
        if user.role == User.Role.FIELD:
            rostered = RosterEntry.objects.filter(territory__plan=OuterRef("pk"), user=user)
            plans = plans.filter(Q(owner=user) | Exists(rostered), scenario=None)
        return plans

    def open(self):
        """Plans that a reorganisation may still touch."""
        return self.exclude(state=TerritoryPlan.State.ARCHIVED)


class TerritoryPlan(Revised):
    """A dated set of territories of one team."""

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        ARCHIVED = "archived", "Archived"

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="plans")
    name = models.CharField(max_length=120)
    brands = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_plans"
    )
    opened_on = models.DateField("first day")
    closed_on = ClosingDayField(null=True, blank=True)
    copied_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="copies"
    )

    objects = TerritoryPlanQuerySet.as_manager()

    class Meta(Revised.Meta):
        abstract = False
        ordering = ["-opened_on", "name", "pk"]
        constraints = [
            *Revised.Meta.constraints,
            models.CheckConstraint(
                name="plan_opens_before_it_closes",
                condition=Q(opened_on__lt=F("closed_on")),
                violation_error_message="The last day lies before the first.",
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("accounts:plan", args=[self.pk])

    def day_for(self, day: date) -> date:
        """That day where the plan holds on it, else the nearest day on which it does."""
        day = max(day, self.opened_on)
        return min(day, self.last_day) if self.closed_on else day

    @property
    def last_day(self) -> date | None:
        return last_day(self.closed_on)


class TerritoryQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """Territories the user may see: all of a visible plan; for a field user, their own."""
        territories = self.filter(Q(plan__team__is_walled=False) | Q(plan__team=user.team_id))
        if user.role == User.Role.FIELD:
            rostered = RosterEntry.objects.filter(territory=OuterRef("pk"), user=user)
            territories = territories.filter(
                Q(plan__owner=user) | Exists(rostered), plan__scenario=None
            )
        return territories


class Territory(models.Model):
    """A named patch of a plan."""

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="territories")
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    position = models.PositiveIntegerField(default=0)

    objects = TerritoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "territories"
        ordering = ["plan", "position", "code"]
        constraints = [
            models.UniqueConstraint(name="territory_code_once_a_plan", fields=["plan", "code"]),
            models.UniqueConstraint(name="territory_plan_key", fields=["plan", "id"]),
        ]

    def __str__(self):
        return f"{self.code} {self.name}" if self.name != self.code else self.name

    def get_absolute_url(self):
        return reverse("accounts:territory", args=[self.plan_id, self.pk])


class RosterEntry(Dated):
    """Who works a territory, in which role, from one day to another. Nobody: a vacancy."""

    territory = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="roster")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="roster",
    )
    name = models.CharField(
        max_length=120, blank=True, help_text="As it was pasted, where nobody signs in by it."
    )
    role = models.CharField(
        max_length=12, choices=CoverageRole.choices, default=CoverageRole.OWNER
    )

    objects = DatedQuerySet.as_manager()

    class Meta(Dated.Meta):
        abstract = False
        verbose_name_plural = "roster"
        ordering = ["territory", "role", "-opened_on"]
        constraints = [
            *Dated.Meta.constraints,
            models.CheckConstraint(
                name="rosterentry_names_somebody", condition=Q(user__isnull=False) | ~Q(name="")
            ),
            ExclusionConstraint(
                name="rosterentry_one_owner_at_a_time",
                expressions=[
                    ("territory", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=Q(role="owner"),
            ),
        ]

    def __str__(self):
        return str(self.user) if self.user_id else self.name


class Assignment(Dated):
    """An alignment: the unit belongs to the territory for a while."""

    # One key over both holds them (migration 0003): the territory is there, and is of the plan.
    plan = models.ForeignKey(
        TerritoryPlan, on_delete=models.CASCADE, related_name="assignments", db_constraint=False
    )
    territory = models.ForeignKey(
        Territory, on_delete=models.CASCADE, related_name="assignments", db_constraint=False
    )
    organisation = OrganisationKey(
        rule=ASSIGNMENT_RULE, related_name="assignments", db_index=False, verbose_name="unit"
    )
    role = models.CharField(
        max_length=12, choices=CoverageRole.choices, default=CoverageRole.OWNER
    )

    objects = DatedQuerySet.as_manager()

    class Meta(Dated.Meta):
        abstract = False
        constraints = [
            *Dated.Meta.constraints,
            ExclusionConstraint(
                name="assignment_unit_once_at_a_time",
                expressions=[
                    ("plan", RangeOperators.EQUAL),
                    ("organisation", RangeOperators.EQUAL),
                    ("role", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                violation_error_message="The unit already belongs to a territory of this plan.",
            ),
        ]
        indexes = [models.Index(fields=["organisation", "plan"], name="assignment_organisation")]

    def __str__(self):
        return f"{self.organisation} in {self.territory}"
