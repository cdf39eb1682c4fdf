"""Who holds the main contract of which provider collaborative, for which service, on a day."""

from django.db.models import OuterRef, Subquery

from ..filters import LeadProviderFilter
from ..lists import ListView
from ..models import LeadProvider, Version
from ..tables import LeadProviderTable


class LeadProviderList(ListView):
    """Lead providers on the day shown. A lead may itself have closed: the page says so."""

    title = "Lead providers"
    lead = "Who holds the main contract of a provider collaborative, for a service line, that day."
    model = LeadProvider
    table_class = LeadProviderTable
    filterset_class = LeadProviderFilter
    default_sort = "collaborative"
    noun = ("lead provider", "lead providers")
    count_limit = 1_000
    empty_title = "No lead provider is known on this day"
    empty_text = "Show a later day, or ask a data steward to enter who leads."

    def get_queryset(self):
        day, known = self.as_at.day, self.as_at.release

        def name(body):
            lives = Version.objects.known(known).on(day).filter(organisation=OuterRef(body))
            return Subquery(lives.values("name")[:1])

        return (
            LeadProvider.objects.known(known)
            .on(day)
            .select_related("collaborative", "provider")
            .annotate(collaborative_name=name("collaborative"), provider_name=name("provider"))
            .exclude(collaborative_name=None)
        )
