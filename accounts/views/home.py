"""The home page: what is next in the NHS that hits me, then what has changed."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView

from .. import timetable
from ..models import Challenge, Digest, RosterEntry, Sheet, TerritoryPlan
from ..overview import days_of, leads_to_name_again
from ..sheets import history
from ..territories.plans import may_plan
from .challenges import named

LEADS_SHOWN = 20  # the list of alerts has the rest
CHALLENGES_SHOWN = 20  # and the list of challenges


class Home(LoginRequiredMixin, TemplateView):
    template_name = "accounts/home.html"

    def get_context_data(self, **kwargs):
        user, as_at = self.request.user, self.request.as_at
        coming, gone = days_of(user, today=as_at.today)
        plans = TerritoryPlan.objects.visible_to(user).open().select_related("team", "owner")
        letters = Digest.objects.filter(person=user).exclude(sent_at=None)
        dues = timetable.open_for(user, timetable.events_of(user, today=as_at.today))
        return super().get_context_data(
            moments=timetable.soon(dues, today=as_at.today),
            asked=history.asked_of(user) if may_plan(user) else [],
            challenges=_challenges(user, as_at.today) if may_plan(user) else [],
            leads=leads_to_name_again(user)[:LEADS_SHOWN],
            coming=coming,
            gone=gone,
            is_new=may_plan(user) and not Sheet.objects.filter(prepared_by=user).exists(),
            plans=plans.order_by("-opened_on", "name"),
            mine=RosterEntry.objects.on(as_at.today)
            .filter(user=user)
            .select_related("territory__plan")
            .order_by("-territory__plan__opened_on", "territory__code"),
            letters=letters.order_by("-effective_on")[:5],
            **kwargs,
        )


def _challenges(user, today):
    """What the field says and nobody has answered, of plans the user may open."""
    found = Challenge.objects.visible_to(user).open()
    found = named(found, today).select_related("plan", "territory", "organisation", "by")
    return found[:CHALLENGES_SHOWN]
