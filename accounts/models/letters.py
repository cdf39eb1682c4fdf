"""Letters: what is owed to a person, when it is due, and what was sent."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.urls import reverse

from .users import User

# When it went; of one that waits, when it is to go.
WENT = Coalesce("sent_at", "due_at")
CLOCKS_DIFFER_BY = timedelta(minutes=10)  # of two machines, without anybody putting one back


class DigestQuerySet(models.QuerySet):
    def unsent(self):
        """Letters still to be handed over; a partial index holds just these."""
        return self.filter(sent_at=None)

    def due(self, moment: datetime):
        """Unsent ones whose time has come; and those raised at a moment that has not come yet,
        by a clock that was put back since: what was due by it would wait for as long."""
        was_put_back = Q(raised_at__gt=moment + CLOCKS_DIFFER_BY)
        return self.unsent().filter(Q(due_at__lte=moment) | was_put_back)

    def sent(self):
        """Letters as they went out: without those that went as a part of another."""
        return self.exclude(sent_at=None).filter(merged_into=None)

    def visible_to(self, user: User):
        """Letters the user may read: their own; for planners and managers their colleagues' too,
        but for a walled team's, which its own members alone may read."""
        if user.role not in User.Role.planning():
            return self.filter(person=user)
        open_to_all = Q(person__team=None) | Q(person__team__is_walled=False)
        return self.filter(Q(person=user) | open_to_all | Q(person__team=user.team_id))


class Digest(models.Model):
    """What is owed to one person about one effective day, however many events fall on it; or a
    day's letter about what they have to do.

    One at a time: what comes up after it was sent makes another, about that alone. What is urgent
    is a letter of its own; routine ones of one person that fall due together go out as one, which
    is kept with the first of them.
    """

    class About(models.TextChoices):
        CHANGES = "changes", "What changes"
        REMINDERS = "reminders", "What is due"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="digests"
    )
    about = models.CharField(max_length=9, choices=About.choices, default=About.CHANGES)
    effective_on = models.DateField(help_text="Of reminders: the day on which they are told.")
    raised_at = models.DateTimeField()
    due_at = models.DateTimeField(help_text="Not before that, by the person's own hours.")
    is_routine = models.BooleanField(
        default=False, help_text="It goes with the day’s or the week’s letter."
    )
    sent_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )
    subject = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)

    objects = DigestQuerySet.as_manager()

    class Meta:
        ordering = ["-effective_on", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="digest_one_waiting_a_person_and_day",
                fields=["person", "effective_on"],
                condition=Q(sent_at__isnull=True, about="changes"),
            ),
            models.UniqueConstraint(
                name="digest_one_of_reminders_a_day",
                fields=["person", "effective_on"],
                condition=Q(about="reminders"),
            ),
            models.UniqueConstraint(
                name="digest_one_of_reminders_waiting",
                fields=["person"],
                condition=Q(sent_at__isnull=True, about="reminders"),
            ),
            models.CheckConstraint(
                name="digest_sent_says_what",
                condition=Q(sent_at__isnull=True) | ~Q(subject="") | Q(merged_into__isnull=False),
            ),
            models.CheckConstraint(
                name="digest_merged_when_sent",
                condition=Q(merged_into__isnull=True) | Q(sent_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], name="digest_waiting", condition=Q(sent_at__isnull=True)
            ),
            models.Index(WENT, "id", name="digest_went", condition=Q(merged_into__isnull=True)),
        ]

    def __str__(self):
        return self.subject or f"{self.person}, {self.effective_on}"

    def get_absolute_url(self):
        return reverse("accounts:letter", args=[self.pk])


class Letter(models.Model):
    """A message kept in the outbox because no mail server is configured."""

    to = models.TextField()
    from_email = models.CharField(max_length=254)
    subject = models.CharField(max_length=500)
    text = models.TextField()
    html = models.TextField(blank=True)
    written_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return self.subject


__all__ = ["Digest", "Letter"]
