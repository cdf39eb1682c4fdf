"""The steward's workbench: people, posts and tenures. Last days are typed as last days."""

from datetime import date
from itertools import combinations

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from footprints.admin.base import OrganisationChoices

from .models import Person, Post, Tenure


class TenureForm(forms.ModelForm):
    """A tenure is shared where its post is; told before validation, which asks for overlaps."""

    class Meta:
        model = Tenure
        fields = ("post", "person", "opened_on", "closed_on")

    def clean(self):
        cleaned = super().clean()
        post = cleaned.get("post") or (self.instance.post if self.instance.post_id else None)
        if post:
            self.instance.is_shared = post.is_shared
        return cleaned

    def _get_validation_exclusions(self):
        # No field of the form, but the constraint's condition reads it: without it Django 5.2
        # cannot check the constraint at all (FieldError).
        return super()._get_validation_exclusions() - {"is_shared"}


class TenureFormSet(forms.BaseInlineFormSet):
    """Tenures side by side: what the database would refuse is said beside the rows instead.

    A form of an inline does not validate the constraints that name its parent.
    """

    def clean(self):
        super().clean()
        kept = [
            form.instance
            for form in self.forms
            if form.is_valid() and (form.has_changed() or form.instance.pk)
            if not form.cleaned_data.get("DELETE")
        ]
        for one, other in combinations(kept, 2):
            if one.post == other.post and _overlap(one, other):
                if not one.post.is_shared:
                    raise ValidationError("Two people hold the post at the same time.")
                if one.person == other.person:
                    raise ValidationError(f"{one.person} holds the post twice at the same time.")


def _overlap(one, other):
    return (one.opened_on or date.min) < (other.closed_on or date.max) and (
        other.opened_on or date.min
    ) < (one.closed_on or date.max)


class TenureInline(admin.TabularInline):
    model = Tenure
    form = TenureForm
    formset = TenureFormSet
    extra = 0
    ordering = ["-opened_on", "pk"]


class TenuresOfPerson(TenureInline):
    fields = ("post", "opened_on", "closed_on")
    autocomplete_fields = ("post",)


class TenuresOfPost(TenureInline):
    fields = ("person", "opened_on", "closed_on")
    autocomplete_fields = ("person",)


@admin.register(Person)
class PersonAdmin(admin.ModelAdmin):
    list_display = ("__str__", "profession", "verified_on", "is_invented")
    list_filter = ("is_invented", "profession", "verified_on")
    search_fields = ("given_name", "family_name")
    inlines = [TenuresOfPerson]


@admin.register(Post)
class PostAdmin(OrganisationChoices, admin.ModelAdmin):
    fields = ("organisation", "role", "is_shared", "opened_on", "closed_on")
    autocomplete_fields = ("organisation",)
    list_display = ("role", "organisation", "opened_on", "last_day", "is_shared")
    list_filter = ("is_shared", "role")
    list_select_related = ("organisation",)
    search_fields = ("role", "organisation__code", "organisation__versions__name")
    inlines = [TenuresOfPost]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            # Its flags are looked at again: it may now stand at another body, or for longer.
            Post.objects.filter(pk=obj.pk).revise()


@admin.register(Tenure)
class TenureAdmin(admin.ModelAdmin):
    form = TenureForm
    list_display = ("person", "post", "opened_on", "last_day")
    list_filter = ("opened_on", "closed_on")
    list_select_related = ("person", "post__organisation")
    search_fields = (
        "person__given_name",
        "person__family_name",
        "post__role",
        "post__organisation__code",
    )
    autocomplete_fields = ("post", "person")
