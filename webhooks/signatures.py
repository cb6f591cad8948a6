"""Whether what came is from whom it claims to be. All comparisons take the same time wherever the difference is."""

import base64
import hmac
from collections.abc import Iterable
from hashlib import sha256

# How far a signed time may be from ours, either way: older ones may be replays.
TOLERANCE_S = 300


def is_secret(given: bytes, secrets: Iterable[str]) -> bool:
    """Whether it is one of ours. All of them are compared, so that the time tells nothing of which."""
    matches = [hmac.compare_digest(given, secret.encode()) for secret in secrets if secret]
    return any(matches)


def is_signed(body: bytes, signature: bytes, secrets: Iterable[str]) -> bool:
    """Meta's: `sha256=` and the hexadecimal HMAC of the very bytes that came."""
    matches = [
        hmac.compare_digest(signature, b"sha256=" + hex_digest(secret.encode(), body))
        for secret in secrets
        if secret
    ]
    return any(matches)


def hex_digest(secret: bytes, body: bytes) -> bytes:
    return hmac.new(secret, body, sha256).hexdigest().encode()


def sign_call(secret: bytes, call_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a call to an incoming webhook, as Standard Webhooks has it: `v1,` and base64."""
    signed = f"{call_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, sha256).digest()).decode()


def is_call_signed(
    body: bytes, *, call_id: str, timestamp: int, signatures: str, secrets: Iterable[bytes]
) -> bool:
    """Whether one of the signatures (the caller may send several, between spaces) is by one of the secrets."""
    wanted = [sign_call(secret, call_id, timestamp, body).encode() for secret in secrets]
    given = [each.encode() for each in signatures.split(" ")[:10]]
    matches = [hmac.compare_digest(mine, theirs) for mine in wanted for theirs in given]
    return any(matches)
