"""Reorganisations: declared events, whose effects are computed and never recorded as edits."""

import re
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils.timezone import now

from ..revised import Revised, RevisedQuerySet
from ..written import day_in_full
from .keys import REGISTER, Change, OrganisationKey
from .organisations import Kind
from .relationships import Relationship
from .releases import NOW, Recorded

FROM_TO = re.compile(r"From \d+ \w+ \d{4} to \d+ \w+ \d{4}: ")


class ReorganisationQuerySet(RevisedQuerySet):
    def known(self):
        """Events of which the register knows a succession or a move now."""
        event = OuterRef("pk")
        return self.filter(
            Exists(Succession.objects.now().filter(reorganisation=event))
            | Exists(Move.objects.now().filter(reorganisation=event))
        )

    def standing(self):
        """Events that may still touch anything: not rejected, paused or superseded."""
        return self.exclude(state__in=Reorganisation.State.dropped())

    def decided(self):
        """Events that happened or will by law."""
        return self.filter(state__in=Reorganisation.State.settled())


class Reorganisation(Revised):
    """An event: bodies before, bodies after, a date, a state, evidence."""

    class Kind(models.TextChoices):
        MERGER = "merger", "Merger into a new body"
        ABSORPTION = "absorption", "Merger into a survivor"
        SPLIT = "split", "Split"
        REGROUPING = "regrouping", "Regrouping of several bodies"
        TRANSFER_OF_MEMBERS = "transfer_of_members", "Transfer of members"
        TRANSFER_OF_SERVICES = "transfer_of_services", "Transfer of commissioning responsibility"
        RENAME = "rename", "Rename"
        CHANGE_OF_NATURE = "change_of_nature", "Change of nature, code kept"
        ABOLITION = "abolition", "Abolition"
        CREATION = "creation", "Creation"
        CLUSTER = "cluster", "Cluster"

    class State(models.TextChoices):
        RUMOURED = "rumoured", "Rumoured"
        PROPOSED = "proposed", "Proposed"
        APPROVED = "approved", "Approved"
        IN_LAW = "in_law", "In law"
        EFFECTIVE = "effective", "Effective"
        REJECTED = "rejected", "Rejected"
        PAUSED = "paused", "Paused"
        SUPERSEDED = "superseded", "Superseded"

        @classmethod
        def dropped(cls):
            return [cls.REJECTED, cls.PAUSED, cls.SUPERSEDED]

        @classmethod
        def settled(cls):
            return [cls.IN_LAW, cls.EFFECTIVE]

    slug = models.SlugField(max_length=80, unique=True)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    title = models.CharField(max_length=240)
    effective_on = models.DateField("takes effect on")
    state = models.CharField(max_length=12, choices=State.choices)

    objects = ReorganisationQuerySet.as_manager()

    class Meta(Revised.Meta):
        abstract = False
        ordering = ["-effective_on", "title", "pk"]
        indexes = [
            *Revised.Meta.indexes,
            models.Index(fields=["effective_on", "id"], name="reorganisation_effective"),
        ]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("footprints:reorganisation", args=[self.slug])

    @property
    def is_decided(self) -> bool:
        return self.state in self.State.settled()


class Step(models.Model):
    """One move of an event through its states, with who said so. Append only."""

    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.CASCADE, related_name="steps"
    )
    state = models.CharField(max_length=12, choices=Reorganisation.State.choices)
    effective_on = models.DateField(
        "takes effect on",
        null=True,
        blank=True,
        help_text="Only where the step set the day, or moved it.",
    )
    on = models.DateField(null=True, blank=True, help_text="The day of the source.")
    checked_on = models.DateField(null=True, blank=True, help_text="When we last looked.")
    source = models.TextField(blank=True)
    said_by = models.CharField(max_length=200, blank=True)
    reason = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    at = models.DateTimeField(default=now, editable=False)
    release = models.ForeignKey(
        "footprints.Release",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="steps",
        help_text="What wrote the facts of the step, where it wrote any; undone, so is the step.",
    )

    class Meta:
        ordering = ["pk"]  # as they were said, whatever a clock did

    def __str__(self):
        return f"{self.get_state_display()}: {self.reason or self.source}"

    @staticmethod
    def reason_of_move(former: date, to: date, why: str) -> str:
        """The reason of a step that moves the day, as ``why_moved`` reads it."""
        return f"From {day_in_full(former)} to {day_in_full(to)}: {why}"

    @property
    def why_moved(self) -> str:
        """Why it moved the day, as was written; "" of a step that moved none."""
        days = FROM_TO.match(self.reason)
        return self.reason[days.end() :] if days else ""


class Succession(Recorded):
    """One predecessor, one successor, in one reorganisation.

    What passes is the area or the statutory functions: on 1 July 2022 a CCG's area became a
    sub-ICB location on the same code, and its functions went to the ICB. A null successor is a
    closure; a null share is not known. A code succeeds itself only when its nature or its name
    changes: ``becomes`` is the kind from then on, the same as before where only the name changes.
    """

    class Passes(models.TextChoices):
        AREA = "area", "area"
        FUNCTIONS = "functions", "statutory functions"

    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.PROTECT, related_name="successions"
    )
    predecessor = OrganisationKey(rule=REGISTER, related_name="successions_out", db_index=False)
    successor = OrganisationKey(
        rule=REGISTER, related_name="successions_in", null=True, blank=True, db_index=False
    )
    passes = models.CharField(max_length=10, choices=Passes.choices, default=Passes.AREA)
    share = models.DecimalField(
        max_digits=9,
        decimal_places=6,
        null=True,
        blank=True,
        help_text="The part of the predecessor that passes, 0 to 1; empty where not known.",
    )
    becomes = models.ForeignKey(
        Kind, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    # Null, not empty: rows that are staged by COPY without the column say nothing of it.
    becomes_name = models.CharField(  # noqa: DJ001
        max_length=200,
        null=True,
        blank=True,
        help_text="What a body that keeps its code is called from then on, where that changes.",
    )

    class Meta(Recorded.Meta):
        constraints = [
            *Recorded.Meta.constraints,
            models.UniqueConstraint(
                name="succession_once_an_event",
                fields=["reorganisation", "predecessor", "successor", "passes"],
                condition=NOW,
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="succession_to_itself_says_what_it_becomes",
                # A check passes where it is null: so each part says which columns it means.
                condition=Q(
                    successor__isnull=False, predecessor=F("successor"), becomes__isnull=False
                )
                | Q(successor__isnull=True, becomes__isnull=True)
                | (
                    Q(successor__isnull=False, becomes__isnull=True)
                    & ~Q(predecessor=F("successor"))
                ),
            ),
            models.CheckConstraint(
                name="succession_names_what_keeps_its_code",
                condition=Q(becomes_name__isnull=True)
                | (~Q(becomes_name="") & Q(becomes__isnull=False)),
            ),
            models.CheckConstraint(
                name="succession_share_is_a_part", condition=Q(share__gt=0, share__lte=1)
            ),
        ]
        indexes = [
            *Recorded.Meta.indexes,
            models.Index(fields=["predecessor"], name="succession_predecessor"),
            models.Index(fields=["successor"], name="succession_successor"),
        ]

    def __str__(self):
        return f"{self.predecessor} → {self.successor or 'closed'}"


class Move(Recorded):
    """A child that an event moves from one parent to another, keeping its code."""

    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.PROTECT, related_name="moves"
    )
    child = OrganisationKey(rule=REGISTER, related_name="moves", db_index=False)
    type = models.CharField(max_length=10, choices=Relationship.Type.choices)
    from_parent = OrganisationKey(rule=REGISTER, related_name="moves_out", db_index=False)
    to_parent = OrganisationKey(rule=REGISTER, related_name="moves_in", db_index=False)

    class Meta(Recorded.Meta):
        constraints = [
            *Recorded.Meta.constraints,
            models.UniqueConstraint(
                name="move_once_an_event",
                fields=["reorganisation", "child", "type", "from_parent", "to_parent"],
                condition=NOW,
            ),
            models.CheckConstraint(
                name="move_between_two_parents", condition=~Q(from_parent=F("to_parent"))
            ),
        ]
        indexes = [
            *Recorded.Meta.indexes,
            models.Index(fields=["child"], name="move_child"),
        ]

    def __str__(self):
        return f"{self.child}: {self.from_parent} → {self.to_parent}"


class TouchQuerySet(models.QuerySet):
    def of_area(self):
        return self.filter(passes=Succession.Passes.AREA)


class Touch(models.Model):
    """One body that one event changes, as known now: a view over successions and moves.

    ``other`` is the successor, the new parent, or, for a body that receives, the predecessor.
    """

    id = models.CharField(primary_key=True, max_length=24)
    reorganisation = models.ForeignKey(
        Reorganisation, on_delete=models.DO_NOTHING, related_name="touches"
    )
    organisation = OrganisationKey(rule=REGISTER, on_delete=models.DO_NOTHING, related_name="+")
    change = models.CharField(max_length=20, choices=Change.choices)
    passes = models.CharField(max_length=10, choices=Succession.Passes.choices)
    other = OrganisationKey(
        rule=REGISTER, on_delete=models.DO_NOTHING, related_name="+", null=True
    )
    share = models.DecimalField(max_digits=9, decimal_places=6, null=True)

    objects = TouchQuerySet.as_manager()

    class Meta:
        managed = False
        db_table = "footprints_touch"

    def __str__(self):
        return f"{self.organisation} {self.get_change_display()}"
