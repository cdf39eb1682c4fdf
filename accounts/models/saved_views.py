"""Saved views: how somebody narrowed, sorted and laid out a list, under a name."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .teams import Team
from .users import User


class SavedViewQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """The user's own, and those that colleagues of their team show."""
        own = Q(person=user)
        return self.filter(own | Q(team=user.team_id)) if user.team_id else self.filter(own)


class SavedView(models.Model):
    """One list as one person wants to see it again: filters, order and columns.

    It names no day and no row: each time it is the rows of the day shown that its reader may see.
    ``path`` is the list's address, ``query`` what follows it, as `saved_views.words_of` has it.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="saved_views",
        db_index=False,
    )
    path = models.CharField("list", max_length=200)
    name = models.CharField(max_length=60)
    query = models.CharField("narrowed by", max_length=1000)
    team = models.ForeignKey(
        Team,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="saved_views",
        help_text="Who else sees it. Empty: only its maker.",
    )

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["path", "name"]
        constraints = [
            models.UniqueConstraint(
                name="savedview_once_a_name", fields=["person", "path", "name"]
            ),
            models.CheckConstraint(
                name="savedview_narrows_a_list",
                condition=~Q(query="") & ~Q(name="") & Q(path__startswith="/"),
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return f"{self.path}?{self.query}"


__all__ = ["SavedView"]
