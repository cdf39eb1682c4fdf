"""Reorganisations in the admin: declared and corrected; their steps are only ever added."""

from django import forms
from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from ..models import Move, Reorganisation, Step, Succession
from ..services.declaring import add_step
from .base import Refusing


class StepInline(admin.StackedInline):
    """Evidence: each step names the state it brought, its source and its day."""

    model = Step
    fields = ["state", "on", "checked_on", "source", "said_by", "reason"]
    verbose_name = "step"
    formfield_overrides = {
        Step._meta.get_field("source").__class__: {
            "widget": forms.Textarea(attrs={"rows": 2, "cols": 80})
        }
    }

    def get_queryset(self, request):
        return super().get_queryset(request).none()  # those taken are shown above, as text

    def get_extra(self, request, obj=None, **kwargs):
        return 0 if obj else 1

    def get_min_num(self, request, obj=None, **kwargs):
        return 0 if obj else 1

    def get_formset(self, request, obj=None, **kwargs):
        return super().get_formset(request, obj, validate_min=obj is None, **kwargs)

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Reorganisation)
class ReorganisationAdmin(Refusing):
    """A step sets the state; which bodies pass and move are facts, each on its own page.

    Its day is moved on a page of ours: what would open on it moves along.
    """

    list_display = ["title", "effective_on", "kind", "state"]
    list_filter = ["state", "kind", "effective_on"]
    list_per_page = 50
    search_fields = ["title", "slug"]
    date_hierarchy = "effective_on"
    prepopulated_fields = {"slug": ["title"]}
    inlines = [StepInline]

    def get_prepopulated_fields(self, request, obj=None):
        return {} if obj else self.prepopulated_fields

    def get_fields(self, request, obj=None):
        fields = ["title", "slug", "kind", "effective_on"]
        return [*fields, "state", "steps_taken", "bodies"] if obj else fields

    def get_readonly_fields(self, request, obj=None):
        return ["effective_on", "state", "steps_taken", "bodies"] if obj else []

    @admin.display(description="steps taken")
    def steps_taken(self, event):
        steps = event.steps.select_related("by")
        return format_html(
            "<ol>{}</ol>",
            format_html_join(
                "",
                "<li>{} · {} · {}</li>",
                (
                    (
                        step.get_state_display(),
                        step.on or "the source gives no day",
                        step.reason or step.source or step.said_by,
                    )
                    for step in steps
                ),
            ),
        )

    @admin.display(description="bodies")
    def bodies(self, event):
        parts = []
        for model, rows, keys in (
            (Succession, event.successions, ["predecessor", "successor"]),
            (Move, event.moves, ["child", "from_parent", "to_parent"]),
        ):
            name = f"admin:footprints_{model._meta.model_name}"
            known = format_html_join(
                "",
                '<li><a href="{}">{}</a></li>',
                (
                    (reverse(f"{name}_change", args=[row.pk]), str(row))
                    for row in rows.now().select_related(*keys).order_by("pk")
                ),
            )
            parts.append(
                format_html(
                    '<p><strong>{}</strong> · <a href="{}?reorganisation={}">Add</a></p>'
                    "<ul>{}</ul>",
                    str(model._meta.verbose_name_plural).capitalize(),
                    reverse(f"{name}_add"),
                    event.pk,
                    known,
                )
            )
        page = format_html(
            '<p><a href="{}">Its page</a> · <a href="{}">Another day</a></p>',
            event.get_absolute_url(),
            reverse("footprints:move_date", args=[event.slug]),
        )
        return format_html_join("", "{}", ((part,) for part in [page, *parts]))

    def save_model(self, request, obj, form, change):
        if not change:
            obj.state = Reorganisation.State.RUMOURED  # until its first step, saved with it
        super().save_model(request, obj, form, change)
        if change:
            Reorganisation.objects.filter(pk=obj.pk).revise()

    def save_formset(self, request, form, formset, change):
        for number, step in enumerate(formset.save(commit=False)):
            add_step(step, by=request.user, is_first=not change and number == 0)

    def has_delete_permission(self, request, obj=None):
        # Facts point at it, also those that were retracted. It is rejected or superseded instead.
        return False


@admin.register(Step)
class StepAdmin(Refusing):
    """Steps are added, never changed: what was said was said. They move an event as pages do."""

    fields = ["reorganisation", "state", "on", "checked_on", "source", "said_by", "reason"]
    autocomplete_fields = ["reorganisation"]
    list_display = ["reorganisation", "state", "on", "checked_on", "by", "at"]
    list_filter = ["state", "on"]
    list_select_related = ["reorganisation", "by"]
    search_fields = ["reorganisation__title", "source", "reason", "said_by"]
    ordering = ["-at", "-pk"]

    def save_model(self, request, obj, form, change):
        add_step(obj, by=request.user)

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
