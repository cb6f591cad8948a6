"""Who sees what: stays, absences, and what a replay may tell."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.access import access_to, accesses_to
from messaging.actions.chats import add_member, change_room, create_room, leave_room, remove_member
from messaging.actions.messages import post_message
from messaging.errors import Forbidden, NotFound, Unauthorized
from messaging.models import Chat, User
from messaging.queries.chats import access_to_uri, chat_list, chat_summary, readable, room_preview
from messaging.queries.events import (
    MAX_REPLAY_BYTES,
    Opening,
    Wanted,
    events_after,
    open_streams,
    open_together,
)
from messaging.queries.messages import message_numbered, messages_of
from messaging.queries.positions import epoch

pytestmark = pytest.mark.django_db(transaction=True)


def texts(user: User, chat: str) -> list[str]:
    return [message.text for message in messages_of(readable(chat, user)).messages]


def seqs(user: User, chat: str) -> list[int]:
    return [seq for seq, _, _ in events_after(readable(chat, user), 0).events]


def replayed(user: User, chat: str, seq: int) -> list[int] | None:
    replay = open_streams(user, [Wanted(chat, epoch(), seq)])[chat].replay
    return None if replay is None else [seq for seq, _, _ in replay]


def test_an_absence_is_seen_by_no_way_of_reading(alice: User, bob: User, room: str) -> None:
    post_message(user=alice, chat=room, text="before")  # seq 3
    leave_room(user=bob, chat=room)  # 4
    post_message(user=alice, chat=room, text="behind his back")  # 5
    add_member(user=bob, chat=room)  # 6
    post_message(user=alice, chat=room, text="after")  # 7

    assert texts(bob, room) == ["before", "after"]
    assert seqs(bob, room) == [1, 2, 3, 4, 6, 7]
    with pytest.raises(NotFound):
        message_numbered(readable(room, bob), 2)
    assert texts(alice, room) == ["before", "behind his back", "after"]


def test_a_replay_does_not_jump_over_an_absence(alice: User, bob: User, room: str) -> None:
    leave_room(user=bob, chat=room)  # seq 3
    post_message(user=alice, chat=room, text="behind his back")  # 4
    add_member(user=bob, chat=room)  # 5
    post_message(user=alice, chat=room, text="after")  # 6
    assert [replayed(bob, room, seq) for seq in range(7)] == [
        *(None, None, None, None),  # from here he would have to see 4
        [5, 6],
        [6],
        [],
    ]
    assert replayed(alice, room, 2) == [3, 4, 5, 6]


@pytest.mark.parametrize("since", [None, 2])
def test_whoever_comes_while_a_stream_is_opened_begins_with_their_coming(
    alice: User, charlie: User, since: int | None
) -> None:
    """Between the read of the heads and that of the access something is said, and then charlie comes."""
    room = create_room(user=alice, history_open=False).uri
    post_message(user=alice, chat=room, text="before")  # seq 2
    wanted = Wanted(room, epoch(), since)
    queries = 0

    def happen_before_the_second(execute: Callable[..., Any], *query: Any) -> Any:
        nonlocal queries
        queries += 1
        if queries == 2:
            post_message(user=alice, chat=room, text="behind his back")  # 3
            add_member(user=charlie, chat=room)  # 4
        return execute(*query)

    with connection.execute_wrapper(happen_before_the_second):
        opened = open_streams(charlie, [wanted])[room]
    assert opened.head == 3
    assert opened.replay == ([] if since is None else None)


def test_what_cannot_be_replayed_completely_is_not_replayed(alice: User, room: str) -> None:
    assert replayed(alice, room, 3) is None
    assert open_streams(alice, [Wanted(room, "another", 1)])[room].replay is None
    Chat.objects.filter(uri=room).update(pruned_seq=1)
    assert replayed(alice, room, 0) is None
    assert replayed(alice, room, 1) == [2]
    Chat.objects.filter(uri=room).update(pruned_seq=0)


def test_many_are_told_together_what_each_would_be_told_alone(
    alice: User, bob: User, charlie: User, room: str, thread: Chat
) -> None:
    leave_room(user=bob, chat=room)  # seq 3
    post_message(user=alice, chat=room, text="behind his back")  # 4
    add_member(user=bob, chat=room)  # 5
    post_message(user=alice, chat=room, text="after")  # 6
    openings = [
        Opening(user, tuple(Wanted(uri, epoch(), seq) for uri in (room, thread.uri, "feed", "nowhere")))
        for user in (alice, bob, charlie, None)
        for seq in (None, 0, 2, 4, 6, 7)
    ]
    with CaptureQueriesContext(connection) as queries:
        together = open_together(openings)
    assert together == {opening: open_streams(opening.user, opening.wanted) for opening in openings}
    reads = [query["sql"] for query in queries if 'FROM "messaging_event"' in query["sql"]]
    assert len(reads) == len({room, thread.uri}), "the log of each is read once"
    assert together[openings[8]][room].replay is None, "bob is not told what was said behind his back"
    assert [seq for seq, _, _ in together[openings[9]][room].replay or ()] == [5, 6]
    assert all(together[opening].keys() == {"feed"} for opening in openings[12:])


def test_what_was_missed_can_be_left_unread(
    alice: User, bob: User, charlie: User, room: str, thread: Chat
) -> None:
    leave_room(user=bob, chat=room)  # seq 3
    add_member(user=bob, chat=room)  # 4
    post_message(user=alice, chat=room, text="after")  # 5
    openings = [
        Opening(user, (Wanted(room, epoch(), seq, defers=True),))
        for user in (alice, bob)
        for seq in (None, 2, 4, 5, 6)
    ]
    with CaptureQueriesContext(connection) as queries:
        together = open_together([*openings, Opening(charlie, openings[1].wanted)])
    assert not [query for query in queries if 'FROM "messaging_event"' in query["sql"]]
    told = [together[opening][room] for opening in openings]
    assert [each.unread_since for each in told] == [None, 2, 4, None, None, None, None, 4, None, None]
    assert [each.replay for each in told] == [[], None, None, [], None, [], None, None, [], None]
    assert together[Opening(charlie, openings[1].wanted)] == {}


def test_to_ask_about_many_takes_as_many_statements_as_about_few(
    alice: User, bob: User, charlie: User, olive: User, room: str
) -> None:
    add_member(user=charlie, chat=room)
    contacts = [Chat.objects.create(kind=Chat.Kind.CONTACT).uri for _ in range(5)]

    def statements(users: list[User], uris: list[str]) -> int:
        openings = [
            Opening(user, tuple(Wanted(uri, epoch(), 0, defers=True) for uri in uris)) for user in users
        ]
        with CaptureQueriesContext(connection) as queries:
            assert [len(each) for each in open_together(openings).values()] == [len(uris)] * len(users)
        return len(queries)

    assert statements([alice], [room]) == statements([alice, bob, charlie], [room]) <= 6
    assert statements([olive], contacts[:1]) == statements([olive], contacts)


def test_no_more_is_held_for_many_than_one_may_miss(alice: User, bob: User, room: str, thread: Chat) -> None:
    for _ in range(MAX_REPLAY_BYTES // 8000 + 1):
        post_message(user=alice, chat=room, text="x" * 8000)
    openings = [Opening(user, (Wanted(room, epoch(), 2), Wanted(thread.uri))) for user in (alice, bob)]
    together = open_together(openings)
    assert together.keys() == {openings[0]}
    assert together[openings[0]][room].replay is None


def test_streams_that_are_unknown_and_those_that_are_not_ones_own_look_the_same(
    charlie: User, room: str, thread: Chat
) -> None:
    wanted = [Wanted(uri) for uri in (room, thread.uri, "nowhere", "feed")]
    assert open_streams(charlie, wanted).keys() == {"feed"}
    assert open_streams(None, wanted).keys() == {"feed"}


def test_newcomers_see_what_was_before_unless_the_room_says_no(alice: User, bob: User, charlie: User) -> None:
    for history_open, seen in ((True, ["before", "after"]), (False, ["after"])):
        room = create_room(user=alice, history_open=history_open).uri
        post_message(user=alice, chat=room, text="before")
        add_member(user=charlie, chat=room)
        post_message(user=alice, chat=room, text="after")
        assert texts(charlie, room) == seen
        assert chat_summary(readable(room, charlie)).unread == 1


def test_nothing_said_before_somebody_came_shows_in_their_list(alice: User, charlie: User) -> None:
    room = create_room(user=alice, history_open=False).uri
    post_message(user=alice, chat=room, text="a secret")
    add_member(user=charlie, chat=room)
    (summary,) = [chat for chat in chat_list(charlie).chats if chat.uri == room]
    assert summary.last_message is None
    post_message(user=alice, chat=room, text="welcome")
    (summary,) = [chat for chat in chat_list(charlie).chats if chat.uri == room]
    assert summary.last_message is not None
    assert summary.last_message.text == "welcome"


def test_the_last_event_of_a_stay_says_that_it_has_ended(alice: User, bob: User, room: str) -> None:
    remove_member(user=alice, chat=room, username="bob")
    add_member(user=alice, chat=room, username="bob")
    page = events_after(readable(room, bob), 2)
    assert [(seq, ends) for seq, ends, _ in page.events] == [(3, [bob.pk]), (4, [])]


def test_many_absences(alice: User, bob: User, room: str) -> None:
    for number in range(4):
        leave_room(user=bob, chat=room)
        post_message(user=alice, chat=room, text=f"hidden {number}")
        add_member(user=bob, chat=room)
        post_message(user=alice, chat=room, text=f"seen {number}")
    assert texts(bob, room) == [f"seen {number}" for number in range(4)]
    access = readable(room, bob)
    for seq in range(1, access.chat.last_seq + 1):
        assert access.sees(seq) == (seq in seqs(bob, room))


def test_charlie_sees_nothing_and_learns_nothing(charlie: User, room: str, thread: Chat) -> None:
    with pytest.raises(Forbidden):  # the link is open: he may know that there is a room
        readable(room, charlie)
    change_room(user=User.objects.get(username="alice"), chat=room, link_open=False)
    for uri in (room, thread.uri, "nowhere"):
        with pytest.raises(NotFound, match=r"^There is no such chat\.$"):
            readable(uri, charlie)
    assert [chat.uri for chat in chat_list(charlie).chats] == ["feed"]


def test_the_feed_is_read_by_anybody_and_written_by_people(alice: User) -> None:
    feed = Chat.objects.get(uri="feed")
    assert access_to(feed, None).reads
    with pytest.raises(Unauthorized):
        access_to(feed, None).require_write()
    access_to(feed, alice).require_write()


def test_accesses_to_many_chats_are_those_to_each(alice: User, bob: User, charlie: User, room: str) -> None:
    leave_room(user=bob, chat=room)
    chats = [Chat.objects.get(uri=room), Chat.objects.get(uri="feed"), create_room(user=bob)]
    for user in (alice, bob, charlie, None):
        together = accesses_to(chats, user)
        for chat in chats:
            assert together[chat.pk].stays == access_to(chat, user).stays
            assert together[chat.pk].reads == access_to(chat, user).reads


def test_somebody_removed_learns_nothing_more_of_the_room(alice: User, bob: User, room: str) -> None:
    remove_member(user=alice, chat=room, username="bob")
    change_room(user=alice, chat=room, name="Without bob")
    with pytest.raises(NotFound):
        room_preview(access_to_uri(room, bob))
    for do in (lambda: readable(room, bob), lambda: post_message(user=bob, chat=room, text="let me in")):
        with pytest.raises(NotFound):
            do()
    assert open_streams(bob, [Wanted(room)]) == {}
