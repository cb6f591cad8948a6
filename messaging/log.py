"""The log: appends events to a chat under its lock, and rings the bell after the commit.

Invariants:
- The chat's row is locked from before `last_seq` is read until the commit. So `seq` has no holes, and the order of
  `seq` is the order of commits: a reader who has seen 7 will never learn of a 6 later.
- A transaction that writes to a log is durable: when `writing()` has returned, it is committed. Whoever answers after
  it may be believed.
- Locks are taken in one order: chats by uri, then users by id. On SQLite every write transaction takes the one write
  lock when it begins (settings: `transaction_mode = IMMEDIATE`).
- The bell rings after the commit only; if it is lost, hubs find the event here.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from messaging import events
from messaging.bell import bell
from messaging.errors import NotFound
from messaging.models import Chat, Event, Message
from messaging.prepared import Prepared

E = TypeVar("E", bound=events.Event)

_LOCKED = Prepared(lambda uris: Chat.objects.select_for_update(no_key=True).filter(uri__in=uris))
_LOCKED_IF_FREE = Prepared(
    lambda uris: (
        Chat.objects.select_for_update(no_key=True, skip_locked=True).filter(uri__in=uris).order_by("uri")
    )
)
_SAVE_COUNTERS = """
    WITH grown (id, last_seq, message_count) AS (VALUES {rows})
    UPDATE messaging_chat
    SET last_seq = grown.last_seq, message_count = grown.message_count, active_at = %s
    FROM grown WHERE messaging_chat.id = grown.id
"""


class ChatLog:
    """A chat whose row this transaction has locked (or just created), and the end of its log.

    The counters of the chat are the log's and are saved with the events; whatever else of the row an action changes,
    it saves itself.
    """

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.now = timezone.now()
        self.rows: list[Event] = []
        self._promised_seq = chat.last_seq
        self.encoded: list[tuple[int, list[int], bytes]] = []

    @property
    def next_seq(self) -> int:
        return self.chat.last_seq + 1

    def promise_seq(self) -> int:
        """The `seq` of an event that is appended later, in the order of the promises, before any other."""
        self._promised_seq = max(self._promised_seq, self.chat.last_seq) + 1
        return self._promised_seq

    def append(
        self, kind: type[E], *, message_row: Message | None = None, ends: Sequence[int] = (), **fields: Any
    ) -> E:
        """Adds one event with the next `seq`. `ends`: the users whose stay it ends, after seeing it themselves."""
        event = kind(chat=self.chat.uri, seq=self.next_seq, at=self.now, ends=list(ends), **fields)
        self.chat.last_seq = event.seq
        self.chat.active_at = self.now
        self.rows.append(
            Event(
                chat=self.chat,
                seq=event.seq,
                type=event.type,  # type: ignore[attr-defined]  # every concrete event has one
                at=self.now,
                data=event.stored(),
                ends=event.ends,
                message=message_row,
            )
        )
        self.encoded.append((event.seq, event.ends, event.encoded()))
        return event


def _save(chat_logs: Iterable[ChatLog]) -> None:
    """Writes the events and the counters of their chats, and rings once this is committed."""
    grown = [chat_log for chat_log in chat_logs if chat_log.rows]
    if not grown:
        return
    Event.objects.bulk_create([row for chat_log in grown for row in chat_log.rows])
    now = connection.ops.adapt_datetimefield_value(max(chat_log.now for chat_log in grown))
    counters = [
        value
        for chat_log in grown
        for value in (chat_log.chat.pk, chat_log.chat.last_seq, chat_log.chat.message_count)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_SAVE_COUNTERS.format(rows=", ".join(["(%s, %s, %s)"] * len(grown))), [*counters, now])
    transaction.on_commit(partial(bell.ring_events, [(each.chat.stream, each.encoded) for each in grown]))


@contextmanager
def writing(uri: str) -> Iterator[ChatLog]:
    """A durable transaction that holds the lock of one chat. Raises `NotFound` for an unknown uri."""
    with transaction.atomic(durable=True):
        chats = _LOCKED.rows([uri])
        if not chats:
            raise NotFound("There is no such chat.")
        chat_log = ChatLog(chats[0])
        yield chat_log
        _save([chat_log])


@contextmanager
def writing_free(uris: Collection[str]) -> Iterator[dict[str, ChatLog]]:
    """A durable transaction that holds the locks of those of the chats that exist and that nobody else has locked."""
    with transaction.atomic(durable=True):
        chat_logs = {chat.uri: ChatLog(chat) for chat in _LOCKED_IF_FREE.rows(uris)}
        yield chat_logs
        _save(chat_logs.values())


@contextmanager
def creating(chat: Chat) -> Iterator[ChatLog]:
    """The same for a chat that does not exist yet: saves it, and its log begins. Nested in the caller's durable
    transaction when the caller holds other locks."""
    with transaction.atomic():
        chat.save()
        chat_log = ChatLog(chat)
        yield chat_log
        _save([chat_log])


def blank(message: Message) -> None:
    """Takes the message's text out of every event that carried it; the numbers stay."""
    for event in message.events.select_for_update(of=("self",), no_key=True).filter(
        type__in=("message.posted", "message.edited")
    ):
        if event.type == "message.posted":
            event.data["message"]["text"] = ""
            event.data["message"].pop("extras", None)
        else:
            event.data |= {"text": "", "extras": None}
        event.save(update_fields=["data"])
