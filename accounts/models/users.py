"""Who we are: the people who sign in, and the team each belongs to."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Team(models.Model):
    """A field force for one or more brands. A walled team's things are seen by itself alone."""

    name = models.CharField(max_length=100, unique=True)
    is_walled = models.BooleanField(
        default=False, help_text="Medical: its plans are shown to its own members only."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class User(AbstractUser):
    """A colleague. The role says what they may do; the roster, which territories are theirs."""

    class Role(models.TextChoices):
        FIELD = "field", "Field user"
        PLANNER = "planner", "Planner"
        MANAGER = "manager", "Manager"
        STEWARD = "steward", "Data steward"

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.FIELD)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )

    def __str__(self):
        return self.get_full_name() or self.username
