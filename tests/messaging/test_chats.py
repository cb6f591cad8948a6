"""Rooms, owners, members, and what is unread."""

from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from messaging.actions.accounts import sign_up, suspend_user
from messaging.actions.chats import (
    add_member,
    announce_typing,
    change_room,
    create_room,
    leave_room,
    mark_read,
    remove_member,
)
from messaging.actions.messages import delete_message, post_message
from messaging.actions.threads import close_thread
from messaging.errors import Conflict, Forbidden, NotFound
from messaging.models import Chat, Event, Member, User
from messaging.queries.chats import chat_list, chat_summary, members_of, readable
from tests.conftest import PASSWORD
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def unread(user: User, chat: str) -> int:
    return chat_summary(readable(chat, user)).unread


def members(user: User, chat: str) -> list[tuple[str, str]]:
    return [(each.user.username, each.role) for each in members_of(readable(chat, user)).members]


# --- Unread -----------------------------------------------------------------------------------------------------------


def test_unread_is_what_came_since_one_read(alice: User, bob: User, room: str) -> None:
    for number in range(1, 6):
        post_message(user=alice, chat=room, text=str(number))
    assert (unread(alice, room), unread(bob, room)) == (0, 5)
    mark_read(user=bob, chat=room, number=3)
    assert unread(bob, room) == 2
    mark_read(user=bob, chat=room, number=2)
    assert unread(bob, room) == 2
    mark_read(user=bob, chat=room, number=1000)
    assert unread(bob, room) == 0


def test_posting_marks_what_came_before_as_read(alice: User, bob: User, room: str) -> None:
    post_message(user=alice, chat=room, text="one")
    post_message(user=bob, chat=room, text="two")
    assert (unread(alice, room), unread(bob, room)) == (1, 0)


def test_whoever_comes_has_nothing_to_catch_up_with(alice: User, bob: User, charlie: User, room: str) -> None:
    post_message(user=alice, chat=room, text="one")
    add_member(user=charlie, chat=room)
    assert unread(charlie, room) == 0
    leave_room(user=bob, chat=room)
    post_message(user=alice, chat=room, text="two")
    add_member(user=bob, chat=room)
    assert unread(bob, room) == 0
    post_message(user=alice, chat=room, text="three")
    assert (unread(bob, room), unread(charlie, room)) == (1, 2)


def test_a_deleted_message_still_counts(alice: User, bob: User, room: str) -> None:
    post_message(user=alice, chat=room, text="oops")
    delete_message(user=alice, chat=room, number=1)
    assert unread(bob, room) == 1


def test_the_feed_before_one_s_time_is_not_unread(alice: User) -> None:
    post_message(user=alice, chat="feed", text="long ago")
    dora = sign_up(username="dora", password=PASSWORD)
    assert unread(dora, "feed") == 0
    post_message(user=alice, chat="feed", text="today")
    assert unread(dora, "feed") == 1


def test_a_read_mark_is_no_event_and_only_rises_when_raced(alice: User, bob: User, room: str) -> None:
    for number in range(10):
        post_message(user=alice, chat=room, text=str(number))
    before = Chat.objects.get(uri=room).last_seq
    together([partial(mark_read, user=bob, chat=room, number=number) for number in range(1, 10)])
    assert Member.objects.get(chat__uri=room, user=bob).read_number == 9
    assert Chat.objects.get(uri=room).last_seq == before


def test_charlie_can_mark_nothing(charlie: User, room: str) -> None:
    with pytest.raises(Forbidden):
        mark_read(user=charlie, chat=room, number=1)


def test_the_list_costs_the_same_however_long_it_is(alice: User, room: str, thread: Chat) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            chat_list(alice)
        return len(captured)

    of_three = queries()
    for _ in range(10):
        post_message(user=alice, chat=create_room(user=alice).uri, text="hi")
    assert queries() == of_three <= 7


# --- Owners -----------------------------------------------------------------------------------------------------------


def test_the_room_of_an_owner_who_leaves_is_the_longest_standing_one_s(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    add_member(user=charlie, chat=room)
    leave_room(user=bob, chat=room)
    add_member(user=bob, chat=room)  # has been there for less long than charlie now
    leave_room(user=alice, chat=room)
    assert members(charlie, room) == [("charlie", "owner"), ("bob", "member")]
    add_member(user=alice, chat=room)
    assert members(alice, room) == [("charlie", "owner"), ("alice", "member"), ("bob", "member")]


def test_no_bot_inherits_a_room(alice: User, room: str) -> None:
    leave_room(user=User.objects.get(username="bob"), chat=room)
    bot = sign_up(username="verses", password=PASSWORD, is_bot=True)
    add_member(user=alice, chat=room, username="verses")
    leave_room(user=alice, chat=room)
    assert members(bot, room) == [("verses", "member")]


def test_an_empty_room_is_the_next_comer_s(alice: User, bob: User, room: str) -> None:
    leave_room(user=alice, chat=room)
    leave_room(user=bob, chat=room)
    add_member(user=bob, chat=room)
    assert members(bob, room) == [("bob", "owner")]


def test_a_room_is_not_left_to_somebody_suspended(
    alice: User, bob: User, charlie: User, olive: User, room: str
) -> None:
    add_member(user=charlie, chat=room)
    suspend_user(operator=olive, user=bob)
    leave_room(user=alice, chat=room)
    assert members(charlie, room)[0] == ("charlie", "owner")


def test_everybody_leaves_at_once_and_nobody_is_an_owner_who_has_left(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    add_member(user=charlie, chat=room)
    together([partial(leave_room, user=user, chat=room) for user in (alice, bob, charlie)])
    assert not Member.objects.filter(chat__uri=room, from_seq__isnull=False).exists()


def test_one_key_makes_one_room_when_raced(alice: User) -> None:
    rooms = together([lambda: create_room(user=alice, name="Poetry", client_id="k").uri] * 8)
    assert len(set(map(str, rooms))) == 1
    with pytest.raises(Conflict):
        create_room(user=alice, name="Prose", client_id="k")


# --- Coming and going -------------------------------------------------------------------------------------------------


def test_joining_raced_is_joining_once(alice: User, charlie: User, room: str) -> None:
    together([lambda: add_member(user=charlie, chat=room)] * 8)
    assert Event.objects.filter(chat__uri=room, type="member.joined").count() == 3


def test_somebody_removed_needs_the_owner_s_invitation(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    add_member(user=charlie, chat=room)
    remove_member(user=alice, chat=room, username="BOB")
    with pytest.raises(NotFound):
        add_member(user=bob, chat=room)
    with pytest.raises(Forbidden):
        add_member(user=charlie, chat=room, username="bob")
    add_member(user=alice, chat=room, username="bob")
    leave_room(user=bob, chat=room)
    add_member(user=bob, chat=room)  # forgiven: the link works again
    assert ("bob", "member") in members(bob, room)


def test_with_the_link_off_only_the_owner_brings_people_in(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    change_room(user=alice, chat=room, link_open=False)
    with pytest.raises(NotFound):
        add_member(user=charlie, chat=room)
    with pytest.raises(Forbidden):
        add_member(user=bob, chat=room, username="charlie")
    add_member(user=alice, chat=room, username="charlie")
    assert len(members(charlie, room)) == 3


def test_a_change_that_changes_nothing_is_no_event(alice: User, room: str) -> None:
    change_room(user=alice, chat=room, name="Prose")
    before = Chat.objects.get(uri=room).last_seq
    change_room(user=alice, chat=room, name="Prose", link_open=True)
    assert Chat.objects.get(uri=room).last_seq == before


def test_charlie_changes_nothing(charlie: User, room: str) -> None:
    for attempt in (
        lambda: change_room(user=charlie, chat=room, name="Mine"),
        lambda: remove_member(user=charlie, chat=room, username="bob"),
        lambda: leave_room(user=charlie, chat=room),
        lambda: (
            add_member(user=charlie, chat=room, username="alice")
            and add_member(user=charlie, chat=room, username="x")
        ),
    ):
        with pytest.raises((Forbidden, NotFound)):
            attempt()
    assert Chat.objects.get(uri=room).last_seq == 2


# --- Typing -----------------------------------------------------------------------------------------------------------


def test_typing_changes_nothing_and_is_told_to_nobody_by_charlie(
    alice: User, bob: User, charlie: User, room: str, thread: Chat
) -> None:
    before = Chat.objects.get(uri=room).last_seq
    announce_typing(user=bob, chat=room)
    assert Chat.objects.get(uri=room).last_seq == before
    with pytest.raises(Forbidden):
        announce_typing(user=charlie, chat=room)
    with pytest.raises(NotFound):
        announce_typing(user=charlie, chat=thread.uri)
    close_thread(user=alice, chat=thread.uri)
    with pytest.raises(Conflict):
        announce_typing(user=bob, chat=thread.uri)


def test_nobody_is_told_who_writes_in_the_feed(alice: User) -> None:
    with pytest.raises(Forbidden) as refused:
        announce_typing(user=alice, chat="feed")
    assert refused.value.code == "not_in_the_feed"
