"""Webhooks: addresses of other programs that are told what happened, and each telling of it."""

import uuid
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Value, When, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from .decisions import person
from .teams import Team
from .users import User

AT_ONCE = 50  # deliveries of one webhook that are sent in a tick of the clock


class WebhookQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """Webhooks the user may keep: for those who plan, of teams that are not walled from them.

        The whole company's are for managers; an administrator is treated as one.
        """
        if not (user.is_superuser or user.role in User.Role.planning()):
            return self.none()
        mine = Q(team__is_walled=False) | Q(team=user.team_id, team__isnull=False)
        if user.is_superuser or user.role == User.Role.MANAGER:
            mine |= Q(team=None)
        return self.filter(mine)

    def kept(self):
        """All but those that were retired."""
        return self.filter(retired_at=None)

    def listening(self):
        """Those that are told things: switched on, and none of a walled team that somebody from
        outside it set up, before the wall was there or before they left."""
        within = Q(team=None) | Q(team__is_walled=False) | Q(by__team=F("team"))
        return self.kept().filter(within, is_on=True)


class Webhook(models.Model):
    """An address that is told of chosen topics: of one team's plans, or of the whole company's.

    ``by`` is who last kept it and so answers for where it leads. The address often is a secret
    itself (whoever has that of a channel may write there), so that pages show ``shown_address``.
    """

    class Shape(models.TextChoices):
        WAYMARK = "waymark", "Waymark's own JSON"
        TEAMS = "teams", "Microsoft Teams (adaptive card)"
        SLACK = "slack", "Slack (blocks)"

    name = models.CharField(max_length=80)
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, related_name="webhooks"
    )
    shape = models.CharField(max_length=7, choices=Shape.choices, default=Shape.WAYMARK)
    address = models.CharField(max_length=2000)
    secret = models.CharField(max_length=80, editable=False)
    # It signs beside the new one for a while, so that a receiver may change over without a gap.
    former_secret = models.CharField(max_length=80, blank=True, editable=False)
    secret_changed_at = models.DateTimeField()
    is_on = models.BooleanField("on", default=True)
    failing_since_at = models.DateTimeField(null=True, blank=True)
    tested_at = models.DateTimeField(null=True, blank=True, editable=False)
    has_passed = models.BooleanField(
        default=False, editable=False, help_text="Whether the last test arrived."
    )
    test_says = models.CharField(max_length=500, blank=True, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    made_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)
    retired_by = person()

    objects = WebhookQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="webhook_name_once",
                fields=["name"],
                condition=Q(retired_at__isnull=True),
                violation_error_message="There is a webhook of this name already.",
            ),
            models.CheckConstraint(
                name="webhook_retired_by_somebody",
                condition=Q(retired_at__isnull=True, retired_by__isnull=True)
                | Q(retired_at__isnull=False, retired_by__isnull=False),
            ),
            models.CheckConstraint(name="webhook_has_a_secret", condition=~Q(secret="")),
            models.CheckConstraint(
                name="webhook_tested_says_what",
                condition=Q(tested_at__isnull=True, test_says="", has_passed=False)
                | (Q(tested_at__isnull=False) & ~Q(test_says="")),
            ),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("accounts:webhook", args=[self.pk])

    @property
    def host(self) -> str:
        return urlsplit(self.address).netloc

    @property
    def shown_address(self) -> str:
        """Enough of the address to know it by, and too little to use: its host and its end."""
        parts = urlsplit(self.address)
        rest = self.address.removeprefix(f"{parts.scheme}://{parts.netloc}")
        end = f"/…{rest[-4:]}" if len(rest) > 8 else ""
        return f"{parts.scheme}://{parts.netloc}{end}"

    @property
    def whose(self) -> str:
        return str(self.team) if self.team_id else "The whole company"

    @property
    def is_held_back(self) -> bool:
        """Nobody of its walled team answers for it, so that it is told nothing."""
        return bool(self.team_id and self.team.is_walled and self.by.team_id != self.team_id)

    @property
    def state(self) -> str:
        """In words: on, off, failing since when is in the row, held back, retired."""
        if self.retired_at:
            return "Retired"
        if not self.is_on:
            return "Off"
        if self.is_held_back:
            return "Held back"
        return "Failing" if self.failing_since_at else "On"


class Subscription(models.Model):
    """One topic that a webhook is told of, and how far its rows have been read."""

    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    topic = models.CharField(max_length=40)
    read_to = models.BigIntegerField(help_text="The key of the last row of news that was read.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="subscription_once", fields=["webhook", "topic"])
        ]

    def __str__(self):
        return f"{self.webhook}: {self.topic}"


class DeliveryQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """Those of the webhooks that the user may keep."""
        return self.filter(webhook__in=Webhook.objects.visible_to(user))

    def dead(self):
        """Given up, and of a webhook that is still there to send them again."""
        return self.filter(state=Delivery.State.DEAD, webhook__retired_at=None)

    def due(self, moment: datetime):
        """What waits, and may be tried by now."""
        listening = Webhook.objects.listening().filter(pk=OuterRef("webhook"))
        return self.filter(
            Exists(listening), state=Delivery.State.WAITING, next_try_at__lte=moment
        )

    def in_turn(self):
        """Of each webhook the few that wait longest; of one that fails, one, to see if it is back.

        Ten thousand things for one address must not keep every worker from everybody else's.
        """
        turn = Window(RowNumber(), partition_by=["webhook"], order_by=[F("next_try_at"), F("pk")])
        most = Case(When(webhook__failing_since_at=None, then=Value(AT_ONCE)), default=Value(1))
        return self.annotate(turn=turn).filter(turn__lte=most)


class Delivery(models.Model):
    """One thing told to one webhook: what was written, and what came of sending it.

    ``thing`` is the key of the row of news. ``body`` is what is sent, byte for byte, as it was
    written when the news came; ``key`` goes with every try, so that a receiver that has seen it
    knows.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        DEAD = "dead", "Given up"

    webhook = models.ForeignKey(
        Webhook, on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    topic = models.CharField(max_length=40)
    thing = models.BigIntegerField()
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    says = models.CharField(max_length=300, help_text="What it tells, in words.")
    body = models.TextField()
    made_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=500, blank=True, help_text="What came back, in words.")
    answer = models.TextField(blank=True, help_text="The first of what was answered.")
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="delivery_once_a_webhook_and_thing", fields=["webhook", "topic", "thing"]
            ),
            models.CheckConstraint(
                name="delivery_sent_at_a_moment",
                condition=Q(state="sent", sent_at__isnull=False)
                | (~Q(state="sent") & Q(sent_at__isnull=True)),
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at", "id"], name="delivery_due", condition=Q(state="waiting")
            ),
            models.Index(
                fields=["tried_at", "id"], name="delivery_dead", condition=Q(state="dead")
            ),
            models.Index(fields=["webhook", "made_at", "id"], name="delivery_of_webhook"),
        ]

    def __str__(self):
        return self.says

    def get_absolute_url(self):
        return reverse("accounts:delivery", args=[self.pk])


__all__ = ["Delivery", "Subscription", "Webhook"]
