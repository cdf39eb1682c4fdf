"""The shapes of a kind of body on a day, as TopoJSON for the maps of the pages."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_safe

from ..models import Kind
from ..shapes import shapes

KEPT = 3600  # seconds a browser need not ask again; after that it asks by the ETag


@login_required
@require_safe
def kind_shapes(request, kind):
    """`?on=` and `?known=` as everywhere. Bodies without a boundary on the day are not in it."""
    found = shapes(get_object_or_404(Kind, pk=kind).pk, request.as_at.day, request.as_at.release)
    answer = get_conditional_response(request, etag=found.etag) or _answer(request, found)
    answer["ETag"] = found.etag
    answer["Cache-Control"] = f"private, max-age={KEPT}"
    patch_vary_headers(answer, ["Accept-Encoding", "Cookie"])
    return answer


def _answer(request, found):
    packs = "gzip" in request.headers.get("Accept-Encoding", "")
    raw = found.packed() if packs else found.topology()
    answer = HttpResponse(raw, content_type="application/json")
    if packs:
        answer["Content-Encoding"] = "gzip"
    return answer
