"""Digests: written under a lock, handed over, then marked. One a person and effective day."""

from datetime import date

from django.db import transaction
from django.utils.timezone import now

from .. import emails
from ..models import Digest


@transaction.atomic
def send_digest(pk: int, *, today: date) -> bool:
    """Write and hand over one digest; False where another worker has it, or nothing is to say.

    The row is locked until it is marked; a worker that finds it locked passes by. Where handing
    over fails the error goes up, nothing is marked, and the next run tries again.
    """
    digest = (
        Digest.objects.select_for_update(skip_locked=True, of=("self",))
        .select_related("person")
        .filter(pk=pk, sent_at=None)
        .first()
    )
    if digest is None:
        return False
    letter = emails.digest(digest, today=today)
    if letter is None:
        digest.delete()  # nothing touches the person any more; a later flag raises it anew
        return False
    letter.send()
    digest.subject = letter.subject
    digest.text = letter.body
    digest.html = letter.alternatives[0].content
    digest.sent_at = now()
    digest.save(update_fields=["subject", "text", "html", "sent_at"])
    return True
