"""The base of every list page: a table compiled once, pages by key, filters as chips, a file.

A list is three declarations and a line of URLs::

    from footprints.lists import (
        Action, CodeColumn, DayColumn, LastDayColumn, ListTable, ListView, NumberColumn,
        PeriodColumn, SelectColumn, WordsFilter,
    )

    class VersionTable(ListTable):
        code = CodeColumn(accessor="organisation__code")
        name = tables.Column(linkify=True)                 # a row leads somewhere
        kind = tables.Column(accessor="kind__name")
        opened_on = DayColumn(verbose_name="From")
        closed_on = LastDayColumn(verbose_name="Last day")

        sorts = {"name": (Lower("name"), "pk"), "code": ("organisation__code", "pk")}
        card = ("name", "code", "kind")

    class VersionFilter(django_filters.FilterSet):
        q = WordsFilter(name="name", code="organisation__code")
        kind = django_filters.ModelMultipleChoiceFilter(queryset=Kind.objects.all())

    class OrganisationList(ListView):
        title = "Register"
        model = Version
        table_class = VersionTable
        filterset_class = VersionFilter

        def get_queryset(self):
            versions = Version.objects.known(self.as_at.release).on(self.as_at.day)
            return versions.select_related("organisation", "kind")

**ListTable** (tables.py), a django_tables2.Table. Class attributes:

`sorts`     dict of column name → tuple of expressions, in the order the table offers them; the
            first is the list's own order. Expressions are field paths or functions, never null
            (Coalesce what may be), the last one "pk". The list must select what they name: an
            index on (expressions) makes any page an index walk.
`card`      names of the columns a phone shows, the title first (default: the first three).
`optional`  names of the columns a reader may take away (a "Columns" menu appears).
`aside`     those of them that a page shows only where they are asked for; files have them.
`row_class` method (record) → class of that row's <tr>; only where it is needed.

Refused with ImproperlyConfigured: TemplateColumn and its kin (DateColumn: use DayColumn),
ManyToManyColumn, attributes and defaults that are callables, a sort that does not end in "pk".
`render_<name>(self, value, record)` and `value_<name>` work as in django-tables2, with `value`,
`record`, `column`, `bound_column`, `table`; not `bound_row`. Links to addresses that begin with
a slash keep the day shown.

Columns (columns.py): `CodeColumn` monospace; `NumberColumn` right-aligned, commas; `DayColumn`
1 Apr 2020; `LastDayColumn` the day before `closed_on`; `PeriodColumn` from a record with
`opened_on` and `closed_on`; `SelectColumn(says="name")` a tick box, for bulk actions.

**ListView** (views.py), a TemplateView behind sign-in. Class attributes:

`title`, `lead`              the heading, and a line under it
`model` or `get_queryset()`  the rows before filters; `self.as_at` has `.day` and `.release`
`table_class`                a ListTable with `sorts`
`filterset_class`            a django-filter FilterSet (its `request` is given), or None
`default_sort`               "name" or "-name"; else the table's first
`per_page`                   50
`noun`                       ("organisation", "organisations"), for the count
`count_limit`                count up to this many; None says "50 shown, there are more"
`export_name`, `export_cap`  the name of the file; at most 10,000 rows, and it says so. It is
                             CSV or a workbook (`?format=csv`, `?format=xlsx`);
                             `?format=json` answers a program, page by page
`empty_title`, `empty_text`, `empty_action`   what would be here, and an Action to get it
`depends_on_day`             False where the day shown does not matter
`template_name`              "lists/list.html"; extend it: block `above_list`, and base.html's own

Methods to override: `get_queryset`, `get_table_kwargs`, `get_actions` (a list of
`Action(label, url, icon="")`, the main one first), `get_bulk_actions` (the same; each is posted
the ticked rows as `row`), `exported(rows)` (to log it), `get_context_data(**kwargs)`.

Filters (filters.py): `WordsFilter(name=…, code=…)` for text, by word starts or the start of a
code; `PartsFilter("field field", label=…)` by any part, for short lists; `chips()`. Pages
(paging.py): `Order.page()`, for a list that is not a page of its own. Files (files.py):
`as_csv(lines)`, `as_xlsx({sheet: lines})` and `safe(value)`, for every other file that people open
in a spreadsheet.
"""

from .columns import (
    CodeColumn,
    DayColumn,
    LastDayColumn,
    NumberColumn,
    PeriodColumn,
    SelectColumn,
)
from .files import XLSX, as_csv, as_xlsx, safe
from .filters import Chip, PartsFilter, WordsFilter, chips
from .paging import Order, Page, count_up_to
from .tables import ListTable
from .views import Action, ListView

__all__ = [
    "XLSX",
    "Action",
    "Chip",
    "CodeColumn",
    "DayColumn",
    "LastDayColumn",
    "ListTable",
    "ListView",
    "NumberColumn",
    "Order",
    "Page",
    "PartsFilter",
    "PeriodColumn",
    "SelectColumn",
    "WordsFilter",
    "as_csv",
    "as_xlsx",
    "chips",
    "count_up_to",
    "safe",
]
