"""Every certificate that was ever recorded, as a list."""

import django_filters
import django_tables2 as tables
from django.utils.html import format_html

from footprints.lists import DayColumn, LastDayColumn, ListTable, PartsFilter

from ..models import Digest


class CertificateFilter(django_filters.FilterSet):
    q = PartsFilter("job_bag approved_by_name", label="Job bag or approver")
    letter = django_filters.ChoiceFilter(
        label="Letter", choices=Digest.About.choices, empty_label="Every letter"
    )


class CertificateTable(ListTable):
    job_bag = tables.Column(verbose_name="Job bag")
    letter = tables.Column()
    approved_by_name = tables.Column(verbose_name="Approved by")
    approved_on = DayColumn(verbose_name="Approved")
    expires_on = LastDayColumn(verbose_name="Last day")
    by = tables.Column(verbose_name="Recorded by")
    state = tables.Column(accessor="withdrawn_at", verbose_name="Withdrawn", empty_values=())

    sorts = {"approved_on": ("approved_on", "pk"), "expires_on": ("expires_on", "pk")}
    card = ("job_bag", "letter", "expires_on")
    optional = ("by",)

    def render_letter(self, record):
        return record.get_letter_display()

    def render_state(self, record):
        if not record.withdrawn_at:
            return ""
        return format_html("by {}: {}", record.withdrawn_by, record.reason)


__all__ = ["CertificateFilter", "CertificateTable"]
