"""The doors of measures: the list, the way in, one measure with its figures, and out again."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import cached_property

from footprints.lists import Action, ListView
from footprints.lives import Lives, brief
from footprints.models import Version
from footprints.names import count

from ..measures import reading, uploading
from ..measures.forms import MeasureForm
from ..measures.tables import FigureFilter, FigureTable, MeasureFilter, MeasureTable
from ..models import Figure, Measure, TerritoryPlan
from ..territories.alignment import Unreadable

MOST_PLANS = 12  # that the page of a measure leads to
SHOWN = 100  # lines of each sort on the preview; more are counted


def _refuse_others(user):
    if not uploading.may_keep(user):
        raise PermissionDenied("Measures are for planners and managers.")


class PlannersList(ListView):
    """A list for those who plan; others are told so."""

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            _refuse_others(request.user)
        return super().dispatch(request, *args, **kwargs)


class MeasureList(PlannersList):
    title = "Measures"
    lead = "Your own numbers by practice, trust or area: summed onto any plan, on its day."
    model = Measure
    table_class = MeasureTable
    filterset_class = MeasureFilter
    default_sort = "name"
    noun = ("measure", "measures")
    depends_on_day = False
    empty_title = "No measures yet"
    empty_text = (
        "Bring sales, patients or potential as lines of a code and an amount. Each plan then "
        "shows how evenly its territories share it."
    )

    def get_queryset(self):
        return (
            uploading.measures_of(self.request.user)
            .select_related("team", "by")
            .annotate(figure_count=Count("figures"))
        )

    def get_actions(self):
        return [Action("Bring a measure", reverse("accounts:bring_measure"), "box-arrow-in-down")]

    def get_context_data(self, **kwargs):
        self.empty_action = self.get_actions()[0]
        return super().get_context_data(**kwargs)


class MeasurePage(PlannersList):
    """One measure: where it is from, its figures by body, what had no body, where it serves."""

    template_name = "accounts/measures/measure.html"
    table_class = FigureTable
    filterset_class = FigureFilter
    model = Figure
    default_sort = "-amount"
    noun = ("body", "bodies")
    empty_title = "No figures"
    empty_text = "Bring it again under the same name."

    @cached_property
    def measure(self):
        found = uploading.measures_of(self.request.user).select_related("team", "by")
        return get_object_or_404(found, pk=self.kwargs["pk"])

    @property
    def title(self):
        return self.measure.name

    @property
    def export_name(self):
        return self.measure.name

    def get_queryset(self):
        versions = Version.objects.known(self.as_at.release).filter(
            organisation=OuterRef("organisation")
        )
        live = versions.on(self.as_at.day)
        last = versions.order_by(F("opened_on").desc(nulls_last=True))
        return Figure.objects.filter(measure=self.measure).annotate(
            code=F("organisation__code"),
            name=Coalesce(
                Subquery(live.values("name")[:1]),
                Subquery(last.values("name")[:1]),
                F("organisation__code"),
            ),
            kind_name=Subquery(live.values("kind__name")[:1]),
        )

    def get_context_data(self, **kwargs):
        user, measure = self.request.user, self.measure
        plans = TerritoryPlan.objects.visible_to(user).open().filter(scenario=None)
        unplaced = [(code, reading.written(float(amount))) for code, amount in measure.unplaced]
        total = measure.figures.aggregate(total=Sum("amount"))["total"] or 0
        return super().get_context_data(
            measure=measure,
            total=reading.written(total),
            may_change=uploading.may_change(measure, user),
            unplaced=unplaced[:SHOWN],
            unplaced_amount=reading.written(measure.unplaced_amount),
            plans=[
                (plan, self.as_at.keep(f"{plan_page(plan)}?measure={measure.pk}"))
                for plan in plans.select_related("team")[:MOST_PLANS]
            ],
            **kwargs,
        )


def plan_page(plan):
    return reverse("accounts:balance", args=[plan.pk])


@login_required
def bring_measure(request):
    """Paste or choose, preview, keep: one address, and the text never leaves the form."""
    _refuse_others(request.user)
    who = {"by": request.user, "today": request.as_at.today}
    if request.method != "POST" or "back" in request.POST:
        initial = request.POST.dict() or {"counted_on": request.as_at.day}
        return _answer(request, MeasureForm(initial=initial, **who))
    form = MeasureForm(request.POST, request.FILES, **who).dropped(request)
    if not form.is_valid():
        return _answer(request, form)
    data = form.cleaned_data
    try:
        read = reading.read(
            data["text"],
            recognises=uploading.recognises,
            columns=form.columns,
            add_up=data["add_up"],
            may_be_negative=data["may_be_negative"],
        )
    except Unreadable as error:
        form.add_error("file" if data.get("file") else "text", str(error))
        return _answer(request, form)
    upload = uploading.preview(read, name=data["name"], team=data["team"])
    left_out = len(read.bad) + len(upload.unknown)
    if "keep" in request.POST:
        if left_out and not data["leave_out"]:
            form.add_error("leave_out", "Tick this, or put the lines right and check again.")
        else:
            try:
                seen = request.POST.get("seen", "")
                made = uploading.keep(upload, **form.kept, by=request.user, seen=seen)
            except uploading.MeasureError as error:
                form.add_error(None, str(error))
            else:
                bodies = count(len(upload.figures), "body", "bodies")
                said = f"{made.name} is kept: {bodies}."
                if left_out:
                    said += f" {count(left_out, 'line', 'lines').capitalize()} left out."
                messages.success(request, said)
                return redirect(made)
    return _answer(request, form, read=read, upload=upload, left_out=left_out)


def _answer(request, form, **found):
    """The form with its errors, or the preview with the form folded up."""
    if form.is_bound and form.cleaned_data.get("text") and form.files:
        # What stood in a file stands in the form now: the file itself cannot be sent again.
        form.data = form.data.copy()
        form.data["text"] = form.cleaned_data["text"]
    context = {"form": form, "shown": SHOWN, **found}
    if found:
        context |= _preview(form, **found)
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "accounts/measures/bring.html", context, status=status)


def _preview(form, *, read, upload, left_out):
    """What the preview shows: the first lines of each sort, and the columns to put right."""
    changes = upload.changes[:SHOWN]
    first = list(upload.figures.items())[:SHOWN]
    lives = Lives({key for key, _ in first} | {change.organisation for change in changes})
    day = form.cleaned_data["counted_on"]

    def named(key):
        version = lives.near(key, day)
        return (version.organisation.code, brief(version)) if version else ("", "")

    written = reading.written
    return {
        "columns": [
            (role, says, read.columns.get(role))
            for role, says in (("code", "Code"), ("amount", "Amount"))
        ],
        "heads": list(enumerate(read.heads)),
        "total": written(upload.amount),
        "unknown_amount": written(upload.unknown_amount),
        "figure_rows": [(*named(key), written(amount)) for key, amount in first],
        "unknown_rows": [
            (line.number, line.code, written(line.amount)) for line in upload.unknown[:SHOWN]
        ],
        "bad_rows": read.bad[:SHOWN],
        "change_rows": [
            (
                *named(change.organisation),
                "—" if change.before is None else written(change.before),
                "—" if change.after is None else written(change.after),
            )
            for change in changes
        ],
        "is_ours": upload.replaces is None or uploading.may_change(upload.replaces, form.by),
    }


@login_required
def delete_measure(request, pk):
    """What would go, and the deed; for who brought it and for managers."""
    _refuse_others(request.user)
    measure = get_object_or_404(uploading.measures_of(request.user), pk=pk)
    if not uploading.may_change(measure, request.user):
        raise PermissionDenied(f"{measure.name} was brought by {measure.by}: theirs to delete.")
    if request.method == "POST":
        name = measure.name
        figures = uploading.delete(measure, by=request.user)
        said = count(figures, "figure", "figures")
        messages.success(request, f"{name} is deleted, with its {said}.")
        return redirect(request.as_at.keep(reverse("accounts:measures")))
    total = measure.figures.aggregate(total=Sum("amount"), number=Count("pk"))
    context = {
        "measure": measure,
        "figures": total["number"],
        "total": reading.written(total["total"] or 0),
    }
    return render(request, "accounts/measures/delete.html", context)
