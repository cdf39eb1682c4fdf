"""Alerts: the flags of my plans, and what each event does there."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.mixins import LoginRequiredMixin
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import TemplateView

from footprints import blast_radius
from footprints.dated import ONE_DAY
from footprints.lists import Action, ListView
from footprints.lives import Lives
from footprints.models import Change
from footprints.names import count

from ..effects import for_user
from ..filters import FlagFilter, PostFlagFilter
from ..models import AccountLead, Flag, SheetChange, User, WatchList
from ..overview import alerts, my_flags, watch_flags
from ..services import flags as services
from ..sheets.deciding import sheet_of
from ..sheets.planning import planned
from ..tables import FlagTable, PostFlagTable
from ..watches.saying import lines_of
from .inbox import mine

PLANS_SHOWN = 50  # on the page of an event


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
        return alerts(self.request.user)

    def get_actions(self):
        if not may_verify(self.request.user):
            return []
        return [Action("Posts to re-verify", reverse("accounts:post_flags"), "person-check")]


class PostFlagList(ListView):
    """Where did they go? Posts at bodies that change; nobody is moved by the machine."""

    title = "Posts to re-verify"
    lead = "Posts at bodies that a reorganisation changes. Nobody is moved: say where each went."
    model = Flag
    table_class = PostFlagTable
    filterset_class = PostFlagFilter
    noun = ("post", "posts")
    count_limit = 1_000
    depends_on_day = False
    default_sort = "-weight"
    empty_title = "No post is touched"
    empty_text = "When a body closes or changes its nature, the posts at it are listed here."

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated and not may_verify(request.user):
            raise Http404("Posts are verified by stewards, planners and managers.")
        return super().dispatch(request, *args, **kwargs)

    def get_queryset(self):
        return Flag.objects.of_posts()

    def get_bulk_actions(self):
        return [Action("Mark dealt with", "accounts:resolve_posts", "check2")]


class FlagPage(LoginRequiredMixin, TemplateView):
    template_name = "accounts/flag.html"

    def get(self, request, *args, pk, **kwargs):
        flag = _flag(request, pk)
        if flag.content_type.model_class() is AccountLead:
            return render(request, "accounts/lead_flag.html", _about_a_lead(request, flag))
        if flag.content_type.model_class() is WatchList:
            return render(request, "accounts/watches/flag.html", _about_watches(request, flag))
        touched = for_user(request.user, [flag])
        if not touched:
            # An applied sheet has done away with what there was to see.
            if may_resolve(request.user) and SheetChange.objects.filter(sheet__flag=flag).exists():
                return redirect(request.as_at.keep(reverse("accounts:sheet", args=[flag.pk])))
            raise Http404("Nothing of this is yours.")
        return self.render_to_response(self.get_context_data(flag=flag, touched=touched))

    def get_context_data(self, flag, touched, **kwargs):
        may_decide = may_resolve(self.request.user)
        return super().get_context_data(
            flag=flag,
            event=flag.reorganisation,
            effects=touched[0].effects,
            step=flag.reorganisation.steps.last(),
            day_before=flag.reorganisation.effective_on - ONE_DAY,
            may_resolve=may_decide,
            planned=planned(sheet_of(flag)) if may_decide else None,
            **mine(self.request, flag),
            **kwargs,
        )


# What an event does to a body that somebody leads on.
DOES = {
    Change.ENDS: "comes to an end with it",
    Change.SPLITS: "is split by it",
    Change.CLOSES: "closes with it",
}


def _about_a_lead(request, flag) -> dict:
    event, key = flag.reorganisation, AccountLead._meta.get_field("organisation")
    lead = blast_radius.with_change(key, AccountLead.objects.filter(pk=flag.object_id), event)
    lead = lead.select_related("plan", "territory", "organisation").get()
    of_plan = Flag.objects.on_plans().visible_to(request.user).filter(lapsed_at=None)
    return {
        "flag": flag,
        "event": event,
        "lead": lead,
        "body": Lives([lead.organisation_id]).near(lead.organisation_id, event.effective_on),
        "does": DOES.get(lead.change, "is touched by it no more"),
        "of_plan": of_plan.filter(reorganisation=event, object_id=lead.plan_id).first(),
        "may_resolve": may_resolve(request.user),
        **mine(request, flag),
    }


def _about_watches(request, flag) -> dict:
    event = flag.reorganisation
    lines = lines_of(request.user, [event]).get(event.pk, [])
    return {
        "flag": flag,
        "event": event,
        "lines": lines,
        "asks": any(line.asks for line in lines),
        **mine(request, flag),
    }


def may_resolve(user: User) -> bool:
    """A whole plan's flag is dealt with by those who plan; a field user sees their part of it."""
    return user.role in User.Role.planning()


def may_verify(user: User) -> bool:
    """Posts are everybody's but the field's: a steward decides, a planner or manager may."""
    return user.role != User.Role.FIELD


def _flag(request, pk) -> Flag:
    flags = my_flags(request.user) | watch_flags(request.user)
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


@login_required
@require_POST
def resolve_posts(request):
    """Mark the ticked posts as dealt with."""
    if not may_verify(request.user):
        raise Http404
    ticked = [int(row) for row in request.POST.getlist("row") if row.isdecimal()]
    posts = Flag.objects.of_posts().filter(pk__in=ticked).values_list("pk", flat=True)
    done = services.resolve_flags(posts, by=request.user)
    messages.success(request, f"{count(done, 'post', 'posts').capitalize()} marked as dealt with.")
    return redirect(request.as_at.keep(reverse("accounts:post_flags")))


def event_panel(request, event) -> str:
    """The reader's plans and account leads that an event touches, for the event's page a floor
    below; one query, and one more where they are more than are shown."""
    flags = alerts(request.user).filter(reorganisation=event)
    shown = list(flags.order_by("-weight", "plan_name", "leads_on")[: PLANS_SHOWN + 1])
    context = {
        "event": event,
        "flags": shown[:PLANS_SHOWN],
        "besides": flags.count() - PLANS_SHOWN if len(shown) > PLANS_SHOWN else 0,
        "may_decide": may_resolve(request.user),
    }
    return render_to_string("accounts/_event_panel.html", context, request=request)
