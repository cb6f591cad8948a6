"""Owns whom we believe about where a request came from.

Everybody can write X-Forwarded-For. Each proxy appends the address that it saw, so with n proxies of our own in front
the n-th value from the right is the first that a stranger could not choose. These headers end here: whoever comes
later looks at the scope, and cannot believe the wrong part of them.
"""

from collections.abc import MutableMapping
from typing import Any

FORWARDED = (b"x-forwarded-", b"forwarded")
SECURE = {"http": "https", "ws": "wss"}


def believe(scope: MutableMapping[str, Any], trusted_proxies: int) -> None:
    """Gives the scope the client and the scheme that `trusted_proxies` proxies tell of."""
    if trusted_proxies:
        if client := _nth_from_right(scope, b"x-forwarded-for", trusted_proxies):
            scope["client"] = [client, 0]
        if _nth_from_right(scope, b"x-forwarded-proto", trusted_proxies) in SECURE.values():
            scope["scheme"] = SECURE.get(scope["scheme"], scope["scheme"])
    # For whoever asks what their proxies send.
    scope["parley.forwarded"] = len(_values(scope, b"x-forwarded-for"))
    scope["headers"] = [header for header in scope["headers"] if not header[0].startswith(FORWARDED)]


def _values(scope: MutableMapping[str, Any], name: bytes) -> list[str]:
    return [
        part.strip()
        for header, value in scope["headers"]
        if header == name
        for part in value.decode("latin-1").split(",")
    ]


def _nth_from_right(scope: MutableMapping[str, Any], name: bytes, n: int) -> str:
    values = _values(scope, name)
    return values[-min(n, len(values))] if values else ""
