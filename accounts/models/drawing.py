"""How a plan came to be what it is: its way from draft to active, each change, each challenge."""

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Cast
from django.urls import reverse

from footprints.models import OrganisationKey

from .decisions import RECORD, person
from .territories import CoverageRole, Territory, TerritoryPlan
from .users import User


class PlanStep(models.Model):
    """One step of a plan: by whom, when, why. Nobody is the clock."""

    class Deed(models.TextChoices):
        MADE = "made", "Made"
        COPIED = "copied", "Copied"
        SUBMITTED = "submitted", "Submitted"
        SENT_BACK = "sent_back", "Sent back"
        APPROVED = "approved", "Approved"
        ACTIVATED = "activated", "Activated"
        SUPERSEDED = "superseded", "Superseded"
        BROUGHT_BACK = "brought_back", "Brought back"
        ARCHIVED = "archived", "Archived"
        REOPENED = "reopened", "Made a draft again"

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="steps")
    deed = models.CharField(max_length=12, choices=Deed.choices)
    by = person()
    at = models.DateTimeField()
    reason = models.TextField(blank=True)
    revision = models.PositiveIntegerField(help_text="The plan's, as it was then.")

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"{self.get_deed_display()}: {self.plan}"


class PlanChangeQuerySet(models.QuerySet):
    def moves(self):
        """Those that moved units: what can be undone."""
        return self.exclude(rows=[])

    def with_units(self):
        """With ``units``, the number of those that moved."""
        number = Func(F("rows"), function="jsonb_array_length")
        return self.annotate(units=Cast(number, models.IntegerField()))


class PlanChange(models.Model):
    """One change of what a plan holds, wherever it was made: a line of the plan's history.

    It holds from ``from_on`` on. ``rows`` names each unit that moved in the plan's role:
    [organisation, role, territory before or null, territory after or null], and the day on which
    it was to leave, where it was freed earlier. By them it can be undone and done again; what
    moved no unit (a territory, the roster, a setting) has none. The changes of a plan stand in the
    order of their keys; one undone may be done again until its person moves something else.
    """

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="changes")
    by = person()
    at = models.DateTimeField()
    from_on = models.DateField()
    says = models.TextField(help_text="What was done, in words.")
    rows = models.JSONField()
    revision = models.PositiveIntegerField(help_text="The plan's, once it was done.")
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = PlanChangeQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["plan", "revision"], name="planchange_since")]

    def __str__(self):
        return self.says


class SharedUnit(models.Model):
    """A territory's declared part in the credit of a unit that others of the team cover too.

    An overlap is declared where each territory of it has a part, and the parts sum to one.
    """

    territory = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="shares")
    organisation = OrganisationKey(rule=RECORD, related_name="+")
    share = models.DecimalField(max_digits=5, decimal_places=4)
    reason = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["organisation", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="sharedunit_once_a_territory", fields=["territory", "organisation"]
            ),
            models.CheckConstraint(
                name="sharedunit_part_of_a_whole", condition=Q(share__gte=0, share__lte=1)
            ),
        ]

    def __str__(self):
        return f"{self.share:.0%} of {self.organisation} to {self.territory}"


class ChallengeQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """Those of plans the user may open; for a field user, their own and their patch's."""
        found = self.filter(plan__in=TerritoryPlan.objects.visible_to(user))
        if user.role == User.Role.FIELD:
            mine = Territory.objects.visible_to(user)
            found = found.filter(Q(by=user) | Q(territory__in=mine))
        return found

    def open(self):
        return self.filter(state=Challenge.State.OPEN)


class Challenge(models.Model):
    """\"Not like this\": what a field user says of a unit of their territory, and the answer.

    ``territory`` is whose patch speaks. ``wanted`` is where the unit should be: that very
    territory where it lies elsewhere now, another, or null where it should leave and the manager
    is to say where to. ``granted`` is where it went in the end.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACCEPTED = "accepted", "Accepted"
        CHANGED = "changed", "Accepted, with a change"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="challenges")
    territory = models.ForeignKey(Territory, on_delete=models.CASCADE, related_name="challenges")
    organisation = OrganisationKey(rule=RECORD, related_name="+", verbose_name="unit")
    role = models.CharField(
        max_length=12, choices=CoverageRole.choices, default=CoverageRole.OWNER
    )
    wanted = models.ForeignKey(
        Territory, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    granted = models.ForeignKey(
        Territory, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    reason = models.TextField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    decided_by = person()
    decided_at = models.DateTimeField(null=True, blank=True)
    answer = models.TextField(blank=True)

    objects = ChallengeQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="challenge_one_open_a_unit",
                fields=["plan", "organisation", "role"],
                condition=Q(state="open"),
                violation_error_message="Somebody has challenged this unit already.",
            ),
            models.CheckConstraint(name="challenge_has_a_reason", condition=~Q(reason="")),
            models.CheckConstraint(
                name="challenge_decided_by_somebody",
                condition=Q(state="open", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
            ),
        ]

    def __str__(self):
        return f"{self.territory} on {self.organisation}: {self.get_state_display().lower()}"

    def get_absolute_url(self):
        return reverse("accounts:challenge", args=[self.pk])

    @property
    def asks(self) -> str:
        """What the unit should do, in words."""
        if self.wanted is None:
            return f"leave {self.territory}"
        if self.wanted_id == self.territory_id:
            return f"come to {self.territory}"
        return f"go from {self.territory} to {self.wanted}"


__all__ = ["Challenge", "PlanChange", "PlanStep", "SharedUnit"]
