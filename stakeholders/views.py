"""The pages about people: who holds which post on a day, and one person's posts over time."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.db.models import F
from django.views.generic import DetailView

from footprints.lists import ListView
from footprints.tracing import trace_all

from .bodies import with_bodies_on
from .filters import PeopleFilter
from .models import Person, Tenure
from .tables import PeopleTable
from .timeline import Timeline


class PeopleList(ListView):
    """People and the posts they hold on the day, one row a post held."""

    title = "People"
    lead = "Who holds which post. People follow posts: no reorganisation moves anybody."
    model = Tenure
    table_class = PeopleTable
    filterset_class = PeopleFilter
    noun = ("post held", "posts held")
    count_limit = 1_000
    empty_title = "Nobody holds a post on this day"
    empty_text = "People and their posts are entered in the admin, by a data steward."

    def get_queryset(self):
        tenures = Tenure.objects.on(self.as_at.day).select_related("person", "post__organisation")
        return with_bodies_on(tenures, self.as_at.day, self.as_at.release)


class PersonDetail(LoginRequiredMixin, DetailView):
    """One person: the posts held on the day, before and after, and where their bodies went."""

    model = Person
    template_name = "stakeholders/person.html"

    def get_context_data(self, **kwargs):
        as_at = self.request.as_at
        tenures = self.object.tenures.select_related("post__organisation").order_by(
            F("opened_on").desc(nulls_last=True), "pk"
        )
        tenures = list(with_bodies_on(tenures, as_at.day, as_at.release))
        before = [t for t in tenures if t.closed_on and t.closed_on <= as_at.day]
        later = [t for t in tenures if t.opened_on and t.opened_on > as_at.day]
        now = [t for t in tenures if t not in before and t not in later]
        return super().get_context_data(
            tenures=tenures,
            now=now,
            groups=[("On this day", now), ("Later", later), ("Before", before)],
            stranded=self._stranded([t for t in now if not t.body_lives]),
            timeline=Timeline.of(tenures, as_at.day),
            **kwargs,
        )

    def _stranded(self, tenures):
        """(tenure, where the area of its body went) for those whose body is gone on the day."""
        if not tenures:
            return []
        as_at = self.request.as_at
        codes = [tenure.post.organisation.code for tenure in tenures]
        places = trace_all(codes, as_at.day, known=as_at.release)
        return [(t, places.get(t.post.organisation.code, [])) for t in tenures]
