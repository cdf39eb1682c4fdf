"""The columns of the list of people."""

import django_tables2 as tables
from django.utils.html import format_html

from footprints.lists import CodeColumn, DayColumn, ListTable


class PeopleTable(ListTable):
    """One row a person and post held on the day; records as `with_bodies_on` annotates them."""

    person = tables.Column(verbose_name="Name", linkify=lambda record: _page(record.person))
    role = tables.Column(accessor="post__role")
    organisation = tables.Column(
        accessor="body_name", linkify=lambda record: _page(record.post.organisation)
    )
    code = CodeColumn(accessor="post__organisation__code")
    kind = tables.Column(accessor="body_kind", verbose_name="Kind")
    opened_on = DayColumn(verbose_name="In post since")
    verified_on = DayColumn(accessor="person__verified_on", verbose_name="Verified")

    sorts = {
        "person": ("person__family_name", "person__given_name", "pk"),
        "code": ("post__organisation__code", "pk"),
    }
    card = ("person", "role", "organisation")
    optional = ("code", "kind", "opened_on", "verified_on")

    def render_person(self, record):
        if not record.person.is_invented:
            return str(record.person)
        return format_html('{} <span class="kind">invented</span>', record.person)

    def value_person(self, record):
        return str(record.person)

    def render_organisation(self, value, record):
        if record.body_lives:
            return value
        return format_html('{} <span class="kind">not there on this day</span>', value)

    def value_organisation(self, value):
        return value


def _page(thing):
    return thing.get_absolute_url()
