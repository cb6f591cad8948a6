"""Presence: which sockets follow a stream, over all processes. Not durable, and right within a minute.

Each process keeps its own sockets and, where there is Redis, a copy of them there that runs out unless it is
refreshed: a hash per stream and process, and per stream the set of processes that have one.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings

from messaging.counters import REDIS_ERRORS
from messaging.errors import Unavailable
from messaging.redis_calls import REDIS_TROUBLE, RedisCalls
from messaging.redis_line import Command

logger = logging.getLogger("parley.presence")

EXPIRES_S = 60
REFRESH_EVERY_S = 20
# Those who come and go meanwhile are written in one go.
WRITE_EVERY_S = 0.05
# The event loop is needed for other things between these.
WRITTEN_AT_ONCE = 200
WITHIN_S = 5.0

Info = dict[str, Any]
"""`{"client": id of the socket, "user": id of the user or ""}`, and `conn_info` with the username."""


class Presence:
    """The sockets of this process, by stream; copies to Redis are written in the background, batched."""

    def __init__(self, redis_url: str) -> None:
        self._here: defaultdict[str, dict[str, Info]] = defaultdict(dict)
        self._process = uuid4().hex
        self._redis = RedisCalls.at(redis_url, WITHIN_S) if redis_url else None
        # Clients by stream.
        self._changed: defaultdict[str, set[str]] = defaultdict(set)
        self._copying: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._refresher: asyncio.Task[None] | None = None

    def enter(self, stream: str, info: Info) -> None:
        self._here[stream][info["client"]] = info
        self._note(stream, info["client"])

    def leave(self, stream: str, client: str) -> None:
        if self._here[stream].pop(client, None) is not None:
            self._note(stream, client)
        if not self._here[stream]:
            del self._here[stream]

    def copied(self) -> asyncio.Future[None] | None:
        """Done when other processes have been told of what has changed here by now, or Redis is down; None: it is nobody's
        business but this process's. Whoever hears of a change before would be told that it is not so.
        """
        if self._redis is None or not self._changed:
            return None
        if self._copying is None:
            self._copying = asyncio.get_running_loop().create_future()
        return self._copying

    async def of(self, stream: str) -> dict[str, Info]:
        """The sockets that follow the stream, by client id. Raises `Unavailable` with Redis down."""
        found: dict[str, Info] = {}
        if self._redis is not None:
            try:
                processes = await self._processes(self._redis, stream)
                for copied in await self._redis.ask(
                    [("HGETALL", self._key(stream, each)) for each in processes]
                ):
                    pairs = zip(copied[::2], copied[1::2], strict=True)
                    found |= {client.decode(): orjson.loads(info) for client, info in pairs}
            except REDIS_TROUBLE as error:
                raise Unavailable("Presence can't be read: Redis is down.") from error
        # As it is now, not as it was when Redis was asked: who has come since has been told of.
        return found | self._here.get(stream, {})

    async def stats(self, stream: str) -> tuple[int, int]:
        """How many sockets, and how many different users."""
        present = (await self.of(stream)).values()
        return len(present), len({info["user"] for info in present if info["user"]})

    async def _processes(self, redis: RedisCalls, stream: str) -> list[str]:
        [alive] = await redis.ask([("ZRANGEBYSCORE", self._key(stream), str(time.time()), "+inf")])
        return [process.decode() for process in alive if process.decode() != self._process]

    def _key(self, stream: str, process: str = "") -> str:
        return f"{settings.REDIS_PREFIX}:presence:{stream}:{process}"

    def _note(self, stream: str, client: str) -> None:
        if self._redis is not None:
            self._changed[stream].add(client)
            if self._writer is None:
                self._writer = asyncio.create_task(self._write())
            if self._refresher is None:
                self._refresher = asyncio.create_task(self._refresh())

    async def _write(self) -> None:
        assert self._redis is not None
        try:
            while self._changed:
                await asyncio.sleep(WRITE_EVERY_S)
                changed, self._changed = self._changed, defaultdict(set)
                copying, self._copying = self._copying, None
                unwritten = [(stream, client) for stream, clients in changed.items() for client in clients]
                try:
                    while unwritten:
                        await self._write_some(self._redis, unwritten[-WRITTEN_AT_ONCE:])
                        del unwritten[-WRITTEN_AT_ONCE:]
                except REDIS_TROUBLE as error:
                    REDIS_ERRORS.labels("presence").inc()
                    logger.debug("Presence was not written; the next refresh does: %r", error)
                    # Also who has left: nothing else would tell of them.
                    for stream, client in unwritten:
                        self._changed[stream].add(client)
                    break
                finally:
                    if copying is not None:
                        copying.set_result(None)
        finally:
            self._writer = None

    async def _write_some(self, redis: RedisCalls, some: list[tuple[str, str]]) -> None:
        clients: defaultdict[str, set[str]] = defaultdict(set)
        for stream, client in some:
            clients[stream].add(client)
        await redis.ask(
            [command for stream, theirs in clients.items() for command in self._copy(stream, theirs)]
        )

    def _copy(self, stream: str, clients: set[str]) -> Iterator[Command]:
        key, here = self._key(stream, self._process), self._here.get(stream, {})
        present: list[str | bytes] = []
        gone: list[str] = []
        for client in clients:
            if client in here:
                present += (client, orjson.dumps(here[client]))
            else:
                gone.append(client)
        if present:
            yield ("HSET", key, *present)
        if gone:
            yield ("HDEL", key, *gone)
        now = time.time()
        yield ("EXPIRE", key, str(EXPIRES_S))
        yield ("ZADD", self._key(stream), str(now + EXPIRES_S), self._process)
        yield ("ZREMRANGEBYSCORE", self._key(stream), "-inf", str(now))
        yield ("EXPIRE", self._key(stream), str(EXPIRES_S))

    async def _refresh(self) -> None:
        """Writes everything again: also what was lost with a Redis that came back empty."""
        assert self._redis is not None
        while True:
            await asyncio.sleep(REFRESH_EVERY_S)
            for stream, here in list(self._here.items()):
                self._changed[stream].update(here)
            if self._changed and self._writer is None:
                self._writer = asyncio.create_task(self._write())
