"""What if? A draft plan as it would be after an event, and what of the event it rests on."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from footprints.models import Reorganisation

from .territories import TerritoryPlan
from .users import User


class ScenarioQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """For those who plan: scenarios of plans that they may open, kept in such plans."""
        if user.role not in User.Role.planning():
            return self.none()
        plans = TerritoryPlan.objects.visible_to(user)
        return self.filter(plan__in=plans, draft__in=plans)


class Scenario(models.Model):
    """A draft of a plan as it would be after an event that may never come.

    The draft is a plan like any other, and a planner may change it. The scenario keeps the event's
    revision, day and parties as they were, so that it can say what moved; and the draft's rows as
    they were made, so that what people changed since can be told and kept.
    """

    event = models.ForeignKey(Reorganisation, on_delete=models.CASCADE, related_name="scenarios")
    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="scenarios")
    draft = models.OneToOneField(TerritoryPlan, on_delete=models.CASCADE, related_name="scenario")
    note = models.TextField(blank=True, help_text="What it supposes, what it is for.")
    # Of the event and of the plan, as they were when the draft was made or refreshed.
    revision = models.PositiveIntegerField(editable=False)
    plan_revision = models.PositiveIntegerField(editable=False)
    rests_on = models.JSONField(default=dict, editable=False)
    # Territory of the plan → of the draft, and [unit, role, territory, first day, closing day].
    territories = models.JSONField(default=dict, editable=False)
    made = models.JSONField(default=list, editable=False)
    # What people had changed and the last refresh could not keep, in words.
    lost = models.JSONField(default=list, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    made_at = models.DateTimeField()
    refreshed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    refreshed_at = models.DateTimeField(null=True, blank=True)

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                name="scenario_refreshed_by_somebody",
                condition=Q(refreshed_by__isnull=True, refreshed_at__isnull=True)
                | Q(refreshed_by__isnull=False, refreshed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="scenario_drafts_another_plan",
                condition=~Q(plan=models.F("draft")),
            ),
        ]

    def __str__(self):
        return self.draft.name

    def get_absolute_url(self):
        return reverse("accounts:scenario", args=[self.pk])


__all__ = ["Scenario"]
