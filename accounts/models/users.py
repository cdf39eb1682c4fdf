"""Who we are: the people who sign in, and the team each belongs to."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from .teams import Team


class User(AbstractUser):
    """A colleague. The role says what they may do; the roster, which territories are theirs."""

    class Role(models.TextChoices):
        FIELD = "field", "Field user"
        PLANNER = "planner", "Planner"
        MANAGER = "manager", "Manager"
        STEWARD = "steward", "Data steward"

        @classmethod
        def planning(cls) -> tuple["User.Role", ...]:
            """The roles of those who plan: they draw plans, and work alerts and sheets."""
            return cls.PLANNER, cls.MANAGER

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.FIELD)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )

    def __str__(self):
        return self.get_full_name() or self.username
