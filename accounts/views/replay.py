"""The replay: a slider over the worst days, with the register and a plan before and after."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse
from django.views.generic import TemplateView

from footprints.as_at import BadAddress
from footprints.models import Kind

from ..replay import STOPS, stop_at, toll
from ..territories.pictures import squares_as_svg
from ..territories.plans import may_plan
from ..territories.reading import PlanOnDay


class Replay(LoginRequiredMixin, TemplateView):
    template_name = "accounts/replay.html"

    def get_context_data(self, **kwargs):
        request = self.request
        asked = request.GET.get("stop")
        stop = stop_at(asked)
        if asked and str(stop.number) != asked:
            raise BadAddress(
                f"There is no stop «{asked}».", f"Stops go from 0 to {len(STOPS) - 1}."
            )
        plan = request.GET.get("plan", "")
        found = toll(stop.worst, request.user, int(plan) if plan.isdecimal() else None)
        picture, kind, on_day = self._picture(found, stop)
        marks = found.ended if stop.is_before else found.opened
        marked = [square for square in picture.squares if square.code in marks] if picture else []
        return super().get_context_data(
            stop=stop,
            stops=STOPS,
            before=STOPS[stop.number - 1] if stop.number else None,
            after=STOPS[stop.number + 1] if stop.number + 1 < len(STOPS) else None,
            last=len(STOPS) - 1,
            toll=found,
            events=[
                (event, found.touched.get(event.pk, []), found.flags.get(event.pk))
                for event in found.events
            ],
            picture=picture,
            squares=squares_as_svg(picture, lambda square: None) if picture else "",
            marked=marked,
            kind=kind,
            on_day=on_day,
            may_plan=may_plan(request.user),
            address=reverse("accounts:replay"),
            **kwargs,
        )

    def _picture(self, found, stop):
        """The plan on the stop's day over the bodies of the kind that it then has most of."""
        if found.plan is None:
            return None, None, None
        on_day = PlanOnDay(found.plan, self.request.user, stop.day)
        kind = on_day.kinds[0] if on_day.kinds else None
        if not isinstance(kind, Kind):
            return None, None, on_day
        return on_day.picture(kind), kind, on_day
