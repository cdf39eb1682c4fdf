"""The doors of the workspace: its page, what it draws, each gesture, what others did meanwhile.

The page's script asks and is answered in JSON; whatever goes wrong is said in words that it shows
as they are, in `says`, with a word of what it is in `problem`.
"""

import json
from datetime import date
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from footprints.models import Kind, Version
from footprints.names import inline

from ..drawing import gestures
from ..drawing.beside import line_of
from ..drawing.state import described, state_of
from ..drawing.weights import weights_of
from ..models import TerritoryPlan
from ..territories import plans
from ..territories.forms import TerritoryForm
from ..territories.reading import PlanOnDay

COMPACT = {"separators": (",", ":")}


class Unreadable(Exception):
    """What was sent is no gesture."""


@login_required
@require_GET
def workspace(request, pk):
    """The page: all else comes by script. A plan without a kind of unit yet asks for one."""
    plan = _plan(request, pk)
    if not plans.may_change(plan, request.user):
        messages.error(request, str(plans.Standing(plan)))
        return redirect(request.as_at.keep(plan.get_absolute_url()))
    day = plan.day_for(request.as_at.day)
    kinds = _kinds(request, plan, day)
    context = {
        "plan": plan,
        "day": day,
        "kinds": kinds,
        "other_day": day != request.as_at.day,
        "may_choose": _choice(plan, day, kinds),
        "state_address": _address("draw_state", plan, request),
        "weights_address": _address("draw_weights", plan, request),
        "beside": line_of(plan, day, request.user),
        "balance_address": request.as_at.keep(reverse("accounts:balance", args=[plan.pk])),
        "addresses": {
            name: reverse(f"accounts:draw_{name}", args=[plan.pk])
            for name in ("change", "undo", "redo", "since", "territory")
        },
    }
    return render(request, "accounts/drawing/workspace.html", context)


def answers_in_json(view):
    """Let a view of the script's say what is wrong in JSON: signed out, gone, standing, moved."""

    @wraps(view)
    def answer(request, pk):
        if not request.user.is_authenticated:
            return _refused(401, "signed_out", "You are signed out. Sign in again in another tab.")
        try:
            return view(request, _plan(request, pk))
        except gestures.MovedUnderYou as error:
            units = [
                [unit.unit, unit.code, unit.name, unit.expected, unit.now, unit.by]
                for unit in error.units
            ]
            return _refused(409, "moved", str(error), units=units)
        except plans.Standing as error:
            return _refused(409, "stands", str(error))
        except gestures.NothingToDo as error:
            return _refused(409, "nothing", str(error))
        except plans.PlanError as error:
            codes = getattr(error, "codes", None)
            return _refused(422, "bad", str(error), **({"codes": codes} if codes else {}))
        except Unreadable as error:
            return _refused(400, "unreadable", str(error))

    return answer


@require_GET
@answers_in_json
def state(request, plan):
    """Everything that the workspace draws; see `accounts.drawing.state`."""
    day = plan.day_for(request.as_at.day)
    found = state_of(plan, day, _kinds(request, plan, day), request.user)
    found["shapes"] = [
        f"{reverse('footprints:shapes', args=[kind])}?on={day}" for kind in found["shapes"]
    ]
    return JsonResponse(found, json_dumps_params=COMPACT)


@require_GET
@answers_in_json
def weights(request, plan):
    """What each unit weighs, and whom a move unsettles; see `accounts.drawing.weights`."""
    day = plan.day_for(request.as_at.day)
    found = weights_of(plan, day, _kinds(request, plan, day), request.user)
    return JsonResponse(found, json_dumps_params=COMPACT)


@require_POST
@answers_in_json
def change(request, plan):
    """A gesture: {day, to: territory or null, units: [[unit, territory or null], …], since}."""
    asked = _asked(request)
    to = asked.get("to")
    if to is not None and not _is_key(to):
        raise Unreadable("A territory is named by its key.")
    done = gestures.move(
        plan,
        _where(asked.get("units")),
        to,
        from_on=_day(asked.get("day")),
        by=request.user,
        since=_revision(asked.get("since")),
    )
    return _done(plan, done, request.user)


@require_POST
@answers_in_json
def undo(request, plan):
    """Undo one's last change: {since, keep: theirs or mine, units: as the refusal named them}."""
    return _done(plan, gestures.undo(plan, by=request.user, **_settled(request)), request.user)


@require_POST
@answers_in_json
def redo(request, plan):
    """Do again what one undid last; as `undo`."""
    return _done(plan, gestures.redo(plan, by=request.user, **_settled(request)), request.user)


@require_GET
@answers_in_json
def since(request, plan):
    """What changed after ?revision= as it shows on ?day=, and whether the plan stands by now."""
    revision = _revision(request.GET.get("revision"))
    if revision is None:
        raise Unreadable("Which revision was seen last?")
    found = gestures.since(plan, revision, _day(request.GET.get("day")), request.user)
    if not plans.may_change(plan, request.user):
        found["stands"] = str(plans.Standing(plan))
    return JsonResponse(found, json_dumps_params=COMPACT)


@require_POST
@answers_in_json
def territory(request, plan):
    """Add a territory: {code, name}."""
    if not plans.may_change(plan, request.user):
        raise plans.Standing(plan)
    asked = _asked(request)
    form = TerritoryForm({"code": asked.get("code", ""), "name": asked.get("name", "")}, plan=plan)
    if not form.is_valid():
        return _refused(422, "bad", next(iter(form.errors.values()))[0])
    added = plans.add_territory(
        plan,
        code=form.cleaned_data["code"],
        name=form.cleaned_data["name"],
        by=request.user,
    )
    plan.refresh_from_db(fields=["revision"])
    return JsonResponse({"territory": described(added), "revision": plan.revision})


def _plan(request, pk):
    """A plan that the user may see; who sees but does not plan is refused."""
    plan = get_object_or_404(
        TerritoryPlan.objects.visible_to(request.user).select_related("team"), pk=pk
    )
    if not plans.may_plan(request.user):
        raise PermissionDenied("Planners and managers draw plans.")
    return plan


def _kinds(request, plan, day):
    """The kinds drawn: as the address says (?kind=), else the plan's own."""
    asked = request.GET.getlist("kind")
    if asked:
        return list(Kind.objects.filter(code__in=asked, is_unit=True))
    return PlanOnDay(plan, request.user, day).gap_kinds


def _choice(plan, day, kinds):
    """(kind, its plural, how many live on the day, whether it is drawn) of each kind of unit.

    Nothing where the plan says its kinds itself.
    """
    if plan.kinds.exists():
        return []
    live = dict(
        Version.objects.now()
        .on(day)
        .decided()
        .filter(kind__is_unit=True)
        .values_list("kind")
        .annotate(Count("pk"))
    )
    return [
        (kind, inline(kind.plural), live[kind.pk], kind in kinds)
        for kind in Kind.objects.filter(pk__in=live)
    ]


def _address(name, plan, request):
    """The address of what is drawn, for the same day and kinds as the page."""
    asked = [f"kind={kind}" for kind in request.GET.getlist("kind") if kind.isidentifier()]
    address = reverse(f"accounts:{name}", args=[plan.pk])
    return request.as_at.keep(f"{address}?{'&'.join(asked)}" if asked else address)


def _asked(request):
    try:
        asked = json.loads(request.body)
    except ValueError:
        raise Unreadable("What was sent is no JSON.") from None
    if not isinstance(asked, dict):
        raise Unreadable("What was sent is no gesture.")
    return asked


def _settled(request):
    asked = _asked(request)
    keep = asked.get("keep", "")
    if keep not in ("", "theirs", "mine"):
        raise Unreadable("Keep theirs, or keep mine.")
    seen = _where(asked.get("units")) if keep else {}
    return {"keep": keep, "seen": seen, "since": _revision(asked.get("since"))}


def _where(rows):
    """{unit: territory or None} of [[unit, territory or null], …]; no unit twice."""
    if not isinstance(rows, list) or not rows:
        raise Unreadable("A gesture names its units.")
    where = {}
    for row in rows:
        if not (
            isinstance(row, list)
            and len(row) == 2
            and _is_key(row[0])
            and (row[1] is None or _is_key(row[1]))
        ):
            raise Unreadable("A unit comes with the territory that it was seen in.")
        if row[0] in where:
            raise Unreadable(f"Unit {row[0]} comes twice.")
        where[row[0]] = row[1]
    return where


def _is_key(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def _day(text):
    try:
        return date.fromisoformat(text)
    except (TypeError, ValueError):
        raise Unreadable(f"{text!r} is no day.") from None


def _revision(value):
    try:
        return None if value is None else min(max(int(value), 0), 2**31 - 1)
    except (TypeError, ValueError, OverflowError):
        raise Unreadable("A revision is a number.") from None


def _done(plan, done, user):
    return JsonResponse(
        {
            "revision": done.revision,
            "says": done.says,
            "rows": [[unit, after] for unit, _, after in done.rows],
            **gestures.can_undo(plan, user),
        },
        json_dumps_params=COMPACT,
    )


def _refused(status, problem, says, **more):
    return JsonResponse({"problem": problem, "says": says, **more}, status=status)
