"""Work that somebody asked for and a worker does set by set: how far it is, what came of it."""

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse

from footprints.models import Reorganisation

from .decisions import person
from .flags import Flag
from .users import User


class JobQuerySet(models.QuerySet):
    def visible_to(self, user: User):
        """Jobs that deal with a sheet the user may open, for those who plan."""
        if user.role not in User.Role.planning():
            return self.none()
        flags = Flag.objects.on_plans().visible_to(user)
        lines = JobSheet.objects.filter(job=OuterRef("pk"), flag__in=flags.values("pk"))
        return self.filter(Exists(lines))

    def under_way(self):
        """Jobs that are not over: a worker is at them, was, or will be."""
        return self.filter(state__in=Job.State.under_way())


class Job(models.Model):
    """One deed on many sheets of one event, done set by set, each set whole or not at all.

    ``done`` of ``total`` sheets are dealt with, whether it was done to them or refused. What is
    left to do *is* the rows not dealt with, so that any worker may go on where another was killed.
    """

    class Deed(models.TextChoices):
        PREPARE = "prepare", "Prepare"
        APPROVE = "approve", "Approve"
        APPLY = "apply", "Apply"
        UNDO = "undo", "Undo"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        WORKING = "working", "At work"
        STOPPING = "stopping", "Stopping after this set"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

        @classmethod
        def under_way(cls):
            """The states of a job that is not over."""
            return [cls.WAITING, cls.WORKING, cls.STOPPING]

    deed = models.CharField(max_length=8, choices=Deed.choices)
    event = models.ForeignKey(Reorganisation, on_delete=models.PROTECT, related_name="jobs")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    asked_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField()
    tries = models.PositiveSmallIntegerField(
        default=0, help_text="How often a worker set about it since the last set was written."
    )
    error = models.TextField(blank=True)
    despite = models.TextField(blank=True, help_text="Why it cannot wait for the end of a freeze.")
    stopped_by = person()
    goes_on_with = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="gone_on_with",
        help_text="The job of which this does the rest.",
    )

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                name="job_one_at_a_time_an_event",
                fields=["event"],
                condition=Q(state__in=["waiting", "working", "stopping"]),
            ),
            models.CheckConstraint(
                name="job_done_within_total", condition=Q(done__lte=F("total"))
            ),
            models.CheckConstraint(
                name="job_ended_once_over",
                condition=Q(state__in=["waiting", "working", "stopping"], ended_at__isnull=True)
                | Q(state__in=["stopped", "done", "failed"], ended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="job_began_before_work",
                condition=~Q(state__in=["working", "stopping", "done", "failed"])
                | Q(began_at__isnull=False),
            ),
            models.CheckConstraint(
                name="job_stopped_by_somebody",
                condition=~Q(state__in=["stopping", "stopped"]) | Q(stopped_by__isnull=False),
            ),
            models.CheckConstraint(
                name="job_says_why_it_failed",
                condition=Q(state="failed") & ~Q(error="") | ~Q(state="failed") & Q(error=""),
            ),
        ]

    def __str__(self):
        return f"{self.get_deed_display()}: {self.event}"

    def get_absolute_url(self):
        return reverse("accounts:job", args=[self.pk])

    @property
    def is_under_way(self) -> bool:
        """It will change by itself: worth looking at again in a moment."""
        return self.state in self.State.under_way()


class JobSheet(models.Model):
    """One sheet, by its flag, that a job deals with: waiting, done, or refused for a reason."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not yet"
        DONE = "done", "Done"
        REFUSED = "refused", "Refused"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="lines", db_index=False)
    flag = models.ForeignKey(Flag, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    says = models.TextField(blank=True, help_text="What was done, or why not.")
    # The fingerprint of the changes that stood when it was asked for: approval is bound to it.
    seen = models.CharField(max_length=64, blank=True)
    rows = models.PositiveIntegerField("rows written", default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="jobsheet_once_a_job", fields=["job", "flag"]),
            models.CheckConstraint(
                name="jobsheet_says_what_became_of_it",
                condition=Q(state="waiting", says="") | ~Q(state="waiting") & ~Q(says=""),
            ),
            models.CheckConstraint(
                name="jobsheet_written_once_done", condition=Q(state="done") | Q(rows=0)
            ),
        ]
        indexes = [
            models.Index(
                fields=["job", "id"], name="jobsheet_waiting", condition=Q(state="waiting")
            )
        ]

    def __str__(self):
        return f"{self.job_id}: {self.get_state_display()}"


__all__ = ["Job", "JobSheet"]
