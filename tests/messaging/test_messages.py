"""Posting, editing, deleting."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from messaging.actions.accounts import change_profile, suspend_user
from messaging.actions.chats import add_member, leave_room, remove_member
from messaging.actions.messages import (
    Post,
    delete_message,
    edit_message,
    post_alone,
    post_message,
    post_messages,
)
from messaging.actions.threads import close_thread
from messaging.errors import Conflict, Forbidden, Invalid, NotFound, TooMany, Unauthorized
from messaging.events import Message as MessageShape
from messaging.models import Chat, Event, Message, User
from messaging.queries.chats import readable
from messaging.queries.events import events_after
from messaging.queries.messages import messages_of
from tests.messaging.soundness import everything_stored
from tests.messaging.together import together

pytestmark = pytest.mark.django_db(transaction=True)


def texts(user: User, chat: str) -> list[str]:
    return [message.text for message in messages_of(readable(chat, user)).messages]


# --- Idempotency keys -----------------------------------------------------------------------------------------------


def test_a_repeat_gets_the_first_answer_and_posts_nothing(alice: User, room: str) -> None:
    first = post_message(user=alice, chat=room, text="once", client_id="k")
    assert post_message(user=alice, chat=room, text="once", client_id="k") == first
    assert texts(alice, room) == ["once"]


def test_a_key_stands_for_one_text_only(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="once", client_id="k")
    with pytest.raises(Conflict) as refused:
        post_message(user=alice, chat=room, text="twice", client_id="k")
    assert refused.value.code == "idempotency_mismatch"
    assert texts(alice, room) == ["once"]


def test_a_key_is_one_person_s_in_one_chat(alice: User, bob: User, room: str) -> None:
    for user, chat in ((alice, room), (bob, room), (alice, "feed")):
        post_message(user=user, chat=chat, text=f"{user} in {chat}", client_id="k")
    assert texts(alice, room) == [f"alice in {room}", f"bob in {room}"]


def test_a_repeat_is_answered_when_one_may_no_longer_write(alice: User, bob: User, room: str) -> None:
    said = post_message(user=bob, chat=room, text="bye", client_id="k")
    leave_room(user=bob, chat=room)
    assert post_message(user=bob, chat=room, text="bye", client_id="k") == said
    with pytest.raises(Forbidden):
        post_message(user=bob, chat=room, text="bye", client_id="another")
    add_member(user=bob, chat=room)
    remove_member(user=alice, chat=room, username="bob")
    assert post_message(user=bob, chat=room, text="bye", client_id="k") == said


def test_a_repeat_is_answered_when_the_thread_is_closed(alice: User, bob: User, thread: Chat) -> None:
    said = post_message(user=alice, chat=thread.uri, text="bye", client_id="k")
    close_thread(user=bob, chat=thread.uri)
    assert post_message(user=alice, chat=thread.uri, text="bye", client_id="k") == said
    with pytest.raises(Conflict) as refused:
        post_message(user=alice, chat=thread.uri, text="and", client_id="another")
    assert refused.value.code == "thread_closed"


def test_a_repeat_after_deletion_brings_nothing_back(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="a secret", client_id="k")
    delete_message(user=alice, chat=room, number=1)
    again = post_message(user=alice, chat=room, text="a secret", client_id="k")
    assert (again.number, again.text) == (1, "")
    assert again.deleted_at is not None


def test_what_is_kept_of_a_key_tells_nothing_of_the_text(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="yes", client_id="k")
    post_message(user=alice, chat="feed", text="yes", client_id="k")
    digests = set(Message.objects.values_list("request_digest", flat=True))
    assert len(digests) == 1
    assert all(len(digest) == 64 and "yes" not in digest for digest in digests)


def test_one_key_raced_posts_once(alice: User, room: str) -> None:
    outcomes = together(
        [lambda: post_message(user=alice, chat=room, text="once", client_id="k") for _ in range(8)]
    )
    assert {outcome.number for outcome in outcomes if isinstance(outcome, MessageShape)} == {1}
    assert texts(alice, room) == ["once"]


# --- Refusals change nothing ------------------------------------------------------------------------------------------


def test_charlie_can_neither_post_nor_edit_nor_delete(alice: User, charlie: User, room: str) -> None:
    post_message(user=alice, chat=room, text="for bob")
    before = Chat.objects.values().get(uri=room)
    attempts: list[Callable[[], object]] = [
        lambda: post_message(user=charlie, chat=room, text="me too"),
        lambda: edit_message(user=charlie, chat=room, number=1, text="for charlie"),
        lambda: delete_message(user=charlie, chat=room, number=1),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()
    assert Chat.objects.values().get(uri=room) == before


@pytest.mark.parametrize("text", ["", "   ", "\n", "x" * 8001])
def test_what_is_no_text(alice: User, text: str) -> None:
    with pytest.raises(Invalid):
        post_message(user=alice, chat="feed", text=text)
    assert Chat.objects.get(uri="feed").last_seq == 0


def test_a_chat_that_is_not_there(alice: User) -> None:
    with pytest.raises(NotFound):
        post_message(user=alice, chat="nowhere", text="hello?")


# --- Together ---------------------------------------------------------------------------------------------------------


def test_posts_committed_together_are_like_posts_one_by_one(
    alice: User, bob: User, charlie: User, room: str
) -> None:
    post_message(user=alice, chat=room, text="before", client_id="k0")
    posts = [
        Post(alice, room, "one", "k1"),
        Post(bob, "feed", "two"),
        Post(charlie, room, "not his"),
        Post(bob, room, "three"),
        Post(alice, room, "one", "k1"),
        Post(alice, room, "not one", "k1"),
        Post(alice, room, "before", "k0"),
        Post(alice, room, " "),
    ]
    outcomes = post_messages(posts)
    assert [type(outcomes[post]) for post in posts] == [
        *(MessageShape, MessageShape, Forbidden, MessageShape, MessageShape, Conflict, MessageShape, Invalid)
    ]
    assert outcomes[posts[4]] == outcomes[posts[0]]
    assert texts(alice, room) == ["before", "one", "three"]
    assert texts(alice, "feed") == ["two"]


def test_posts_to_a_locked_or_unknown_chat_are_left_out(alice: User, room: str) -> None:
    posts = [Post(alice, "nowhere", "hello?"), Post(alice, room, "here")]
    assert post_messages(posts).keys() == {posts[1]}


# --- Deleting blanks --------------------------------------------------------------------------------------------------


def test_a_post_tried_with_others_and_then_alone_counts_as_one(
    alice: User, room: str, settings: LazySettings
) -> None:
    settings.POSTS_PER_MINUTE = 1
    left_out = Post(alice, "not-there-yet", "hello")
    assert post_messages([left_out]) == {}
    left_out.chat = room
    assert post_alone(left_out).text == "hello"
    with pytest.raises(TooMany):
        post_message(user=alice, chat=room, text="one more")


def test_deleting_blanks_the_row_and_every_event(alice: User, bob: User, room: str) -> None:
    post_message(user=alice, chat=room, text="first secret")
    edit_message(user=alice, chat=room, number=1, text="second secret")
    post_message(user=bob, chat=room, text="harmless")
    deleted = delete_message(user=alice, chat=room, number=1)
    assert (deleted.text, deleted.number, deleted.author.username) == ("", 1, "alice")
    assert deleted.deleted_by == alice.pk
    row = Message.objects.get(chat__uri=room, number=1)
    assert row.text == ""
    assert row.edited_at is not None
    stored = [str(event.data) for event in Event.objects.filter(chat__uri=room)]
    assert not any("secret" in data for data in stored)
    assert any("harmless" in data for data in stored)
    assert [event.type for event in Event.objects.filter(message=row).order_by("seq")] == [
        "message.posted",
        "message.edited",
        "message.deleted",
    ]


def test_nothing_of_it_is_left_in_any_table(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="xyzzy-secret", client_id="k")
    edit_message(user=alice, chat=room, number=1, text="xyzzy-secret, again")
    delete_message(user=alice, chat=room, number=1)
    for table, rows in everything_stored().items():
        assert "xyzzy" not in rows.casefold(), table


def test_deleting_twice_is_deleting_once(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="hm")
    first = delete_message(user=alice, chat=room, number=1)
    assert delete_message(user=alice, chat=room, number=1) == first
    assert Event.objects.filter(chat__uri=room, type="message.deleted").count() == 1


def test_what_is_deleted_cannot_be_edited(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="hm")
    delete_message(user=alice, chat=room, number=1)
    with pytest.raises(Conflict) as refused:
        edit_message(user=alice, chat=room, number=1, text="ha")
    assert refused.value.code == "message_deleted"


def test_an_operator_deletes_anybody_s_message_anywhere(
    alice: User, bob: User, olive: User, thread: Chat
) -> None:
    post_message(user=alice, chat=thread.uri, text="abuse")
    close_thread(user=bob, chat=thread.uri)
    assert delete_message(user=olive, chat=thread.uri, number=1).deleted_by == olive.pk
    assert texts(bob, thread.uri) == [""]


def test_editing_to_the_same_text_is_no_event(alice: User, room: str) -> None:
    post_message(user=alice, chat=room, text="same")
    seq = Chat.objects.get(uri=room).last_seq
    assert edit_message(user=alice, chat=room, number=1, text="same").edited_at is None
    assert Chat.objects.get(uri=room).last_seq == seq


def test_whoever_was_silenced_since_they_connected_says_nothing(alice: User, olive: User, room: str) -> None:
    post_message(user=alice, chat=room, text="before")
    as_connected = User.objects.get(pk=alice.pk)
    suspend_user(operator=olive, user=alice)
    for chat in (room, "feed"):
        with pytest.raises(Unauthorized):
            post_message(user=as_connected, chat=chat, text="after", client_id="k")
        with pytest.raises(Unauthorized):
            edit_message(user=as_connected, chat=chat, number=1, text="after")
    together_with = Post(as_connected, room, "after")
    assert isinstance(post_messages([together_with])[together_with], Unauthorized)
    assert Message.objects.count() == 1


def test_what_is_said_is_by_the_name_of_now(alice: User, bob: User, room: str) -> None:
    as_connected = User.objects.get(pk=bob.pk)
    change_profile(user=bob, username="robert")
    assert post_message(user=as_connected, chat=room, text="hello").author.username == "robert"
    told = events_after(readable(room, alice), 0).events[-1][2]
    assert b'"robert"' in told
