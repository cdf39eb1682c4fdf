"""Territory plans: which team covers which units, in which territories, when."""

from datetime import date

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from footprints.dated import PERIOD, ClosingDayField, Dated, DatedQuerySet, last_day
from footprints.models import Change, Kind, OrganisationKey, Outcome, Rule
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


class Nation(models.TextChoices):
    """The four nations, by the letter that begins their codes in official statistics."""

    ENGLAND = "E", "England"
    WALES = "W", "Wales"
    SCOTLAND = "S", "Scotland"
    NORTHERN_IRELAND = "N", "Northern Ireland"


def england() -> list[str]:
    """The nations of a plan of which nobody said more."""
    return [Nation.ENGLAND.value]


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
        return self.exclude(state__in=TerritoryPlan.State.put_away())


class TerritoryPlan(Revised):
    """A dated set of territories of one team.

    ``role`` is how the team covers what the plan holds: gaps and overlaps are judged over the
    plans of one team and role. ``kinds`` are the bodies each of which should have a territory;
    none: those that the plan has. An approved plan becomes active on ``activates_on`` by the
    clock, and supersedes the one it ``replaces``, which stays as it was and can be brought back.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Submitted"
        APPROVED = "approved", "Approved"
        ACTIVE = "active", "Active"
        SUPERSEDED = "superseded", "Superseded"
        ARCHIVED = "archived", "Archived"

        @classmethod
        def put_away(cls) -> tuple["TerritoryPlan.State", ...]:
            """The states of a plan by which nobody works: nothing touches it any more."""
            return cls.SUPERSEDED, cls.ARCHIVED

        @classmethod
        def changeable(cls) -> tuple["TerritoryPlan.State", ...]:
            """The states in which a plan is drawn: what is submitted stands as it is."""
            return cls.DRAFT, cls.ACTIVE

    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="plans")
    name = models.CharField(max_length=120)
    brands = models.CharField(max_length=120, blank=True)
    role = models.CharField(
        "covers as",
        max_length=12,
        choices=CoverageRole.choices,
        default=CoverageRole.OWNER,
        help_text="Gaps and overlaps are judged over the plans of one team and role.",
    )
    kinds = models.ManyToManyField(
        Kind,
        blank=True,
        related_name="+",
        verbose_name="kinds of unit",
        help_text="Every body of these kinds should have a territory. None: as the plan has them.",
    )
    nations = ArrayField(
        models.CharField(max_length=1, choices=Nation.choices), default=england, blank=True
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_plans"
    )
    opened_on = models.DateField("first day")
    closed_on = ClosingDayField(null=True, blank=True)
    copied_from = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="copies"
    )

    replaces = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    activates_on = models.DateField(
        "becomes active on",
        null=True,
        blank=True,
        help_text="By the clock, once it is approved.",
    )

    objects = TerritoryPlanQuerySet.as_manager()

    class Meta(Revised.Meta):
        abstract = False
        ordering = ["-opened_on", "name", "pk"]
        indexes = [
            *Revised.Meta.indexes,
            models.Index(
                fields=["activates_on"], name="plan_to_activate", condition=Q(state="approved")
            ),
        ]
        constraints = [
            *Revised.Meta.constraints,
            models.CheckConstraint(name="plan_replaces_another", condition=~Q(replaces=F("id"))),
            models.CheckConstraint(
                name="plan_activates_within_its_life",
                condition=Q(activates_on__isnull=True)
                | Q(closed_on__isnull=True)
                | Q(activates_on__lt=F("closed_on")),
                violation_error_message="The plan has ended by the day on which it would begin.",
            ),
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
    colour = models.CharField(
        max_length=7,
        blank=True,
        validators=[RegexValidator(r"^#[0-9a-f]{6}$", "Six digits after #, as #0072b2.")],
        help_text="Empty: by its place in the plan.",
    )
    notes = models.TextField(blank=True)
    capacity = models.DecimalField(
        "capacity in days",
        max_digits=6,
        decimal_places=1,
        null=True,
        blank=True,
        help_text="Working days in the field a year, of all who work it.",
    )

    objects = TerritoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "territories"
        ordering = ["plan", "position", "code"]
        constraints = [
            models.UniqueConstraint(name="territory_code_once_a_plan", fields=["plan", "code"]),
            models.UniqueConstraint(name="territory_plan_key", fields=["plan", "id"]),
            models.CheckConstraint(
                name="territory_not_under_itself", condition=~Q(parent=F("id"))
            ),
            models.CheckConstraint(
                name="territory_colour_as_hex",
                condition=Q(colour="") | Q(colour__regex=r"^#[0-9a-f]{6}$"),
            ),
            models.CheckConstraint(
                name="territory_capacity_not_negative",
                condition=Q(capacity__isnull=True) | Q(capacity__gte=0),
                violation_error_message="Days cannot be fewer than none.",
            ),
        ]

    def __str__(self):
        return f"{self.code} {self.name}" if self.name != self.code else self.name

    def get_absolute_url(self):
        return reverse("accounts:territory", args=[self.plan_id, self.pk])


class RosterRole(models.TextChoices):
    """What somebody does in a territory. It has one owner at a time; who hands over overlaps."""

    OWNER = "owner", "Owner"
    HANDOVER = "handover", "Handing over"
    COVER = "cover", "Acting cover"
    MIRROR = "mirror", "Mirror"
    OVERLAY = "overlay", "Overlay"
    CO_PROMOTION = "co_promotion", "Co-promotion"


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
    role = models.CharField(max_length=12, choices=RosterRole.choices, default=RosterRole.OWNER)
    fte = models.DecimalField(
        "full-time equivalent",
        max_digits=3,
        decimal_places=2,
        default=1,
        help_text="1 is the whole of their time.",
    )
    is_agency = models.BooleanField("from an agency", default=False)

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
            models.CheckConstraint(
                name="rosterentry_some_of_one_person",
                condition=Q(fte__gt=0, fte__lte=1),
                violation_error_message="More than none of one person's time, and at most all.",
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
