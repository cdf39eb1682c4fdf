"""Every day on which something changed, to show a page on the day before it, or on the day."""

from collections import Counter
from urllib.parse import urlsplit

from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import QueryDict
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.generic import TemplateView

from ..as_at import BadAddress, all_days


class DaysPage(LoginRequiredMixin, TemplateView):
    """The reorganisation days of one year. ``?to=`` is the page that is to be shown on a day."""

    template_name = "footprints/days.html"

    def get_context_data(self, **kwargs):
        to = self.request.GET.get("to") or reverse("footprints:organisations")
        if not to.startswith("/") or not url_has_allowed_host_and_scheme(to, allowed_hosts=None):
            raise BadAddress(
                f"The address asks to go on to «{to}», which is no page of ours.",
                "It takes the path of one of our pages, for example to=/register/.",
            )
        days = all_days()
        years = Counter(preset.day.year for preset in days)
        today = self.request.as_at.today
        asked = self.request.GET.get("year", "")
        if asked and not (asked.isascii() and asked.isdigit() and int(asked) in years):
            raise BadAddress(
                f"Nothing changed in the year «{asked}», as far as is known.",
                f"There are {', '.join(str(year) for year in sorted(years))}.",
            )
        newest = max((year for year in years if year <= today.year), default=today.year)
        year = int(asked) if asked else newest
        path, query = _parts(to)

        def address(day) -> str:
            chosen = query.copy()
            chosen["on"] = day.isoformat()
            return f"{path}?{chosen.urlencode()}"

        return super().get_context_data(
            year=year,
            years=[
                (each, count, f"?{_query(year=each, to=to)}")
                for each, count in sorted(years.items(), reverse=True)
            ],
            days=[
                (preset, address(preset.day_before), address(preset.day))
                for preset in days
                if preset.day.year == year
            ],
            back=to,
            **kwargs,
        )


def _parts(to: str) -> tuple[str, QueryDict]:
    """The path of a page, and what its address asks for besides a day and a place in a list."""
    parts = urlsplit(to)
    query = QueryDict(parts.query, mutable=True)
    for name in ("on", "after", "before"):
        query.pop(name, None)
    return parts.path, query


def _query(**params) -> str:
    query = QueryDict(mutable=True)
    query.update(params)
    return query.urlencode(safe="/")
