"""The home page: the inbox, what changes in the NHS that hits me; and beside it what else is."""

from django.contrib.auth.mixins import LoginRequiredMixin
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.views.generic import TemplateView

from footprints.lists import Action, ListView, count_up_to

from .. import timetable
from ..alerts import handing, inbox
from ..alerts.forms import called
from ..alerts.lists import InboxFilter, InboxTable
from ..models import Alert, Challenge, Digest, RosterEntry, Sheet, TerritoryPlan, User
from ..overview import leads_to_name_again, next_day_of, next_day_of_all, waiting_in
from ..reminders import sweeping
from ..sheets import history, reached
from ..territories.lifecycle import may_decide
from ..territories.plans import may_plan
from .challenges import named
from .inbox import A_WEEK
from .reminders import due_panel
from .watches import notices

LEADS_SHOWN = 20  # the list of alerts has the rest
CHALLENGES_SHOWN = 20  # and the list of challenges has the rest
PLANS_SHOWN = 40  # and the list of plans


class Home(ListView):
    """The inbox of the reader, and their overview."""

    template_name = "accounts/home.html"
    title = "What is next"
    model = Alert
    table_class = InboxTable
    filterset_class = InboxFilter
    noun = ("alert", "alerts")
    count_limit = 1_000
    depends_on_day = False
    default_sort = "weight"
    export_name = "inbox"
    empty_title = "Nothing waits for you"

    def get_queryset(self):
        return inbox.of(self.request.user)

    def get_page(self, queryset, **place):
        shown = _told(Alert.objects.all())
        if self.order.name == "weight":
            queryset = inbox.parts(queryset, self.as_at.today)
        return self.order.page(queryset, per_page=self.per_page, shown=shown, **place)

    def file(self, queryset, form):
        return super().file(_told(inbox.in_turn(queryset, self.as_at.today)), form)

    def get_table_kwargs(self):
        return {
            "user": self.request.user,
            "today": self.as_at.today,
            "has_deeds": not self._is_put_away,
        }

    def get_actions(self):
        return [Action("When letters come", reverse("accounts:writing_hours"), "envelope")]

    def get_bulk_actions(self):
        if self._is_put_away:
            return [Action("Into the inbox again", _many("again"), "arrow-counterclockwise")]
        return [
            Action("Dealt with", _many("deal"), "check2"),
            Action("Seen", _many("see"), "eye"),
            Action("Put off", _many("later"), "clock"),
            *([Action("Hand on", _many("hand"), "person-check")] if self.colleagues else []),
        ]

    @cached_property
    def colleagues(self) -> list[tuple[int, str]]:
        """To whom any line of this page may be handed, and those who answer for one; whoever else
        can take a line is offered on its own page."""
        flags = {alert.flag_id for alert in self.page.rows}
        return [(each.pk, called(each)) for each in handing.takers(flags, by=self.request.user)]

    @property
    def _is_put_away(self) -> bool:
        return self.request.GET.get("show") in ("done", "asleep")

    def get_count(self, queryset):
        """How many events, where all of them are on the page; and how many alerts those are."""
        said, lines = super().get_count(queryset), len(self.table.told)
        if self.page.is_only and lines != len(self.page.rows):
            return f"{lines} change{'' if lines == 1 else 's'}, {said}"
        return said

    def get_context_data(self, **kwargs):
        user, today = self.request.user, self.as_at.today
        coming = next_day_of(user, today)
        called_off, more = inbox.called_off(user, moment=now())
        watched = {} if self.page.rows else watched_for(user, today)
        sheets = Sheet.objects.filter(prepared_by=user)
        # A watch that asks or went along is an alert among these.
        if any(alert.because == Alert.Because.WATCH for alert in self.page.rows):
            kwargs |= notices(self.request)
        return super().get_context_data(
            coming=coming or (None if self.page.rows else next_day_of_all(today)),
            is_new=may_plan(user) and not sheets.exists(),
            bulk_fields=None if self._is_put_away else "accounts/inbox/_bulk_fields.html",
            empty_more="accounts/home/_empty.html",
            fold_filters=True,
            colleagues=self.colleagues,
            next_week=today + A_WEEK,
            due=due_panel(self.request),
            called_off=called_off,
            called_off_more=more,
            **watched,
            **kwargs,
        )


def _told(alerts):
    return alerts.select_related("flag__reorganisation", "person", "holder", "handed_by")


def _many(deed):
    return reverse("accounts:alerts_deed", args=[deed])


class Beside(LoginRequiredMixin, TemplateView):
    """What is the reader's besides the inbox, by role: the home page fetches it once it stands,
    since it asks as much as the inbox does; without a script it is a page of its own."""

    template_name = "accounts/home/beside.html"

    def get_template_names(self):
        return ["accounts/home/_beside.html"] if self.request.htmx else [self.template_name]

    def get_context_data(self, **kwargs):
        user, today = self.request.user, self.request.as_at.today
        plans = TerritoryPlan.objects.visible_to(user).open().select_related("team", "owner")
        plans = list(plans.order_by("-opened_on", "name")[: PLANS_SHOWN + 1])
        if user.role != User.Role.FIELD:  # a field user's part is their inbox
            waiting = waiting_in(plans)
            for plan in plans:
                plan.waiting = waiting.get(plan.pk)
        dues = timetable.open_for(user, timetable.events_of(user, today=today))
        # What is reminded of stands over the inbox, as a count that leads to it.
        reminded = sweeping.things(user, "task")
        dues = [due for due in dues if due.thing not in reminded]
        return super().get_context_data(
            moments=timetable.soon(dues, today=today),
            due_is_above=bool(reminded),
            asked=history.asked_of(user) if may_plan(user) else [],
            reached=reached.since_approved_by(user) if may_decide(user) else [],
            challenges=_challenges(user, today) if may_plan(user) else [],
            leads=leads_to_name_again(user)[:LEADS_SHOWN],
            plans=plans[:PLANS_SHOWN],
            has_more_plans=len(plans) > PLANS_SHOWN,
            may_plan=may_plan(user),
            mine=_territories(user, today),
            letters=Digest.objects.filter(person=user).sent().order_by("-sent_at", "-pk")[:5],
            **kwargs,
        )


def watched_for(user, today) -> dict:
    """What an empty inbox says is watched: the reader's territories, else their plans."""
    plans = TerritoryPlan.objects.visible_to(user).open()
    return {"mine": _territories(user, today), "plans_watched": count_up_to(plans, PLANS_SHOWN)}


def _territories(user, today):
    entries = RosterEntry.objects.on(today).filter(user=user).select_related("territory__plan")
    return entries.order_by("-territory__plan__opened_on", "territory__code")


def _challenges(user, today):
    """What the field says and nobody has answered, of plans the user may open."""
    found = Challenge.objects.visible_to(user).open()
    found = named(found, today).select_related("plan", "territory", "organisation", "by")
    return found[:CHALLENGES_SHOWN]
