"""Letters by e-mail: templates/letters/<name>.txt, whose first line is the subject."""

from __future__ import annotations

import logging
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string

log = logging.getLogger(__name__)


def send_letter(letter: str, to: str, **context: Any) -> bool:
    """False if it could not be sent; the log says why."""
    text = render_to_string(f"letters/{letter}.txt", context).strip()
    subject, _line, body = text.partition("\n")
    mail = EmailMessage(" ".join(subject.split()), body.strip() + "\n", to=[to])
    try:
        mail.send()
    except OSError:  # no server, no room, refused: SMTPException is one, too
        log.exception("a letter (%s) could not be sent", letter)
        return False
    return True
