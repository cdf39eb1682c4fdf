"""Organisations and their kinds in the admin."""

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from ..models import (
    AreaPrescribingCommittee,
    Footprint,
    Identifier,
    Kind,
    LeadProvider,
    Organisation,
    Population,
    ProviderCollaborative,
    Relationship,
    Version,
)
from ..written import period
from .base import labelled


@admin.register(Kind)
class KindAdmin(admin.ModelAdmin):
    list_display = ["name", "code", "family", "tier", "is_legal_body", "is_footprint", "is_unit"]
    list_filter = ["family", "is_legal_body", "is_footprint", "is_unit"]
    search_fields = ["name", "plural", "code"]

    def get_readonly_fields(self, request, obj=None):
        return ["code"] if obj else []  # facts point at it


# Which facts hang on a body, and by which field a new one of them names it.
FACTS = [
    (Version, "organisation"),
    (Relationship, "child"),
    (Identifier, "organisation"),
    (Population, "organisation"),
    (LeadProvider, "collaborative"),
]


@admin.register(Organisation)
class OrganisationAdmin(admin.ModelAdmin):
    """An organisation is a code; what is known of it are facts, each entered on its own page."""

    fields = ["code", "is_provisional", "longitude", "latitude"]
    list_display = ["code", "called", "is_provisional"]
    list_filter = ["is_provisional"]
    list_per_page = 50
    show_full_result_count = False
    ordering = ["code"]
    search_fields = ["code"]
    search_help_text = "A code, or words of any name it had"

    def get_queryset(self, request):
        return labelled(super().get_queryset(request))

    def get_search_results(self, request, queryset, search_term):
        """Bodies whose code starts with the words, or one of whose names holds them all."""
        words = search_term.split()
        if not words:
            return queryset, False
        names = Version.objects.now().filter(organisation=OuterRef("pk"))
        for word in words:
            names = names.filter(name__icontains=word)
        found = Q(Exists(names))
        if len(words) == 1:
            found |= Q(code__istartswith=words[0])
        return queryset.filter(found), False

    @admin.display(description="last called")
    def called(self, organisation):
        return organisation.label.removeprefix(organisation.code).strip() or "—"

    def get_fields(self, request, obj=None):
        return [*self.fields, "facts"] if obj else self.fields

    def get_readonly_fields(self, request, obj=None):
        return ["facts"] if obj else []

    @admin.display(description="what is known of it")
    def facts(self, organisation):
        parts = []
        for model, field in FACTS:
            name = f"admin:footprints_{model._meta.model_name}"
            rows = model.objects.now().filter(**{field: organisation}).order_by("pk")
            if model is Relationship:
                rows = rows.select_related("child", "parent")
            elif model is LeadProvider:
                rows = rows.select_related("collaborative", "provider")
            known = format_html_join(
                "",
                '<li><a href="{}">{}</a> {}</li>',
                (
                    (
                        reverse(f"{name}_change", args=[row.pk]),
                        str(row),
                        period(row.opened_on, row.closed_on) if hasattr(row, "closed_on") else "",
                    )
                    for row in rows
                ),
            )
            parts.append(
                format_html(
                    '<p><strong>{}</strong> · <a href="{}?{}={}">Add</a></p><ul>{}</ul>',
                    str(model._meta.verbose_name_plural).capitalize(),
                    reverse(f"{name}_add"),
                    field,
                    organisation.pk,
                    known,
                )
            )
        page = format_html('<p><a href="{}">Its page</a></p>', organisation.get_absolute_url())
        return format_html_join("", "{}", ((part,) for part in [page, *parts]))

    def response_add(self, request, obj, post_url_continue=None):
        if "_popup" in request.POST or "_addanother" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(
            request,
            f"{obj.code} is added. Say what it is called and since when: until then no page "
            "shows it.",
            messages.SUCCESS,
        )
        address = reverse("admin:footprints_version_add")
        return HttpResponseRedirect(f"{address}?organisation={obj.pk}")


class OfAKindAdmin(OrganisationAdmin):
    """The same organisations, those of certain kinds alone. They are added as organisations."""

    def has_add_permission(self, request):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


admin.site.register(Footprint, OfAKindAdmin)
admin.site.register(ProviderCollaborative, OfAKindAdmin)
admin.site.register(AreaPrescribingCommittee, OfAKindAdmin)
