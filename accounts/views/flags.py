"""Alerts: the flags of my plans, and what each event does there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints.dated import ONE_DAY
from footprints.lists import ListView

from ..effects import for_user
from ..filters import FlagFilter
from ..models import Flag, User
from ..services import flags as services
from ..tables import FlagTable


class FlagList(ListView):
    title = "Alerts"
    lead = "What reorganisations unsettle in your plans, the gravest first."
    model = Flag
    table_class = FlagTable
    filterset_class = FlagFilter
    noun = ("alert", "alerts")
    depends_on_day = False
    default_sort = "-weight"
    empty_title = "Nothing unsettles your plans"
    empty_text = "When a reorganisation touches one of your plans, it is flagged here."

    def get_queryset(self):
        return Flag.objects.for_list(self.request.user)


class FlagPage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/flag.html"

    def get_context_data(self, pk, **kwargs):
        flag = _flag(self.request, pk)
        touched = for_user(self.request.user, [flag])
        if not touched:
            raise Http404("Nothing of this is yours.")
        return super().get_context_data(
            flag=flag,
            event=flag.reorganisation,
            effects=touched[0].effects,
            step=flag.reorganisation.steps.last(),
            day_before=flag.reorganisation.effective_on - ONE_DAY,
            may_resolve=may_resolve(self.request.user),
            **kwargs,
        )


def may_resolve(user: User) -> bool:
    """A whole plan's flag is dealt with by those who plan; a field user sees their part of it."""
    return user.role in (User.Role.PLANNER, User.Role.MANAGER)


def _flag(request, pk) -> Flag:
    flags = Flag.objects.on_plans().visible_to(request.user)
    return get_object_or_404(
        flags.select_related("reorganisation", "resolved_by", "content_type"), pk=pk
    )


@login_required
@require_POST
def resolve_flag(request, pk):
    flag = _flag(request, pk)
    if not may_resolve(request.user):
        raise Http404
    if "reopen" in request.POST:
        services.reopen_flag(flag)
        messages.success(request, "The alert is open again.")
    elif services.resolve_flag(flag, by=request.user):
        messages.success(request, "Marked as dealt with.")
    else:
        messages.info(request, "Somebody had marked it before you.")
    return redirect(request.as_at.keep(flag.get_absolute_url()))


def event_panel(request, event) -> str:
    """The reader's plans that an event touches, for the event's page a floor below; one query."""
    flags = Flag.objects.for_list(request.user).filter(reorganisation=event)
    flags = flags.order_by("-weight", "plan_name")
    return render_to_string("accounts/_event_panel.html", {"flags": flags}, request=request)
