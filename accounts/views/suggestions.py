"""The doors of suggestions: ask the solver, watch it, take what it found, or not."""

from dataclasses import dataclass, replace

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from footprints.models import Organisation, Version

from .. import tasks
from ..balancing import asking
from ..balancing.dealing import kinds_of
from ..balancing.forms import SuggestionForm
from ..drawing.gestures import MovedUnderYou
from ..models import Suggestion, Territory
from ..services.flags import raise_flags
from ..territories.pictures import draw, squares_as_svg
from ..territories.plans import PlanError, plans_changeable_by
from ..territories.reading import PlanOnDay

MOVES_SHOWN = 2_000
LISTED = 10
NAMED = 12  # territories and units that are kept, and bases, in the line of what was asked


@login_required
def suggest(request, pk):
    """Ask for a suggestion for a plan; those asked for before beside it.

    The workspace posts ``around``: codes of units that are to stay, to be asked about here; and
    how many of those selected are ``free``.
    """
    found = plans_changeable_by(request.user).select_related("team", "owner")
    plan = get_object_or_404(found, pk=pk)
    around = request.POST.get("around")
    if around and request.POST.get("free", "0") not in ("", "0"):
        messages.info(request, "Units without a territory are not kept: they are dealt too.")
    form = SuggestionForm(
        request.POST if request.method == "POST" and around is None else None,
        plan=plan,
        user=request.user,
        initial={"from_on": plan.day_for(request.as_at.day), "units": around},
    )
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = asking.ask(
                plan,
                by=request.user,
                from_on=said["from_on"],
                evens=said["evens"],
                measure=said["measure"],
                still=said["still"],
                compact=said["compact"],
                kind=said.get("kind"),
                locked=[territory.pk for territory in said["locked"]],
                locked_units=said["units"],
                homes=said["bases"],
            )
        except asking.SuggestionError as error:
            form.add_error(None, str(error))
        else:
            tasks.suggest.soon(made.pk)
            return redirect(made)
    context = {
        "plan": plan,
        "form": form,
        "before": plan.suggestions.select_related("by", "plan", "measure")[:LISTED],
    }
    status = 422 if form.errors else 200
    return render(request, "accounts/suggestions/ask.html", context, status=status)


def _suggestion(request, pk) -> Suggestion:
    found = Suggestion.objects.visible_to(request.user)
    return get_object_or_404(
        found.select_related("plan", "by", "measure", "kind", "decided_by"), pk=pk
    )


@dataclass(frozen=True)
class Side:
    """One deal among those compared, in words."""

    name: str
    farthest: str
    moved: str
    parts: int
    is_suggested: bool


@dataclass(frozen=True)
class Home:
    """A territory before and after: its load as an index, 100 being even."""

    territory: Territory
    before: int | None
    after: int
    gains: int
    loses: int


@dataclass(frozen=True)
class Move:
    """A unit that would go from a territory (None: from nobody) to another, or has gone there."""

    unit: Organisation
    name: str
    was: Territory | None
    to: Territory | None
    is_there: bool


SIDES = {
    "now": "As it is",
    "suggested": "Suggested",
    "greedy": "The largest first, each to the nearest with room",
    "random": "By lot",
}


def _percent(part: float) -> str:
    return f"{part:.1%}"


def _asked(suggestion) -> str:
    """What the solver was asked to heed, in words."""
    codes = Territory.objects.filter(plan=suggestion.plan_id).values_list("pk", "code")
    of_territory = dict(codes.order_by("position", "code"))
    keys = [*suggestion.locked_units, *suggestion.homes.values()]
    of_body = dict(Organisation.objects.filter(pk__in=keys).values_list("pk", "code"))
    kept = [of_territory[key] for key in of_territory if key in suggestion.locked]
    kept += sorted(of_body[key] for key in suggestion.locked_units if key in of_body)
    based = [
        f"{of_territory[int(key)]} at {of_body[body]}"
        for key, body in suggestion.homes.items()
        if int(key) in of_territory and body in of_body
    ]
    parts = [f"Few changes {suggestion.still:g}, short ways {suggestion.compact:g}"]
    for label, some in (("kept", kept), ("based", based)):
        if some:
            more = f" and {len(some) - NAMED:,} more" if len(some) > NAMED else ""
            parts.append(f"{label}: {', '.join(some[:NAMED])}{more}")
    return "; ".join(parts)


def _sides(told) -> list[Side]:
    whole = told["amount"] or 1
    return [
        Side(
            name,
            _percent(side["farthest"]),
            "—" if key == "now" else _percent(side["moved"] / whole),
            side["parts"],
            key == "suggested",
        )
        for key, name in SIDES.items()
        if (side := told["sides"].get(key))
    ]


def _homes(suggestion, territories) -> list[Home]:
    told, even = suggestion.told, suggestion.told["even"] or 1
    before = told["sides"].get("now", {}).get("loads")
    gains, loses = {}, {}
    for _, was, to in suggestion.found:
        gains[to] = gains.get(to, 0) + 1
        loses[was] = loses.get(was, 0) + 1
    return [
        Home(
            territories[key],
            round(100 * before[at] / even) if before else None,
            round(100 * load / even),
            gains.get(key, 0),
            loses.get(key, 0),
        )
        for at, (key, load) in enumerate(
            zip(told["homes"], told["sides"]["suggested"]["loads"], strict=True)
        )
        if key in territories
    ]


@login_required
def suggestion(request, pk):
    """How far it is; once it is worked out, how good it is, and every unit that would move."""
    found = _suggestion(request, pk)
    context = {"suggestion": found, "plan": found.plan, "asked": _asked(found)}
    if found.told:
        territories = Territory.objects.in_bulk(found.told["homes"])
        shown = found.found[:MOVES_SHOWN]
        left = {unit for unit, _, _ in asking.left(found)}
        units = Organisation.objects.in_bulk([row[0] for row in shown])
        names = dict(
            Version.objects.now()
            .on(found.from_on)
            .filter(organisation__in=units)
            .values_list("organisation", "name")
        )
        context |= {
            "sides": _sides(found.told),
            "least": _percent(found.told["least"] / (found.told["amount"] or 1)),
            "within": _percent(found.told["within"]),
            "evenest": _percent(found.told["evenest"]) if found.told.get("evenest") else "",
            "homes": _homes(found, territories),
            "moves": [
                Move(
                    units[unit],
                    names.get(unit, ""),
                    territories.get(was),
                    territories.get(to),
                    unit not in left,
                )
                for unit, was, to in shown
            ],
            "taken": len(found.found) - len(left),
            "more": len(found.found) - len(shown),
            "may_take": bool(left)
            and found.state in (Suggestion.State.DONE, Suggestion.State.TAKEN)
            and plans_changeable_by(request.user).filter(pk=found.plan_id).exists(),
        }
        context |= _map(found, territories, request.user)
    return render(request, "accounts/suggestions/suggestion.html", context)


def _map(suggestion, territories, user) -> dict:
    """The picture of the patches as suggested: a unit that comes is in the fill of its territory,
    one that stays is bare land."""
    on_day = PlanOnDay(suggestion.plan, user, suggestion.from_on)
    kind = suggestion.kind or next(iter(kinds_of(on_day)), None)
    tiles = kind and on_day.tiles(kind)
    if not tiles or not tiles.units:
        return {}
    comes = {unit: territories[to] for unit, _, to in suggestion.found if to in territories}
    codes = {tile.code for tile in tiles.units if tile.organisation_id in comes}
    picture = draw(tiles, {**on_day.held, **comes}, unknown="land")
    squares = [
        square if square.code in codes else replace(square, fill="land")
        for square in picture.squares
    ]
    picture = replace(picture, squares=squares)
    return {"picture": picture, "squares": squares_as_svg(picture, lambda square: None)}


@login_required
@require_POST
def take(request, pk):
    """Move all that is suggested, or the ticked units."""
    found = _suggestion(request, pk)
    get_object_or_404(plans_changeable_by(request.user), pk=found.plan_id)
    units = None
    if request.POST.get("which") != "all":
        units = [int(key) for key in request.POST.getlist("row") if key.isdecimal()]
    try:
        done = asking.take(found, by=request.user, units=units)
    except MovedUnderYou as error:
        messages.error(request, f"{error} Ask for a new suggestion: this one rests on the old.")
        return redirect(found)
    except (PlanError, asking.SuggestionError) as error:
        messages.error(request, str(error))
        return redirect(found)
    raise_flags()
    messages.success(request, f"{len(done.rows):,} units moved. Undo it in the workspace.")
    return redirect(request.as_at.keep(found.plan.get_absolute_url()))


@login_required
@require_POST
def throw_away(request, pk):
    return _settle(request, pk, asking.throw_away, "It is thrown away; nothing has changed.")


@login_required
@require_POST
def stop(request, pk):
    return _settle(request, pk, asking.stop, "It is stopped; nothing has changed.")


def _settle(request, pk, deed, says):
    found = _suggestion(request, pk)
    try:
        deed(found, by=request.user)
    except asking.SuggestionError as error:
        messages.error(request, str(error))
        return redirect(found)
    messages.success(request, says)
    return redirect("accounts:suggest", found.plan_id)
