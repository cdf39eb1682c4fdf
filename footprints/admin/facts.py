"""Facts in the admin. A saved fact is a release; the row on the page is never edited in place.

Saving retracts the row that stood and asserts the new one, deleting withdraws it, and what was
once known stays to be seen, under "Retracted".
"""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import models
from django.http import HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from shapely import from_wkb

from ..dated import last_day
from ..models import (
    Boundary,
    Identifier,
    LeadProvider,
    Move,
    Population,
    Relationship,
    Succession,
    Version,
)
from ..services.entries import Superseded, enter_fact, withdraw_facts
from ..written import day_in_short
from .base import OrganisationChoices, RefusableForm, Refusing

SHOWN = 100  # facts listed before they are withdrawn

# What a person is told where the database would refuse: by the name of the constraint.
REFUSALS = {
    "version_once_at_a_time": "On some of these days the organisation has a name and a kind "
    "already: give that one its last day first.",
    "identifier_once_at_a_time": "On some of these days the organisation has another code of "
    "this scheme.",
    "population_one_figure_a_year": "There is a figure for this year and boundary already.",
    "relationship_once_at_a_time": "On some of these days this relationship holds already.",
    "relationship_between_two_bodies": "A body cannot be its own parent.",
    "one_lead_provider_at_a_time": "On some of these days another provider leads the "
    "collaborative for this service line.",
    "succession_once_an_event": "This reorganisation has this succession already.",
    "succession_to_itself_says_what_it_becomes": "Where a code succeeds itself, say what it "
    "becomes; in any other succession leave that empty.",
    "succession_share_is_a_part": "A share is a part of one: more than 0, at most 1.",
    "move_once_an_event": "This reorganisation makes this move already.",
    "move_between_two_parents": "A move leads from one parent to another.",
    "opens_before_it_closes": "The last day lies before the first.",
}


class FactForm(RefusableForm):
    """A fact as it is typed, checked against the facts known now."""

    def clean(self):
        if self.instance.pk and self.instance.retracted_by_id:
            raise ValidationError(
                f"“{self.instance}” was changed meanwhile: open the one that stands."
            )
        return super().clean()

    def _get_validation_exclusions(self):
        # The constraints hold among the facts known now, so they ask for the field.
        return super()._get_validation_exclusions() - {"retracted_by"}

    def _update_errors(self, errors):
        if hasattr(errors, "error_dict"):
            for error in errors.error_dict.get(NON_FIELD_ERRORS, []):
                message = str(error.message % (error.params or {}))
                words = (words for name, words in REFUSALS.items() if name in message)
                error.message, error.params = next(words, message), None
        super()._update_errors(errors)


class KnownFilter(admin.SimpleListFilter):
    """Facts known now, unless others are asked for."""

    title = "known"
    parameter_name = "facts"  # not "known": that is the second clock, on every page

    def lookups(self, request, model_admin):
        return [("retracted", "Retracted"), ("all", "All that was ever known")]

    def choices(self, changelist):
        now, *others = super().choices(changelist)
        return [{**now, "display": "Now"}, *others]

    def queryset(self, request, queryset):
        if self.value() == "retracted":
            return queryset.exclude(retracted_by=None)
        return queryset if self.value() == "all" else queryset.filter(retracted_by=None)


class FactAdmin(OrganisationChoices, Refusing):
    """The base of every kind of fact. A subclass says its fields and its columns."""

    form = FactForm
    refusals = REFUSALS
    list_per_page = 50
    show_full_result_count = False
    save_on_top = False
    actions = ["withdraw"]
    formfield_overrides = {
        models.TextField: {"widget": forms.Textarea(attrs={"rows": 2, "cols": 80})},
    }

    # --- What may be done -------------------------------------------------------------------

    def has_change_permission(self, request, obj=None):
        # A retracted fact is only looked at. One that was retracted while it was being corrected
        # comes back as a POST, and the form says so.
        if obj is not None and obj.retracted_by_id and request.method != "POST":
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        if obj is not None and obj.retracted_by_id:
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request):
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- What is shown ----------------------------------------------------------------------

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("asserted_by", "retracted_by")

    def get_fields(self, request, obj=None):
        fields = [*self.fact_fields, "source", "note"]
        if obj is not None:
            fields += ["asserted_by", "retracted_by"]
            if not self.has_change_permission(request, obj):
                fields = ["last_day" if name == "closed_on" else name for name in fields]
        return fields

    def get_readonly_fields(self, request, obj=None):
        return ["asserted_by", "retracted_by", "last_day"] if obj is not None else []

    def get_list_display(self, request):
        display = list(self.list_display)
        if request.GET.get("facts") in ("retracted", "all"):
            display.append("retracted_by")
        return display

    def get_list_filter(self, request):
        return [KnownFilter, *self.list_filter]

    @admin.display(description="last day", ordering="closed_on", empty_value="—")
    def last_day(self, fact):
        closed_on = getattr(fact, "closed_on", None)
        return day_in_short(last_day(closed_on)) if closed_on else None

    # --- Saving is a release ----------------------------------------------------------------

    def save_model(self, request, obj, form, change):
        replaces = self.model.objects.get(pk=obj.pk) if change else None
        kept = enter_fact(obj, by=request.user, replaces=replaces)
        obj.pk = kept.pk  # nothing was changed: the fact that stands

    def response_change(self, request, obj):
        # The corrected fact is another row: what follows leads to that one.
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        request.path = reverse(name, args=[obj.pk])
        return super().response_change(request, obj)

    # --- Deleting is withdrawing ------------------------------------------------------------

    def delete_view(self, request, object_id, extra_context=None):
        fact = self.get_object(request, object_id)
        if fact is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_delete_permission(request, fact):
            raise PermissionDenied
        return self._withdraw(request, self.get_queryset(request).filter(pk=fact.pk))

    @admin.action(description="Withdraw the selected facts", permissions=["delete"])
    def withdraw(self, request, queryset):
        return self._withdraw(request, queryset.filter(retracted_by=None))

    def _withdraw(self, request, facts):
        facts = list(facts)
        changelist = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        if not facts:
            self.message_user(request, "None of these facts stands.", messages.WARNING)
            return HttpResponseRedirect(changelist)
        if request.POST.get("withdraw"):
            try:
                release = withdraw_facts(facts, by=request.user)
            except Superseded as error:
                self.message_user(request, str(error), messages.ERROR)
                return HttpResponseRedirect(changelist)
            for fact in facts:
                self.log_change(request, fact, f"Withdrawn by release {release.pk}.")
            what = f"“{facts[0]}” is" if len(facts) == 1 else f"{len(facts)} facts are"
            self.message_user(request, f"{what} withdrawn, by release {release.pk}.")
            return HttpResponseRedirect(changelist)
        return TemplateResponse(
            request,
            "admin/footprints/withdraw.html",
            {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": f"Withdraw {self.opts.verbose_name_plural}",
                "facts": facts[:SHOWN],
                "besides": max(0, len(facts) - SHOWN),
                "keys": [fact.pk for fact in facts],
                "checkbox": ACTION_CHECKBOX_NAME,
                "back": changelist,
            },
        )


@admin.register(Version)
class VersionAdmin(FactAdmin):
    fact_fields = ["organisation", "kind", "name", "opened_on", "closed_on"]
    autocomplete_fields = ["organisation"]
    list_display = ["organisation", "name", "kind", "opened_on", "last_day", "asserted_by"]
    list_display_links = ["organisation", "name"]
    list_filter = ["kind"]
    list_select_related = ["organisation", "kind", "asserted_by", "retracted_by"]
    search_fields = ["organisation__code__istartswith", "name"]
    search_help_text = "A code, or words of a name"
    ordering = ["organisation__code", "opened_on"]


@admin.register(Identifier)
class IdentifierAdmin(FactAdmin):
    fact_fields = ["organisation", "scheme", "value", "opened_on", "closed_on"]
    autocomplete_fields = ["organisation"]
    list_display = ["organisation", "scheme", "value", "opened_on", "last_day", "asserted_by"]
    list_filter = ["scheme"]
    list_select_related = ["organisation", "asserted_by", "retracted_by"]
    search_fields = ["organisation__code__istartswith", "value__istartswith"]
    search_help_text = "A code of either kind"
    ordering = ["organisation__code", "opened_on"]


@admin.register(Population)
class PopulationAdmin(FactAdmin):
    fact_fields = ["organisation", "year", "boundary_on", "people"]
    autocomplete_fields = ["organisation"]
    list_display = ["organisation", "year", "boundary_on", "people", "asserted_by"]
    list_filter = ["year"]
    list_select_related = ["organisation", "asserted_by", "retracted_by"]
    search_fields = ["organisation__code__istartswith"]
    search_help_text = "A code"
    ordering = ["organisation__code", "-boundary_on", "-year"]


@admin.register(Boundary)
class BoundaryAdmin(FactAdmin):
    """Shapes come from files (`./run load_boundaries`): here they are looked at, not drawn."""

    fact_fields = ["organisation", "boundary_on", "ons_code"]
    actions = None
    list_display = ["organisation", "boundary_on", "ons_code", "size", "asserted_by"]
    list_filter = ["boundary_on"]
    list_select_related = ["organisation", "asserted_by", "retracted_by"]
    search_fields = ["organisation__code__istartswith"]
    search_help_text = "A code"
    ordering = ["organisation__code", "-boundary_on"]

    @admin.display(description="area")
    def size(self, boundary):
        return f"{from_wkb(bytes(boundary.shape)).area / 1e6:,.0f} km²"

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Relationship)
class RelationshipAdmin(FactAdmin):
    fact_fields = ["child", "type", "parent", "opened_on", "closed_on"]
    autocomplete_fields = ["child", "parent"]
    list_display = ["child", "type", "parent", "opened_on", "last_day", "asserted_by"]
    list_filter = ["type"]
    list_select_related = ["child", "parent", "asserted_by", "retracted_by"]
    search_fields = ["child__code__istartswith", "parent__code__istartswith"]
    search_help_text = "The code of either body"
    ordering = ["child__code", "type", "opened_on"]


@admin.register(LeadProvider)
class LeadProviderAdmin(FactAdmin):
    fact_fields = [
        "collaborative",
        "service_line",
        "provider",
        "evidence",
        "opened_on",
        "closed_on",
    ]
    autocomplete_fields = ["collaborative", "provider"]
    list_display = [
        "collaborative",
        "service_line",
        "provider",
        "evidence",
        "opened_on",
        "last_day",
    ]
    list_filter = ["evidence", "service_line"]
    list_select_related = ["collaborative", "provider", "asserted_by", "retracted_by"]
    search_fields = [
        "collaborative__code__istartswith",
        "provider__code__istartswith",
        "service_line",
    ]
    search_help_text = "A code, or words of a service line"
    ordering = ["collaborative__code", "service_line", "opened_on"]


@admin.register(Succession)
class SuccessionAdmin(FactAdmin):
    fact_fields = ["reorganisation", "predecessor", "successor", "passes", "share", "becomes"]
    autocomplete_fields = ["reorganisation", "predecessor", "successor"]
    list_display = ["predecessor", "successor", "passes", "share", "becomes", "reorganisation"]
    list_filter = ["passes", "reorganisation__effective_on"]
    list_select_related = [
        "predecessor",
        "successor",
        "becomes",
        "reorganisation",
        "asserted_by",
        "retracted_by",
    ]
    search_fields = [
        "predecessor__code__istartswith",
        "successor__code__istartswith",
        "reorganisation__title",
    ]
    search_help_text = "The code of either body, or words of the reorganisation"
    ordering = ["-reorganisation__effective_on", "predecessor__code", "successor__code"]


@admin.register(Move)
class MoveAdmin(FactAdmin):
    fact_fields = ["reorganisation", "child", "type", "from_parent", "to_parent"]
    autocomplete_fields = ["reorganisation", "child", "from_parent", "to_parent"]
    list_display = ["child", "type", "from_parent", "to_parent", "reorganisation"]
    list_filter = ["type", "reorganisation__effective_on"]
    list_select_related = [
        "child",
        "from_parent",
        "to_parent",
        "reorganisation",
        "asserted_by",
        "retracted_by",
    ]
    search_fields = [
        "child__code__istartswith",
        "from_parent__code__istartswith",
        "to_parent__code__istartswith",
        "reorganisation__title",
    ]
    search_help_text = "The code of any of the three bodies, or words of the reorganisation"
    ordering = ["-reorganisation__effective_on", "child__code"]
