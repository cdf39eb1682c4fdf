"""What is fetched by itself: when it was last looked for, what came, when and why not."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import redirect
from django.template.defaultfilters import filesizeformat
from django.utils.timezone import now
from django.views.generic import TemplateView

from ..fetching.manners import Manners
from ..fetching.sources import Source, configured
from ..models import Feed
from ..services.fetching import ask_for_feed
from ..tasks import fetch_feed
from .stewards import PERMISSION, deed


@dataclass(frozen=True)
class Row:
    """A configured feed as it stands; ``feed`` is None until it was due for the first time."""

    source: Source
    feed: Feed | None
    at: datetime

    @property
    def is_due(self) -> bool:
        return self.feed is None or self.feed.next_at is None or self.feed.next_at <= self.at

    @property
    def is_claimed(self) -> bool:
        return self.feed is not None and "claimed" in self.feed.position

    @property
    def is_moving(self) -> bool:
        """It will be another in a moment."""
        return self.is_due or self.is_claimed

    @property
    def doing(self) -> str:
        if not self.is_moving:
            return ""
        if not self.is_claimed:
            return "Begins within a minute"
        return "Goes on within a minute" if self.is_due else "Being fetched"

    @property
    def came(self) -> str:
        """How much of the file under way is here."""
        position = self.feed.position if self.feed else {}
        if "listed" in position:
            return f"{position['done']:,} of {position['listed']:,} organisations"
        if not position.get("done"):
            return ""
        length = position.get("length")
        came = filesizeformat(position["done"])
        return f"{came} of {filesizeformat(length)}" if length else came

    @property
    def missing(self) -> list[str]:
        """Organisations that were listed as changed and have no record."""
        return self.feed.position.get("missing", []) if self.feed else []


class FeedList(LoginRequiredMixin, TemplateView):
    """Every feed that the operator has named; where none is, how to name one."""

    template_name = "footprints/feeds.html"

    def get_context_data(self, **kwargs):
        sources, at = configured(), now()
        feeds = {
            feed.name: feed
            for feed in Feed.objects.filter(name__in=sources).select_related("report")
        }
        rows = [Row(source, feeds.get(name), at) for name, source in sources.items()]
        return super().get_context_data(
            rows=rows,
            is_moving=any(row.is_moving for row in rows),
            may_fetch=self.request.user.has_perm(PERMISSION),
            hours=settings.REPORTS_FETCHED_EVERY / timedelta(hours=1),
            agent=settings.FETCHING_AGENT,
            manners=Manners.of_settings(),
            **kwargs,
        )


@deed
def fetch_now(request, name):
    """Make a feed due, and have a worker visit it; without a broker the clock will."""
    if name not in configured():
        raise Http404
    if ask_for_feed(name, at=now()):
        fetch_feed.soon(name)
        messages.success(request, f"{name} is looked for now.")
    else:
        messages.info(request, f"{name} is being fetched already.")
    return redirect("footprints:feeds")
