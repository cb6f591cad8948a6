"""Owns who takes part and where: accounts with a token each, the room they meet in, and its log as it is in the end."""

from dataclasses import dataclass

from django.db import connection, transaction

from messaging.actions.accounts import create_token, sign_up
from messaging.actions.chats import add_member, create_room
from messaging.models import Chat, Event, Message, User
from messaging.queries.positions import epoch
from tests.conftest import PASSWORD
from tests.faults.history import Log, LogEvent, LogMessage


@dataclass(frozen=True)
class Person:
    """An account, and the token of its one device."""

    id: int
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}


def make_person(username: str) -> Person:
    user = sign_up(username=username, password=PASSWORD)
    _, token = create_token(user=user)
    return Person(user.pk, username, token)


def make_people(count: int) -> list[Person]:
    return [make_person(f"person-{number}") for number in range(1, count + 1)]


def make_room(people: list[Person]) -> str:
    """The uri of a room that all of them are in; the first owns it."""
    owner, *others = (User.objects.get(pk=person.id) for person in people)
    room = create_room(user=owner)
    for other in others:
        add_member(user=other, chat=room.uri)
    return room.uri


def read_log(uri: str) -> Log:
    """The rows themselves, at one moment; not what any of our own reads makes of them."""
    with transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return _read_log(uri)


def _read_log(uri: str) -> Log:
    chat = Chat.objects.get(uri=uri)
    events = Event.objects.filter(chat=chat).select_related("message").order_by("pk")
    messages = Message.objects.filter(chat=chat).order_by("pk")
    return Log(
        epoch=epoch(),
        last_seq=chat.last_seq,
        message_count=chat.message_count,
        events=[
            LogEvent(
                seq=row.seq,
                type=row.type,
                text=row.data["message"]["text"] if row.message else "",
                number=row.message.number if row.message else None,
            )
            for row in events
        ],
        messages=[
            LogMessage(
                number=row.number,
                seq=row.seq,
                author=row.author_id or 0,
                client_id=row.client_id,
                text=row.text,
            )
            for row in messages
        ],
    )
