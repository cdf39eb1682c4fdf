"""The walk down the hierarchies, in columns, on the day shown."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView

from ..as_at import BadAddress
from ..models import Organisation
from ..walking import FURTHEST, walk, way_to


class WalkPage(LoginRequiredMixin, TemplateView):
    """From a nation down and back: ``?path=E92000001/Y59/QKS``, or ``?to=QKS`` by its area."""

    template_name = "footprints/walk.html"

    def get_context_data(self, **kwargs):
        as_at = self.request.as_at
        asked = self.request.GET.get("to", "").strip().upper()
        if asked:
            way = way_to(asked, as_at.day, as_at.release)
        else:
            path = self.request.GET.get("path", "").strip()
            way = [code for code in path.upper().split("/") if code]
        if len(way) > FURTHEST:
            raise BadAddress(
                f"The address names a way of {len(way)} bodies.",
                f"A way has at most {FURTHEST}: begin at a nation.",
            )
        if way and "\x00" not in "".join(way):
            unknown = set(way) - set(
                Organisation.objects.with_codes(way).values_list("code", flat=True)
            )
        else:
            unknown = set(way)
        if unknown:
            raise BadAddress(
                f"No organisation has the code {', '.join(sorted(unknown))}.",
                "A way is made of codes: path=E92000001/Y59/QKS. Or begin at a nation.",
            )
        found = walk(way, as_at.day, as_at.release)
        kept = [("path", found.columns[-1].way)] if found.columns[-1].way else []
        return super().get_context_data(
            walk=found,
            kept=kept,
            # Hundreds of links lead on: each is this, the way, and this.
            walk_path=f"{self.request.path}?path=",
            keep=f"&{as_at.query}" if as_at.query else "",
            **kwargs,
        )
