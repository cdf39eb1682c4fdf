"""What unsettles a plan: one flag a thing of ours and reorganisation. Effects are computed."""

from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Concat
from django.urls import reverse

from footprints.models import Reorganisation, Step, Touch, Weight
from stakeholders.models import Post, Tenure

from .territories import Assignment, Territory, TerritoryPlan
from .users import User


class FlagQuerySet(models.QuerySet):
    def open(self):
        """Flags not yet dealt with, that still touch something."""
        return self.filter(resolved_at=None, lapsed_at=None)

    def on_plans(self):
        return self.filter(content_type=ContentType.objects.get_for_model(TerritoryPlan))

    def visible_to(self, user: User):
        """Flags of plans that the user may open, and for all but field users those of posts.

        Those of account leads are found through their leads, which know whose plan is walled.
        A field user's are those that touch a unit of a territory of theirs.
        """
        plans = TerritoryPlan.objects.visible_to(user)
        plan_type = ContentType.objects.get_for_model(TerritoryPlan)
        of_plans = Q(content_type=plan_type, object_id__in=plans.values("pk"))
        if user.role != User.Role.FIELD:
            posts = ContentType.objects.get_for_model(Post)
            return self.filter(of_plans | Q(content_type=posts))
        held = Assignment.objects.filter(
            Q(closed_on=None) | Q(closed_on__gt=OuterRef("reorganisation__effective_on")),
            plan=OuterRef("object_id"),
            territory__in=Territory.objects.visible_to(user),
            organisation__in=Touch.objects.of_area()
            .filter(reorganisation=OuterRef(OuterRef("reorganisation")))
            .values("organisation"),
        )
        return self.filter(of_plans, Exists(held))

    def of_posts(self):
        """Flags of posts, for a list: each with its ``role``, ``code``, ``holder`` and ``person``.

        The holder is whoever held the post on the day before the event; none where it was vacant.
        """
        post = Post.objects.filter(pk=OuterRef("object_id"))
        held = Tenure.objects.filter(
            Q(opened_on=None) | Q(opened_on__lt=OuterRef("reorganisation__effective_on")),
            Q(closed_on=None) | Q(closed_on__gte=OuterRef("reorganisation__effective_on")),
            post=OuterRef("object_id"),
        ).order_by("pk")
        name = Concat("person__given_name", Value(" "), "person__family_name")
        return (
            self.filter(content_type=ContentType.objects.get_for_model(Post), lapsed_at=None)
            .select_related("reorganisation")
            .annotate(
                role=Subquery(post.values("role")[:1]),
                code=Subquery(post.values("organisation__code")[:1]),
                person=Subquery(held.values("person")[:1]),
                holder=Subquery(held.annotate(name=name).values("name")[:1]),
            )
        )


class Flag(models.Model):
    """One plan, post or other thing of ours × one reorganisation, until it is dealt with."""

    # The unique key and `flag_root` begin with these: an index of their own would serve nothing.
    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.CASCADE, related_name="flags", db_index=False
    )
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_index=False)
    object_id = models.PositiveBigIntegerField()
    root = GenericForeignKey()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    weight = models.PositiveSmallIntegerField(choices=Weight.choices)
    raised_at = models.DateTimeField()
    lapsed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it stopped touching anything."
    )
    lapsed_step = models.ForeignKey(
        Step,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="What the event became when it lapsed for that.",
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    objects = FlagQuerySet.as_manager()

    class Meta:
        ordering = ["-weight", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="flag_once_a_thing_and_event",
                fields=["reorganisation", "content_type", "object_id"],
            ),
            models.CheckConstraint(
                name="flag_lapsed_for_a_step",
                condition=Q(lapsed_step__isnull=True) | Q(lapsed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="flag_resolved_by_somebody",
                condition=Q(resolved_at__isnull=True, resolved_by__isnull=True)
                | Q(resolved_at__isnull=False, resolved_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["content_type", "object_id"], name="flag_root"),
        ]

    def __str__(self):
        return f"{self.root}: {self.reorganisation}"

    def get_absolute_url(self):
        return reverse("accounts:flag", args=[self.pk])

    @property
    def lapsed_because(self) -> str:
        """Why it lapsed, as was so then; "" while it stands. A query unless the step is there."""
        if self.lapsed_at is None:
            return ""
        if self.lapsed_step is None:
            return "It touches nothing of it any more."
        step = self.lapsed_step
        return ": ".join(filter(None, [step.get_state_display(), step.reason]))

    @property
    def weight_name(self) -> str:
        return Weight(self.weight).name.lower()


class FlagRun(models.Model):
    """What a run of flagging looked at, until those whom it concerns have been alerted.

    ``events`` are keys of reorganisations; ``roots`` maps the key of a content type to keys of the
    plans, leads, … whose flags were looked at for their own sake. ``is_old``: flags from before
    alerts were kept; who had a letter about their day has been told.
    """

    at = models.DateTimeField()
    is_old = models.BooleanField(default=False)
    events = models.JSONField(default=list)
    roots = models.JSONField(default=dict)

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"Flagged at {self.at:%d %B %Y %H:%M}"


__all__ = ["Flag", "FlagRun"]
