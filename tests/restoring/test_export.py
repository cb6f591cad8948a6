"""One person's data: everything of theirs, nothing of others; and what is left when they go."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from messaging.actions.accounts import create_token, delete_account
from messaging.actions.chats import add_member, create_room
from messaging.actions.messages import post_message
from messaging.models import User
from messaging.queries.export import data_of
from tests.conftest import PASSWORD


def export(username: str) -> Any:
    told = StringIO()
    call_command("export_person", username, stdout=told)
    return json.loads(told.getvalue())


def test_it_has_what_is_theirs_and_nothing_of_others(alice: User, bob: User) -> None:
    room = create_room(user=alice, name="kitchen").uri
    add_member(user=alice, chat=room, username="bob")
    post_message(user=alice, chat=room, text="mine")
    post_message(user=bob, chat=room, text="somebody else's")
    _, secret = create_token(user=alice, name="laptop")
    data = export("ALICE")
    assert data["account"]["email"] == "alice@example.org"
    assert [device["name"] for device in data["devices"]] == ["laptop"]
    assert [message["text"] for message in data["messages"]] == ["mine"]
    assert {"kitchen"} <= {chat["name"] for chat in data["chats"]}
    text = json.dumps(data)
    for hidden in ("somebody else's", secret, PASSWORD, alice.password, "bob"):
        assert hidden not in text


def test_after_deletion_only_what_was_said_is_left(alice: User) -> None:
    post_message(user=alice, chat="feed", text="mine")
    delete_account(user=alice)
    data = data_of(User.objects.get(pk=alice.pk))
    assert "alice" not in json.dumps(data)
    assert data["devices"] == []
    assert [message["text"] for message in data["messages"]] == ["mine"]


def test_nobody_is_a_sentence(db: None) -> None:
    with pytest.raises(CommandError, match="nobody called"):
        call_command("export_person", "nobody")
