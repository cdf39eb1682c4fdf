"""The doors of webhooks: keep them, test them, see what they were told, send it again."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Max, Q
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from footprints.lists import Action, ListView
from footprints.names import count

from .. import tasks
from ..models import Delivery, Webhook
from ..webhooks import keeping
from ..webhooks.forms import WebhookForm
from ..webhooks.lists import (
    DeadFilter,
    DeadTable,
    DeliveryFilter,
    DeliveryTable,
    WebhookTable,
)
from ..webhooks.sending import MOST_TRIES
from ..webhooks.topics import TOPICS


def _refuse_others(user):
    if not keeping.may_keep(user):
        raise PermissionDenied("Webhooks are kept by planners, managers and administrators.")


class KeepersList(ListView):
    """A list for those who keep webhooks."""

    depends_on_day = False

    def dispatch(self, request, *args, **kwargs):
        if request.user.is_authenticated:
            _refuse_others(request.user)
        return super().dispatch(request, *args, **kwargs)


class WebhookList(KeepersList):
    title = "Webhooks"
    lead = "Other programs and channels that are told what happens here."
    model = Webhook
    table_class = WebhookTable
    noun = ("webhook", "webhooks")
    empty_title = "No webhooks yet"
    empty_text = "One tells a channel of Teams or Slack, or a program of yours, what happens here."

    def get_queryset(self):
        found = Webhook.objects.visible_to(self.request.user).kept().select_related("team", "by")
        states = {state: Q(deliveries__state=state) for state in ("dead", "waiting")}
        return found.annotate(
            dead=Count("deliveries", filter=states["dead"]),
            waiting=Count("deliveries", filter=states["waiting"]),
            last_sent_at=Max("deliveries__sent_at"),
        )

    def get_actions(self):
        return [
            Action("Add a webhook", reverse("accounts:make_webhook")),
            Action("Dead letters", reverse("accounts:dead_letters")),
        ]


class DeadLetters(KeepersList):
    template_name = "accounts/webhooks/dead.html"
    title = "Dead letters"
    lead = (
        "What webhooks were to be told, and was given up. Mend the other end, then send it again."
    )
    model = Delivery
    table_class = DeadTable
    filterset_class = DeadFilter
    default_sort = "-tried"
    noun = ("delivery", "deliveries")
    count_limit = 1_000
    empty_title = "Nothing was given up"
    empty_text = "What failed ten times, over some days, is listed here."

    def get_queryset(self):
        dead = Delivery.objects.visible_to(self.request.user).dead()
        return dead.select_related("webhook").defer("body", "answer")

    def get_bulk_actions(self):
        return [Action("Send again", f"{reverse('accounts:send_again')}?dead", "arrow-repeat")]


def _webhook(request, pk) -> Webhook:
    _refuse_others(request.user)
    found = Webhook.objects.visible_to(request.user).select_related("team", "by", "retired_by")
    return get_object_or_404(found, pk=pk)


def _kept(request, pk) -> Webhook:
    """A webhook that may still be changed: one that was retired is only read."""
    _refuse_others(request.user)
    return get_object_or_404(Webhook.objects.visible_to(request.user).kept(), pk=pk)


class WebhookPage(KeepersList):
    """A webhook: what it was told, and how it is set."""

    template_name = "accounts/webhooks/webhook.html"
    model = Delivery
    table_class = DeliveryTable
    filterset_class = DeliveryFilter
    default_sort = "-made"
    noun = ("delivery", "deliveries")
    count_limit = 1_000
    empty_title = "It was told nothing yet"
    empty_text = "Send a test, to see that it arrives. From then on it is told what you ticked."

    def get(self, request, *args, pk, **kwargs):
        self.webhook = _webhook(request, pk)
        return super().get(request, *args, **kwargs)

    @property
    def title(self):
        return self.webhook.name

    def get_queryset(self):
        return self.webhook.deliveries.defer("body", "answer")

    def get_bulk_actions(self):
        if self.webhook.retired_at:
            return []
        return [Action("Send again what was given up", "accounts:send_again", "arrow-repeat")]

    def get_context_data(self, **kwargs):
        return super().get_context_data(**about(self.webhook), **kwargs)


def about(webhook) -> dict:
    """What every page of a webhook says of it."""
    heard = webhook.subscriptions.values_list("topic", flat=True)
    return {"webhook": webhook, "topics": [TOPICS[name].says for name in TOPICS if name in heard]}


@login_required
@never_cache
def make_webhook(request):
    """Make a webhook; its secret is shown in answer, and never again."""
    _refuse_others(request.user)
    form = WebhookForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            made = keeping.make_webhook(**form.cleaned_data, by=request.user)
        except keeping.NameTaken as error:
            form.add_error("name", str(error))
        else:
            return _show_secret(request, made, made.secret, "is made")
    return _form(request, form, "Add a webhook", "Add the webhook")


@login_required
@never_cache
def change_webhook(request, pk):
    """Change what a webhook hears of, where it goes, whether it is on."""
    webhook = _kept(request, pk)
    form = WebhookForm(request.POST or None, instance=webhook, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            keeping.change_webhook(webhook, **form.cleaned_data, by=request.user)
        except keeping.NameTaken as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"Kept: {form.cleaned_data['name']}.")
            return redirect("accounts:webhook", pk)
    return _form(request, form, f"Change {form.initial['name']}", "Keep", pk)


def _form(request, form, title, verb, pk=None):
    context = {"form": form, "title": title, "verb": verb, "pk": pk}
    status = 422 if form.errors else 200
    return render(request, "accounts/webhooks/form.html", context, status=status)


def _show_secret(request, webhook, secret, deed):
    context = {"webhook": webhook, "secret": secret, "deed": deed}
    return render(request, "accounts/webhooks/secret.html", context)


@login_required
@never_cache
def change_secret(request, pk):
    """Ask, then give it another secret, which is shown in answer, and never again."""
    webhook = _kept(request, pk)
    if request.method == "POST":
        secret = keeping.change_secret(webhook, by=request.user)
        return _show_secret(request, webhook, secret, "has another secret")
    return render(request, "accounts/webhooks/change_secret.html", {"webhook": webhook})


@login_required
def retire_webhook(request, pk):
    """Ask, then let it be told nothing any more."""
    webhook = _kept(request, pk)
    if request.method == "POST":
        keeping.retire_webhook(webhook, by=request.user)
        messages.success(request, f"{webhook} is retired: nothing is sent there any more.")
        return redirect("accounts:webhooks")
    waiting = webhook.deliveries.filter(state=Delivery.State.WAITING).count()
    context = {"webhook": webhook, "waiting": waiting}
    return render(request, "accounts/webhooks/retire.html", context)


@login_required
@require_POST
def test_webhook(request, pk):
    """Send a test now and say what came back."""
    webhook = _kept(request, pk)
    answer = keeping.send_test(webhook, by=request.user)
    context = {**about(webhook), "answer": answer}
    return render(request, "accounts/webhooks/test.html", context)


@login_required
@require_POST
def send_again(request):
    """Send the ticked ones again; those of them that were given up."""
    _refuse_others(request.user)
    ticked = [int(key) for key in request.POST.getlist("row") if key.isdecimal()]
    again = keeping.send_again(ticked, by=request.user)
    if not again:
        messages.error(request, "None of these was given up: tick some that were.")
    else:
        tasks.send_webhooks.soon()
        words = count(again, "delivery", "deliveries")
        messages.success(request, f"Tried once more, now: {words}.")
    first = Delivery.objects.visible_to(request.user).filter(pk__in=ticked[:1]).first()
    if first is None or "dead" in request.GET:
        return redirect("accounts:dead_letters")
    return redirect("accounts:webhook", first.webhook_id)


@login_required
def delivery(request, pk):
    """One delivery: what is sent, byte for byte, and what came back."""
    _refuse_others(request.user)
    found = Delivery.objects.visible_to(request.user).select_related("webhook__team")
    found = get_object_or_404(found, pk=pk)
    topic = TOPICS.get(found.topic)
    context = {
        "delivery": found,
        "webhook": found.webhook,
        "topic": topic.says if topic else found.topic,
        "may_send_again": found.state == Delivery.State.DEAD and not found.webhook.retired_at,
        "most_tries": MOST_TRIES,
    }
    return render(request, "accounts/webhooks/delivery.html", context)
