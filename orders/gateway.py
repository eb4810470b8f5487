"""Gateway: mails to customers, through Django's e-mail backend.

A mail can't be asked about: what got no answer is sent once more, under the same Message-ID, by
which mail programs know it again (G3).
"""

from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage

from sagas.call import Outcome, Request
from sagas.exceptions import NotSent, Unanswered

#: The name under which mail has its breaker and can be paused (design decision 20).
GATEWAY = "orders.mail"


def send_mail(request: Request, key: UUID) -> Outcome:
    """Send `subject` and `body` to address `to`; without one there is nothing to send.

    Raises NotSent when the server can't be reached, Unanswered when it left in the middle.
    """
    if not request["to"]:
        return Outcome(ok=True, code="no_address")
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].strip(">")
    mail = EmailMessage(
        request["subject"],
        request["body"],
        to=[request["to"]],
        headers={"Message-ID": f"<{key}@{domain}>"},
    )
    try:
        mail.send()
    except SMTPRecipientsRefused:
        return Outcome(ok=False, code="address_refused")
    except SMTPServerDisconnected as error:
        raise Unanswered(str(error)) from error
    except OSError as error:
        message = f"The mail server can't be reached: {error}."
        raise NotSent(message) from error
    return Outcome(ok=True, reference=str(key))


def was_mail_sent(request: Request, key: UUID) -> Outcome | None:
    """Nobody knows."""
    return None
