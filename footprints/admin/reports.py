"""Received files, feeds and proposals in the admin: to be read. Deeds are on their own pages."""

from django.contrib import admin

from ..models import Feed, Proposal, Report
from .base import ReadOnlyAdmin


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ["pk", "name", "title", "about_on", "state", "via", "received_at", "by"]
    list_display_links = ["pk", "name"]
    list_filter = ["state", "source", "via"]
    list_select_related = ["by"]
    search_fields = ["name", "title", "sha256__istartswith"]


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    list_display = ["name", "looked_at", "fetched_at", "failures", "next_at", "error"]


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    list_display = ["title", "kind", "effective_on", "confidence", "state", "proposed_at"]
    list_filter = ["state", "kind"]
    search_fields = ["title"]
