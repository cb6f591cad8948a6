"""Presence: which sockets follow a stream, over all processes. Not durable, and right within a minute.

Each process keeps its own sockets and, where there is Redis, a copy of them there that runs out unless it is
refreshed: a hash per stream and process, and per stream the set of processes that have one.
"""

import asyncio
import logging
import time
from collections import defaultdict
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings
from redis import asyncio as aioredis
from redis.exceptions import RedisError

from messaging.counters import REDIS_ERRORS
from messaging.errors import Unavailable

logger = logging.getLogger("parley.presence")

EXPIRES_S = 60
REFRESH_EVERY_S = 20
# Those who come and go meanwhile are written in one go.
WRITE_EVERY_S = 0.05
# The event loop is needed for other things between these.
WRITTEN_AT_ONCE = 200

Info = dict[str, Any]
"""`{"client": id of the socket, "user": id of the user or ""}`, and `conn_info` with the username."""


class Presence:
    """The sockets of this process, by stream; copies to Redis are written in the background, batched."""

    def __init__(self, redis_url: str) -> None:
        self._here: defaultdict[str, dict[str, Info]] = defaultdict(dict)
        self._process = uuid4().hex
        self._redis: aioredis.Redis | None = (
            aioredis.Redis.from_url(redis_url, socket_timeout=5, socket_connect_timeout=2)
            if redis_url
            else None
        )
        # Clients by stream.
        self._changed: defaultdict[str, set[str]] = defaultdict(set)
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

    async def of(self, stream: str) -> dict[str, Info]:
        """The sockets that follow the stream, by client id. Raises `Unavailable` with Redis down."""
        found = dict(self._here.get(stream, {}))
        if self._redis is not None:
            try:
                for process in await self._processes(self._redis, stream):
                    copied: dict[bytes, bytes] = await self._redis.hgetall(self._key(stream, process))  # type: ignore[misc]
                    found |= {client.decode(): orjson.loads(info) for client, info in copied.items()}
            except RedisError as error:
                raise Unavailable("Presence can't be read: Redis is down.") from error
        return found

    async def stats(self, stream: str) -> tuple[int, int]:
        """How many sockets, and how many different users."""
        present = (await self.of(stream)).values()
        return len(present), len({info["user"] for info in present if info["user"]})

    async def _processes(self, redis: aioredis.Redis, stream: str) -> list[str]:
        alive = await redis.zrangebyscore(self._key(stream), time.time(), "+inf")
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
                unwritten = [(stream, client) for stream, clients in changed.items() for client in clients]
                try:
                    while unwritten:
                        await self._write_some(self._redis, unwritten[-WRITTEN_AT_ONCE:])
                        del unwritten[-WRITTEN_AT_ONCE:]
                except RedisError as error:
                    REDIS_ERRORS.labels("presence").inc()
                    logger.debug("Presence was not written; the next refresh does: %r", error)
                    # Also who has left: nothing else would tell of them.
                    for stream, client in unwritten:
                        self._changed[stream].add(client)
                    break
        finally:
            self._writer = None

    async def _write_some(self, redis: aioredis.Redis, some: list[tuple[str, str]]) -> None:
        clients: defaultdict[str, set[str]] = defaultdict(set)
        for stream, client in some:
            clients[stream].add(client)
        async with redis.pipeline(transaction=False) as pipe:
            for stream, theirs in clients.items():
                self._copy(pipe, stream, theirs)
            await pipe.execute()

    def _copy(self, pipe: Any, stream: str, clients: set[str]) -> None:
        key, here = self._key(stream, self._process), self._here.get(stream, {})
        present = {client: orjson.dumps(here[client]) for client in clients if client in here}
        if present:
            pipe.hset(key, mapping=present)
        if len(present) < len(clients):
            pipe.hdel(key, *clients.difference(present))
        self._extend(pipe, stream)

    def _extend(self, pipe: Any, stream: str) -> None:
        now = time.time()
        pipe.expire(self._key(stream, self._process), EXPIRES_S)
        pipe.zadd(self._key(stream), {self._process: now + EXPIRES_S})
        pipe.zremrangebyscore(self._key(stream), "-inf", now)
        pipe.expire(self._key(stream), EXPIRES_S)

    async def _refresh(self) -> None:
        """Writes everything again: also what was lost with a Redis that came back empty."""
        assert self._redis is not None
        while True:
            await asyncio.sleep(REFRESH_EVERY_S)
            for stream, here in list(self._here.items()):
                self._changed[stream].update(here)
            if self._changed and self._writer is None:
                self._writer = asyncio.create_task(self._write())
