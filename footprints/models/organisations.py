"""Organisations and what was ever true of them: one code, many versions."""

from collections import Counter
from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Count, Exists, OuterRef, Q, Sum, Value
from django.db.models.functions import Coalesce, Lower
from django.urls import reverse

from ..dated import PERIOD
from ..written import day_in_short
from .derived import Tally
from .keys import REGISTER, OrganisationKey
from .releases import NOW, Fact, FactQuerySet, Recorded, RecordedQuerySet


class Kind(models.Model):
    """A kind of organisation. What a body may do hangs on its kind, not on the body."""

    class Family(models.TextChoices):
        """Bodies of one family reorganise together."""

        COMMISSIONING = "commissioning", "Regions, systems and commissioners"
        PRIMARY_CARE = "primary_care", "Primary care"
        PROVIDER = "provider", "Providers"
        LOCAL_GOVERNMENT = "local_government", "Local government"
        COLLABORATIVE = "collaborative", "Provider collaboratives"
        COMMITTEE = "committee", "Prescribing committees"
        NATION = "nation", "Wales, Scotland and Northern Ireland"
        SUPPLIER = "supplier", "Areas of data suppliers"

    code = models.SlugField(primary_key=True, max_length=30)
    name = models.CharField(max_length=80)
    plural = models.CharField(max_length=80)
    family = models.CharField(max_length=20, choices=Family.choices)
    tier = models.PositiveSmallIntegerField(help_text="1 is the widest area; order of lists.")
    is_legal_body = models.BooleanField(help_text="It can sign a contract.")
    is_footprint = models.BooleanField(help_text="It is an area that is planned as one.")
    is_unit = models.BooleanField(help_text="A territory plan may assign it.")

    class Meta:
        ordering = ["tier", "code"]

    def __str__(self):
        return self.name


class OrganisationQuerySet(models.QuerySet):
    def of_kind(self, day: date, known: int | None = None, **lookups):
        """Bodies that on that day have a version for which the lookups on Version hold."""
        versions = Version.objects.known(known).on(day).filter(**lookups)
        return self.filter(Exists(versions.filter(organisation=OuterRef("pk"))))

    def with_codes(self, codes):
        return self.filter(code__in=codes)


class Organisation(models.Model):
    """Anything with a code that acts or is counted in the NHS: identity, no name, no dates."""

    code = models.CharField(max_length=20, unique=True)
    is_provisional = models.BooleanField(
        default=False, help_text="The code is ours until the real one is published."
    )
    longitude = models.FloatField(null=True, blank=True)
    latitude = models.FloatField(null=True, blank=True)

    objects = OrganisationQuerySet.as_manager()

    class Meta:
        ordering = ["code"]
        indexes = [
            models.Index(
                fields=["id"], name="organisation_provisional", condition=Q(is_provisional=True)
            )
        ]
        constraints = [
            models.CheckConstraint(
                name="organisation_place_is_whole",
                # A check passes where it is null: so each half says which columns it means.
                condition=Q(longitude__isnull=True, latitude__isnull=True)
                | Q(
                    longitude__isnull=False,
                    latitude__isnull=False,
                    longitude__range=(-180, 180),
                    latitude__range=(-90, 90),
                ),
            )
        ]

    def __str__(self):
        # A list to choose from asks for a label with the name (footprints.admin.base).
        return self.__dict__.get("label") or self.code

    def get_absolute_url(self):
        return reverse("footprints:organisation", args=[self.code])


class VersionQuerySet(FactQuerySet):
    def decided(self):
        """Without the bodies that an undecided reorganisation would create."""
        # Named, not joined: they are few, and every other row would be looked up.
        provisional = Organisation.objects.filter(is_provisional=True).order_by()
        return self.exclude(organisation__in=provisional.values("pk"))

    def census(self, day: date, known: int | None = None) -> dict[str, int]:
        """Live organisations by kind code on that day, as known by then; undecided bodies not."""
        live = self.live_by_kind(day, known)
        return {code: live[code] for code in Kind.objects.values_list("code", flat=True)}

    def live_by_kind(self, day: date, known: int | None = None) -> Counter:
        """The census of the kinds that live, 0 for any other; one query, which counts tallies."""
        tallies = Tally.objects.filter(on__lte=day)
        if known is not None:
            tallies = tallies.filter(release__lte=known)
        undecided = self.known(known).on(day).filter(organisation__is_provisional=True)
        counts = (
            tallies.order_by()
            .values_list("kind")
            .annotate(count=Sum("change"))
            .union(undecided.order_by().values_list("kind").annotate(count=-Count("pk")), all=True)
        )
        live = Counter()
        for kind, count in counts:
            live[kind] += count
        return live


# The first day of a version, where an unknown one comes before all that are known: to sort by.
SINCE = Coalesce("opened_on", Value(date.min))


class Version(Fact):
    """What an organisation was called, and what kind of thing it was, for a while.

    The table has one more column, `words`: the words of the name, which the database splits and
    indexes, for `footprints.words.HasWords`.
    """

    organisation = OrganisationKey(rule=REGISTER, related_name="versions", db_index=False)
    kind = models.ForeignKey(Kind, on_delete=models.PROTECT, related_name="versions")
    name = models.CharField(max_length=200)

    objects = VersionQuerySet.as_manager()

    class Meta(Fact.Meta):
        constraints = [
            *Fact.Meta.constraints,
            ExclusionConstraint(
                name="version_once_at_a_time",
                expressions=[
                    ("organisation", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=NOW,
            ),
        ]
        # Of all rows, not of those known now: one index serves every known moment.
        indexes = [
            *Fact.Meta.indexes,
            models.Index(
                fields=["organisation"],
                include=["opened_on", "closed_on", "asserted_by", "retracted_by"],
                name="version_organisation",
            ),
            models.Index(Lower("name"), "id", name="version_name"),
            models.Index("kind", Lower("name"), "id", name="version_kind_name"),
            models.Index(SINCE, "id", name="version_since"),
            models.Index("kind", SINCE, "id", name="version_kind_since"),
        ]

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("footprints:organisation", args=[self.organisation.code])


class Identifier(Fact):
    """Another scheme's code for the organisation; an ONS code changes with a boundary."""

    class Scheme(models.TextChoices):
        GSS = "gss", "ONS code"
        POSTCODE = "postcode", "postcode"

    organisation = OrganisationKey(rule=REGISTER, related_name="identifiers", db_index=False)
    scheme = models.CharField(max_length=20, choices=Scheme.choices)
    value = models.CharField(max_length=40)

    class Meta(Fact.Meta):
        constraints = [
            *Fact.Meta.constraints,
            ExclusionConstraint(
                name="identifier_once_at_a_time",
                expressions=[
                    ("organisation", RangeOperators.EQUAL),
                    ("scheme", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=NOW,
            ),
        ]
        indexes = [
            *Fact.Meta.indexes,
            models.Index(fields=["organisation"], name="identifier_organisation"),
            # By the start of a value too: TN24 is where TN24 0GH is.
            models.Index(
                OpClass("value", name="varchar_pattern_ops"), name="identifier_value_starts"
            ),
        ]

    def __str__(self):
        return self.value


class PopulationQuerySet(RecordedQuerySet):
    def on(self, day: date):
        """One figure an organisation: the newest year on the boundary that held on that day."""
        return (
            self.filter(boundary_on__lte=day)
            # organisation_id: "organisation" would be in order of code, which DISTINCT ON refuses
            .order_by("organisation_id", "-boundary_on", "-year")
            .distinct("organisation_id")
        )


class Population(Recorded):
    """People in a year, counted on the boundary that held from ``boundary_on``."""

    organisation = OrganisationKey(rule=REGISTER, related_name="populations", db_index=False)
    year = models.PositiveSmallIntegerField()
    boundary_on = models.DateField(help_text="The day from which this boundary holds.")
    people = models.PositiveIntegerField()

    objects = PopulationQuerySet.as_manager()

    class Meta(Recorded.Meta):
        constraints = [
            *Recorded.Meta.constraints,
            models.UniqueConstraint(
                name="population_one_figure_a_year",
                fields=["organisation", "year", "boundary_on"],
                condition=NOW,
            ),
        ]
        indexes = [
            *Recorded.Meta.indexes,
            models.Index(fields=["organisation"], name="population_organisation"),
        ]

    def __str__(self):
        return f"{self.people:,} ({self.year})"


class BoundaryQuerySet(RecordedQuerySet):
    def on(self, day: date):
        """One boundary an organisation: the newest that held from that day or one before it."""
        return (
            self.filter(boundary_on__lte=day)
            # organisation_id: "organisation" would be in order of code, which DISTINCT ON refuses
            .order_by("organisation_id", "-boundary_on")
            .distinct("organisation_id")
        )


class Boundary(Recorded):
    """The shape of an area, as it was published to hold from ``boundary_on``.

    `shape` is a polygon or several as well-known binary (WKB) in whole metres of the British
    National Grid. Neighbours that came in one file share the points of their common lines.
    Whether it still holds on a later day is for ``footprints.shapes`` to say.
    """

    organisation = OrganisationKey(rule=REGISTER, related_name="boundaries", db_index=False)
    boundary_on = models.DateField(help_text="The day from which this boundary holds.")
    ons_code = models.CharField(
        "ONS code",
        max_length=20,
        blank=True,
        help_text="Under which it was published: it changes where a boundary does.",
    )
    shape = models.BinaryField()

    objects = BoundaryQuerySet.as_manager()

    class Meta(Recorded.Meta):
        verbose_name_plural = "boundaries"
        constraints = [
            *Recorded.Meta.constraints,
            models.UniqueConstraint(
                name="boundary_one_a_day",
                fields=["organisation", "boundary_on"],
                condition=NOW,
            ),
        ]
        indexes = [
            *Recorded.Meta.indexes,
            models.Index(fields=["organisation"], name="boundary_organisation"),
        ]

    def __str__(self):
        return f"boundary from {day_in_short(self.boundary_on)}"


class KindManager(models.Manager.from_queryset(OrganisationQuerySet)):
    """Organisations that are of certain kinds. A kind exists only on a day: ask ``on(day)``."""

    def __init__(self, **lookups):
        super().__init__()
        self.lookups = lookups

    def get_queryset(self):
        """Bodies that ever were of these kinds, as known now."""
        versions = Version.objects.now().filter(**self.lookups)
        return super().get_queryset().filter(Exists(versions.filter(organisation=OuterRef("pk"))))

    def on(self, day: date, known: int | None = None):
        return OrganisationQuerySet(self.model, using=self._db).of_kind(day, known, **self.lookups)


class Footprint(Organisation):
    """An organisation seen as an area that is planned as one."""

    objects = KindManager(kind__is_footprint=True)

    class Meta:
        proxy = True


class ProviderCollaborative(Organisation):
    """Providers that plan and pay for a service together, through a lead provider."""

    objects = KindManager(kind__family=Kind.Family.COLLABORATIVE)

    class Meta:
        proxy = True


class AreaPrescribingCommittee(Organisation):
    """A committee that decides on medicines for an area, whatever it is called there."""

    objects = KindManager(kind__family=Kind.Family.COMMITTEE)

    class Meta:
        proxy = True
        verbose_name = "area prescribing committee"


__all__ = [
    "AreaPrescribingCommittee",
    "Boundary",
    "Footprint",
    "Identifier",
    "Kind",
    "Organisation",
    "Population",
    "ProviderCollaborative",
    "Version",
]
