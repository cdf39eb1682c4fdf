"""The lists of webhooks and of what they were told."""

import django_filters
import django_tables2 as tables
from django.db.models.functions import Lower
from django.utils.html import format_html
from django.utils.timezone import localtime

from footprints.lists import ListTable, NumberColumn, PartsFilter, SelectColumn

from ..models import Delivery, Webhook
from .topics import TOPICS, choices

ONE_LINE = {"td": {"class": "text-nowrap"}}


def moment(at) -> str:
    """A moment as lists have it: 22 Nov 2026, 09:05."""
    at = localtime(at)
    return f"{at.day} {at:%b %Y, %H:%M}"


def _in(webhook: Webhook, state: str) -> str:
    return f"{webhook.get_absolute_url()}?state={state}"


class WebhookTable(ListTable):
    """Webhooks with `dead` and `waiting`, how many of their deliveries are, and `last_sent_at`."""

    name = tables.Column(verbose_name="Webhook", linkify=True)
    whose = tables.Column(accessor="whose", verbose_name="Of the plans of")
    shape = tables.Column(verbose_name="Read by")
    address = tables.Column(accessor="host", verbose_name="Goes to", attrs=ONE_LINE)
    state = tables.Column(accessor="state")
    last_sent = tables.Column(
        accessor="last_sent_at", verbose_name="Last sent", attrs=ONE_LINE, default="never"
    )
    waiting = NumberColumn(verbose_name="Waiting", linkify=lambda record: _in(record, "waiting"))
    dead = NumberColumn(verbose_name="Given up", linkify=lambda record: _in(record, "dead"))

    sorts = {"name": (Lower("name"), "pk"), "dead": ("dead", "pk"), "waiting": ("waiting", "pk")}
    card = ("name", "state", "whose", "dead")
    optional = ("shape", "address", "last_sent", "waiting")

    def render_state(self, value, record):
        if value == "Failing":
            since = moment(record.failing_since_at)
            return format_html("{} <small class='muted'>since {}</small>", value, since)
        return value

    def render_last_sent(self, value):
        return moment(value)


class DeliveryTable(ListTable):
    """What one webhook was told."""

    select = SelectColumn(says="says")
    says = tables.Column(verbose_name="What was told", linkify=True)
    state = tables.Column()
    outcome = tables.Column(verbose_name="What came back", default="—")
    tries = NumberColumn(verbose_name="Tries")
    made = tables.Column(accessor="made_at", verbose_name="Written", attrs=ONE_LINE)

    sorts = {"made": ("made_at", "pk"), "tries": ("tries", "pk")}
    card = ("says", "state", "outcome")
    optional = ("tries", "made")

    class Meta:
        sequence = ("select", "...")

    def render_state(self, value, record):
        shown = format_html('<span class="state delivery-{}">{}</span>', record.state, value)
        if record.state != Delivery.State.WAITING or not record.tries:
            return shown
        return format_html(
            '{} <small class="muted">next try {}</small>', shown, moment(record.next_try_at)
        )

    def render_made(self, value):
        return moment(value)


class DeadTable(DeliveryTable):
    """What was given up, of every webhook that the reader keeps; the webhook stands beside it."""

    webhook = tables.Column(linkify=lambda record: record.webhook.get_absolute_url())
    tried = tables.Column(accessor="tried_at", verbose_name="Last try", attrs=ONE_LINE)

    sorts = {"tried": ("tried_at", "pk"), "webhook": (Lower("webhook__name"), "pk")}
    card = ("says", "webhook", "outcome")
    optional = ("tries",)

    class Meta:
        sequence = ("select", "says", "webhook", "...")
        exclude = ("state", "made")

    def render_tried(self, value):
        return moment(value)


class DeliveryFilter(django_filters.FilterSet):
    """By its state, by what it is about."""

    q = PartsFilter("says outcome", label="What was told, or came back")
    state = django_filters.ChoiceFilter(choices=Delivery.State.choices, empty_label="Every state")
    topic = django_filters.ChoiceFilter(
        choices=[(name, TOPICS[name].says) for name, _ in choices()], empty_label="Everything"
    )


class DeadFilter(django_filters.FilterSet):
    """By webhook, by words."""

    q = PartsFilter("says outcome", label="What was told, or came back")
    webhook = django_filters.ModelChoiceFilter(
        queryset=Webhook.objects.none(), empty_label="Every webhook"
    )

    def __init__(self, data, queryset, *, request, **kwargs):
        super().__init__(data, queryset, request=request, **kwargs)
        self.filters["webhook"].queryset = Webhook.objects.visible_to(request.user).kept()
