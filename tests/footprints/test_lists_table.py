"""The compiled table: every cell as django-tables2 itself would render it."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import django_tables2 as tables
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.utils.html import format_html

from footprints.as_at import AsAt
from footprints.lists import (
    CodeColumn,
    DayColumn,
    LastDayColumn,
    ListTable,
    NumberColumn,
    PeriodColumn,
    SelectColumn,
)
from footprints.models import Reorganisation, Version


@dataclass
class Row:
    pk: int = 1
    name: str = "NHS Kent & Medway <CCG>"
    organisation: object = None
    people: object = 1_900_000
    share: object = Decimal("0.5900")
    opened_on: object = date(2020, 4, 1)
    closed_on: object = date(2022, 7, 1)
    is_open: bool = True
    tags: list = field(default_factory=lambda: ["a", "b"])

    def get_absolute_url(self):
        return f"/organisations/{self.pk}/?a=1&b=2"

    def shout(self):
        return self.name.upper()


ROWS = [
    Row(organisation=SimpleNamespace(code="91Q", get_absolute_url=lambda: "/organisations/91Q/")),
    Row(pk=2, name="", organisation=None, people=None, opened_on=None, closed_on=None),
    Row(pk=3, people=0, share=None, is_open=False, organisation=SimpleNamespace(code="<b>")),
]


def columns():
    """One column of each kind and each way of filling a cell."""
    return {
        "name": tables.Column(linkify=True),
        "plain": tables.Column(accessor="name", default="no <name>"),
        "shout": tables.Column(),
        "first_tag": tables.Column(accessor="tags__0"),
        "code": CodeColumn(accessor="organisation__code"),
        "organisation": tables.Column(accessor="organisation__code", linkify=True),
        "people": NumberColumn(),
        "share": tables.Column(),
        "opened_on": DayColumn(),
        "closed_on": LastDayColumn(),
        "life": PeriodColumn(),
        "select": SelectColumn(),
        "is_open": tables.BooleanColumn(),
        "by_callable": tables.Column(
            accessor="name", linkify=lambda record, value: f"/by/{record.pk}/{len(value)}/"
        ),
        "by_name": tables.Column(
            accessor="name", linkify=("healthz", []), attrs={"a": {"rel": "x"}}
        ),
        "no_link": tables.Column(accessor="name", linkify=lambda: None),
        "text_link": tables.LinkColumn("healthz", text="open", accessor="pk"),
        "email": tables.EmailColumn(accessor="name"),
        "url": tables.URLColumn(accessor="name"),
        "classed": tables.Column(
            accessor="pk", attrs={"td": {"class": "b a", "title": 'say "so"'}}
        ),
        "rendered": tables.Column(accessor="people"),
        "record_only": tables.Column(accessor="pk"),
        "all_given": tables.Column(accessor="pk"),
    }


class Renders:
    def render_rendered(self, value):
        return format_html("<b>{}</b> & {}", value, "<i>")

    def render_record_only(self, record):
        return f"{record.name}!"

    def render_all_given(self, value, record, column, bound_column, table, **kwargs):
        return f"{value}{record.pk}{bound_column.name}{type(table).__mro__[1].__name__[:5]}"


def their_cells(table):
    found = {}
    for row in table.rows:
        for bound, cell in row.items():
            content = format_html("{}", cell if cell is not None else "")
            found.setdefault(bound.name, []).append(str(content))
    return found


def our_cells(table):
    """Return name → the inside of each compiled cell, its <td …> taken off."""
    from footprints.lists.tables import _compiled

    found = {}
    for bound in table.columns:
        cell = _compiled(table, bound)
        for record in table.records:
            whole = cell(record)
            assert whole.startswith("<td") and whole.endswith("</td>")
            found.setdefault(bound.name, []).append(whole.partition(">")[2][: -len("</td>")])
    return found


@pytest.mark.parametrize("name", list(columns()))
def test_a_compiled_cell_is_the_cell_of_django_tables2(name):
    ours = type("Ours", (Renders, ListTable), {name: columns()[name]})
    own = type("Own", (Renders, tables.Table), {name: columns()[name]})

    compiled = our_cells(ours(ROWS))[name]
    rendered = their_cells(own(ROWS))[name]

    # The one difference we allow: attributes of a link stand in the order they were given.
    assert [_sorted_link(cell) for cell in compiled] == [_sorted_link(c) for c in rendered]


def _sorted_link(cell):
    head, a, rest = cell.partition("<a ")
    if not a:
        return cell
    attributes, _, tail = rest.partition(">")
    return head, sorted(attributes.split()), tail


def test_labels_of_choices_and_dates_of_a_model_are_compiled_from_its_fields():
    class Events(ListTable):
        class Meta:
            model = Reorganisation
            fields = ["title", "kind", "state", "effective_on"]

    class Own(tables.Table):
        effective_on = DayColumn()

        class Meta:
            model = Reorganisation
            fields = ["title", "kind", "state", "effective_on"]

    rows = [
        Reorganisation(
            title="Eight & one",
            kind=Reorganisation.Kind.MERGER,
            state=Reorganisation.State.IN_LAW,
            effective_on=date(2020, 4, 1),
        ),
        Reorganisation(title="?", kind="unheard_of", state="", effective_on=date(2020, 4, 1)),
    ]

    ours = our_cells(Events(rows, model=Reorganisation))

    assert ours == their_cells(Own(rows))
    assert ours["kind"] == ["Merger into a new body", "unheard_of"]
    assert ours["effective_on"] == ["1 Apr 2020"] * 2


def test_a_closing_day_of_a_model_is_shown_as_the_last_day():
    class Versions(ListTable):
        class Meta:
            model = Version
            fields = ["name", "opened_on", "closed_on"]

    row = Version(name="A", opened_on=date(2020, 4, 1), closed_on=date(2022, 7, 1))

    assert our_cells(Versions([row], model=Version))["closed_on"] == ["30 Jun 2022"]
    assert list(Versions([row], model=Version).lines([row]))[1] == [
        "A",
        date(2020, 4, 1),
        date(2022, 6, 30),
    ]


def test_rows_of_values_are_dicts_with_the_whole_path_for_a_key():
    class Codes(ListTable):
        code = CodeColumn(accessor="organisation__code")

    rows = [{"organisation__code": "91Q"}, {"organisation__code": None}]

    assert our_cells(Codes(rows))["code"] == ["91Q", "—"]


@pytest.mark.parametrize(
    "column, says",
    [
        (tables.TemplateColumn("{{ value }}"), "renders a template"),
        (tables.DateColumn(), "renders a template"),
        (tables.ManyToManyColumn(), "asks the database"),
        (tables.Column(attrs={"td": {"class": lambda value: "x"}}), "callable"),
        (tables.Column(attrs={"a": {"class": lambda value: "x"}}), "callable"),
        (tables.Column(default=lambda: "x"), "default"),
    ],
)
def test_what_cannot_be_compiled_is_refused(column, says):
    table = type("Refused", (ListTable,), {"name": column})

    with pytest.raises(ImproperlyConfigured, match=says):
        table([])


def test_a_render_method_that_asks_for_what_a_list_does_not_give_is_refused():
    class Refused(ListTable):
        name = tables.Column()

        def render_name(self, bound_row):
            return bound_row

    with pytest.raises(ImproperlyConfigured, match="bound_row"):
        Refused(ROWS).body()


def test_a_sort_must_end_in_the_key_and_name_a_column():
    with pytest.raises(ImproperlyConfigured, match="must end in «pk»"):
        type("T", (ListTable,), {"name": tables.Column(), "sorts": {"name": ("name",)}})([])
    with pytest.raises(ImproperlyConfigured, match="no column «size»"):
        type("T", (ListTable,), {"name": tables.Column(), "sorts": {"size": ("pk",)}})([])


def test_links_of_a_table_keep_the_day():
    class Names(ListTable):
        name = tables.Column(linkify=True)
        away = tables.Column(accessor="name", linkify=lambda: "https://example.org/?a=1")

    as_at = AsAt.read({"on": "2020-03-31"}, today=date(2026, 11, 21))
    cells = our_cells(Names(ROWS[:1], as_at=as_at))

    assert 'href="/organisations/1/?a=1&amp;b=2&amp;on=2020-03-31"' in cells["name"][0]
    assert 'href="https://example.org/?a=1"' in cells["away"][0]


def test_the_body_marks_what_a_phone_shows():
    class Cards(ListTable):
        code = CodeColumn(accessor="pk")
        name = tables.Column()
        people = NumberColumn()

        card = ("name", "code")

        def row_class(self, record):
            return "open" if record.is_open else "shut"

    body = Cards(ROWS[:1]).body()

    assert '<tr class="open">' in body
    assert '<td class="code" data-label="Code">1</td>' in body
    assert '<td class="card-title">' in body
    assert '<td class="number off-card">1,900,000</td>' in body


def test_hostile_names_are_escaped_everywhere():
    class Names(ListTable):
        name = tables.Column(linkify=lambda: '/"><script>x</script>')
        select = SelectColumn()

    body = Names([Row(name='<script>alert("x")</script>')]).body()

    assert "<script" not in body
