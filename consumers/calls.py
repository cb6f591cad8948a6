"""The socket's calls: each command of the catalogue, the action that does it, and the shape of its answer."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from messaging import commands
from messaging.actions import chats, messages, threads
from messaging.events import Message
from messaging.queries.users import me

if TYPE_CHECKING:
    from messaging.models import User

C = TypeVar("C", bound=commands.Command)
Answer = dict[str, Any]
Call = Callable[["User", Any], Answer]

_CALLS: dict[type[commands.Command], Call] = {}


def call(user: "User", command: commands.Command) -> Answer:
    """Does what the command says, for this user; raises what the action raises. The answer is JSON."""
    return _CALLS[type(command)](user, command)


def posted(message: Message) -> Answer:
    """The answer to a post, an edit and a deletion. Posts are done by `messaging/crowd.py`."""
    return {"seq": message.seq, "message": message.model_dump(mode="json")}


def _does(command: type[C]) -> Callable[[Callable[["User", C], Answer]], Callable[["User", C], Answer]]:
    def register(function: Callable[["User", C], Answer]) -> Callable[["User", C], Answer]:
        _CALLS[command] = function
        return function

    return register


@_does(commands.EditMessage)
def _edit(user: "User", command: commands.EditMessage) -> Answer:
    return posted(
        messages.edit_message(user=user, chat=command.chat, number=command.number, text=command.text)
    )


@_does(commands.DeleteMessage)
def _delete(user: "User", command: commands.DeleteMessage) -> Answer:
    return posted(messages.delete_message(user=user, chat=command.chat, number=command.number))


@_does(commands.PressButton)
def _press(user: "User", command: commands.PressButton) -> Answer:
    messages.press_button(user=user, **command.model_dump())
    return {}


@_does(commands.MarkRead)
def _read(user: "User", command: commands.MarkRead) -> Answer:
    return {"read_number": chats.mark_read(user=user, chat=command.chat, number=command.number)}


@_does(commands.AnnounceTyping)
def _type(user: "User", command: commands.AnnounceTyping) -> Answer:
    chats.announce_typing(user=user, chat=command.chat)
    return {}


@_does(commands.CreateRoom)
def _create(user: "User", command: commands.CreateRoom) -> Answer:
    room = chats.create_room(user=user, **command.model_dump())
    return {"uri": room.uri, "seq": room.last_seq}


@_does(commands.AddMember)
def _add(user: "User", command: commands.AddMember) -> Answer:
    room, newcomer, is_new = chats.add_member(user=user, chat=command.chat, username=command.username)
    return {"uri": room.uri, "seq": room.last_seq, "user_id": newcomer.pk, "joined": is_new}


@_does(commands.LeaveRoom)
def _leave(user: "User", command: commands.LeaveRoom) -> Answer:
    return {"seq": chats.leave_room(user=user, chat=command.chat).last_seq}


@_does(commands.RemoveMember)
def _remove(user: "User", command: commands.RemoveMember) -> Answer:
    return {"user_id": chats.remove_member(user=user, chat=command.chat, username=command.username).pk}


@_does(commands.ChangeRoom)
def _change(user: "User", command: commands.ChangeRoom) -> Answer:
    room = chats.change_room(user=user, chat=command.chat, name=command.name, link_open=command.link_open)
    return {"seq": room.last_seq, "name": room.name, "link_open": room.link_open}


@_does(commands.OpenThread)
def _open(user: "User", command: commands.OpenThread) -> Answer:
    thread, is_new = threads.open_thread(user=user, username=command.username)
    return {"uri": thread.uri, "seq": thread.last_seq, "created": is_new}


@_does(commands.CloseThread)
def _close(user: "User", command: commands.CloseThread) -> Answer:
    return {"seq": threads.close_thread(user=user, chat=command.chat).last_seq}


@_does(commands.WhoAmI)
def _me(user: "User", command: commands.WhoAmI) -> Answer:
    return me(user).model_dump(mode="json")
