"""Files as received: what arrived, what was read in it, what became of it."""

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.db.models import F, Q
from django.urls import reverse


def reports_storage():
    return storages["reports"]


class ReportQuerySet(models.QuerySet):
    def waiting(self):
        """Reports that a steward has to look at."""
        return self.filter(state=Report.State.PREVIEWED)


class Report(models.Model):
    """One file as received. Its preview says what it would change; a release of it did.

    ``about_on`` is the day it tells of: stated by whoever brought it, else the newest day in it.
    ``preview`` is what ``footprints.services.merging.Merged.as_json`` wrote.
    """

    class Via(models.TextChoices):
        FORM = "form", "dropped in"
        FOLDER = "folder", "found in the folder"
        COMMAND = "command", "from the command line"
        FETCH = "fetch", "fetched"

    class State(models.TextChoices):
        RECEIVED = "received", "Waiting to be read"
        READING = "reading", "Being read"
        PREVIEWED = "previewed", "Waiting for a steward"
        APPLYING = "applying", "Being applied"
        APPLIED = "applied", "Applied"
        NOTHING_NEW = "nothing_new", "Nothing new in it"
        REFUSED = "refused", "Refused"
        DISCARDED = "discarded", "Set aside"

    file = models.FileField(upload_to="%Y/%m", storage=reports_storage, max_length=200)
    name = models.CharField("file name", max_length=200)
    size = models.PositiveBigIntegerField("bytes")
    sha256 = models.CharField(max_length=64)
    via = models.CharField("how it came", max_length=10, choices=Via.choices)
    received_at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    source = models.CharField(max_length=100, blank=True, help_text="Empty until it was read.")
    title = models.CharField(max_length=200, blank=True)
    about_on = models.DateField("tells of", null=True, blank=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RECEIVED)
    doing = models.CharField(max_length=120, blank=True)
    done = models.PositiveBigIntegerField(default=0)
    total = models.PositiveBigIntegerField(default=0)
    preview = models.JSONField(null=True, blank=True)
    error = models.TextField(blank=True)
    tries = models.PositiveSmallIntegerField(
        default=0, help_text="How often a worker set about what it is at now."
    )
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who said that it be applied; empty where nobody had to be asked.",
    )

    objects = ReportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["sha256"], name="report_sha256"),
            models.Index(fields=["state", "id"], name="report_state"),
        ]
        constraints = [
            models.CheckConstraint(
                name="report_done_within_total", condition=Q(done__lte=F("total")) | Q(total=0)
            )
        ]

    def __str__(self):
        return self.title or self.name

    def get_absolute_url(self):
        return reverse("footprints:report", args=[self.pk])

    @property
    def release(self):
        """The standing release that applied it; None before that, and once it is undone."""
        return self.releases.standing().order_by("-pk").first()

    @property
    def stands(self) -> bool:
        """It waits, or is applied: the same file need not come again."""
        if self.state in {self.State.APPLIED}:
            return self.release is not None
        return self.state not in {self.State.REFUSED, self.State.DISCARDED}

    @property
    def is_moving(self) -> bool:
        """It will change by itself: worth looking at again in a moment."""
        return self.state in {self.State.RECEIVED, self.State.READING, self.State.APPLYING}


class Feed(models.Model):
    """What is known of one address that reports are fetched from: between two visits, a memory.

    The addresses themselves are settings (``REPORT_FEEDS``); a row is named for one of them.
    """

    name = models.CharField(max_length=60, unique=True)
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=60, blank=True)
    position = models.JSONField(default=dict, blank=True, help_text="Where it stopped.")
    fetched_at = models.DateTimeField(null=True, blank=True, help_text="When a file last came.")
    looked_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True, help_text="Not before then.")
    error = models.TextField(blank=True)
    report = models.ForeignKey(Report, on_delete=models.SET_NULL, null=True, blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name


class Proposal(models.Model):
    """A reorganisation that nobody announced, as the facts suggest it; a steward decides.

    ``evidence`` says, predecessor by predecessor, where its members went. Accepted, it is an
    event like any other (``reorganisation``).
    """

    class State(models.TextChoices):
        OPEN = "open", "Waiting for a steward"
        ACCEPTED = "accepted", "Accepted"
        DISMISSED = "dismissed", "Dismissed"

    kind = models.CharField(max_length=24)
    title = models.CharField(max_length=240)
    slug = models.SlugField(max_length=80, unique=True)
    effective_on = models.DateField("takes effect on")
    confidence = models.DecimalField(max_digits=4, decimal_places=3, help_text="0 to 1")
    evidence = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    reorganisation = models.ForeignKey(
        "footprints.Reorganisation", on_delete=models.PROTECT, null=True, blank=True
    )
    release = models.ForeignKey(
        "footprints.Release", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    proposed_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True
    )
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["-effective_on", "pk"]
        indexes = [models.Index(fields=["state", "-effective_on"], name="proposal_state")]
        constraints = [
            models.CheckConstraint(
                name="proposal_decided_whole",
                condition=Q(state="open", decided_at__isnull=True)
                | (~Q(state="open") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="proposal_accepted_is_an_event",
                condition=Q(state="accepted", reorganisation__isnull=False)
                | (~Q(state="accepted") & Q(reorganisation__isnull=True)),
            ),
            models.CheckConstraint(
                name="proposal_confidence_is_a_part",
                condition=Q(confidence__gte=0, confidence__lte=1),
            ),
        ]

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return reverse("footprints:proposal", args=[self.pk])
