"""How often one may do a thing: counted per minute in the shared cache, so that it holds across processes.

A process takes a few counts in advance, a twentieth of what a minute allows, so that a busy subject does not cost a
round trip each time; what it has not spent when it ends is lost to that minute, so it never has more than that. With the
shared cache down each process counts for itself: a limit is no reason to refuse a post.
"""

import logging
import threading
import time
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from django.conf import settings
from django.core.cache import BaseCache, caches

from messaging.counters import REDIS_ERRORS, REFUSALS
from messaging.errors import TooMany

logger = logging.getLogger("parley.limits")

WINDOW_S = 60
SHARES = 20
STRIPES = 64
# How long a shared cache that failed is left alone: nobody waits for its time-out again and again.
AVOID_S = 5.0


class _Limits:
    """What this process has taken of the present minute, and not spent yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taking = [threading.Lock() for _ in range(STRIPES)]
        self._window = 0
        self._in_hand: dict[str, int] = {}
        self._avoid_until = 0.0

    def take(self, key: str, window: int, per_minute: int) -> bool:
        if self._spend_in_hand(key, window):
            return True
        # One thread at a time takes for a key: all of them at once would take most of the minute.
        with self._taking[hash(key) % STRIPES]:
            if self._spend_in_hand(key, window):
                return True
            share = max(1, per_minute // SHARES)
            granted = min(share, per_minute + share - self._count(f"limit:{key}:{window}", share))
            with self._lock:
                if granted > 1 and window == self._window:
                    self._in_hand[key] = granted - 1
            return granted > 0

    def _spend_in_hand(self, key: str, window: int) -> bool:
        with self._lock:
            if window != self._window:
                self._window, self._in_hand = window, {}
            left = self._in_hand.get(key, 0)
            if left > 0:
                self._in_hand[key] = left - 1
            return left > 0

    def _count(self, key: str, share: int) -> int:
        if time.monotonic() >= self._avoid_until:
            try:
                return _add(caches["default"], key, share)
            except Exception as error:
                self._avoid_until = time.monotonic() + AVOID_S
                REDIS_ERRORS.labels("limits").inc()
                logger.warning("The shared cache is down, limits are per process: %r", error)
        return _add(caches["process"], key, share)


_limits = _Limits()


def spend(what: str, subject: object, *, per_minute: int) -> None:
    """Counts one `what` for a subject (a user's id, an address); raises `TooMany` above `per_minute`."""
    now = time.time()
    window = int(now // WINDOW_S)
    if not _limits.take(f"{what}:{subject}", window, per_minute):
        REFUSALS.labels(what).inc()
        raise TooMany(
            f"Too many requests of this kind: at most {per_minute} a minute.",
            retry_after_s=max(1.0, (window + 1) * WINDOW_S - now),
        )


def network_of(address: str) -> str:
    """What an address is counted under: itself, or for IPv6 its /64, which is what one subscriber has to choose from."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"


def countable(address: str) -> str:
    """The network to count an address under; nothing, if it may be a proxy's with everybody behind it.

    That is so for this machine's own and private addresses, unless TRUSTED_PROXIES says that proxies have been seen
    through already.
    """
    network, is_near = _looked_up(address)
    return "" if is_near and not settings.TRUSTED_PROXIES else network


@lru_cache(maxsize=4096)
def _looked_up(address: str) -> tuple[str, bool]:
    """The network, and whether it is near. Who comes back comes from where they were."""
    try:
        is_near = ip_address(address.partition("%")[0]).is_private
    except ValueError:  # a UNIX socket's, or what a proxy made up
        return "", False
    return network_of(address), is_near


def _add(cache: BaseCache, key: str, share: int) -> int:
    try:
        return cache.incr(key, share)
    except ValueError:  # the first of this minute
        cache.add(key, 0, timeout=2 * WINDOW_S)
        return cache.incr(key, share)
