"""An e-mail backend where no mail server is set: letters are kept, and the outbox shows them."""

from django.core.mail.backends.base import BaseEmailBackend

from .models import Letter


class OutboxBackend(BaseEmailBackend):
    """Keeps each message as a row instead of handing it to a mail server."""

    def send_messages(self, email_messages) -> int:
        letters = [
            Letter(
                to=", ".join(message.recipients()),
                from_email=message.from_email,
                subject=message.subject,
                text=message.body,
                html=next(
                    (
                        part.content
                        for part in getattr(message, "alternatives", [])
                        if part.mimetype == "text/html"
                    ),
                    "",
                ),
            )
            for message in email_messages
        ]
        return len(Letter.objects.bulk_create(letters))
