"""Publishes into python-socketio as another process of that site would: by a write-only Redis manager."""

import sys

import socketio  # type: ignore[import-not-found]  # among the packages of benchmarks/python

from benchmarks.publishers.serving import Told, serve

manager = socketio.RedisManager(sys.argv[2], write_only=True)


def publish(texts: list[str], told: Told) -> None:
    told()
    for text in texts:
        manager.emit("message", text, room="bench")


if __name__ == "__main__":
    serve(publish)
