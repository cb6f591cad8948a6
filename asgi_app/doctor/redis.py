"""Redis: is it there, does it keep our keys and connections, and does the channel layer hear itself through it?"""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import redis
from channels.layers import channel_layers
from django.conf import settings
from redis.exceptions import RedisError, ResponseError

from asgi_app.doctor.finding import Finding, Visit

WITHIN_S = 3.0
MIN_VERSION = (6, 2)
MIN_CLIENTS = 100
# Ours are pinged every 25 s.
MIN_IDLE_S = 60


def check(visit: Visit) -> Iterator[Finding]:
    if not settings.REDIS_URL:
        return
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=WITHIN_S,
            socket_connect_timeout=WITHIN_S,
            decode_responses=True,
        ) as client:
            info: Any = client.info()
            yield from _check_server(client, info)
    except (RedisError, OSError) as error:
        yield Finding(
            "redis-unreachable",
            f"Redis does not answer: {error or type(error).__name__}.",
            "Look at REDIS_URL (its password, rediss:// for TLS) and whether Redis runs. Until then posts arrive late.",
        )
        return
    yield from _check_loop_back()


def _check_server(client: Any, info: dict[str, Any]) -> Iterator[Finding]:
    version = tuple(int(part) for part in str(info["redis_version"]).split(".")[:2])
    if version < MIN_VERSION:
        yield Finding("old-redis", f"Redis {info['redis_version']} is older than 6.2.", "Upgrade it.")
    if info.get("maxmemory", 0) and info.get("maxmemory_policy") != "noeviction":
        yield Finding(
            "redis-evicts",
            f"Redis throws keys away when it is full ({info['maxmemory_policy']}): limits and presence forget people.",
            "CONFIG SET maxmemory-policy noeviction, and in redis.conf; or give Parley a Redis of its own.",
        )
    if info.get("role") == "slave":
        yield Finding(
            "redis-replica", "This Redis is a replica and takes no writes.", "Point REDIS_URL at the primary."
        )
    configured = _configured(client)
    if 0 < int(configured.get("timeout", 0)) < MIN_IDLE_S:
        yield Finding(
            "redis-cuts-idle",
            f"Redis closes connections that are idle for {configured['timeout']} s.",
            "CONFIG SET timeout 0, and in redis.conf.",
        )
    if 0 < int(configured.get("maxclients", 0)) < MIN_CLIENTS:
        yield Finding(
            "few-redis-clients",
            f"Redis lets {configured['maxclients']} clients in; a web process takes ten or more.",
            f"CONFIG SET maxclients {MIN_CLIENTS * 10}, or a larger plan.",
        )


def _configured(client: Any) -> dict[str, str]:
    try:
        shown: dict[str, str] = client.config_get("timeout", "maxclients")
    except ResponseError:  # a managed one that keeps this to itself
        return {}
    return shown


def _check_loop_back() -> Iterator[Finding]:
    try:
        heard = asyncio.run(_hears_itself())
    except (RedisError, OSError, TimeoutError) as error:
        heard, why = False, f": {error or type(error).__name__}"
    else:
        why = ""
    if not heard:
        yield Finding(
            "redis-deaf",
            f"What is published through Redis does not come back{why}.",
            "See that its user may subscribe and publish (ACL: +@pubsub, and channels matching REDIS_PREFIX), and "
            "that nothing in between speaks only a part of the protocol.",
        )


async def _hears_itself() -> bool:
    layer: Any = channel_layers.make_backend("default")
    group, word = f"doctor.{uuid4().hex}", uuid4().hex
    try:
        async with asyncio.timeout(WITHIN_S):
            channel = await layer.new_channel()
            await layer.group_add(group, channel)
            await layer.group_send(group, {"type": "doctor", "word": word})
            message = await layer.receive(channel)
            return bool(message["word"] == word)
    finally:
        await layer.flush()
