"""The register of any day as a list."""

from dataclasses import replace
from functools import cached_property, lru_cache

from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import JSONObject, Lower
from django.db.models.lookups import LessThanOrEqual

from ..as_at import BadAddress
from ..filters import OrganisationFilter
from ..keyed import AnyOf
from ..lists import Action, ListView, Order
from ..models import (
    Kind,
    Population,
    Relationship,
    Version,
)
from ..models.organisations import SINCE
from ..tables import OrganisationTable
from ..waiting import actions_for
from ..within import BELOW

ELSEWHEN_SHOWN = 6
AT_ONCE = 200  # rows at most: sorted with all they show, in one query
EARLY = 5_000  # versions known at a moment: so few are named by key
FEW = 10  # found on the day: what lived on another day may be what was meant


class OrganisationList(ListView):
    """Every body that lives on the day, one row each."""

    template_name = "footprints/organisation_list.html"
    title = "Register"
    model = Version
    table_class = OrganisationTable
    filterset_class = OrganisationFilter
    noun = ("organisation", "organisations")
    export_name = "register"
    empty_title = "No organisation lives on this day"
    empty_text = "The register holds the NHS from 2013 on. Choose another day, or load the facts."

    @property
    def lead(self):
        return "Every body of the NHS that we know, as it was on the day shown."

    def get_queryset(self):
        versions = Version.objects.known(self.as_at.release).on(self.as_at.day).decided()
        if self.request.GET.get("sort", "").endswith("opened"):
            # What begins later is known to be left out: the walk from the newest starts here.
            versions = versions.filter(LessThanOrEqual(SINCE, self.as_at.day))
        return versions if self.early is None else versions.filter(AnyOf("pk", self.early))

    @cached_property
    def early(self):
        """The few versions that were known at an early moment asked for: a walk would meet them
        among all that came since. None where they are many, or the moment is now."""
        return None if self.as_at.release is None else _known_by(self.as_at.release)

    def with_relations(self, versions):
        """Return the versions with all that a row shows: parents and people are dear to ask for,
        so only the rows of a page, or of a file, are asked."""
        day, release = self.as_at.day, self.as_at.release
        return versions.select_related("organisation", "kind").annotate(
            parent=Subquery(_parent(day, release)),
            people=Subquery(
                Population.objects.known(release)
                .filter(organisation=OuterRef("organisation"), boundary_on__lte=day)
                .order_by("-boundary_on", "-year")
                .values("people")[:1]
            ),
        )

    def get_page(self, queryset, **place):
        """Few rows are sorted; many are walked in their order, each kind by an index of its own,
        and their keys come first.

        A word of many names is met soon by name. By code or kind it may be met nowhere for long,
        since the bodies of one kind share words: such a list keeps to the names, and says so.
        """
        filters, place["per_page"] = self.filterset, self.per_page
        if self.are_too_many and self.order.name != "name":
            self.order = Order.read("name", self.table_class.sorts)
        if not filters.is_valid() or filters.named <= AT_ONCE:
            return self.order.page(self.with_relations(queryset), total=True, **place)
        place["shown"] = self.with_relations(self.get_queryset())
        if filters.are_few or self.early is not None:
            return self.order.page(queryset, total=True, **place)
        kinds = filters.kinds_asked
        if kinds is None:
            return self.order.page(queryset, **place)
        every = filters.of_any_kind(self.get_queryset())
        order, branches = self.order, [every.filter(kind=kind) for kind in kinds]
        if order.name == "code":
            # Codes of one kind lie together: walking the codes of all would meet none for long.
            branches = [every.filter(organisation__kinds__kind=kind, kind=kind) for kind in kinds]
            order = replace(order, keys=("organisation__kinds__code", "pk"))
        return order.page(branches or [every.none()], **place)

    def file(self, queryset, form):
        return super().file(self.with_relations(queryset), form)

    def get_count(self, queryset):
        """Where kinds alone narrow the list the census knows the number; else of few rows."""
        filters, (one, many) = self.filterset, self.noun
        if self.page.is_only or not filters.is_valid():
            return super().get_count(queryset)
        total = self.page.total
        if filters.are_of_kinds:
            kinds = filters.kinds_asked
            total = sum(self.counts[kind] for kind in (self.counts if kinds is None else kinds))
        if total is not None:
            return f"{total:,} {one if total == 1 else many}"
        if self.are_too_many and self.page.after:
            by_name = "" if self.asks_for_names else ", here by name"
            most = self.filterset.matches.most
            return f"More than {most:,} have such a word or code{by_name}: type more of it"
        return super().get_count(queryset)

    @property
    def are_too_many(self):
        """Whether the words typed match more than are named."""
        return self.filterset.matches is not None and self.filterset.matches.are_many

    @property
    def asks_for_names(self):
        return self.request.GET.get("sort", "").lstrip("-") in ("", "name")

    @cached_property
    def counts(self):
        """Live bodies of the day by kind code."""
        newest = self.filterset.newest_release
        return _census(self.as_at.day, self.as_at.release, newest)

    def get_filtered(self):
        filterset, versions = super().get_filtered()
        # These have no box in which a mistake could be shown.
        for name in {"kind", "family"} & set(filterset.form.errors):
            asked = ", ".join(self.request.GET.getlist(name))
            offered = ", ".join(str(code) for code, _ in filterset.filters[name].extra["choices"])
            raise BadAddress(
                f"The address asks for the {name} «{asked}», which there is not.",
                f"There are {offered}.",
            )
        return filterset, versions

    def get_actions(self):
        user, waiting = self.request.user, actions_for(self.request.user)
        if user.is_staff and user.has_perm("footprints.add_organisation"):
            return [Action("Add an organisation", "/admin/footprints/organisation/add/"), *waiting]
        return waiting

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        form = self.filterset.form
        context["legend"] = self.get_legend()
        context["kept"] += [
            (name, value)
            for name in ("kind", "family")
            for value in self.request.GET.getlist(name)
            if value and form.is_valid()
        ]
        context["elsewhen"] = self.get_elsewhen()
        return context

    def get_legend(self):
        """Return, for each family, its name and its kinds of the day: name, count, link."""
        counts = self.counts
        chosen = self.request.GET.getlist("kind")
        legend = []
        for family in Kind.Family:
            entries = []
            for kind in self.filterset.kinds:
                if kind.family != family or not (counts[kind.code] or kind.code in chosen):
                    continue
                is_on = kind.code in chosen
                rest = [code for code in chosen if code != kind.code]
                address = self.address(
                    kind=(rest if is_on else [*rest, kind.code]) or None, family=None
                )
                count = counts[kind.code]
                name = kind.name if count == 1 else kind.plural
                entries.append({"name": name, "count": count, "address": address, "on": is_on})
            if entries:
                is_on = self.request.GET.get("family") == family
                legend.append(
                    {
                        "name": family.label,
                        "address": self.address(family=None if is_on else family.value, kind=None),
                        "on": is_on,
                        "kinds": entries,
                    }
                )
        return legend

    def get_elsewhen(self):
        """Bodies that match what was typed and do not live on this day: the old code still leads
        somewhere."""
        matches = self.filterset.matches
        if matches is None or matches.are_many or len(self.page.rows) > FEW:
            return []
        day, release = self.as_at.day, self.as_at.release
        living = (
            Version.objects.known(release).on(day).filter(organisation=OuterRef("organisation"))
        )
        versions = (
            Version.objects.known(release)
            .filter(~Exists(living))
            .select_related("organisation", "kind")
        )
        return list(matches.within(versions).order_by(Lower("name"), "pk")[:ELSEWHEN_SHOWN])


def _parent(day, release):
    """The body that each version's organisation is part of, or else a member of, that day."""
    name = Version.objects.known(release).on(day).filter(organisation=OuterRef("parent"))
    return (
        Relationship.objects.known(release)
        .on(day)
        .filter(child=OuterRef("organisation"), type__in=BELOW)
        .annotate(parent_name=Subquery(name.values("name")[:1]))
        .filter(parent_name__isnull=False)
        .order_by("-type", "parent__code")
        .values(found=JSONObject(code="parent__code", name="parent_name"))[:1]
    )


@lru_cache(maxsize=16)
def _known_by(release):
    """The keys of the versions asserted up to that release, or None where they are many.

    Of releases that are applied: nothing is added to them, so this is kept.
    """
    versions = Version.objects.filter(asserted_by__lte=release).order_by().values_list("pk")
    keys = [key for (key,) in versions[: EARLY + 1]]
    return keys if len(keys) <= EARLY else None


@lru_cache(maxsize=64)
def _census(day, release, newest):
    """Live bodies by kind; kept until another release than `newest` is recorded."""
    return Version.objects.live_by_kind(day, release)
