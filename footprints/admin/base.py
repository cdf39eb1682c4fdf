"""What every part of the admin shares: choosing organisations, saying no, reading only."""

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Case, CharField, F, Func, OuterRef, Subquery, Value, When
from django.db.models.functions import Concat

from ..dated import ONE_DAY
from ..models import Organisation, Version
from ..services.declaring import CannotMove
from ..services.entries import Superseded


class LastDay(Func):
    """The last day of a period as text: "30 Jun 2022"."""

    function = "to_char"
    template = "%(function)s(%(expressions)s, 'FMDD Mon YYYY')"
    output_field = CharField()


def labelled(organisations):
    """Organisations that are called "07G Thurrock CCG (until 31 Mar 2022)" where they are listed.

    One code had many names: the last one counts.
    """
    last = (
        Version.objects.now()
        .filter(organisation=OuterRef("pk"))
        .order_by(F("opened_on").desc(nulls_last=True))
        .annotate(
            said=Case(
                When(closed_on=None, then=F("name")),
                default=Concat(
                    "name",
                    Value(" (until "),
                    LastDay(F("closed_on") - Value(ONE_DAY)),
                    Value(")"),
                    output_field=CharField(),
                ),
            )
        )
    )
    return organisations.annotate(
        label=Concat("code", Value(" "), Subquery(last.values("said")[:1]))
    )


class OrganisationChoices(admin.options.BaseModelAdmin):
    """Organisations in a form are found by code or name, and called by both."""

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.remote_field.model is Organisation:
            kwargs.setdefault("queryset", labelled(Organisation.objects.all()))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class RefusableForm(forms.ModelForm):
    """A form that says why the database would not take it; ``refused`` is known after the fact."""

    refused = ""

    def clean(self):
        if self.refused:
            raise ValidationError(self.refused)
        return super().clean()


class Refusing(admin.ModelAdmin):
    """What the database refuses comes back as an error of the form, never as a broken page.

    Forms check the constraints first; what is left is what somebody else did in between, and what
    the rows of an inline do to one another. ``refusals`` gives the words: a part of a
    constraint's name → what a person is told.
    """

    form = RefusableForm
    refusals: dict[str, str] = {}

    def refusal(self, error) -> str:
        message = str(error)
        words = next((text for name, text in self.refusals.items() if name in message), None)
        return words or message.partition("\n")[0]

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        form.refused = getattr(request, "refused", "")
        return form

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (Superseded, CannotMove, IntegrityError) as error:
            request.refused = self.refusal(error)
            return super().changeform_view(request, object_id, form_url, extra_context)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that the machine writes and people only read."""

    list_per_page = 50

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
