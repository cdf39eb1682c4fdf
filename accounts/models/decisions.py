"""What people decide about an event in a plan: one sheet a flag, and what applying it changed.

What an event does stays computed (`accounts.effects`); a decision is stored only where a person
departs from the default. A sheet is prepared by one person and approved by another, on the very
changes that it lists; applying it keeps the inverse of each change, so that undoing restores the
rows as they were, with their keys.
"""

from collections.abc import Iterable
from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse
from django.utils.functional import cached_property

from footprints.models import OrganisationKey, Outcome, Release, Rule

from .flags import Flag
from .teams import FourDays, Team
from .territories import CoverageRole, Territory, TerritoryPlan

# What was decided and done is history: a later event touches the plan through its assignments, not
# through these rows, so the blast radius leaves them out.
RECORD = Rule(says="a record of what was decided", decides="nobody", outcomes={})


def person(**options):
    """A key to the colleague who did something; the deed stays theirs."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        **options,
    )


def paired(deed: str) -> models.CheckConstraint:
    """Who did it and when: both are said, or neither."""
    by, at = f"{deed}_by__isnull", f"{deed}_at__isnull"
    return models.CheckConstraint(
        name=f"sheet_{deed}_by_somebody",
        condition=Q(**{by: True, at: True}) | Q(**{by: False, at: False}),
    )


class SheetQuerySet(models.QuerySet):
    def waiting(self, day: date):
        """Approved, not applied, of an event that stands by law and has come.

        Our day may be later still by the team's calendar: `Sheet.day` says.
        """
        event = "flag__reorganisation"
        settled = Flag._meta.get_field("reorganisation").related_model.State.settled()
        return self.filter(
            Q(align_on=None) | Q(align_on__lte=day),
            approved_at__isnull=False,
            applied_at=None,
            flag__lapsed_at=None,
            **{f"{event}__state__in": settled, f"{event}__effective_on__lte": day},
        )

    def untried(self, day: date):
        """All but those that were found unready as things stand: to look again would say so again.

        Once a day they are looked at whatever stands.
        """
        return self.exclude(tried=standing(day))

    def mark_tried(self, day: date) -> int:
        """Keep that these were found unready, as things stand; return how many."""
        stands = self.filter(pk=OuterRef("pk")).order_by().values(stands=standing(day))
        return self.update(tried=Subquery(stands))


def standing(day: date) -> Concat:
    """SQL: all that a sheet's changes follow from and is not its own, as a short text.

    The revisions of its plan and its event, and the last release of the register.
    """
    plan = TerritoryPlan.objects.filter(pk=OuterRef("flag__object_id")).values("revision")
    release = Release.objects.order_by("-pk").values("pk")
    parts = (Subquery(plan[:1]), F("flag__reorganisation__revision"), Subquery(release[:1]))
    texts = [Cast(part, models.CharField()) for part in parts]
    return Concat(Value(f"{day:%Y-%m-%d} "), texts[0], Value("/"), texts[1], Value("/"), texts[2])


def lend_teams(sheets: Iterable["Sheet"]) -> None:
    """Give these sheets (with their flags) their teams and calendars; three queries for all."""
    sheets = list(sheets)
    plans = TerritoryPlan.objects.filter(pk__in={sheet.flag.object_id for sheet in sheets})
    team_of = dict(plans.values_list("pk", "team"))
    teams = Team.objects.select_related("supplier").prefetch_related("freezes")
    found = teams.in_bulk(set(team_of.values()))
    for sheet in sheets:
        sheet.team = found[team_of[sheet.flag.object_id]]


class Sheet(models.Model):
    """The decision sheet of one flag: one plan and one event."""

    flag = models.OneToOneField(Flag, on_delete=models.PROTECT, related_name="sheet")
    # Each only where somebody set it by hand; `days` has what holds, by the team's calendar.
    align_on = models.DateField("our day", null=True, blank=True)
    data_on = models.DateField("first data", null=True, blank=True)
    credit_on = models.DateField("credit", null=True, blank=True)
    prepared_by = person()
    prepared_at = models.DateTimeField(null=True, blank=True)
    # What was prepared: the changes, and a fingerprint of them that approval is bound to.
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    changes = models.JSONField(default=list, blank=True, editable=False)
    is_four_eyed = models.BooleanField(default=True)
    approved_by = person()
    approved_at = models.DateTimeField(null=True, blank=True)
    # Nobody: the clock applied it on the day.
    applied_by = person()
    applied_at = models.DateTimeField(null=True, blank=True)
    # What stood when the clock last found it unready: see `standing`.
    tried = models.CharField(max_length=64, blank=True, editable=False)
    undone_by = person()
    undone_at = models.DateTimeField(null=True, blank=True)

    objects = SheetQuerySet.as_manager()

    class Meta:
        constraints = [
            paired("prepared"),
            paired("approved"),
            paired("undone"),
            models.CheckConstraint(
                name="sheet_prepared_on_changes",
                condition=Q(prepared_at__isnull=True, fingerprint="")
                | (Q(prepared_at__isnull=False) & ~Q(fingerprint="")),
            ),
            models.CheckConstraint(
                name="sheet_approved_once_prepared",
                condition=Q(approved_at__isnull=True) | Q(prepared_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sheet_applied_once_approved",
                condition=Q(applied_at__isnull=True, applied_by__isnull=True)
                | Q(applied_at__isnull=False, approved_at__isnull=False),
            ),
            models.CheckConstraint(
                name="sheet_approved_by_another",
                condition=Q(is_four_eyed=False)
                | Q(approved_by__isnull=True)
                | ~Q(approved_by=F("prepared_by")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["align_on"],
                name="sheet_waiting",
                condition=Q(approved_at__isnull=False, applied_at__isnull=True),
            )
        ]

    def __str__(self):
        return f"Sheet of {self.flag}"

    def get_absolute_url(self):
        return reverse("accounts:sheet", args=[self.flag_id])

    @cached_property
    def team(self) -> Team:
        """The team of the plan, with its calendar; two queries, none after `lend_teams`."""
        teams = Team.objects.select_related("supplier").prefetch_related("freezes")
        return teams.get(plans=self.flag.object_id)

    @property
    def days(self) -> FourDays:
        """The four dates with their reasons: as set by hand while that can be, else by default."""
        return self.team.days(
            self.flag.reorganisation.effective_on,
            align_on=self.align_on,
            data_on=self.data_on,
            credit_on=self.credit_on,
        )

    @property
    def default_days(self) -> FourDays:
        """The four dates by the team's calendar alone."""
        return self.team.days(self.flag.reorganisation.effective_on)

    @property
    def day(self) -> date:
        """From when our territories follow: never before the legal day, never within a freeze."""
        return self.days.ours.on

    def frozen_until(self, on: date) -> date | None:
        """Where applying on that day changes what holds within a freeze: the first free day."""
        free, freeze = self.team.thawed(on)
        return free if freeze and self.day <= on else None

    @property
    def counts_from(self) -> date:
        """The credit day."""
        return self.days.credit.on

    @property
    def state(self) -> str:
        """`deciding`, `prepared`, `approved` or `applied`."""
        for state in ("applied", "approved", "prepared"):
            if getattr(self, f"{state}_at"):
                return state
        return "deciding"


class Decision(models.Model):
    """Where a person departs from the default: for one successor, or one body that closes."""

    sheet = models.ForeignKey(
        Sheet, on_delete=models.CASCADE, related_name="decisions", db_index=False
    )
    body = OrganisationKey(rule=RECORD, related_name="+", db_index=False)
    role = models.CharField(max_length=12, choices=CoverageRole.choices)
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    territory = models.ForeignKey(
        Territory, on_delete=models.PROTECT, null=True, blank=True, related_name="decisions"
    )
    lead = models.ForeignKey(
        Territory,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="led_decisions",
        db_index=False,
        verbose_name="account lead",
        help_text="Where everybody keeps their line: who answers for the whole.",
    )
    until_on = models.DateField("hold until", null=True, blank=True)
    reason = models.TextField(blank=True)
    assigned_to = person()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="decision_once_a_row", fields=["sheet", "body", "role"]),
            models.CheckConstraint(
                name="decision_holds_until_a_day",
                condition=Q(outcome=Outcome.HOLD, until_on__isnull=False)
                | (~Q(outcome=Outcome.HOLD) & Q(until_on__isnull=True)),
            ),
            models.CheckConstraint(
                name="decision_names_a_territory_to_carry_to",
                condition=Q(outcome=Outcome.CARRY) | Q(territory__isnull=True),
            ),
            models.CheckConstraint(
                name="decision_says_something",
                condition=~Q(outcome="")
                | Q(assigned_to__isnull=False)
                | ~Q(reason="")
                | Q(lead__isnull=False),
            ),
            models.CheckConstraint(
                name="decision_leads_where_the_line_is_kept",
                condition=Q(lead__isnull=True) | Q(outcome__in=["", Outcome.KEEP_THE_LINE]),
            ),
        ]
        indexes = [
            models.Index(
                fields=["until_on"],
                name="decision_held",
                condition=Q(until_on__isnull=False),
            )
        ]

    def __str__(self):
        return f"{self.body}: {self.get_outcome_display() or 'asked'}"


class SheetChange(models.Model):
    """One assignment that a sheet changed, as it was before, or as it was opened: the inverse.

    Its territory and body are copied from a row that is held to them, so that the database need
    not look each up again: on a great day that is a sixth of the work.
    """

    class Deed(models.TextChoices):
        OPENED = "opened", "Opened"
        CLOSED = "closed", "Closed"
        REMOVED = "removed", "Removed"  # it would have begun on our day or later

    sheet = models.ForeignKey(Sheet, on_delete=models.PROTECT, related_name="written")
    deed = models.CharField(max_length=8, choices=Deed.choices)
    # No foreign key: the row may be gone, by hand or because it was removed.
    assignment = models.BigIntegerField()
    territory = models.ForeignKey(
        Territory, on_delete=models.PROTECT, related_name="sheet_changes", db_constraint=False
    )
    organisation = OrganisationKey(
        rule=RECORD, related_name="+", db_index=False, db_constraint=False
    )
    role = models.CharField(max_length=12, choices=CoverageRole.choices)
    opened_on = models.DateField(null=True)
    closed_on = models.DateField(null=True, help_text="As it was before; of one opened, as made.")
    cut_on = models.DateField(null=True, help_text="From when one that was closed holds no more.")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="sheetchange_closed_from_a_day",
                condition=Q(deed="closed", cut_on__isnull=False)
                | (~Q(deed="closed") & Q(cut_on__isnull=True)),
            ),
        ]

    def __str__(self):
        return f"{self.get_deed_display()} {self.organisation} in {self.territory}"


__all__ = ["Decision", "Sheet", "SheetChange", "lend_teams"]
