"""The doors of a plan's numbers: how evenly it is shared, and what is covered twice or not."""

from decimal import Decimal, InvalidOperation

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_POST

from footprints.lists import as_csv
from footprints.models import Organisation, Version

from ..measures.reading import written
from ..measures.uploading import measures_of
from ..models import Territory, TerritoryPlan
from ..territories import plans
from ..territories.balance import PRACTICES, balance
from ..territories.coverage import Coverage, declare_shares, withdraw_shares
from ..territories.reading import PlanOnDay

MOST_MEASURES = 6  # columns at once
FAR = 20  # points of the index from the mean that are said in colour
SHOWN = 500  # overlaps and gaps shown; more are counted


def _on_day(request, pk) -> PlanOnDay:
    """The plan on the day shown; for those who plan."""
    if not plans.may_plan(request.user):
        raise PermissionDenied("A plan's balance and coverage are for planners and managers.")
    visible = TerritoryPlan.objects.visible_to(request.user).select_related("team", "owner")
    plan = get_object_or_404(visible, pk=pk)
    return PlanOnDay(plan, request.user, request.as_at.day, request.as_at.release)


def _chosen(request, measures):
    """The measures that the address names; without any, the first ones."""
    if "measure" not in request.GET:
        return measures[:MOST_MEASURES]
    asked = set(request.GET.getlist("measure"))
    return [measure for measure in measures if str(measure.pk) in asked][:MOST_MEASURES]


@login_required
def plan_balance(request, pk):
    """A table by territory: each column against its mean; the same as CSV and as JSON."""
    on_day = _on_day(request, pk)
    measures = list(measures_of(request.user).select_related("team"))
    chosen = _chosen(request, measures)
    found = balance(on_day, chosen)
    columns = [c for c in found.columns if c.key != PRACTICES or any(c.amounts.values())]
    form = request.GET.get("format")
    if form == "csv":
        return _csv(found, on_day)
    if form == "json":
        return JsonResponse(found.as_json() | {"day": on_day.day.isoformat()})
    largest = {
        column.key: max((row.cells[column.key].amount for row in found.rows), default=0)
        for column in columns
    }
    context = {
        "plan": on_day.plan,
        "on_day": on_day,
        "other_day": on_day.day != request.as_at.day,
        "found": found,
        "heads": [(column, _spread(found, column.key)) for column in columns],
        "rows": [
            (
                row,
                [_bar(c, row, found.means, largest) for c in columns],
            )
            for row in found.rows
        ],
        "totals": [(c.label, rounded(found.totals[c.key])) for c in columns],
        "means": [(c.label, rounded(found.means[c.key])) for c in columns],
        "unassigned": [(c.label, rounded(found.unassigned[c.key])) for c in columns],
        "has_unassigned": any(found.unassigned.values()),
        "leads": sum(row.leads for row in found.rows),
        "has_leads": any(row.leads for row in found.rows),
        "has_shape": any(row.compactness is not None for row in found.rows),
        "has_capacity": any(row.capacity is not None for row in found.rows),
        "measures": [(measure, measure in chosen) for measure in measures],
        "most": MOST_MEASURES,
        "unplaced": [
            (
                column,
                [
                    (why, bodies, rounded(amount))
                    for why, bodies, amount in column.rolled.by_reason()
                ],
                column.rolled.within,
            )
            for column in columns
            if column.rolled
        ],
        "csv_address": _address(request, format="csv"),
    }
    return render(request, "accounts/plans/balance.html", context)


def _address(request, **changes):
    query = request.GET.copy()
    for name, value in changes.items():
        query[name] = value
    return f"{request.path}?{query.urlencode()}"


def rounded(amount) -> str:
    """An amount as a table of many needs it: whole from a thousand on, else to a tenth."""
    return written(round(amount) if abs(amount) >= 1000 else round(amount, 1))


def _spread(found, key):
    furthest = found.furthest(key)
    return None if furthest is None else round(furthest)


def _bar(column, row, means, largest):
    """What a cell shows: its amount, its index, how long its bar is and where the mean stands."""
    cell, mean, most = row.cells[column.key], means[column.key], largest[column.key]
    index = None if cell.index is None else round(cell.index)
    return {
        "label": column.label,
        "amount": rounded(cell.amount),
        "index": index,
        # Of units and practices there may be many small ones: that they are uneven is no fault.
        "is_far": column.is_credit and index is not None and abs(index - 100) > FAR,
        "length": round(float(cell.amount / most * 100), 1) if most > 0 else 0,
        "mean": round(float(mean / most * 100), 1) if most > 0 else 0,
    }


def _csv(found, on_day):
    heads = ["Territory", "Name"]
    for column in found.columns:
        label = f"{column.label} ({column.unit})" if column.unit else column.label
        heads += [label, f"{label}: index"]
    heads += ["Account leads", "Days", "Capacity in days", "Days to capacity", "Compactness"]
    lines = [heads]
    for row in found.rows:
        cells = [row.territory.code, row.territory.name]
        for column in found.columns:
            cell = row.cells[column.key]
            index = "" if cell.index is None else round(cell.index, 1)
            cells += [_plain(cell.amount), index]
        has_days = found.has_days
        cells += [
            row.leads,
            _plain(round(row.days, 1)) if has_days else "",
            row.capacity,
            "" if row.load is None else round(row.load, 3),
            "" if row.compactness is None else round(row.compactness, 3),
        ]
        lines.append(cells)
    response = HttpResponse(as_csv(lines), content_type="text/csv; charset=utf-8")
    name = f"{slugify(on_day.plan.name)}-balance-{on_day.day.isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _plain(amount):
    """A number as a spreadsheet takes it: no commas, no noughts behind the point."""
    return float(amount) if amount % 1 else int(amount)


# --- Coverage -----------------------------------------------------------------------------------


@login_required
def plan_coverage(request, pk):
    """What several territories of the team hold, declared or not, and what nobody has."""
    return _coverage(request, _on_day(request, pk))


def _coverage(request, on_day, *, wrong=None):
    """The page; ``wrong`` is (code, what is wrong, what was typed by territory) of one unit."""
    found = Coverage(on_day)
    gaps = (
        Version.objects.known(on_day.known)
        .on(on_day.day)
        .filter(organisation__in=found.gaps)
        .select_related("organisation", "kind")
        .order_by("organisation__code")
    )
    rows = []
    for overlap in found.overlaps[:SHOWN]:
        problem, typed, reason = "", {}, overlap.reason
        if wrong and wrong["code"] == overlap.code:
            problem, typed, reason = wrong["problem"], wrong["typed"], wrong["reason"]
        parts = [
            (holder, typed.get(str(holder.territory.pk), holder.percent))
            for holder in overlap.holders
        ]
        rows.append((overlap, parts, reason, problem))
    context = {
        "plan": on_day.plan,
        "on_day": on_day,
        "other_day": on_day.day != request.as_at.day,
        "found": found,
        "rows": rows,
        "shown": SHOWN,
        "gaps": gaps[:SHOWN],
        "may_change": plans.may_change(on_day.plan, request.user),
        "gaps_address": request.as_at.keep(
            f"{on_day.plan.get_absolute_url()}?territory=none#list"
        ),
    }
    status = 422 if wrong else 200
    return render(request, "accounts/plans/coverage.html", context, status=status)


@login_required
@require_POST
def declare(request, pk):
    """Declare how territories share one unit's credit, or take that back."""
    on_day = _on_day(request, pk)
    if not plans.may_change(on_day.plan, request.user):
        raise PermissionDenied("The plan is not open to changes.")
    unit = get_object_or_404(Organisation, code=request.POST.get("unit", ""))
    typed = {
        name.removeprefix("share-"): value
        for name, value in request.POST.items()
        if name.startswith("share-")
    }
    found = Territory.objects.visible_to(request.user).filter(
        pk__in=[key for key in typed if key.isdecimal()], plan__team=on_day.plan.team
    )
    territories = list(found.select_related("plan"))
    back = request.as_at.keep(reverse("accounts:coverage", args=[pk]))
    if "withdraw" in request.POST:
        withdraw_shares(unit, territories, by=request.user)
        messages.success(request, f"{unit.code} is no longer declared shared.")
        return redirect(back)
    reason = request.POST.get("reason", "").strip()[:200]
    try:
        shares = {
            territory: _part(typed[str(territory.pk)], territory) for territory in territories
        }
        declare_shares(unit, shares, by=request.user, reason=reason)
    except plans.PlanError as error:
        wrong = {"code": unit.code, "problem": str(error), "typed": typed, "reason": reason}
        return _coverage(request, on_day, wrong=wrong)
    said = ", ".join(f"{territory.code} {typed[str(territory.pk)]} %" for territory in shares)
    messages.success(request, f"{unit.code} is shared: {said}.")
    return redirect(back)


def _part(text, territory) -> Decimal:
    try:
        part = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        part = None
    if part is None or not part.is_finite():
        raise plans.PlanError(f"“{text[:20]}” for {territory.code} is no number of per cent.")
    return part / 100
