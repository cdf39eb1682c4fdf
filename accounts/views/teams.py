"""Teams and their calendars: when our territories, data and credit follow a change of the NHS."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from footprints.lists import Action, ListView
from footprints.names import count

from ..forms import DataSupplierForm, FreezeFormSet, TeamForm
from ..models import DataSupplier, Team
from ..services.teams import keep_calendar
from ..tables import TeamTable
from ..territories.plans import may_plan, teams_open_to


class TeamList(ListView):
    title = "Teams"
    lead = "When the territories, the data and the credit of each team follow a change by law."
    model = Team
    table_class = TeamTable
    default_sort = "name"
    noun = ("team", "teams")
    depends_on_day = False
    empty_title = "No teams yet"
    empty_text = "A team covers brands; its plans follow its calendar."

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            _refuse_others(request.user)
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self):
        teams = teams_open_to(self.request.user).select_related("supplier")
        return teams.prefetch_related("freezes").annotate(plan_count=Count("plans"))

    def get_table_kwargs(self):
        return {"today": self.as_at.today}

    def get_actions(self):
        return [
            Action("Add a team", reverse("accounts:make_team")),
            Action("Add a data supplier", reverse("accounts:make_data_supplier")),
        ]


def _refuse_others(user):
    if not may_plan(user):
        raise PermissionDenied("The calendars of teams are kept by planners and managers.")


@login_required
def make_team(request):
    _refuse_others(request.user)
    return _keep(request, Team(), title="Add a team", verb="Add the team")


@login_required
def team(request, pk):
    """A team's calendar: the form, and its answer."""
    _refuse_others(request.user)
    found = get_object_or_404(teams_open_to(request.user), pk=pk)
    return _keep(request, found, title=found.name, verb="Keep")


def _keep(request, team, *, title, verb):
    form = TeamForm(request.POST or None, instance=team)
    freezes = FreezeFormSet(request.POST or None, instance=team, prefix="freeze")
    is_sound = form.is_valid() and freezes.is_valid() if request.method == "POST" else None
    if is_sound:
        changed = freezes.save(commit=False)
        moved = keep_calendar(
            form.save(commit=False),
            by=request.user,
            freezes=changed,
            dropped=freezes.deleted_objects,
        )
        messages.success(request, f"The calendar of the {team.called} is kept. {_told(moved)}")
        return redirect(request.as_at.keep(reverse("accounts:teams")))
    context = {
        "title": title,
        "verb": verb,
        "form": form,
        "freezes": freezes,
        "suppliers": DataSupplier.objects.all(),
    }
    status = 422 if is_sound is False else 200
    return render(request, "accounts/teams/team.html", context, status=status)


def _told(moved) -> str:
    if not moved:
        return ""
    again = sum(1 for one in moved if one.sheet.state in ("prepared", "approved"))
    says = f"Our day of {count(len(moved), 'sheet', 'sheets')} moves with it"
    return f"{says}; {count(again, 'is', 'are')} to be approved again." if again else f"{says}."


@login_required
def data_supplier(request, pk=None):
    """Who sends data, and how late; both for a new one and for one that is known."""
    _refuse_others(request.user)
    known = get_object_or_404(DataSupplier, pk=pk) if pk else None
    form = DataSupplierForm(request.POST or None, instance=known)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, f"Kept: {form.instance}.")
        return redirect(request.as_at.keep(reverse("accounts:teams")))
    context = {
        "form": form,
        "title": str(known) if known else "Add a data supplier",
        "verb": "Keep" if known else "Add",
        "is_supplier": True,
    }
    return render(
        request, "accounts/teams/supplier.html", context, status=422 if form.errors else 200
    )
