"""Idempotency keys: what a client may send again without it happening again."""

import hmac
from hashlib import sha256

from django.conf import settings

from messaging.errors import Conflict


def request_digest(*body: str) -> str:
    """What is kept of a request to recognise its repeat: keyed, so that it tells nothing of a text since deleted."""
    return _digest(settings.SECRET_KEY, body)


def require_same(digest: str, *body: str) -> None:
    """Raises `Conflict` if the key was used for another request. Keys of the secret's rotation are recognised."""
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(digest, _digest(secret, body)):
            return
    raise Conflict("This idempotency key was used for something else.", code="idempotency_mismatch")


def _digest(secret: str, body: tuple[str, ...]) -> str:
    return hmac.new(secret.encode(), "\0".join(body).encode(), sha256).hexdigest()
