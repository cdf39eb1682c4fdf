"""The people, the posts they hold, and when. People follow posts, never bodies."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Concat, Lower
from django.urls import reverse

from footprints.dated import PERIOD, Dated, DatedQuerySet
from footprints.models import Change, OrganisationKey, Outcome, Rule
from footprints.revised import Revised, RevisedQuerySet

POST_RULE = Rule(
    says="a stakeholder's post",
    decides="steward",
    outcomes={
        # An abolished post asks "where did she go?": the machine moves nobody to a successor.
        Change.ENDS: Outcome.REVERIFY,
        Change.SPLITS: Outcome.REVERIFY,
        Change.CLOSES: Outcome.REVERIFY,
        Change.CHANGES_NATURE: Outcome.REVERIFY,
        Change.RECEIVES: Outcome.LEAVE,
        Change.CHANGES_PARENT: Outcome.LEAVE,
    },
)


# As people write it, for searching: each word typed starts a word of it.
FULL_NAME = Concat("given_name", Value(" "), "family_name")


class Person(models.Model):
    """A stakeholder: somebody who acts for the NHS. Professional facts only."""

    title = models.CharField(max_length=20, blank=True)
    given_name = models.CharField(max_length=80)
    family_name = models.CharField(max_length=80)
    profession = models.CharField(max_length=80, blank=True)
    is_invented = models.BooleanField(
        default=False, help_text="Made up for the demonstration; no such person exists."
    )
    source = models.TextField(blank=True, help_text="Where we have it from.")
    verified_on = models.DateField(null=True, blank=True)

    class Meta:
        verbose_name = "stakeholder"
        ordering = ["family_name", "given_name", "pk"]
        indexes = [
            models.Index(fields=["family_name", "given_name", "id"], name="person_name"),
            GinIndex(OpClass(Lower(FULL_NAME), name="gin_trgm_ops"), name="person_name_trgm"),
        ]

    def __str__(self):
        return " ".join(filter(None, [self.title, self.given_name, self.family_name]))

    def get_absolute_url(self):
        return reverse("stakeholders:person", args=[self.pk])


class PostQuerySet(DatedQuerySet, RevisedQuerySet):
    pass


class Post(Dated, Revised):
    """A position at an organisation, for as long as it exists; it may be vacant."""

    organisation = OrganisationKey(rule=POST_RULE, related_name="posts")
    role = models.CharField(max_length=120)
    is_shared = models.BooleanField(default=False, help_text="Several people may hold it at once.")

    objects = PostQuerySet.as_manager()

    class Meta(Dated.Meta):
        abstract = False
        ordering = ["organisation", "role", "pk"]
        indexes = [
            *Revised.Meta.indexes,
            GinIndex(OpClass(Lower("role"), name="gin_trgm_ops"), name="post_role_trgm"),
        ]
        constraints = [
            *Dated.Meta.constraints,
            *Revised.Meta.constraints,
            models.UniqueConstraint(name="post_shared_key", fields=["id", "is_shared"]),
        ]

    def __str__(self):
        return f"{self.role}, {self.organisation}"


class Tenure(Dated):
    """A person in a post, from one day to another."""

    post = models.ForeignKey(Post, on_delete=models.PROTECT, related_name="tenures")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="tenures")
    is_shared = models.BooleanField(
        default=False, editable=False, help_text="The post's own; a key in the database ties them."
    )

    objects = DatedQuerySet.as_manager()

    class Meta(Dated.Meta):
        abstract = False
        ordering = ["-opened_on", "pk"]
        constraints = [
            *Dated.Meta.constraints,
            ExclusionConstraint(
                name="tenure_one_holder_at_a_time",
                expressions=[
                    ("post", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=Q(is_shared=False),
            ),
            ExclusionConstraint(
                name="tenure_same_person_once_at_a_time",
                expressions=[
                    ("post", RangeOperators.EQUAL),
                    ("person", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
            ),
        ]

    def __str__(self):
        return f"{self.person}: {self.post}"
