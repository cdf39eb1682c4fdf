"""What was loaded, when, what came of it, and how it is undone."""

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import Count, Exists, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.views.generic import TemplateView

from ..facts import first_lines, keys_of
from ..filters import FindingFilter
from ..lists import ListView
from ..models import Finding, Organisation, Release
from ..names import count
from ..services.releases import RECORDED, CannotUndo
from ..services.undoing import are_large, later_than, rehearse_undo, undo_releases
from ..tables import FactTable, FindingTable, ReleaseTable
from .stewards import PERMISSION, StewardsOnly


class ReleaseList(ListView):
    """Every arrival of facts, the newest first."""

    title = "Releases"
    lead = "Facts arrive in releases. What was once known stays known; a release can be undone."
    model = Release
    table_class = ReleaseTable
    default_sort = "-number"
    noun = ("release", "releases")
    count_limit = 1_000
    depends_on_day = False
    empty_title = "Nothing has been loaded"
    empty_text = "./run load_register loads the bundled facts."

    def get_queryset(self):
        releases = Release.objects.all()
        if (known := self.as_at.release) is not None:
            releases = releases.filter(pk__lte=known)
        return releases.select_related("by").annotate(
            asserted=_facts("asserted_by"),
            retracted=_facts("retracted_by"),
            found=Coalesce(
                Subquery(
                    Finding.objects.filter(release=OuterRef("pk"))
                    .order_by()
                    .values("release")
                    .annotate(n=Count("pk"))
                    .values("n")
                ),
                0,
            ),
            undone=Subquery(releases.filter(undoes=OuterRef("pk")).values("pk")[:1]),
        )


def _facts(column):
    """How many facts, of every kind, name the release in that column."""
    total = Value(0)
    for model in RECORDED:
        counted = (
            model.objects.filter(**{column: OuterRef("pk")})
            .order_by()
            .values(column)
            .annotate(n=Count("pk"))
            .values("n")
        )
        total = total + Coalesce(Subquery(counted), 0)
    return total


class ReleaseDetail(LoginRequiredMixin, TemplateView):
    """One release: what it wrote and retracted by kind of fact, and what it found, by topic."""

    template_name = "footprints/release.html"

    def get_context_data(self, *, pk, **kwargs):
        release = get_object_or_404(
            Release.objects.select_related("by", "undoes", "undone_by", "report"), pk=pk
        )
        tables = []
        for model in RECORDED:
            wrote = model.objects.filter(asserted_by=release)
            retracted = model.objects.filter(retracted_by=release)
            counts = wrote.count(), retracted.count()
            if any(counts):
                table = {
                    "model": model._meta.model_name,
                    "name": model._meta.verbose_name_plural,
                    "wrote": counts[0],
                    "retracted": counts[1],
                    "first_wrote": first_lines(wrote),
                    "first_retracted": first_lines(retracted),
                }
                table["wrote_besides"] = counts[0] - len(table["first_wrote"])
                table["retracted_besides"] = counts[1] - len(table["first_retracted"])
                tables.append(table)
        topics = (
            release.findings.order_by()
            .values("severity", "topic")
            .annotate(count=Count("pk"))
            .order_by("-severity", "-count", "topic")
        )
        return super().get_context_data(
            release=release,
            tables=tables,
            topics=[
                {**row, "severity": Finding.Severity(row["severity"]).label} for row in topics
            ],
            is_standing=release.undoes is None and not hasattr(release, "undone_by"),
            may_undo=self.request.user.has_perm(PERMISSION),
            **kwargs,
        )


class FactList(ListView):
    """The facts of one kind that a release wrote, or retracted, row by row."""

    template_name = "footprints/fact_list.html"
    table_class = FactTable
    noun = ("fact", "facts")
    depends_on_day = False
    empty_title = "None of these"
    empty_text = "The release wrote and retracted no facts of this kind."

    @cached_property
    def release(self):
        return get_object_or_404(Release, pk=self.kwargs["pk"])

    @cached_property
    def model(self):
        names = {model._meta.model_name: model for model in RECORDED}
        if self.kwargs["model"] not in names:
            raise Http404
        return names[self.kwargs["model"]]

    @property
    def retracted(self):
        """Whether those that the release retracted are shown, not those that it wrote."""
        return self.request.GET.get("did") == "retracted"

    @property
    def title(self):
        did = "retracted" if self.retracted else "wrote"
        name = self.model._meta.verbose_name_plural
        return f"{name.capitalize()} that release {self.release.pk} {did}"

    @property
    def lead(self):
        return self.release.title or self.release.source

    def get_queryset(self):
        column = "retracted_by" if self.retracted else "asserted_by"
        facts = self.model.objects.filter(**{column: self.release})
        return facts.select_related(*keys_of(self.model))

    def get_context_data(self, **kwargs):
        return super().get_context_data(
            release=self.release,
            other="wrote" if self.retracted else "retracted",
            other_address=self.address(did=None if self.retracted else "retracted"),
            **kwargs,
        )


class FindingList(ListView):
    """What one release could not place or found odd, row by row."""

    model = Finding
    table_class = FindingTable
    filterset_class = FindingFilter
    noun = ("finding", "findings")
    count_limit = 10_000
    depends_on_day = False
    lead = "Odd facts are listed, never hidden or refused: a steward looks at them."
    empty_title = "Nothing was odd"
    empty_text = "This release placed every row, and no fact of the register is odd."

    @property
    def title(self):
        return f"Findings of release {self.kwargs['pk']}"

    def get_queryset(self):
        release = get_object_or_404(Release, pk=self.kwargs["pk"])
        body = Organisation.objects.filter(code=OuterRef("code"))
        return release.findings.annotate(has_page=Exists(body))


class UndoRelease(StewardsOnly, TemplateView):
    """Ask before a release is undone, with what that would do; then undo it."""

    template_name = "footprints/undo_release.html"

    def get_context_data(self, *, pk, **kwargs):
        release = get_object_or_404(Release, pk=pk)
        later = later_than(release)
        is_large = are_large([release, *later])
        rehearsal = None if is_large else rehearse_undo([release, *later], by=self.request.user)
        return super().get_context_data(
            release=release, later=later, is_large=is_large, rehearsal=rehearsal, **kwargs
        )

    def post(self, request, pk):
        """Undo it, and those later ones that the page listed: never one that came since."""
        release = get_object_or_404(Release, pk=pk)
        listed = set(request.POST.getlist("later"))
        later = [each for each in later_than(release) if str(each.pk) in listed]
        if are_large([release, *later]):
            return redirect(reverse("footprints:undo_release", args=[release.pk]))
        try:
            *_, undo = undo_releases([release, *later], by=request.user)
        except CannotUndo as refusal:
            reason = str(refusal).partition("\n")[0].removesuffix(":")
            messages.error(request, f"Nothing was undone. {reason}.")
            return redirect(reverse("footprints:undo_release", args=[release.pk]))
        besides = f" with {count(len(later), 'later one', 'later ones')}" if later else ""
        messages.success(
            request, f"Release {release.pk} is undone{besides}, by release {undo.pk}."
        )
        return redirect(reverse("footprints:release", args=[undo.pk]))
