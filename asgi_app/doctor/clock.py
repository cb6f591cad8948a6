"""Clocks: who signs in, what expires and how late events are is told by them, on several machines."""

import time
from collections.abc import Iterator
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from redis.exceptions import RedisError

from asgi_app.doctor.finding import Finding, Visit

MAX_DIFFERENCE_S = 1.0


def check(visit: Visit) -> Iterator[Finding]:
    """Against the database's clock and Redis's; those who do not answer have been told of."""
    for whose, ask in (("the database", _of_database), ("Redis", _of_redis)):
        asked_at = time.time()
        told = ask()
        if told is None:
            continue
        # The answer was true at some moment in between.
        if not asked_at - MAX_DIFFERENCE_S < told < time.time() + MAX_DIFFERENCE_S:
            yield Finding(
                "clock",
                f"This machine's clock and that of {whose} differ by {abs(told - time.time()):.0f} s.",
                "Let both follow the time: timedatectl set-ntp true.",
            )


def _of_database() -> float | None:
    if connection.vendor != "postgresql":
        return None
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            (told,) = cursor.fetchone() or (None,)
    except DatabaseError:
        return None
    return None if told is None else float(told)


def _of_redis() -> float | None:
    if not settings.REDIS_URL:
        return None
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as client:
            told: Any = client.time()
    except (RedisError, OSError):
        return None
    return float(told[0]) + float(told[1]) / 1e6
