"""What people write of a webhook."""

from urllib.parse import urlsplit, urlunsplit

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from ..models import User, Webhook
from ..territories.plans import teams_open_to
from .keeping import may_keep_for_all
from .reach import Inside, judge_literal, judge_port
from .topics import choices


def cleaned_address(text: str) -> str:
    """The address as it is kept: without a fragment, its host in ASCII. Raises ValidationError."""
    schemes = ["https", "http"] if settings.WEBHOOKS_ALLOW_HTTP else ["https"]
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError("This is no address: https://host/path is.") from None
    if parts.scheme not in schemes:
        raise ValidationError("An address that begins with https:// is needed.")
    if parts.username is not None or parts.password is not None:
        raise ValidationError("Take the name and the password out: what is sent is signed.")
    try:
        # A label may hold more letters than a name has room for once they are written in ASCII.
        plain = host if ":" in host else host.encode("idna").decode()
    except UnicodeError:
        raise ValidationError(f"{host} is no name of a host.") from None
    place = f"[{plain}]" if ":" in plain else plain
    if port is not None:
        place = f"{place}:{port}"
    address = urlunsplit((parts.scheme, place, parts.path or "/", parts.query, ""))
    if not address.isascii() or not address.isprintable() or " " in address:
        raise ValidationError("Write what is not plain letters in the path as %XX.")
    try:
        judge_literal(plain)
        judge_port(443 if port is None else port)
    except Inside as error:
        raise ValidationError(str(error)) from error
    if not _is_single_label(plain):
        URLValidator(schemes=schemes)(address)
    return address


def _is_single_label(host: str) -> bool:
    """A host that the operator named, of a network inside, may have a name without a dot."""
    named = {entry.lower() for entry in settings.WEBHOOKS_MAY_REACH}
    return "." not in host and ":" not in host and host.lower() in named


class WebhookForm(forms.ModelForm):
    """A webhook; once it is made its address need not be written again, and is not shown."""

    address = forms.CharField(
        max_length=2000,
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="Where it is sent. Whoever has the address of a channel may write there: it is "
        "not shown again.",
    )
    topics = forms.MultipleChoiceField(
        label="Tell it when",
        choices=choices,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick at least one: it would hear of nothing."},
    )

    class Meta:
        model = Webhook
        fields = ["name", "shape", "address", "team", "is_on"]
        labels = {"shape": "Who reads it", "team": "Only the plans of"}
        help_texts = {
            "name": "How you will know it: “North team's channel”.",
            "is_on": "While it is off it hears of nothing, and what happens then is passed over.",
        }

    field_order = ["name", "shape", "address", "team", "topics", "is_on"]

    def __init__(self, *args, user: User, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams_open_to(user)
        if may_keep_for_all(user):
            self.fields["team"].empty_label = "The whole company, but for walled teams"
        else:
            self.fields["team"].required = True
            self.fields["team"].empty_label = None
        if self.instance.pk:
            self.fields["address"].required = False
            self.fields["address"].help_text = (
                f"It goes to {self.instance.shown_address}. Write another address to change it; "
                "empty leaves it."
            )
            # What stands in the row is no one's to read from the page.
            self.initial["address"] = ""
            heard = self.instance.subscriptions.values_list("topic", flat=True)
            self.initial["topics"] = list(heard)
        else:
            self.fields.pop("is_on")
            if not may_keep_for_all(user):
                self.initial["team"] = user.team_id
            self.initial["topics"] = [name for name, _ in choices()]

    def _get_validation_exclusions(self):
        # Of two webhooks of one name one may be retired: the constraint asks for that column.
        return super()._get_validation_exclusions() - {"retired_at"}

    def clean_address(self):
        text = self.cleaned_data["address"].strip()
        return cleaned_address(text) if text else self.address_before

    @property
    def address_before(self) -> str:
        """The address as it is kept."""
        return Webhook.objects.values_list("address", flat=True).get(pk=self.instance.pk)
