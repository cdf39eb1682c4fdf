"""Kinds of letters, and who wants none of which."""

from django.conf import settings
from django.db import models

from .users import User


class LetterKind(models.TextChoices):
    """What a letter, or a part of it, is about; each is turned on and off by itself."""

    URGENT = "urgent", "Urgent changes"
    ROUTINE = "routine", "Other changes"
    WATCH = "watch", "What you watch"
    REMINDERS = "reminders", "What is due"
    OVERDUE = "overdue", "What your team left open"

    @classmethod
    def for_role(cls, role: str) -> list["LetterKind"]:
        """The kinds that somebody of that role may get: what others left open goes to managers."""
        return [kind for kind in cls if kind != cls.OVERDUE or role == User.Role.MANAGER]

    @property
    def says(self) -> str:
        return {
            self.URGENT: "What is decided or asks you to decide, by your company’s rules.",
            self.ROUTINE: "What is only reported, or carries over by itself.",
            self.WATCH: "Bodies and events that you watch, beyond your own territories.",
            self.REMINDERS: "Tasks, questions and whatever else waits for you by a day.",
            self.OVERDUE: "What asks for a decision soon and nobody of your team has opened.",
        }[self]


class Unwanted(models.Model):
    """One person × one kind of letter that they do not want, since when."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="unwanted_letters",
        db_index=False,
    )
    kind = models.CharField(max_length=9, choices=LetterKind.choices)
    since_at = models.DateTimeField()

    class Meta:
        verbose_name = "unwanted kind of letter"
        verbose_name_plural = "unwanted kinds of letters"
        ordering = ["user", "kind"]
        constraints = [
            models.UniqueConstraint(name="unwanted_once_a_person", fields=["user", "kind"])
        ]

    def __str__(self):
        return f"{self.user}: {self.get_kind_display().lower()}"


__all__ = ["LetterKind", "Unwanted"]
