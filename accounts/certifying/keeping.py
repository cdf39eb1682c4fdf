"""Certifying a letter, withdrawing that, and saying from when the company asks for it."""

import logging
from datetime import date

from django.db import transaction
from django.utils.timezone import now

from ..models import Certificate, Digest, LetterPolicy, User
from .holding import wording_of

log = logging.getLogger(__name__)


class CertificateError(Exception):
    """What cannot be done about a certificate, in the reader's words."""


def may_certify(user: User) -> bool:
    """Whether the user records certificates: whoever looks after Waymark."""
    return user.is_staff


@transaction.atomic
def certify(
    letter: Digest.About,
    *,
    job_bag: str,
    approved_by_name: str,
    approved_on: date,
    expires_on: date,
    wording: str,
    by: User,
) -> Certificate:
    """Record the approval of a letter in the wording that the page showed; ``expires_on`` is the
    first day on which it holds no more. Raises CertificateError where the wording has changed."""
    if wording != wording_of(letter):
        raise CertificateError("The wording has changed since: look at the letter again.")
    made = Certificate.objects.create(
        letter=letter,
        job_bag=job_bag.strip(),
        approved_by_name=approved_by_name.strip(),
        approved_on=approved_on,
        expires_on=expires_on,
        wording=wording,
        by=by,
        at=now(),
    )
    log.info("Letter %s certified as %s by %s", letter, made.job_bag, by)
    return made


@transaction.atomic
def withdraw(certificate: Certificate, *, reason: str, by: User) -> bool:
    """Have a certificate hold no more; the first to say so stands, False for the others. Raises
    CertificateError without a reason."""
    if not reason.strip():
        raise CertificateError("Say why: who looks after letters reads it.")
    still = Certificate.objects.filter(pk=certificate.pk, withdrawn_at=None)
    done = still.update(withdrawn_at=now(), withdrawn_by=by, reason=reason.strip()[:300])
    if done:
        log.info("Certificate %s withdrawn by %s", certificate.pk, by)
    return bool(done)


def ask_from(day: date | None, *, by: User) -> None:
    """Have letters to field users certified from that day on; None: not at all."""
    LetterPolicy.objects.update_or_create(
        pk=LetterPolicy.ONLY, defaults={"certified_from_on": day}
    )
    log.info("Letters to the field are certified from %s, says %s", day or "no day", by)


__all__ = ["CertificateError", "ask_from", "certify", "may_certify", "withdraw"]
