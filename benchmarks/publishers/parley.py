"""Publishes into Parley by its own action, in a process of its own, as its worker or another web process would.

What is asked for at once is committed at once, in one transaction, as posts of many people that come together are. The
second argument names a file of lines, an author's name and a chat's uri with a tab between: number n goes into line n
modulo their number. With a third argument, events are committed so many at a time before they are asked for, all into
one chat, and what is asked for at once is rung at once: so no database stands between two events, as none does with the
servers that have none.
"""

import sys
from pathlib import Path

import asgi_app.boot  # noqa: F401
from benchmarks.publishers.serving import Told, number_of, serve, text_of
from messaging.actions.messages import Post, post_messages
from messaging.bell import bell
from messaging.models import User

ahead = int(sys.argv[3]) if len(sys.argv) > 3 else 1

lines = [line.split("\t") for line in Path(sys.argv[2]).read_text().splitlines()]
known = {user.username: user for user in User.objects.filter(username__in={name for name, _ in lines})}
places = [(known[name], uri) for name, uri in lines]
ring = bell.ring_events
rung: list[list[tuple[str, list[tuple[int, list[int], bytes]]]]] = []


def commit(texts: list[str]) -> None:
    """What the action rings afterwards, which is what remains to be done, is in `rung`."""
    posts = [Post(*places[number_of(text) % len(places)], text) for text in texts]
    outcomes = post_messages(posts)
    for post in posts:
        if isinstance(outcome := outcomes[post], Exception):
            raise outcome


def publish(texts: list[str], told: Told) -> None:
    commit(texts)
    told()
    while rung:
        ring(rung.pop(0))


def publish_what_is_ready(texts: list[str], told: Told) -> None:
    if not rung:
        first = number_of(texts[0])
        commit([text_of(number) for number in range(first, first + ahead)])
        [(stream, events)] = rung.pop()
        rung[:] = [[(stream, events[at : at + len(texts)])] for at in range(0, len(events), len(texts))]
    told()
    ring(rung.pop(0))


if __name__ == "__main__":
    bell.ring_events = rung.append  # type: ignore[method-assign, assignment]
    serve(publish_what_is_ready if ahead > 1 else publish)
