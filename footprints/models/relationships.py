"""How organisations hang together: dated, and typed by meaning, never by kinds."""

from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

from ..dated import PERIOD
from .keys import REGISTER, OrganisationKey
from .organisations import Version
from .releases import NOW, Fact, FactQuerySet

DAYS_AND_RELEASES = ["opened_on", "closed_on", "asserted_by", "retracted_by"]


class RelationshipQuerySet(FactQuerySet):
    def live(self, day: date, known: int | None = None):
        """Relationships that show on that day: they hold, and both bodies live."""
        versions = Version.objects.known(known).on(day)
        return (
            self.known(known)
            .on(day)
            .filter(
                Exists(versions.filter(organisation=OuterRef("child"))),
                Exists(versions.filter(organisation=OuterRef("parent"))),
            )
        )


class Relationship(Fact):
    """A child in a parent for a while, in one sense."""

    class Type(models.TextChoices):
        PART_OF = "part_of", "part of"
        MEMBER_OF = "member_of", "member of"
        COVERS = "covers", "covers"
        SERVES = "serves", "serves"
        LIES_IN = "lies_in", "lies in"

    child = OrganisationKey(rule=REGISTER, related_name="parent_relationships", db_index=False)
    parent = OrganisationKey(rule=REGISTER, related_name="child_relationships", db_index=False)
    type = models.CharField(max_length=10, choices=Type.choices)

    objects = RelationshipQuerySet.as_manager()

    class Meta(Fact.Meta):
        constraints = [
            *Fact.Meta.constraints,
            ExclusionConstraint(
                name="relationship_once_at_a_time",
                expressions=[
                    ("child", RangeOperators.EQUAL),
                    ("parent", RangeOperators.EQUAL),
                    ("type", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=NOW,
            ),
            models.CheckConstraint(
                name="relationship_between_two_bodies", condition=~Q(child=F("parent"))
            ),
        ]
        indexes = [
            *Fact.Meta.indexes,
            # Covering, so that a walk up or down reads the index alone. (Left to choose, the
            # planner reads the index of the exclusion, whose second column finds nothing fast:
            # all bodies within a region took 143 s among a million.)
            models.Index(
                fields=["child", "type"],
                include=["parent", *DAYS_AND_RELEASES],
                name="relationship_child",
            ),
            models.Index(
                fields=["parent", "type"],
                include=["child", *DAYS_AND_RELEASES],
                name="relationship_parent",
            ),
        ]

    def __str__(self):
        return f"{self.child} {self.get_type_display()} {self.parent}"


class LeadProvider(Fact):
    """The provider that holds the main contract of a collaborative, for a service line."""

    class Evidence(models.TextChoices):
        STATED = "stated", "Stated by the source"
        INFERRED = "inferred", "Inferred from the source"

    collaborative = OrganisationKey(rule=REGISTER, related_name="lead_providers", db_index=False)
    provider = OrganisationKey(rule=REGISTER, related_name="leads", db_index=False)
    service_line = models.CharField(max_length=120)
    evidence = models.CharField(max_length=10, choices=Evidence.choices, default=Evidence.STATED)

    class Meta(Fact.Meta):
        constraints = [
            *Fact.Meta.constraints,
            ExclusionConstraint(
                name="one_lead_provider_at_a_time",
                expressions=[
                    ("collaborative", RangeOperators.EQUAL),
                    ("service_line", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=NOW,
            ),
        ]
        indexes = [
            *Fact.Meta.indexes,
            models.Index(fields=["collaborative"], name="leadprovider_collab"),
            models.Index(fields=["provider"], name="leadprovider_provider"),
        ]

    def __str__(self):
        return f"{self.provider} leads {self.collaborative} for {self.service_line}"
