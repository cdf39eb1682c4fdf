"""The runs of the clock in the admin, read only: the worker writes them."""

from django.contrib import admin

from footprints.admin.base import ReadOnlyAdmin

from .models import Run, Standing


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    list_display = ["task", "schedule", "state", "began_at", "ended_at", "times", "says"]
    list_filter = ["state", "schedule"]
    list_per_page = 50


@admin.register(Standing)
class StandingAdmin(ReadOnlyAdmin):
    list_display = ["schedule", "since_at", "changed_at", "changed_by"]
    list_select_related = ["schedule", "changed_by"]
