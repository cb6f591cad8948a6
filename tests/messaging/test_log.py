"""The log: without holes, in the order of commits, however many write at once."""

import threading
from functools import partial
from itertools import pairwise

import pytest
from django.db import connections

from messaging.actions.chats import add_member, leave_room
from messaging.actions.messages import Post, post_message, post_messages
from messaging.events import Message as MessageShape
from messaging.models import Chat, User
from messaging.queries.chats import readable
from messaging.queries.events import events_after
from messaging.queries.messages import messages_of
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS = 8
EACH = 15


def test_eight_writers_leave_no_hole_and_no_reader_is_ever_overtaken(
    alice: User, bob: User, room: str
) -> None:
    """A reader who has seen a `seq` never learns of a lower one later: each page goes on where the last one ended."""
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        try:
            last = False
            while not last:
                last = done.is_set()
                page = events_after(readable(room, bob), seen[-1] if seen else 0, limit=7)
                seen.extend(seq for seq, _, _ in page.events)
                last = last and not page.has_newer
        finally:
            connections.close_all()

    reader = threading.Thread(target=read)
    reader.start()
    outcomes = together(
        [
            partial(post_message, user=alice if number % 2 else bob, chat=room, text=str(number))
            for number in range(WRITERS * EACH)
        ],
        threads=WRITERS,
    )
    done.set()
    reader.join(30)

    numbers = sorted(outcome.number for outcome in outcomes if isinstance(outcome, MessageShape))
    assert numbers == list(range(1, WRITERS * EACH + 1))
    assert seen == list(range(1, Chat.objects.get(uri=room).last_seq + 1))
    assert all(later == earlier + 1 for earlier, later in pairwise(seen))


def test_single_posts_batches_and_members_race_for_one_chat(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    def batch() -> None:
        posts = [Post(alice, room, "of a batch"), Post(bob, "feed", "of a batch"), Post(bob, room, "too")]
        outcomes = post_messages(posts)
        for post in posts:
            if post not in outcomes:  # somebody had the chat's lock
                post_message(user=post.user, chat=post.chat, text=post.text)

    def come_and_go() -> None:
        add_member(user=charlie, chat=room)
        leave_room(user=charlie, chat=room)

    def single() -> None:
        post_message(user=alice, chat=room, text="alone")

    together([call for _ in range(6) for call in (batch, single, single)] + [come_and_go] * 2, threads=6)
    assert Chat.objects.get(uri=room).message_count == 6 * (2 + 2)
    assert Chat.objects.get(uri="feed").message_count == 6


def test_a_position_read_before_the_rows_never_skips_an_event(alice: User, bob: User, room: str) -> None:
    """Whoever subscribes from a page's position gets everything that the page does not have."""
    stop = threading.Event()
    pages = []

    def read() -> None:
        try:
            while not stop.is_set():
                pages.append(messages_of(readable(room, bob), limit=100))
        finally:
            connections.close_all()

    reader = threading.Thread(target=read)
    reader.start()
    together([lambda: post_message(user=alice, chat=room, text="hi")] * 30, threads=4)
    stop.set()
    reader.join(30)
    for page in pages:
        newest = page.messages[-1].seq if page.messages else 0
        assert newest >= page.position.seq or page.position.seq <= 2
