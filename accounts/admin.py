"""Our side in the admin: colleagues, teams, plans, and who works what."""

import json
from collections import defaultdict

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import UserAdmin

from footprints.admin.base import OrganisationChoices, ReadOnlyAdmin, RefusableForm, Refusing
from footprints.written import period

from .models import (
    AccountLead,
    Alert,
    Assignment,
    CalendarKey,
    Certificate,
    Challenge,
    DataSupplier,
    Decision,
    Delivery,
    Digest,
    Figure,
    Flag,
    FlagRun,
    Freeze,
    Job,
    JobSheet,
    Letter,
    LetterPolicy,
    Measure,
    PlanChange,
    PlanStep,
    Reminder,
    RosterEntry,
    SavedView,
    Scenario,
    SharedUnit,
    Sheet,
    SheetChange,
    SheetComment,
    SheetDeed,
    Subscription,
    Suggestion,
    Team,
    Territory,
    TerritoryPlan,
    TimelineTask,
    Unwanted,
    UrgencyRule,
    User,
    Watch,
    WatchList,
    WatchMove,
    Webhook,
    WritingHours,
)
from .territories.history import differences, tell

REFUSALS = {
    "team_cycle_lasts_and_starts": "A cycle needs both: how long it lasts, and when one starts.",
    "datasupplier_lags": "Two years is the most.",
    "territory_code_once_a_plan": "The plan has a territory of this code already.",
    "rosterentry_one_owner_at_a_time": "On some of these days somebody else owns the territory.",
    "rosterentry_some_of_one_person": "More than none of one person's time, and at most all.",
    "plan_replaces_another": "A plan cannot replace itself.",
    "plan_activates_within_its_life": "The plan has ended by the day on which it would begin.",
    "territory_not_under_itself": "A territory cannot lie under itself.",
    "territory_colour_as_hex": "Six digits after #, as #0072b2.",
    "territory_capacity_not_negative": "Days cannot be fewer than none.",
    "rosterentry_names_somebody": "Say who it is: a colleague, or a name.",
    "assignment_unit_once_at_a_time": "On some of these days the unit belongs to a territory of "
    "this plan already.",
    "opens_before_it_closes": "The last day lies before the first.",
}


def revise(request, plan, says):
    """Say that the plan (a key) changed: what unsettles it is looked at again, and its history
    tells what was put right here, whatever state it is in; nothing where that was nothing."""
    TerritoryPlan.objects.filter(pk=plan).revise()
    if says:
        tell(TerritoryPlan.objects.get(pk=plan), f"Put right: {says}", by=request.user)


class Worded(Refusing):
    refusals = REFUSALS
    list_per_page = 50


class WithInlines(Worded):
    """A plan, or a territory: with the rows that are kept on its own page."""

    def said(self, request, form, formsets, change):
        """What was kept, in the words of the admin's own log; "" where nothing was."""
        found = self.construct_change_message(request, form, formsets, not change)
        words = LogEntry(change_message=json.dumps(found)).get_change_message()
        return f"{form.instance}: {words}" if found else ""


@admin.register(User)
class ColleagueAdmin(UserAdmin):
    list_display = ["username", "get_full_name", "role", "team", "is_active", "last_login"]
    list_filter = ["role", "team", "is_active", "is_staff"]
    list_select_related = ["team"]
    autocomplete_fields = ["team"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        ("Who", {"fields": ["first_name", "last_name", "email"]}),
        ("What they may do", {"fields": ["role", "team", "is_active", "is_staff"]}),
        (
            "Beyond their role",
            {"classes": ["collapse"], "fields": ["is_superuser", "groups", "user_permissions"]},
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "usable_password", "password1", "password2"]}),
        ("Who", {"fields": ["first_name", "last_name", "email"]}),
        ("What they may do", {"fields": ["role", "team"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def save_model(self, request, obj, form, change):
        # A steward works here. Who no longer is one has nothing to do here, unless above roles.
        if obj.role == User.Role.STEWARD:
            obj.is_staff = True
        elif form.initial.get("role") == User.Role.STEWARD and not obj.is_superuser:
            obj.is_staff = False
        super().save_model(request, obj, form, change)


class FreezeInline(admin.TabularInline):
    model = Freeze
    fields = ["opened_on", "closed_on", "reason"]
    extra = 0


@admin.register(Team)
class TeamAdmin(Worded):
    list_display = ["name", "is_walled", "cycle_months", "cycle_on", "supplier", "credit"]
    list_filter = ["is_walled"]
    list_select_related = ["supplier"]
    search_fields = ["name"]
    inlines = [FreezeInline]


@admin.register(Freeze)
class FreezeAdmin(Worded):
    list_display = ["team", "opened_on", "last_day", "reason"]
    list_filter = ["team"]
    list_select_related = ["team"]
    search_fields = ["team__name", "reason"]


@admin.register(DataSupplier)
class DataSupplierAdmin(Worded):
    list_display = ["name", "lag_months"]
    search_fields = ["name"]


class TerritoryInline(admin.TabularInline):
    model = Territory
    fields = ["code", "name", "position"]
    extra = 0
    show_change_link = True


@admin.register(TerritoryPlan)
class TerritoryPlanAdmin(WithInlines):
    list_display = ["name", "team", "state", "owner", "opened_on", "last_day"]
    list_filter = ["state", "team"]
    list_select_related = ["team", "owner"]
    search_fields = ["name", "brands"]
    autocomplete_fields = ["team", "owner", "copied_from"]
    readonly_fields = ["state", "replaces", "activates_on"]  # a plan's way is its own pages'
    inlines = [TerritoryInline]

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        if change:
            revise(request, form.instance.pk, self.said(request, form, formsets, change))


class RosterInline(admin.TabularInline):
    model = RosterEntry
    fields = ["role", "user", "name", "opened_on", "closed_on"]
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Territory)
class TerritoryAdmin(WithInlines):
    list_display = ["code", "name", "plan", "position"]
    list_display_links = ["code", "name"]
    list_filter = ["plan"]
    list_select_related = ["plan"]
    search_fields = ["code", "name", "plan__name"]
    autocomplete_fields = ["plan", "parent"]
    inlines = [RosterInline]

    def get_readonly_fields(self, request, obj=None):
        return ["plan"] if obj else []  # its assignments are the plan's

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        revise(request, form.instance.plan_id, self.said(request, form, formsets, change))

    def delete_model(self, request, obj):
        super().delete_model(request, obj)
        revise(request, obj.plan_id, f"territory {obj} removed")

    def delete_queryset(self, request, queryset):
        gone = [(row.plan_id, f"territory {row} removed") for row in queryset]
        super().delete_queryset(request, queryset)
        for plan, says in gone:
            revise(request, plan, says)


class PlanRowAdmin(Worded):
    """For what a territory has for a while: what is done to a row is told in its plan."""

    def save_model(self, request, obj, form, change):
        was = self.model.objects.select_related("territory").filter(pk=obj.pk).first()
        super().save_model(request, obj, form, change)
        is_elsewhere = was and was.territory.plan_id != obj.territory.plan_id
        if is_elsewhere:
            revise(request, was.territory.plan_id, f"{_in_full(was)} removed")
        says = f"{_in_full(obj)} added"
        if was and not is_elsewhere:
            changes = "; ".join(differences(was, form.cleaned_data))
            says = changes and f"{_in_full(was)}: {changes}"
        revise(request, obj.territory.plan_id, says)

    def delete_model(self, request, obj):
        says = f"{_in_full(obj)} removed"
        super().delete_model(request, obj)
        revise(request, obj.territory.plan_id, says)

    def delete_queryset(self, request, queryset):
        gone = defaultdict(list)
        for row in queryset.select_related("territory"):
            gone[row.territory.plan_id].append(_in_full(row))
        super().delete_queryset(request, queryset)
        for plan, rows in sorted(gone.items()):
            revise(request, plan, f"{'; '.join(rows)} removed")


def _in_full(row):
    """ "91Q in T01 Kent, owner, since 1 Apr 2026"."""
    what = row.organisation if isinstance(row, Assignment) else row
    days = period(row.opened_on, row.closed_on)
    return f"{what} in {row.territory}, {row.get_role_display().lower()}, {days}"


@admin.register(RosterEntry)
class RosterEntryAdmin(PlanRowAdmin):
    list_display = ["territory", "role", "__str__", "opened_on", "last_day"]
    list_filter = ["role", "territory__plan"]
    list_select_related = ["territory", "user"]
    search_fields = ["territory__code", "territory__name", "user__last_name", "name"]
    autocomplete_fields = ["territory", "user"]


class AssignmentForm(RefusableForm):
    """The plan is the territory's; it is set before validation, which asks for overlaps in it."""

    def clean(self):
        cleaned = super().clean()
        if territory := self.cleaned_data.get("territory"):
            self.instance.plan = territory.plan
        return cleaned

    def _get_validation_exclusions(self):
        excluded = super()._get_validation_exclusions()
        return excluded - {"plan"} if self.instance.plan_id else excluded


@admin.register(Assignment)
class AssignmentAdmin(OrganisationChoices, PlanRowAdmin):
    form = AssignmentForm
    fields = ["territory", "organisation", "role", "opened_on", "closed_on"]
    list_display = ["organisation", "territory", "plan", "role", "opened_on", "last_day"]
    list_filter = ["plan", "role"]
    list_select_related = ["organisation", "territory", "plan"]
    search_fields = ["organisation__code__istartswith", "territory__code", "territory__name"]
    search_help_text = "The code of a unit, or a territory"
    autocomplete_fields = ["territory", "organisation"]


@admin.register(Flag)
class FlagAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "weight", "owner", "raised_at", "resolved_at", "lapsed_at"]
    list_filter = ["weight", "raised_at", "resolved_at"]
    list_select_related = ["reorganisation", "owner"]
    search_fields = ["reorganisation__title"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("root")


@admin.register(Sheet)
class SheetAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "prepared_by", "approved_by", "approved_at", "applied_at"]
    list_filter = ["approved_at", "applied_at"]
    list_select_related = ["flag__reorganisation", "prepared_by", "approved_by"]
    search_fields = ["flag__reorganisation__title"]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("flag__root")


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ["body", "outcome", "territory", "until_on", "by", "at"]
    list_filter = ["outcome", "at"]
    list_select_related = ["body", "territory", "by"]
    search_fields = ["body__code__istartswith", "reason"]


@admin.register(SheetChange)
class SheetChangeAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "deed", "territory", "role", "cut_on"]
    list_filter = ["deed"]
    list_select_related = ["organisation", "territory"]
    search_fields = ["organisation__code__istartswith", "territory__code"]


@admin.register(SheetComment)
class SheetCommentAdmin(ReadOnlyAdmin):
    list_display = ["body", "role", "by", "at", "text"]
    list_filter = ["at"]
    list_select_related = ["body", "by"]
    search_fields = ["body__code__istartswith", "text"]


@admin.register(SheetDeed)
class SheetDeedAdmin(ReadOnlyAdmin):
    list_display = ["sheet_id", "deed", "by", "at", "says"]
    list_filter = ["deed", "at"]
    list_select_related = ["by"]
    search_fields = ["says", "by__username", "by__last_name"]


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["deed", "event", "by", "asked_at", "state", "done", "total"]
    list_filter = ["deed", "state", "asked_at"]
    list_select_related = ["event", "by"]
    search_fields = ["event__title", "by__username", "by__last_name"]


@admin.register(JobSheet)
class JobSheetAdmin(ReadOnlyAdmin):
    list_display = ["job_id", "flag_id", "state", "rows", "says"]
    list_filter = ["state"]
    search_fields = ["says"]


@admin.register(AccountLead)
class AccountLeadAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "territory", "plan", "opened_on", "last_day"]
    list_filter = ["plan"]
    list_select_related = ["organisation", "territory", "plan"]
    search_fields = ["organisation__code__istartswith", "territory__code"]


@admin.register(TimelineTask)
class TimelineTaskAdmin(admin.ModelAdmin):
    list_display = ["reorganisation", "milestone", "owner", "done_at"]
    list_filter = ["milestone", "done_at"]
    list_select_related = ["reorganisation", "owner"]
    search_fields = ["reorganisation__title", "note", "owner__last_name"]
    autocomplete_fields = ["owner"]
    raw_id_fields = ["reorganisation"]
    readonly_fields = ["done_at", "done_by"]


@admin.register(CalendarKey)
class CalendarKeyAdmin(ReadOnlyAdmin):
    """Who has a feed, and since when; the secret is its owner's alone."""

    list_display = ["user", "made_at"]
    list_select_related = ["user"]
    search_fields = ["user__username", "user__last_name"]
    fields = ["user", "made_at"]

    def has_delete_permission(self, request, obj=None):
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(Scenario)
class ScenarioAdmin(ReadOnlyAdmin):
    list_display = ["draft", "event", "plan", "made_by", "made_at", "refreshed_at"]
    list_filter = ["plan", "made_at"]
    list_select_related = ["draft", "event", "plan", "made_by"]
    search_fields = ["draft__name", "event__title", "note"]


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "person", "effective_on", "raised_at", "due_at", "sent_at"]
    list_filter = ["effective_on", "sent_at"]
    list_select_related = ["person"]
    search_fields = ["person__last_name", "person__username", "subject"]


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ["flag", "person", "holder", "weight", "effective_on", "news", "told"]
    list_filter = ["weight", "because", "effective_on"]
    list_select_related = ["flag__reorganisation", "person", "holder"]
    search_fields = ["person__last_name", "person__username"]


@admin.register(Reminder)
class ReminderAdmin(ReadOnlyAdmin):
    list_display = ["says", "kind", "person", "due_on", "told_on", "wakes_on", "gone_at"]
    list_filter = ["kind", "due_on"]
    list_select_related = ["person"]
    search_fields = ["says", "person__last_name", "person__username"]


@admin.register(FlagRun)
class FlagRunAdmin(ReadOnlyAdmin):
    list_display = ["at", "is_old"]


@admin.register(UrgencyRule)
class UrgencyRuleAdmin(admin.ModelAdmin):
    list_display = ["position", "role", "weight", "is_decided", "within_days", "pace"]
    list_filter = ["role", "pace"]


@admin.register(WritingHours)
class WritingHoursAdmin(admin.ModelAdmin):
    list_display = ["user", "routine", "routine_at", "time_zone"]
    list_filter = ["routine"]
    list_select_related = ["user"]
    autocomplete_fields = ["user"]
    search_fields = ["user__username", "user__last_name"]


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin):
    """Recorded and withdrawn on a page of its own, so that each stays as it was."""

    list_display = ["job_bag", "letter", "approved_by_name", "approved_on", "expires_on", "by"]
    list_filter = ["letter"]
    list_select_related = ["by"]
    search_fields = ["job_bag", "approved_by_name"]


@admin.register(LetterPolicy)
class LetterPolicyAdmin(ReadOnlyAdmin):
    list_display = ["__str__", "certified_from_on"]


@admin.register(SavedView)
class SavedViewAdmin(admin.ModelAdmin):
    list_display = ["name", "path", "query", "person", "team"]
    list_filter = ["path", "team"]
    list_select_related = ["person", "team"]
    autocomplete_fields = ["person"]
    search_fields = ["name", "path", "person__username", "person__last_name"]


@admin.register(Unwanted)
class UnwantedAdmin(admin.ModelAdmin):
    list_display = ["user", "kind", "since_at"]
    list_filter = ["kind"]
    list_select_related = ["user"]
    autocomplete_fields = ["user"]
    search_fields = ["user__username", "user__last_name"]


@admin.register(Letter)
class LetterAdmin(ReadOnlyAdmin):
    list_display = ["subject", "to", "written_at"]
    list_filter = ["written_at"]
    search_fields = ["subject", "to"]


@admin.register(PlanStep)
class PlanStepAdmin(ReadOnlyAdmin):
    list_display = ["plan", "deed", "by", "at", "reason"]
    list_filter = ["deed", "at"]
    list_select_related = ["plan", "by"]
    search_fields = ["plan__name", "reason", "by__last_name"]


@admin.register(PlanChange)
class PlanChangeAdmin(ReadOnlyAdmin):
    list_display = ["plan", "says", "from_on", "by", "at", "undone_at"]
    list_filter = ["at"]
    list_select_related = ["plan", "by"]
    search_fields = ["plan__name", "says", "by__last_name"]


@admin.register(SharedUnit)
class SharedUnitAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "territory", "share", "reason"]
    list_select_related = ["organisation", "territory"]
    search_fields = ["organisation__code__istartswith", "territory__code"]


@admin.register(Challenge)
class ChallengeAdmin(ReadOnlyAdmin):
    list_display = ["organisation", "territory", "plan", "state", "by", "at", "decided_by"]
    list_filter = ["state", "at"]
    list_select_related = ["organisation", "territory", "plan", "by", "decided_by"]
    search_fields = ["organisation__code__istartswith", "territory__code", "reason"]


@admin.register(Measure)
class MeasureAdmin(ReadOnlyAdmin):
    list_display = ["name", "unit", "team", "source", "counted_on", "by", "at"]
    list_filter = ["team"]
    list_select_related = ["team", "by"]
    search_fields = ["name", "source"]


@admin.register(Figure)
class FigureAdmin(ReadOnlyAdmin):
    list_display = ["measure", "organisation", "amount"]
    list_filter = ["measure"]
    list_select_related = ["measure", "organisation"]
    search_fields = ["organisation__code__istartswith"]


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyAdmin):
    list_display = ["plan", "evens", "measure", "state", "by", "asked_at", "decided_by"]
    list_filter = ["state", "evens", "asked_at"]
    list_select_related = ["plan", "measure", "by", "decided_by"]
    search_fields = ["plan__name", "by__last_name"]


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Made and changed on pages of their own; neither secret nor whole address is shown."""

    list_display = ["name", "whose", "shape", "shown_address", "state", "by", "made_at"]
    list_filter = ["shape", "is_on"]
    list_select_related = ["team", "by"]
    search_fields = ["name", "team__name"]
    fields = ["name", "team", "shape", "shown_address", "state", "failing_since_at", "by"]
    fields += ["made_at", "secret_changed_at", "retired_at", "retired_by"]


@admin.register(Subscription)
class SubscriptionAdmin(ReadOnlyAdmin):
    list_display = ["webhook", "topic", "read_to"]
    list_filter = ["topic"]
    list_select_related = ["webhook"]
    search_fields = ["webhook__name"]


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["says", "webhook", "state", "tries", "status", "made_at", "sent_at"]
    list_filter = ["state", "topic", "made_at"]
    list_select_related = ["webhook"]
    search_fields = ["says", "webhook__name"]


@admin.register(WatchList)
class WatchListAdmin(ReadOnlyAdmin):
    list_display = ["person", "revision", "flagged_revision"]
    list_select_related = ["person"]
    search_fields = ["person__username", "person__last_name"]


@admin.register(Watch)
class WatchAdmin(ReadOnlyAdmin):
    list_display = ["list", "kind", "thing", "is_own", "opened_on", "closed_on", "closed_by"]
    list_filter = ["is_own", "opened_on"]
    list_select_related = ["list__person", "organisation", "reorganisation", "plan"]
    list_select_related += ["stakeholder", "closed_by"]
    search_fields = ["organisation__code__istartswith", "list__person__last_name"]


@admin.register(WatchMove)
class WatchMoveAdmin(ReadOnlyAdmin):
    list_display = ["watch", "reorganisation", "successor", "choice", "moved_at", "answered_at"]
    list_filter = ["choice", "moved_at"]
    list_select_related = ["watch__organisation", "reorganisation", "successor"]
    search_fields = ["successor__code__istartswith", "watch__organisation__code__istartswith"]
