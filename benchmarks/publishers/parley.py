"""Publishes into Parley by its own action, in a process of its own, as its worker or another web process would.

What is asked for at once is committed at once, in one transaction, as posts of many people that come together are.
"""

import sys

import asgi_app.boot  # noqa: F401
from benchmarks.publishers.serving import Told, serve
from messaging.actions.messages import Post, post_messages
from messaging.bell import bell
from messaging.commands import FEED_URI
from messaging.models import User

author = User.objects.get(username=sys.argv[2])
ring = bell.ring_events


def publish(texts: list[str], told: Told) -> None:
    def note_and_ring(stream: str, events: list[tuple[int, list[int], bytes]]) -> None:
        told()
        ring(stream, events)

    # The bell is what remains to be done after the commit: the moment it is rung is noted.
    bell.ring_events = note_and_ring  # type: ignore[method-assign]
    posts = [Post(author, FEED_URI, text) for text in texts]
    outcomes = post_messages(posts)
    for post in posts:
        if isinstance(outcome := outcomes[post], Exception):
            raise outcome


if __name__ == "__main__":
    serve(publish)
