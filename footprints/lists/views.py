"""The list page that every list of the product is."""

from dataclasses import dataclass

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse, JsonResponse
from django.utils.text import slugify
from django.views.generic import TemplateView

from .. import panels
from ..as_at import BadAddress
from .files import XLSX, as_csv, as_xlsx
from .filters import chips
from .paging import Order, count_up_to


@dataclass(frozen=True)
class Action:
    """A deed offered on a list: a verb, the address it leads to, and an icon of bootstrap-icons.

    As a bulk action its address is posted the ticked rows, as `row`.
    """

    label: str
    url: str
    icon: str = ""


class ListView(LoginRequiredMixin, TemplateView):
    """A page of rows: filtered, sorted, 50 at a time, and the same as a file.

    The docstring of `footprints.lists` lists what a page may set.
    """

    template_name = "lists/list.html"
    title = ""
    lead = ""
    model = None
    queryset = None
    table_class = None
    filterset_class = None
    per_page = 50
    default_sort = None
    export_name = None
    export_cap = 10_000
    count_limit = None
    noun = ("row", "rows")
    empty_title = "Nothing here yet"
    empty_text = ""
    empty_action = None
    depends_on_day = True

    # --- What a page gives -----------------------------------------------------------------

    def get_queryset(self):
        """Return the rows before any filter, with all that the table shows already joined."""
        if self.queryset is not None:
            return self.queryset.all()
        if self.model is None:
            raise ImproperlyConfigured(f"{type(self).__name__} needs model or get_queryset().")
        return self.model._default_manager.all()

    def get_table_kwargs(self):
        """Return further arguments for the table."""
        return {}

    def get_actions(self):
        """Return the actions at the head of the page, the main one first."""
        return []

    def get_bulk_actions(self):
        """Return the actions offered once rows are ticked; the table needs a SelectColumn."""
        return []

    def exported(self, rows):
        """Called with the number of rows that left as a file; lists of people log it."""

    # --- The page --------------------------------------------------------------------------

    @property
    def as_at(self):
        """The day shown, and what was known: `request.as_at`."""
        return self.request.as_at

    @property
    def shown_day(self):
        """The day that the rows are of: a list that keeps within a period gives its own."""
        return self.as_at.day

    def get(self, request, *args, **kwargs):
        self.order = self.get_order()
        self.filterset, queryset = self.get_filtered()
        form = request.GET.get("format")
        if form in ("csv", "xlsx"):
            return self.file(queryset, form)
        if form and form != "json":
            raise BadAddress(
                f"This list cannot be had as «{form}».", "It can be had as csv, xlsx or json."
            )
        after, before = request.GET.get("after"), request.GET.get("before")
        if after and before:
            raise BadAddress(
                "The address asks for the rows after one and before another at once.",
                "Keep one of the two, or go to the first page.",
            )
        self.page = self.get_page(queryset, after=after or None, before=before or None)
        self.table = self.get_table(self.page.rows)
        if form == "json":
            return self.answer()
        return self.render_to_response(self.get_context_data(queryset=queryset, **kwargs))

    def get_order(self):
        """Return the Order the address asks for, or the list's own."""
        sorts = self.table_class.sorts
        if not sorts:
            raise ImproperlyConfigured(f"{self.table_class.__name__} declares no sorts.")
        own = self.default_sort or next(iter(sorts))
        return Order.read(self.request.GET.get("sort") or own, sorts)

    def get_filtered(self):
        """Return the filter set (or None) and the rows it lets through.

        A filter set to something it cannot be lets nothing through, and its field says why:
        rows that ignore what was asked for would be taken for the answer.
        """
        queryset = self.get_queryset()
        if self.filterset_class is None:
            return None, queryset
        filterset = self.filterset_class(self.request.GET, queryset, request=self.request)
        return filterset, filterset.qs if filterset.is_valid() else queryset.none()

    def get_page(self, queryset, **place):
        """Return the Page at `place` (`after` one token or `before` another) of the rows."""
        return self.order.page(queryset, per_page=self.per_page, **place)

    def get_table(self, records):
        """Return the table of these records, with the columns chosen in the address."""
        table = self.table_class(
            records,
            model=self.get_model(),
            as_at=self.as_at if self.depends_on_day else None,
            **self.get_table_kwargs(),
        )
        chosen = self.request.GET.getlist("columns")
        is_page = "format" not in self.request.GET
        for bound in table.columns.iterall():
            if bound.name in table.optional and (
                bound.name not in chosen if chosen else is_page and bound.name in table.aside
            ):
                table.columns.hide(bound.name)
        return table

    def get_model(self):
        """Return the model of the rows."""
        return self.model or self.get_queryset().model

    def address(self, **changes):
        """Return this page's address with parameters changed; None takes one away.

        The place in the list is left out: it belongs to one order and one set of filters.
        """
        query = self.request.GET.copy()
        for name in ("after", "before", "format"):
            query.pop(name, None)
        for name, value in changes.items():
            if value is None:
                query.pop(name, None)
            elif isinstance(value, list):
                query.setlist(name, value)
            else:
                query[name] = value
        for name in [name for name in query if query.getlist(name) == [""]]:
            del query[name]
        text = query.urlencode()
        return f"{self.request.path}?{text}" if text else self.request.path

    def get_context_data(self, *, queryset, **kwargs):
        page, shown = self.page, len(self.page.rows)
        is_read = self.filterset is not None and not self.is_misread
        filtered = chips(self.filterset, self.address) if is_read else []
        return super().get_context_data(
            title=self.title,
            lead=self.lead,
            actions=self.get_actions(),
            bulk_actions=self.get_bulk_actions(),
            table=self.table,
            heads=self.get_heads(),
            choosable=self.get_choosable(),
            page=page,
            # What lets nothing through because it was not understood has counted nothing.
            count="Nothing is shown" if self.is_misread else self.get_count(queryset),
            is_misread=self.is_misread,
            shown=shown,
            noun=self.noun[0] if shown == 1 else self.noun[1],
            filterset=self.filterset,
            chips=filtered,
            unfiltered=self.address(**dict.fromkeys(self._filter_names())),
            kept=[
                (name, value)
                for name in ("sort", "columns", "on", "known")
                for value in self.request.GET.getlist(name)
                if value
            ],
            first_address=self.address(),
            next_address=self.address(after=page.after) if page.after else None,
            previous_address=self.address(before=page.before) if page.before else None,
            export_addresses=[
                ("CSV", self.address(format="csv")),
                ("XLSX", self.address(format="xlsx")),
            ],
            export_cap=self.export_cap,
            empty_title=self.empty_title,
            empty_text=self.empty_text,
            empty_action=self.empty_action,
            list_panels=panels.of("list", self.request, self),
            **kwargs,
        )

    def get_count(self, queryset):
        """Say how many rows there are, where that is cheap; else how many are shown.

        Exact on the only page. `count_limit` asks for a count no further than itself.
        """
        shown, nouns = len(self.page.rows), self.noun
        if self.page.is_only:
            return f"{shown:,} {nouns[0] if shown == 1 else nouns[1]}"
        if self.count_limit:
            found = count_up_to(queryset, self.count_limit)
            if found > self.count_limit:
                return f"More than {self.count_limit:,} {nouns[1]}"
            return f"{found:,} {nouns[1]}"
        return f"{shown:,} shown, there are more" if self.page.after else f"{shown:,} shown"

    def get_heads(self):
        """Return, for each column shown, its head and, where it sorts, where a click leads."""
        heads = []
        for bound, attrs in self.table.heads():
            head = {"name": bound.name, "text": bound.header, "class": attrs.get("class") or ""}
            if bound.name in self.table.sorts:
                ours = bound.name == self.order.name
                down = ours and self.order.descending
                turned = (not down) if ours else bool(bound.column.initial_sort_descending)
                head |= {
                    "address": self.address(sort=("-" if turned else "") + bound.name),
                    "sorted": ("descending" if down else "ascending") if ours else None,
                }
            heads.append(head)
        return heads

    def get_choosable(self):
        """Return (name, head, whether it is shown) of the columns a reader may take away."""
        return [
            (bound.name, bound.header, bound.visible)
            for bound in self.table.columns.iterall()
            if bound.name in self.table.optional
        ]

    # --- For programs ----------------------------------------------------------------------

    def answer(self):
        """Return one page of the rows as JSON: `rows`, of the day `on` as `known` at a moment,
        each a value by column, and the address of the `next` page, null on the last.

        A list that does not depend on the day has no `on` and no `known`.
        """
        self.exported(len(self.page.rows))
        after = self.page.after
        further = self.address(after=after, format="json") if after else None
        shown = {}
        if self.depends_on_day:
            shown = {"on": self.shown_day, "known": self.as_at.known}
        rows = self.table.named_values(self.page.rows)
        return JsonResponse({"title": self.title, **shown, "rows": rows, "next": further})

    # --- The file --------------------------------------------------------------------------

    def file(self, queryset, form):
        """Return the rows, as filtered and sorted, as a file, "csv" or "xlsx"; at most
        `export_cap` of them.

        A file cut short says so in its name and in its last line.
        """
        records = list(self.order.ordered(queryset)[: self.export_cap + 1])
        cut, records = len(records) > self.export_cap, records[: self.export_cap]
        lines = list(self.get_table(records).lines(records))
        name = slugify(self.export_name or self.title) or "list"
        if self.depends_on_day:
            name += f"-on-{self.shown_day.isoformat()}"
            if self.as_at.known is not None:
                name += f"-as-known-{self.as_at.known_text.replace(':', '')}"
        if cut:
            name += f"-first-{self.export_cap}"
            lines.append(
                [
                    f"Only the first {self.export_cap:,} rows are here. "
                    "Narrow the list for the rest."
                ]
            )
        self.exported(len(records))
        if form == "xlsx":
            response = HttpResponse(as_xlsx({str(self.title): lines}), content_type=XLSX)
        else:
            response = HttpResponse(as_csv(lines), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
        return response

    @property
    def is_misread(self) -> bool:
        """Whether a filter cannot be understood, so that nothing is shown."""
        return self.filterset is not None and not self.filterset.is_valid()

    def _filter_names(self):
        return () if self.filterset is None else tuple(self.filterset.form.fields)
