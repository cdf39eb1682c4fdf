"""Releases and findings in the admin: to be read. A release is undone on its own page."""

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from ..models import Finding, Release
from .base import ReadOnlyAdmin


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ["pk", "title", "kind", "source", "published_on", "applied_at", "by", "undoes"]
    list_display_links = ["pk", "title"]
    list_filter = ["kind", "source", "applied_at"]
    list_select_related = ["by", "undoes"]
    search_fields = ["title", "source", "sha256__istartswith"]
    ordering = ["-pk"]
    actions = ["undo"]
    readonly_fields = ["page"]

    @admin.display(description="what it did")
    def page(self, release):
        address = reverse("footprints:release", args=[release.pk])
        return format_html('<a href="{}">Its page, with its findings</a>', address)

    def has_undo_permission(self, request):
        return request.user.has_perm("footprints.add_release")

    @admin.action(description="Undo this release", permissions=["undo"])
    def undo(self, request, queryset):
        if len(queryset) != 1:
            self.message_user(
                request, "Choose one release: they are undone one by one.", messages.WARNING
            )
            return None
        address = reverse("footprints:undo_release", args=[queryset[0].pk])
        return HttpResponseRedirect(address)


@admin.register(Finding)
class FindingAdmin(ReadOnlyAdmin):
    list_display = ["text", "code", "topic", "severity", "release"]
    list_filter = ["severity", "topic", "release"]
    list_select_related = ["release"]
    search_fields = ["code__istartswith", "text"]
