"""What the clock has had done: a row a run of a scheduled task, and what each schedule was."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django_celery_beat.models import PeriodicTask

# A run whose database connection is no more cannot go on: its worker was killed. A connection is
# told by its PostgreSQL process and when that began; of another role's it tells only the former.
BACKEND = """(
    SELECT pid || ' ' || extract(epoch FROM backend_start)
    FROM pg_stat_activity WHERE pid = pg_backend_pid()
)"""


class Gone(Func):
    """Whether the connection that a run had to PostgreSQL is no more."""

    template = """(%(expressions)s <> '' AND NOT EXISTS (
        SELECT FROM pg_stat_activity AS alive
        WHERE alive.pid = split_part(%(expressions)s, ' ', 1)::int
        AND (alive.backend_start IS NULL
            OR alive.pid || ' ' || extract(epoch FROM alive.backend_start) = %(expressions)s)
    ))"""
    arity = 1
    output_field = models.BooleanField()


class RunQuerySet(models.QuerySet):
    def with_fate(self, *, at):
        """With ``fate``: the state; or lost, where a run goes on or waits and will never end.

        ``at`` is the present moment.
        """
        is_over = Q(began_at__lt=at - Run.LONGEST) | Q(Gone("backend"))
        is_lost = Q(is_over, state=Run.State.RUNNING) | Q(
            state=Run.State.WAITING, asked_at__lt=at - Run.WAITS
        )
        return self.annotate(
            fate=Case(When(is_lost, then=Value(Run.State.LOST.value)), default=F("state"))
        )

    def good(self):
        """Runs that came to their end, whether there was something to do or not."""
        return self.filter(state__in=Run.State.good())


class Run(models.Model):
    """One run of a task of the clock: when it was due, began and ended, and what it did.

    Runs that end alike one after another, without having done anything, are one row: the last,
    with ``times`` and ``first_at``. ``task`` is Celery's name of it, ``schedule`` the name of its
    row in the schedule; a task that is on none and failed has a row without one. One that nobody
    asked for, neither the clock nor a person, but Waymark's own work has no ``asked_at``.
    """

    # A minute more than Celery lets a task have.
    LONGEST = timedelta(seconds=settings.CELERY_TASK_TIME_LIMIT + 60)
    WAITS = timedelta(minutes=5)  # then no worker takes it up any more: its message has expired

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "At work"
        DONE = "done", "Done"
        NOTHING = "nothing", "Nothing to do"
        FAILED = "failed", "Failed"
        LOST = "lost", "Lost"
        STOPPED = "stopped", "Stopped"

        @classmethod
        def good(cls):
            """The states of a run that came to its end."""
            return [cls.DONE, cls.NOTHING]

        @classmethod
        def under_way(cls):
            """The states of a run that is not over."""
            return [cls.WAITING, cls.RUNNING]

    task = models.CharField(max_length=200)
    schedule = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State.choices)
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the clock sent it, or a person asked for it."
    )
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        help_text="Nobody, where the clock did.",
    )
    began_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    says = models.TextField(blank=True, help_text="What it did, or why it could not.")
    worker = models.CharField(max_length=200, blank=True)
    message = models.CharField(
        max_length=64, blank=True, help_text="The key of its message in the broker."
    )
    backend = models.CharField(
        max_length=60,
        blank=True,
        help_text="The PostgreSQL process that serves its worker; none behind PgBouncer.",
    )
    stopped_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    times = models.PositiveIntegerField(
        default=1, help_text="How many runs, one after another, ended so."
    )
    first_at = models.DateTimeField(
        null=True, blank=True, help_text="When the first of them began."
    )

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="run_ended_once_over",
                condition=Q(state__in=["waiting", "running"], ended_at__isnull=True)
                | Q(
                    state__in=["done", "nothing", "failed", "lost", "stopped"],
                    ended_at__isnull=False,
                ),
            ),
            models.CheckConstraint(
                name="run_began_before_work",
                condition=Q(state__in=["waiting", "lost", "stopped"]) | Q(began_at__isnull=False),
            ),
            models.CheckConstraint(
                name="run_says_why_not",
                condition=~Q(state__in=["failed", "lost", "stopped"]) | ~Q(says=""),
            ),
        ]
        indexes = [
            models.Index(fields=["schedule", "-id"], name="run_of_schedule"),
            models.Index(fields=["task", "-id"], name="run_of_task"),
            models.Index(
                fields=["id"], name="run_under_way", condition=Q(state__in=["waiting", "running"])
            ),
        ]

    def __str__(self):
        return f"{self.schedule or self.task}: {self.get_state_display()}"


# What a row of django-celery-beat may go by, each a field of it.
KINDS = ("interval", "crontab", "solar", "clocked")


class StandingManager(models.Manager):
    def begin(self, *, at):
        """Expect runs, from now on, of every schedule of which nothing is known yet."""
        bare = PeriodicTask.objects.filter(standing=None)
        self.bulk_create(
            [Standing(schedule=row, since_at=at) for row in bare], ignore_conflicts=True
        )


class Standing(models.Model):
    """What is known of a schedule beside its row of django-celery-beat.

    ``since_at`` is from when runs are expected of it. ``installed`` is what the settings said
    when they were last laid down: a schedule that still says so follows the settings of the next
    version, one that somebody changed does not.
    """

    schedule = models.OneToOneField(
        PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="standing"
    )
    since_at = models.DateTimeField()
    installed = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )

    objects = StandingManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="standing_changed_by_somebody",
                condition=Q(changed_at__isnull=True, changed_by__isnull=True)
                | Q(changed_at__isnull=False, changed_by__isnull=False),
            ),
        ]

    def __str__(self):
        return str(self.schedule.name)
