"""A suggestion: a deal of a plan's units that a solver works out, taken whole, in part, or not."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse

from footprints.models import Kind

from .decisions import person
from .measures import Measure
from .territories import TerritoryPlan
from .users import User


class SuggestionQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """For those who plan: of plans that they may open."""
        if user.role not in User.Role.planning():
            return self.none()
        return self.filter(plan__in=TerritoryPlan.objects.visible_to(user))

    def under_way(self):
        return self.filter(state__in=Suggestion.State.under_way())


class Suggestion(models.Model):
    """What was asked of the solver about a plan on a day, how far it is, and what it found.

    ``evens`` says what is to be even; ``still`` and ``compact`` how much few changes and short
    ways count. ``kind`` is of the units dealt, where a plan asks for several. ``locked`` are
    territories that keep what they have, ``locked_units`` bodies that stay where they are, and
    ``homes`` {territory: body where its base is}, all by key. ``found`` is
    [unit, territory before or null, territory after] of each unit that would move, and ``told``
    how good that is, beside what it was, a random and a greedy deal, and the best that is proved.
    """

    class Evens(models.TextChoices):
        PEOPLE = "people", "People"
        UNITS = "units", "Number of units"
        MEASURE = "measure", "A measure"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        WORKING = "working", "Working it out"
        DONE = "done", "Worked out"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"
        TAKEN = "taken", "Taken"
        THROWN_AWAY = "thrown_away", "Thrown away"

        @classmethod
        def under_way(cls):
            return [cls.WAITING, cls.WORKING]

    plan = models.ForeignKey(TerritoryPlan, on_delete=models.CASCADE, related_name="suggestions")
    from_on = models.DateField("from")
    evens = models.CharField(
        "make even", max_length=7, choices=Evens.choices, default=Evens.PEOPLE
    )
    measure = models.ForeignKey(
        Measure, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    still = models.FloatField("few changes", default=1)
    compact = models.FloatField("short ways", default=1)
    kind = models.ForeignKey(
        Kind, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    locked = models.JSONField(default=list, blank=True)
    locked_units = models.JSONField(default=list, blank=True)
    homes = models.JSONField(default=dict, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=11, choices=State.choices, default=State.WAITING)
    percent = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    found = models.JSONField(default=list, editable=False)
    told = models.JSONField(default=dict, editable=False)
    decided_by = person()
    decided_at = models.DateTimeField(null=True, blank=True)

    objects = SuggestionQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="suggestion_one_at_a_time_a_plan",
                fields=["plan"],
                condition=Q(state__in=["waiting", "working"]),
            ),
            models.CheckConstraint(
                name="suggestion_evens_a_measure",
                condition=Q(evens="measure", measure__isnull=False)
                | (~Q(evens="measure") & Q(measure__isnull=True)),
                violation_error_message="Say which measure.",
            ),
            models.CheckConstraint(
                name="suggestion_weighs_within_reason",
                condition=Q(still__gte=0, still__lte=5, compact__gte=0, compact__lte=5),
            ),
            models.CheckConstraint(
                name="suggestion_percent_of_a_whole", condition=Q(percent__lte=100)
            ),
        ]

    def __str__(self):
        return f"{self.plan}, {self.get_evens_display().lower()} evened"

    def get_absolute_url(self):
        return reverse("accounts:suggestion", args=[self.pk])

    @property
    def is_under_way(self) -> bool:
        """It will change by itself: worth looking at again in a moment."""
        return self.state in self.State.under_way()


__all__ = ["Suggestion"]
