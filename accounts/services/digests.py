"""Letters: written, handed over, marked; one at a time to a person, and none twice.

A person's letters are worked on under a lock of theirs; nothing else is locked while a mail
server thinks. What a letter told is marked with what was told: where things changed meanwhile,
another is owed. A crash after handing over and before marking sends the same letter again, under
the same message id; and what it tells is in doubt from before, so that it is told how things
stand even where they went back to what they were when nobody had written.
"""

import hashlib
import smtplib
from datetime import date, datetime

from django.db import OperationalError, connection, transaction
from django.utils.timezone import now

from footprints.models import Reorganisation

from .. import emails
from ..alerts import wanting
from ..certifying import holding
from ..models import Alert, Digest, FlagRun, User
from ..reminders import sweeping, telling

LOCK = 0x57415937 << 32  # and the person's key
MARKINGS = 5  # times that marking is tried where somebody else had the same rows in another order

# The mail server did not take it: no letter came of it.
REFUSED = (
    ConnectionRefusedError,
    smtplib.SMTPConnectError,
    smtplib.SMTPHeloError,
    smtplib.SMTPAuthenticationError,
    smtplib.SMTPSenderRefused,
    smtplib.SMTPRecipientsRefused,
)


def send_letter(person: User, *, moment: datetime, today: date) -> bool | None:
    """Write and hand over the next letter that is owed to the person and due by then: about one
    day what is urgent, else about all that is routine.

    None where nothing is due or another worker is at it, False where nothing of it is theirs any
    more. Where handing over fails the error goes up, nothing is marked, and the next run tries
    again.
    """
    held = holding.held_for(person, today)
    off = wanting.unwanted_by([person.pk])[person.pk]
    with transaction.atomic():
        digests = _next(person, moment, held)
        if not digests:
            return None
        if _of_reminders(digests):
            sweeping.look_again(person, moment=moment, today=today)
        doubted = _doubt(_to_tell(person, digests, off, today))
    said: set[int] = set()
    try:
        with transaction.atomic():
            digests = _next(person, moment, held)
            if not digests:
                return None
            return _hand_over(person, digests, off, doubted, said, moment=moment, today=today)
    except REFUSED:
        said.clear()
        raise
    finally:
        _trust_again(person, set(doubted) - said)


def _next(person, moment, held) -> list[Digest]:
    """What the next letter is about, under the person's lock until the transaction ends; nothing
    where another worker has it. What lacks a certificate that it needs waits as it is."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK + person.pk])
        if not cursor.fetchone()[0]:
            return []
    due = Digest.objects.due(moment).filter(person=person)
    due = due.exclude(about__in=held)
    digests = list(due.order_by("is_routine", "about", "effective_on", "pk"))
    return digests if digests and digests[0].is_routine else digests[:1]


def _of_reminders(digests):
    return [digest for digest in digests if digest.about == Digest.About.REMINDERS]


def _to_tell(person, digests, off, today):
    if not (person.is_active and person.email):  # since the letter was owed
        return Alert.objects.none()
    days = [each.effective_on for each in digests if each.about == Digest.About.CHANGES]
    owed = Alert.objects.to_tell().filter(holder=person, effective_on__in=days)
    return wanting.wanted(owed, person, off, today)


def _doubt(alerts) -> list[int]:
    """Say that these may be told from now on, before any of it is; those that were not before."""
    doubted = list(alerts.filter(is_in_doubt=False).order_by("pk").values_list("pk", flat=True))
    if doubted:
        alerts.filter(pk__in=doubted).update(is_in_doubt=True)
    return doubted


def _trust_again(person, doubted):
    """Of what no letter was handed over is no doubt; unless another worker is at it by now."""
    if not doubted:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK + person.pk])
        if cursor.fetchone()[0]:
            Alert.objects.held_by(person).filter(pk__in=doubted).update(is_in_doubt=False)


def _hand_over(person, digests, off, doubted, said, *, moment, today):
    """Write the letter, hand it over, mark it; ``said`` gets what it may have told by then."""
    # What came up since the doubt was written down is the next letter's; what is as it was told
    # again by now, or was called off and never told, is nobody's.
    owed = _to_tell(person, digests, off, today).filter(is_in_doubt=True).order_by("pk")
    told_of = ("flag__reorganisation", "flag__content_type", "person", "handed_by")
    owed = list(owed.select_related(*told_of))
    idle = [alert for alert in owed if alert.pk in doubted and not alert.is_news]
    alerts = [alert for alert in _as_things_stand(owed) if alert not in idle]
    reminders = []
    if _of_reminders(digests) and person.is_active and person.email:
        reminders = list(telling.to_tell(person, today))
    if owed and not alerts and not reminders:
        return None
    letter = None
    if alerts or reminders:
        name = _name(digests[0], alerts, reminders)
        letter = emails.letter(person, alerts, reminders, name=name, today=today)
    if letter is not None:
        said.update(alert.pk for alert in alerts)
        letter.send()
    for is_last in (*[False] * (MARKINGS - 1), True):
        try:
            with transaction.atomic():
                _mark(person, alerts, reminders, digests, letter, today)
                _owe_again(person, digests, off, moment, today)
            break
        except OperationalError:  # a deadlock; the letter is out, and must not be so for nothing
            if is_last or not connection.is_usable():
                raise
    return letter is not None


def _as_things_stand(alerts):
    """Without those whose event has changed since they were written, and which are soon brought up
    to date: a letter says what is so, and what is marked as told must be what it said."""
    changed = [alert for alert in alerts if not alert.is_as_things_stand]
    if not changed or FlagRun.objects.exists():
        coming = set(changed)
    else:
        events = Reorganisation.objects.unflagged()
        coming = events.filter(pk__in={alert.flag.reorganisation_id for alert in changed})
        coming = set(coming.values_list("pk", flat=True))
        coming = {alert for alert in changed if alert.flag.reorganisation_id in coming}
    return [alert for alert in alerts if alert not in coming]


def _name(digest, alerts, reminders) -> str:
    """The same for the same letter, another for one that tells something else: a mail server may
    drop what bears a name that it knows."""
    told = " ".join(f"{alert.pk} {alert.news}" for alert in alerts)
    told += "".join(f" {reminder.pk} {reminder.remind_on}" for reminder in reminders)
    return f"digest-{digest.pk}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _mark(person, alerts, reminders, digests, letter, today):
    """Alerts first, then letters, as whoever raises alerts locks them. Of what was handed on
    meanwhile the colleague has been told nothing."""
    for news in sorted({alert.news for alert in alerts}):
        told = [alert.pk for alert in alerts if alert.news == news]
        held = Alert.objects.held_by(person).filter(pk__in=told)
        held.update(told=news, is_in_doubt=False)
    if reminders:
        telling.mark([reminder.pk for reminder in reminders], today)
        # A letter that comes late is that day's: the next one is another day's.
        late = Digest.objects.filter(pk__in=[each.pk for each in _of_reminders(digests)])
        late.filter(effective_on__lt=today).update(effective_on=today)
    told = {Digest.About.CHANGES: alerts, Digest.About.REMINDERS: reminders}
    spare = [each.pk for each in digests if letter is None or not told[each.about]]
    Digest.objects.filter(pk__in=spare).delete()  # a later flag, or a sweep, raises it anew
    if letter is None:
        return
    first, *others = [each.pk for each in digests if each.pk not in spare]
    at = now()
    Digest.objects.filter(pk=first).update(
        subject=letter.subject,
        text=letter.body,
        html=letter.alternatives[0].content,
        sent_at=at,
    )
    Digest.objects.filter(pk__in=others).update(sent_at=at, merged_into=first)


def _owe_again(person, digests, off, moment, today):
    """What changed while the letter was written and handed over is another letter's."""
    owed = _to_tell(person, digests, off, today)
    for effective_on in set(owed.order_by().values_list("effective_on", flat=True)):
        Digest.objects.get_or_create(
            person=person,
            about=Digest.About.CHANGES,
            effective_on=effective_on,
            sent_at=None,
            defaults={"raised_at": moment, "due_at": moment},
        )
