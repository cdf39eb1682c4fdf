"""Which kind of letter tells of what, and who wants it: alerts are written whatever is wanted."""

import logging
import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from ..models import Alert, LetterKind, Pace, Unwanted, UrgencyRule, User
from .when import COMMON, Owed, pace_of

SIGNER = Signer(salt="accounts.letters.off")

log = logging.getLogger(__name__)


def kind_of(because: str, owed: Owed, rules: Iterable[UrgencyRule], today: date) -> LetterKind:
    """The kind of letter that tells of an alert: by why it is theirs, else by how urgent it is."""
    match because.partition("-")[2]:
        case "raised":
            return LetterKind.OVERDUE
        case "watch":
            return LetterKind.WATCH
    is_urgent = pace_of(owed, rules, Pace.DAILY, today) == Pace.AT_ONCE
    return LetterKind.URGENT if is_urgent else LetterKind.ROUTINE


def rules() -> list[UrgencyRule]:
    """The company's rules of urgency."""
    return list(UrgencyRule.objects.all()) or COMMON


def kind_of_alert(alert: Alert, person: User, by: Iterable[UrgencyRule], today: date):
    """The kind of letter in which that person is told of the alert. What was handed to them is
    theirs by neither the team nor a watch: how urgent it is says it."""
    owed = Owed(person.role, alert.weight, alert.effective_on, alert.news.endswith(" decided"))
    because = alert.because if alert.holder_id == alert.person_id else ""
    return kind_of(because, owed, by, today)


def unwanted_by(people: Iterable[int]) -> dict[int, set[str]]:
    """Person → the kinds of letters that they do not want."""
    found: dict[int, set[str]] = defaultdict(set)
    for person, kind in Unwanted.objects.filter(user__in=people).values_list("user", "kind"):
        found[person].add(kind)
    return found


def wanted(alerts, person: User, off: set[str], today: date):
    """Those of these alerts of one person that they want to be written to of; ``off`` are the
    kinds that they do not want."""
    if not off:
        return alerts
    by = rules()
    keys = [one.pk for one in alerts if kind_of_alert(one, person, by, today) not in off]
    return alerts.filter(pk__in=keys)


def kinds_in(alerts: Collection[Alert], person: User, today: date) -> list[LetterKind]:
    """The kinds that a letter about these alerts is of, in their order."""
    by = rules()
    found = {kind_of_alert(alert, person, by, today) for alert in alerts}
    return [kind for kind in LetterKind if kind in found]


@transaction.atomic
def turn_off(kinds: Iterable[LetterKind], *, of: User) -> int:
    """Write to that person no more of these kinds; return of how many they were written to.

    A letter that waits already says nothing of them when its turn comes, and does not go where
    that was all."""
    made = [Unwanted(user=of, kind=kind, since_at=now()) for kind in kinds]
    before = Unwanted.objects.filter(user=of).count()
    Unwanted.objects.bulk_create(made, ignore_conflicts=True)
    off = Unwanted.objects.filter(user=of).count() - before
    if off:
        log.info("%s wants no letters about %s", of, ", ".join(kinds))
    return off


@transaction.atomic
def want(kinds: Collection[LetterKind], *, of: User) -> None:
    """Write to that person of these kinds, and of no other that their role may get."""
    asked = LetterKind.for_role(of.role)
    Unwanted.objects.filter(user=of, kind__in=kinds).delete()
    turn_off([kind for kind in asked if kind not in kinds], of=of)


# --- One click in a letter ----------------------------------------------------------------------


class BadLink(Exception):
    """An address to turn letters off by that no letter of ours bears."""


def off_address(person: User, kinds: Iterable[LetterKind]) -> str:
    """The full address that turns these kinds off for that person, without signing in."""
    token = SIGNER.sign_object([person.pk, [str(kind) for kind in kinds]])
    return f"{settings.BASE_URL}{reverse('accounts:letters_off', args=[token])}"


def without_off_addresses(text: str) -> str:
    """A letter's text for others than its reader: its addresses turn nothing off."""
    start = reverse("accounts:letters_off", args=["-"]).removesuffix("-/")
    return re.sub(re.escape(start) + r"[^/\s\"]+/", f"{start}…", text)


def read_off(token: str) -> tuple[User, list[LetterKind]]:
    """Whose letters of which kinds an address turns off. Raises BadLink."""
    try:
        key, kinds = SIGNER.unsign_object(token)
        return User.objects.get(pk=key), [LetterKind(kind) for kind in kinds]
    except (BadSignature, ValueError, TypeError, User.DoesNotExist) as error:
        raise BadLink("That address is in no letter of ours.") from error


__all__ = [
    "BadLink",
    "kind_of",
    "kinds_in",
    "off_address",
    "read_off",
    "rules",
    "turn_off",
    "unwanted_by",
    "want",
    "wanted",
    "without_off_addresses",
]
