"""Publishes into Parley by its own action, in a process of its own, as its worker or another web process would.

What is asked for at once is committed at once, in one transaction, as posts of many people that come together are. The
argument names a file of lines, an author's name and a chat's uri with a tab between: number n goes into line n modulo
their number.
"""

import sys
from pathlib import Path

import asgi_app.boot  # noqa: F401
from benchmarks.publishers.serving import Told, number_of, serve
from messaging.actions.messages import Post, post_messages
from messaging.bell import bell
from messaging.models import User

lines = [line.split("\t") for line in Path(sys.argv[2]).read_text().splitlines()]
known = {user.username: user for user in User.objects.filter(username__in={name for name, _ in lines})}
places = [(known[name], uri) for name, uri in lines]
ring = bell.ring_events


def publish(texts: list[str], told: Told) -> None:
    def note_and_ring(stream: str, events: list[tuple[int, list[int], bytes]]) -> None:
        told()
        ring(stream, events)

    # The bell is what remains to be done after the commit: the moment it is rung is noted.
    bell.ring_events = note_and_ring  # type: ignore[method-assign]
    posts = [Post(*places[number_of(text) % len(places)], text) for text in texts]
    outcomes = post_messages(posts)
    for post in posts:
        if isinstance(outcome := outcomes[post], Exception):
            raise outcome


if __name__ == "__main__":
    serve(publish)
