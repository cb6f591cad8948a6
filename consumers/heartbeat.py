"""Pings: one timer for all sockets of the process, instead of two for each."""

import asyncio
from typing import Protocol

from django.conf import settings

BUCKETS = 25


class Beating(Protocol):
    """What is pinged every `LIVE_PING_S` seconds, and asked `PONG_WITHIN_S` later whether it has answered."""

    def ping(self) -> None: ...

    def expect_pong(self) -> None: ...


class Heartbeat:
    """Sockets are spread over buckets; a bucket's turn comes once per interval."""

    def __init__(self) -> None:
        self._buckets: list[dict[Beating, None]] = [{} for _ in range(BUCKETS)]
        self._where: dict[Beating, int] = {}
        self._turn = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, socket: Beating) -> None:
        """Its first ping comes a whole interval from now."""
        where = (self._turn - 1) % BUCKETS
        self._buckets[where][socket] = None
        self._where[socket] = where
        if self._timer is None:
            self._wind_up()

    def discard(self, socket: Beating) -> None:
        where = self._where.pop(socket, None)
        if where is not None:
            self._buckets[where].pop(socket, None)

    def _wind_up(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(settings.LIVE_PING_S / BUCKETS, self._beat)

    def _beat(self) -> None:
        if not self._where:
            self._timer = None
            return
        turn = self._turn
        self._turn = (turn + 1) % BUCKETS
        self._wind_up()  # first: whatever becomes of these, the others have their turn
        for socket in list(self._buckets[turn]):
            socket.ping()
        # 10 of the 25 buckets later, as a pong has 10 of the 25 seconds.
        for socket in list(self._buckets[(turn - 10) % BUCKETS]):
            socket.expect_pong()
