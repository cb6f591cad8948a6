"""The demo is a community that everything holds for; it touches no deployment that somebody uses."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from messaging.access import access_to
from messaging.models import Chat, User
from messaging.queries.chats import chat_list
from messaging.queries.contacts import desk
from messaging.queries.messages import messages_of
from tests.messaging.soundness import assert_every_log_is_sound


@pytest.mark.django_db(transaction=True)
def test_the_demo_is_lively_and_sound(settings: Settings) -> None:
    output = StringIO()
    call_command("demo", "--password", "violet-harbour", stdout=output)
    assert "violet-harbour" in output.getvalue()
    alice = User.objects.get(username="alice")
    chats = chat_list(alice).chats
    assert {chat.kind for chat in chats} == {"feed", "room", "thread"}
    assert any(chat.unread for chat in chats)
    assert_every_log_is_sound()
    charlie = User.objects.get(username="charlie")
    thread = Chat.objects.get(kind=Chat.Kind.THREAD, state=Chat.State.ACTIVE)
    assert not access_to(thread, charlie).reads
    assert messages_of(access_to(thread, alice)).messages
    at_desk = desk(User.objects.get(username="olive"))
    waiting = [each.contact.name for each in at_desk.chats if each.waiting_since]
    assert waiting == ["Jonas Weber", "امیر حسینی"]
    states = {each.last_message.delivery for each in at_desk.chats if each.last_message}
    assert states == {None, "sent", "read", "failed"}
    assert {each.contact.banned for each in at_desk.chats} == {True, False}


def test_the_demo_stays_away_from_people(alice: User) -> None:
    with pytest.raises(CommandError, match="accounts already"):
        call_command("demo")
