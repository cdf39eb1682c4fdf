"""Watches: what somebody asked to hear of, and where it went."""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from footprints.models import Change, OrganisationKey, Outcome, Reorganisation, Rule
from footprints.revised import Revised, RevisedQuerySet
from stakeholders.models import Person

from .territories import RosterEntry, TerritoryPlan
from .users import User

WATCH_RULE = Rule(
    says="a watch of yours",
    decides="watcher",
    root="list",
    outcomes={
        # It goes along to one successor, with a notice; where there are several it asks.
        Change.ENDS: Outcome.CARRY,
        Change.SPLITS: Outcome.REVERIFY,
        Change.CLOSES: Outcome.REVERIFY,
        Change.CHANGES_NATURE: Outcome.CARRY,
        Change.RECEIVES: Outcome.CARRY,
        Change.CHANGES_PARENT: Outcome.LEAVE,
    },
)

# Where a watch went is history, which no later event changes.
RECORD = Rule(says="where a watch went", decides="nobody", outcomes={})


class WatchList(Revised):
    """All that one person watches: it carries one flag an event, however much of it is touched."""

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="watch_list"
    )

    objects = RevisedQuerySet.as_manager()

    class Meta(Revised.Meta):
        abstract = False
        ordering = ["pk"]

    def __str__(self):
        return f"What {self.person} watches"


class WatchQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """The user's own: what somebody watches is nobody else's business."""
        return self.filter(list__person=user)

    def open(self):
        """Those that stand; of the others an event ended the body, and they went on or ended."""
        return self.filter(closed_on=None)

    def of_plans_seen(self):
        """Watches of plans that their people may open: `TerritoryPlan.objects.visible_to`, for
        many people at once, as a test keeps it."""
        person = F("list__person")
        rostered = RosterEntry.objects.filter(
            territory__plan=OuterRef("plan"), user=OuterRef("list__person")
        )
        own = Q(plan__owner=person) | Exists(rostered)
        return self.filter(
            Q(plan__team__is_walled=False) | Q(plan__team=F("list__person__team")),
            ~Q(list__person__role=User.Role.FIELD) | (own & Q(plan__scenario=None)),
            plan__isnull=False,
        )


class Watch(models.Model):
    """One thing that somebody watches: a body, an event, a plan, a stakeholder or a search.

    ``is_own``: asked for by the person; the others are where such a watch went. One whose body an
    event ended is closed by it, on its day, and its ``moves`` say where it went.
    """

    KINDS = ("organisation", "reorganisation", "plan", "stakeholder")

    list = models.ForeignKey(WatchList, on_delete=models.CASCADE, related_name="watches")
    organisation = OrganisationKey(
        rule=WATCH_RULE, null=True, blank=True, related_name="watches", on_delete=models.PROTECT
    )
    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.CASCADE, null=True, blank=True, related_name="watches"
    )
    plan = models.ForeignKey(
        TerritoryPlan, on_delete=models.CASCADE, null=True, blank=True, related_name="watches"
    )
    stakeholder = models.ForeignKey(
        Person, on_delete=models.CASCADE, null=True, blank=True, related_name="watches"
    )
    search = models.CharField(
        max_length=400, blank=True, help_text="What the register's list was narrowed by."
    )
    opened_on = models.DateField("since", help_text="It tells of what takes effect then or later.")
    is_own = models.BooleanField(default=True)
    made_at = models.DateTimeField()
    closed_on = models.DateField(null=True, blank=True)
    closed_by = models.ForeignKey(
        Reorganisation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    objects = WatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "watches"
        ordering = ["-opened_on", "pk"]
        constraints = [
            models.CheckConstraint(
                name="watch_of_one_thing",
                condition=(
                    Q(organisation__isnull=False)
                    & Q(reorganisation=None, plan=None, stakeholder=None, search="")
                )
                | (
                    Q(reorganisation__isnull=False)
                    & Q(organisation=None, plan=None, stakeholder=None, search="")
                )
                | (
                    Q(plan__isnull=False)
                    & Q(organisation=None, reorganisation=None, stakeholder=None, search="")
                )
                | (
                    Q(stakeholder__isnull=False)
                    & Q(organisation=None, reorganisation=None, plan=None, search="")
                )
                | (
                    ~Q(search="")
                    & Q(organisation=None, reorganisation=None, plan=None, stakeholder=None)
                ),
            ),
            *(
                models.UniqueConstraint(name=f"watch_{kind}_once", fields=["list", kind])
                for kind in ("organisation", "reorganisation", "plan", "stakeholder")
            ),
            models.UniqueConstraint(
                name="watch_search_once", fields=["list", "search"], condition=~Q(search="")
            ),
            models.CheckConstraint(
                name="watch_closed_by_an_event",
                condition=Q(closed_on=None, closed_by=None)
                | Q(closed_on__isnull=False, closed_by__isnull=False, organisation__isnull=False),
            ),
            models.CheckConstraint(
                name="watch_went_on_to_a_body",
                condition=Q(is_own=True) | Q(organisation__isnull=False),
            ),
        ]

    def __str__(self):
        return f"{self.list.person} watches {self.thing}"

    def get_absolute_url(self):
        return reverse("accounts:watches")

    @property
    def kind(self) -> str:
        """Which of KINDS it is of, or "search"."""
        for kind in self.KINDS:
            if getattr(self, f"{kind}_id"):
                return kind
        return "search"

    @property
    def thing(self):
        """What is watched; of a search, its words."""
        return self.search if self.kind == "search" else getattr(self, self.kind)


class WatchMove(models.Model):
    """Where one event had a watch go: to one successor, to each of several, or to none.

    Written by the clock from the register, and taken away again where the event is: the answer of
    the watcher is all that is decided here. ``is_news``: it happened to a watch that was there,
    and is told; one that was made of a body long gone went on before the eyes of its maker.
    """

    class Choice(models.TextChoices):
        MOVED = "moved", "Moved by itself"
        ASKED = "asked", "Asked, and followed until answered"
        KEPT = "kept", "Followed"
        LEFT = "left", "Not followed"

    watch = models.ForeignKey(Watch, on_delete=models.CASCADE, related_name="moves")
    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.PROTECT, related_name="watch_moves"
    )
    successor = OrganisationKey(
        rule=RECORD, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    choice = models.CharField(max_length=5, choices=Choice.choices)
    is_news = models.BooleanField(default=True)
    moved_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-moved_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="watchmove_once_a_successor",
                fields=["watch", "reorganisation", "successor"],
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="watchmove_asks_of_a_successor",
                condition=Q(choice="moved") | Q(successor__isnull=False),
            ),
            models.CheckConstraint(
                name="watchmove_answered_is_kept_or_left",
                condition=Q(answered_at=None, choice__in=["moved", "asked"])
                | Q(answered_at__isnull=False, choice__in=["kept", "left"]),
            ),
        ]
        indexes = [
            models.Index(fields=["watch"], name="watchmove_asks", condition=Q(choice="asked"))
        ]

    def __str__(self):
        return f"{self.watch.organisation} → {self.successor or 'no successor'}"

    @property
    def effective_on(self) -> date:
        return self.reorganisation.effective_on


__all__ = ["Watch", "WatchList", "WatchMove"]
