"""Publishes into a Redis channel: the text itself, or packed as Socket.IO's emitter packs an event for its adapter."""

import sys

import msgpack  # type: ignore[import-untyped]  # comes with channels-redis
import redis

from benchmarks.publishers.serving import Told, serve

REDIS_URL, CHANNEL, FORM = sys.argv[2:]
EVENT = 2  # among the packet types of Socket.IO
client = redis.Redis.from_url(REDIS_URL)


def packed(text: str) -> bytes:
    if FORM == "text":
        return text.encode()
    packet = {"type": EVENT, "data": ["message", text], "nsp": "/"}
    options = {"rooms": ["bench"], "flags": {}, "except": []}
    return bytes(msgpack.packb(["emitter", packet, options]))


def publish(texts: list[str], told: Told) -> None:
    messages = [packed(text) for text in texts]
    with client.pipeline(transaction=False) as pipe:
        for message in messages:
            pipe.publish(CHANNEL, message)
        told()
        pipe.execute()


if __name__ == "__main__":
    serve(publish)
