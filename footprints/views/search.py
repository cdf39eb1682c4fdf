"""The search box: its page, and the list that drops from it while somebody types."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse
from django.utils.http import urlencode
from django.views.generic import TemplateView

from ..searching import SHOWN, search

ON_THE_PAGE = 30


class Search(LoginRequiredMixin, TemplateView):
    """What was found for `?q=`, on the day shown; for htmx the dropping list alone.

    A piece of its own, since a whole page takes longer than the search (see bench/README.md).
    """

    template_name = "footprints/search.html"

    def get_template_names(self):
        return ["footprints/_search_hits.html"] if self.is_piece else [self.template_name]

    @property
    def is_piece(self):
        return bool(self.request.htmx) and self.request.htmx.target == "search-sheet"

    def get_context_data(self, **kwargs):
        as_at = self.request.as_at
        text = self.request.GET.get("q", "")
        limit = SHOWN if self.is_piece else ON_THE_PAGE
        answer = search(text, day=as_at.day, known=as_at.release, limit=limit)
        query = urlencode({"q": answer.text[:100]})  # as long as the box of the list takes
        return super().get_context_data(
            answer=answer,
            search_query=query,
            page_address=as_at.keep(f"{reverse('footprints:search')}?{query}"),
            list_address=as_at.keep(f"{reverse('footprints:organisations')}?{query}"),
            **kwargs,
        )
