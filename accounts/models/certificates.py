"""What the company lays down for letters to the field: that each is certified, and by what.

Briefing for representatives is certified before use (ABPI Code, clause 8); a company that takes a
letter to field users for briefing has its wording approved, under a job-bag number, until a day.
"""

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse

from footprints.dated import ClosingDayField, last_day

from .decisions import person
from .letters import Digest


class LetterPolicy(models.Model):
    """The company's one row: from when letters to field users carry a certificate."""

    ONLY = 1

    certified_from_on = models.DateField(
        "certified from",
        null=True,
        blank=True,
        help_text="From that day on a letter to a field user carries its job-bag number, and is "
        "not sent without. Empty: none needs any.",
    )

    class Meta:
        verbose_name_plural = "letter policy"
        constraints = [models.CheckConstraint(name="letterpolicy_only_one", condition=Q(id=1))]

    def __str__(self):
        return "What the company lays down for letters"


class CertificateQuerySet(models.QuerySet):
    def on(self, day: date):
        """Those that hold on that day, whatever the wording is now."""
        return self.filter(withdrawn_at=None, approved_on__lte=day, expires_on__gt=day)


class Certificate(models.Model):
    """One approval of the wording of one letter; kept for good, and never changed but withdrawn.

    ``wording`` is the fingerprint of the templates as they were approved: where they change, a
    letter is another one, which nobody has approved.
    """

    letter = models.CharField(max_length=9, choices=Digest.About.choices)
    job_bag = models.CharField("job-bag number", max_length=60)
    approved_by_name = models.CharField(
        "approved by", max_length=120, help_text="The signatory, who need not use Waymark."
    )
    approved_on = models.DateField()
    expires_on = ClosingDayField(help_text="It goes out on that day, and not afterwards.")
    wording = models.CharField(max_length=64, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    withdrawn_by = person()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField("why it was withdrawn", max_length=300, blank=True)

    objects = CertificateQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                name="certificate_expires_after_approval",
                condition=Q(expires_on__gt=F("approved_on")),
                violation_error_message="Its last day lies before its approval.",
            ),
            models.CheckConstraint(
                name="certificate_names_job_bag_and_approver",
                condition=~Q(job_bag="") & ~Q(approved_by_name=""),
            ),
            models.CheckConstraint(
                name="certificate_withdrawn_by_somebody",
                condition=Q(withdrawn_at__isnull=True, withdrawn_by__isnull=True)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False),
            ),
        ]

    def __str__(self):
        return f"{self.get_letter_display()}: {self.job_bag}"

    def get_absolute_url(self):
        return reverse("accounts:certificates")

    @property
    def last_on(self) -> date:
        return last_day(self.expires_on)


__all__ = ["Certificate", "LetterPolicy"]
