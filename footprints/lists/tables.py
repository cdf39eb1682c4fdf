"""A django-tables2 table whose columns are compiled once, not inspected at every cell.

django-tables2 asks for the signature of each render method at each cell: 41 ms for 50 rows of 10
columns, where a bare template loop needs 6. Here each bound column becomes one function from a
record to "<td>…</td>" and the rows are joined. The cells are the same, and a test says so column
kind by column kind; what cannot be compiled is refused when the table is made.
"""

import inspect
from datetime import date
from functools import cached_property
from html import unescape

import django_tables2 as tables
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import Model
from django.utils.html import conditional_escape, format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django_tables2.columns.linkcolumn import BaseLinkColumn
from django_tables2.data import TableListData
from django_tables2.utils import Accessor, AttributeDict

from .columns import SelectColumn


class Records(TableListData):
    """The records of one page: a list that still knows its model, for labels and heads."""

    def __init__(self, data, model):
        super().__init__(data)
        self._model = model

    @property
    def model(self):
        return self._model


class ListTable(tables.Table):
    """The base of every list's table.

    `sorts`: column name → tuple of expressions that are never null, the last one unique ("pk").
        The head of that column becomes a link; `-name` turns every expression round.
    `card`: the names of the columns that matter on a phone, the title first; without it the
        first three.
    `optional`: the names of the columns a reader may take away, and bring back.
    `aside`: those of them that a page shows only where the reader asks; files have them.
    `css_class`: a class of the whole table, for the stylesheet of its page.
    `shown_records`: the records of which the page has a row, where that is not each.
    `row_class(record)`: where a table defines it, the class of that row.

    Refuses TemplateColumn, ManyToManyColumn and attributes that are callables: they cost a
    template, a query or a signature at each cell. `data` is the records of one page, `model`
    their model. Give `as_at` to have every link of the table lead to the same day.
    """

    sorts = {}
    card = ()
    optional = ()
    aside = ()
    css_class = ""

    def __init__(self, data, *, as_at=None, model=None, **kwargs):
        # The order is the list's own, by key (paging.py): django-tables2 is to leave it alone.
        kwargs.setdefault("orderable", False)
        super().__init__(Records(data, model), **kwargs)
        self.keep = as_at.keep if as_at is not None and as_at.params else None
        for name in (*self.sorts, *self.card, *self.optional):
            if name not in self.columns.columns:
                raise ImproperlyConfigured(f"{type(self).__name__} has no column «{name}».")
        for name, keys in self.sorts.items():
            if keys[-1] not in ("pk", "id"):
                raise ImproperlyConfigured(
                    f"{type(self).__name__}: the sort «{name}» must end in «pk», or pages shuffle."
                )
        for bound in self.columns.iterall():
            # Across a relation the field's own name says too little: kind__name is no "Name".
            if bound.column.verbose_name is None and len(Accessor(bound.accessor).bits) > 1:
                bound.column.verbose_name = capfirst(bound.name.replace("_", " "))
            _refuse_what_cannot_be_compiled(self, bound)

    @cached_property
    def on_card(self):
        """The names of the columns a phone shows; the first one is the card's title."""
        if self.card:
            return tuple(self.card)
        names = [b.name for b in self.columns if not isinstance(b.column, SelectColumn)]
        return tuple(names[:3])

    def body(self):
        """Return the rows as "<tr>…</tr>" joined; each cell as django-tables2 would render it."""
        cells = [_compiled(self, bound) for bound in self.columns]
        row_class = getattr(self, "row_class", None)
        if row_class is None:
            rows = [
                "<tr>" + "".join([cell(r) for cell in cells]) + "</tr>" for r in self.shown_records
            ]
        else:
            rows = [
                format_html('<tr class="{}">', row_class(r))
                + "".join([cell(r) for cell in cells])
                + "</tr>"
                for r in self.shown_records
            ]
        return mark_safe("".join(rows))

    @property
    def records(self):
        """The records of this page, as given."""
        return self.data.data

    @property
    def shown_records(self):
        return self.records

    def heads(self):
        """Yield (bound column, its attributes) for the head of the table."""
        for bound in self.columns:
            yield bound, bound.attrs["th"]

    def lines(self, records):
        """Yield the lines of a file: the heads, then the plain values of each record."""
        yield [str(bound.header) for bound in self._exported]
        values = [_compiled_value(self, bound) for bound in self._exported]
        for record in records:
            yield [value(record) for value in values]

    def named_values(self, records):
        """Return the plain values of each record by the name of their column."""
        _, *lines = self.lines(records)
        names = [bound.name for bound in self._exported]
        return [dict(zip(names, map(_plain, line), strict=True)) for line in lines]

    @property
    def _exported(self):
        return [bound for bound in self.columns if not bound.column.exclude_from_export]


def _plain(value):
    """The value as JSON may say it: what a column shows as a whole record, by its name."""
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Model) else value


def _without_tags(value):
    """The value for a file: of what was written for a page, the words."""
    if not isinstance(value, SafeString):
        return value
    return " ".join(unescape(strip_tags(value)).split())


def _refuse_what_cannot_be_compiled(table, bound):
    column = bound.column
    where = f"{type(table).__name__}.{bound.name}"
    # DateColumn and its kin are TemplateColumns too; ours are DayColumn and LastDayColumn.
    if isinstance(column, tables.TemplateColumn):
        raise ImproperlyConfigured(
            f"{where}: a {type(column).__name__} renders a template at each cell. "
            "Use a column of footprints.lists, or render_<name>."
        )
    if isinstance(column, tables.ManyToManyColumn):
        raise ImproperlyConfigured(
            f"{where}: a ManyToManyColumn asks the database at each cell. "
            "Prefetch, and use render_<name>."
        )
    for part in ("td", "cell", "a"):
        attrs = column.attrs.get(part, {})
        for name, value in attrs.items():
            if callable(value):
                raise ImproperlyConfigured(
                    f"{where}: the attribute «{name}» is a callable, asked at each cell. "
                    "Use row_class, or say it in the cell."
                )
    if callable(getattr(column, "_default", None)):
        raise ImproperlyConfigured(f"{where}: a default must be a value, not a callable.")


def _getter(accessor):
    """Return record → value for an accessor; None where a relation on the way is null.

    As in django-tables2, each step may be a key of a mapping, an attribute, or a method.
    """
    accessor = Accessor(accessor)
    bits = accessor.bits
    whole = str(accessor)

    def step(value, name):
        if isinstance(value, dict):
            value = value[name]
        elif hasattr(value, "__getitem__"):
            value = Accessor(name).resolve(value)  # a list by its index: rare, so not compiled
        else:
            value = getattr(value, name)
        return value() if callable(value) else value

    if len(bits) == 1:
        return lambda record: step(record, whole)

    def get(record):
        if isinstance(record, dict) and whole in record:  # the rows of QuerySet.values()
            return record[whole]
        for name in bits:
            record = step(record, name)
            if record is None:
                return None
        return record

    return get


def _labels(table, bound):
    """Return value → label for a field with choices, else None."""
    model = table.data.model or table._meta.model
    if model is None:
        return None
    accessor = Accessor(bound.accessor)
    try:
        field = accessor.get_field(model)
    except FieldDoesNotExist:
        return None
    if field is None or field.name != accessor.bits[-1] or not getattr(field, "choices", None):
        return None
    return dict(field.flatchoices)


def _call(function, *, extra):
    """Return (value, record) → result of a render or value method, its signature read once."""
    parameters = inspect.signature(function).parameters.values()
    takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
    names = {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    unknown = names - {"value", "record", *extra}
    if unknown:
        raise ImproperlyConfigured(
            f"{function.__qualname__} asks for {', '.join(sorted(unknown))}; a list gives "
            f"{', '.join(['value', 'record', *extra])}."
        )
    fixed = {name: given for name, given in extra.items() if takes_all or name in names}
    wants_value, wants_record = takes_all or "value" in names, takes_all or "record" in names
    if wants_value and wants_record:
        return lambda value, record: function(value=value, record=record, **fixed)
    if wants_value:
        if fixed:
            return lambda value, record: function(value=value, **fixed)
        return lambda value, record: function(value)
    if wants_record:
        return lambda value, record: function(record=record, **fixed)
    return lambda value, record: function(**fixed)


def _href(table, bound):
    """Return (value, record) → address of the cell's link, or None where nothing is linked."""
    link = bound.link
    if link is None:
        return None
    extra = {"column": bound.column, "bound_column": bound, "table": table}
    if callable(link.url):
        return _call(link.url, extra=extra)
    if link.reverse_args.get("viewname") is not None:
        return lambda value, record: link.call_reverse(record)
    # linkify=True: the value itself where it has a page of its own, else the record.
    get = _getter(link.accessor if link.accessor is not None else bound.name)

    def page_of(value, record):
        target = get(record)
        if not hasattr(target, "get_absolute_url"):
            target = record
        return target.get_absolute_url()

    return page_of


def _tag(name, attrs):
    """Return an opening tag, without its closing ">", for attributes that are plain values."""
    text = AttributeDict(attrs).as_html()
    return f"<{name} {text}" if text else f"<{name}"


def _td(table, bound):
    attrs = dict(bound.attrs["td"])
    card = table.on_card
    classes = [attrs.get("class") or ""]
    if isinstance(bound.column, SelectColumn):
        pass  # the tick box stands in the corner of the card
    elif bound.name not in card:
        classes.append("off-card")
    elif bound.name == card[0]:
        classes.append("card-title")
    else:
        attrs["data-label"] = str(bound.header)
    attrs["class"] = " ".join(filter(None, classes)) or None
    return _tag("td", attrs) + ">"


def _compiled(table, bound):
    """Return record → "<td>…</td>"."""
    column = bound.column
    get, labels, empty = _getter(bound.accessor), _labels(table, bound), column.empty_values
    open_td = _td(table, bound)
    nothing = f"{open_td}{conditional_escape(bound.default)}</td>"
    extra = {"column": column, "bound_column": bound, "table": table}
    plain = getattr(bound.render, "__func__", None) is tables.Column.render
    render = None if plain else _call(bound.render, extra=extra)
    href = _href(table, bound)
    open_a = _tag("a", bound.link.attrs or {}) if href else None
    text = getattr(column, "text", None) if isinstance(column, BaseLinkColumn) else None
    keep = table.keep

    def cell(record):
        value = get(record)
        if labels is not None:
            value = labels.get(value, value)
        if value in empty and text is None:
            return nothing
        shown = value if plain else render(value, record)
        if href is None:
            return f"{open_td}{conditional_escape(shown)}</td>"
        address = href(value, record)
        if address is None:
            return f"{open_td}{conditional_escape(shown)}</td>"
        if keep is not None and address.startswith("/"):
            address = keep(address)
        return (
            f'{open_td}{open_a} href="{conditional_escape(address)}">'
            f"{conditional_escape(shown)}</a></td>"
        )

    return cell


def _compiled_value(table, bound):
    """Return record → the plain value for a file; None where the record has none."""
    column = bound.column
    get, labels, empty = _getter(bound.accessor), _labels(table, bound), column.empty_values
    function = bound.value
    plain = getattr(function, "__func__", None) is tables.Column.value
    if plain:  # its default only calls render, through a signature at each cell
        function = bound.render
    extra = {"column": column, "bound_column": bound, "table": table}
    call = _call(function, extra=extra)

    def value_of(record):
        value = get(record)
        if labels is not None:
            value = labels.get(value, value)
        return None if value in empty else _without_tags(call(value, record))

    return value_of
