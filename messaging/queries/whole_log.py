"""A chat's log as its rows are, whole, at one moment: for whoever compares it with what was told of it."""

from dataclasses import dataclass

from django.db import connection, transaction

from messaging.models import Chat, Event, Message
from messaging.queries.positions import epoch


@dataclass(frozen=True)
class LogEvent:
    seq: int
    type: str
    text: str
    number: int | None
    """The message's that it is about."""


@dataclass(frozen=True)
class LogMessage:
    number: int
    seq: int
    author: int
    client_id: str | None
    text: str


@dataclass(frozen=True)
class Log:
    """A chat as its rows are: `last_seq` and `message_count` as the chat's own row says."""

    epoch: str
    last_seq: int
    message_count: int
    events: list[LogEvent]
    messages: list[LogMessage]


def read_log(uri: str) -> Log:
    """The rows themselves; not what any of our own reads makes of them."""
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
