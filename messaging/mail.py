"""Mail leaves on a thread of its own: neither a slow mail server nor the time a request takes tells anything."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

logger = logging.getLogger("parley.mail")

_sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


class BackgroundBackend(BaseEmailBackend):
    """Django's mail back-end for this project; `MAIL_BACKEND` is the one that really sends."""

    def __init__(self, fail_silently: bool = False, **kwargs: Any) -> None:
        super().__init__(fail_silently=fail_silently)
        self._options = kwargs

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        _sender.submit(_send, list(email_messages), self._options)
        return len(email_messages)


def _send(messages: list[EmailMessage], options: dict[str, Any]) -> None:
    try:
        get_connection(settings.MAIL_BACKEND, **options).send_messages(messages)
    except Exception:
        logger.exception("%d mails could not be sent.", len(messages))
