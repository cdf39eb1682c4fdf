"""Two plans, or two days of one, beside each other: the page and its files."""

from dataclasses import replace

from django.contrib.auth.mixins import LoginRequiredMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, JsonResponse
from django.utils.text import slugify
from django.views.generic import TemplateView

from footprints.as_at import BadAddress
from footprints.lists import XLSX, as_csv, as_xlsx

from ..comparing import files
from ..comparing.comparison import Comparison, compare
from ..comparing.forms import CompareForm
from ..models import Territory
from ..territories.pictures import Picture, draw, squares_as_svg
from ..territories.plans import may_plan
from ..territories.reading import PlanOnDay

SHOWN = 300  # units on the page; the files have them all


class ComparePage(LoginRequiredMixin, TemplateView):
    """What moves between two sides, who wins and loses it, and whom that unsettles.

    `?a=` and `?b=` are plans, `?on_a=` and `?on_b=` their days; with `?b=` alone, what is stands
    for `a`. `?format=` csv, xlsx or json.
    """

    template_name = "accounts/comparing/compare.html"

    def get(self, request):
        if not may_plan(request.user):
            raise PermissionDenied
        form = CompareForm(request.GET, user=request.user)
        found = compare(*form.sides(request.as_at.day)) if form.is_valid() else None
        asked = request.GET.get("format")
        if asked and found:
            return _file(found, asked)
        context = {"form": form, "found": found}
        if found:
            context |= self.shown(found)
        return self.render_to_response(context, status=422 if form.errors else 200)

    def shown(self, found: Comparison) -> dict:
        shown = found.moves[:SHOWN]
        names = files.Names(found, shown)
        query = self.request.GET.copy()
        query.pop("format", None)
        for name, side in (("a", found.a), ("b", found.b)):
            query[name], query[f"on_{name}"] = side.plan.pk, side.on.isoformat()
        address = f"{self.request.path}?{query.urlencode()}"
        return {
            "moves": [(each, names.old(each), names.new(each)) for each in shown],
            "more": len(found.moves) - len(shown),
            "in_words": files.said(found),
            "files": [("CSV", f"{address}&format=csv"), ("XLSX", f"{address}&format=xlsx")],
            "turned": _turned(self.request.path, found),
            **_map(found, self.request.user),
        }


def _turned(path, found: Comparison) -> str:
    a, b = found.b, found.a
    return f"{path}?a={a.plan.pk}&on_a={a.on}&b={b.plan.pk}&on_b={b.on}"


def _map(found: Comparison, user) -> dict:
    """The picture of what moves: each such unit in the fill of the territory it comes to."""
    on_day = PlanOnDay(found.b.plan, user, found.b.on)
    if not on_day.kinds:
        return {}
    kind = on_day.kinds[0]
    homes = {t.code: t for t in Territory.objects.filter(plan=found.b.plan)}
    held = {
        each.pair.new: homes[each.after] for each in found.moves if each.after and each.pair.new
    }
    lost = {each.pair.new for each in found.moves if not each.after}
    tiles = on_day.tiles(kind)
    codes = {tile.code for tile in tiles.units if tile.organisation_id in lost}
    picture = _with_lost(draw(tiles, held, unknown="land"), codes)
    return {
        "picture": picture,
        "map_kind": kind,
        "squares": squares_as_svg(picture, lambda square: None),
        "has_lost": bool(codes),
    }


def _with_lost(picture: Picture, codes: set[str]) -> Picture:
    """The picture with what comes to nobody drawn as nobody's."""
    return replace(
        picture,
        squares=[
            replace(square, fill="free") if square.code in codes else square
            for square in picture.squares
        ],
    )


def _file(found: Comparison, asked: str) -> HttpResponse:
    a, b = found.a, found.b
    name = f"compare-{slugify(a.plan.name)}-{a.on}-with-{slugify(b.plan.name)}-{b.on}"
    if asked == "json":
        return JsonResponse({what: list(lines) for what, lines in files.sheets(found).items()})
    if asked == "xlsx":
        response = HttpResponse(as_xlsx(files.sheets(found)), content_type=XLSX)
    elif asked == "csv":
        response = HttpResponse(as_csv(files.units(found)), content_type="text/csv; charset=utf-8")
    else:
        raise BadAddress(
            f"A comparison cannot be had as «{asked}».", "It can be had as csv, xlsx or json."
        )
    response["Content-Disposition"] = f'attachment; filename="{name}.{asked}"'
    return response
