"""The second clock: which release asserted a fact, and which one retracted it."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from ..dated import Dated, DatedQuerySet

NOW = Q(retracted_by=None)


class ReleaseQuerySet(models.QuerySet):
    def known_at(self, moment: datetime) -> int:
        """The key of the last release applied by then; 0 where nothing was known yet."""
        return self.filter(applied_at__lte=moment).aggregate(key=models.Max("pk"))["key"] or 0

    def standing(self):
        """Releases that are neither an undo nor undone."""
        return self.filter(undoes=None, undone_by=None)


class Release(models.Model):
    """One arrival of facts. Releases are serial: the order of keys is the order of commits."""

    class Kind(models.TextChoices):
        BUNDLE = "bundle", "Bundled facts"
        FILE = "file", "File"
        ENTRY = "entry", "Entry by hand"
        EVENT = "event", "Reorganisation"
        UNDO = "undo", "Undo"

    kind = models.CharField(max_length=10, choices=Kind.choices)
    source = models.CharField(max_length=100)
    title = models.CharField(max_length=200, blank=True)
    published_on = models.DateField(null=True, blank=True)
    applied_at = models.DateTimeField()
    sha256 = models.CharField(max_length=64, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    undoes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="undone_by"
    )
    report = models.ForeignKey(
        "footprints.Report",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="releases",
    )

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["applied_at"])]
        constraints = [
            models.CheckConstraint(
                name="release_undo_names_what_it_undoes",
                condition=Q(kind="undo", undoes__isnull=False)
                | (~Q(kind="undo") & Q(undoes__isnull=True)),
            )
        ]

    def __str__(self):
        return f"{self.pk}: {self.title or self.source}"


class Finding(models.Model):
    """What a release could not place, or found odd: for a steward to look at, never hidden."""

    class Severity(models.TextChoices):
        UNPLACED = "unplaced", "Not placed"
        ANOMALY = "anomaly", "Anomaly"

    release = models.ForeignKey(Release, on_delete=models.CASCADE, related_name="findings")
    severity = models.CharField(max_length=10, choices=Severity.choices)
    topic = models.CharField(max_length=60)
    code = models.CharField("organisation code", max_length=20, blank=True)
    file = models.CharField(max_length=100, blank=True)
    line = models.PositiveIntegerField(null=True, blank=True)
    text = models.TextField()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["release", "topic"])]

    def __str__(self):
        return self.text


class RecordedQuerySet(models.QuerySet):
    def now(self):
        """The facts as known now."""
        return self.filter(NOW)

    def known(self, release: int | None):
        """The facts as known when that release was the last one; None means now."""
        if release is None:
            return self.now()
        return self.filter(
            Q(retracted_by=None) | Q(retracted_by__gt=release), asserted_by__lte=release
        )


class Recorded(models.Model):
    """A row of the register: asserted by one release, perhaps retracted by a later one.

    Nothing else about it ever changes (a trigger refuses): a correction is a new row.
    """

    source = models.TextField(blank=True, help_text="Where the publisher says it comes from.")
    note = models.TextField(blank=True)
    asserted_by = models.ForeignKey(
        Release, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    retracted_by = models.ForeignKey(
        Release,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    origin = models.ForeignKey(
        Release,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Only on a copy that an undo made: the release whose news the fact is.",
    )

    objects = RecordedQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                name="%(app_label)s_%(class)s_asserted_before_retracted",
                condition=Q(retracted_by__gte=F("asserted_by")),
            )
        ]
        indexes = [
            models.Index(fields=["asserted_by"], name="%(class)s_asserted"),
            models.Index(fields=["retracted_by"], name="%(class)s_retracted", condition=~NOW),
            models.Index(
                fields=["origin"], name="%(class)s_origin", condition=Q(origin__isnull=False)
            ),
        ]

    @property
    def news(self) -> Release:
        """The release whose news this is, whichever undo brought it back since."""
        return self.origin or self.asserted_by


class FactQuerySet(RecordedQuerySet, DatedQuerySet):
    pass


class Fact(Recorded, Dated):
    """A dated fact of the register: valid for a period, known from a release on."""

    objects = FactQuerySet.as_manager()

    class Meta(Recorded.Meta):
        abstract = True
        constraints = [*Recorded.Meta.constraints, *Dated.Meta.constraints]
