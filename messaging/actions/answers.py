"""What is said in contacts' chats, by them, by bots and by operators: into the log, and owed to the platform.

A message and its delivery are one transaction. Everything here is for a chat that the caller has locked.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from django.db import transaction

from messaging import events, log, shapes
from messaging.bell import bell
from messaging.commands import DESK
from messaging.content import AnyContent, Text, document_of, extras_of, text_of
from messaging.errors import Conflict, NotFound
from messaging.log import ChatLog
from messaging.models import WEB, Chat, Contact, Delivery, Document, Inbound, Message, User


@dataclass(frozen=True)
class Saying:
    """One thing to be said. `author`: None is the contact. `replaces`: the platform's id of the message whose place it
    takes, if that is known here; else it is said anew.
    """

    content: AnyContent
    author: User | None
    key: str | None = None
    replaces: str = ""
    external_id: str = ""
    is_sent: bool = False
    """Whether the platform has it already."""


def send_to_contact(
    *,
    contact: int,
    author: User,
    content: AnyContent,
    key: str | None = None,
    also: Callable[[], object] | None = None,
) -> Message:
    """Says something to a contact of our own accord: a broadcast, a verse of the day. The same `key` says it once.

    `also` is done in the same transaction: what it raises undoes everything, and is raised here.
    """
    uri = Contact.objects.filter(pk=contact).values_list("chat__uri", flat=True).first()
    if uri is None:
        raise NotFound("There is no such contact.")
    with log.writing(uri) as chat_log:
        if key is not None:
            standing = Message.objects.filter(chat=chat_log.chat, author=author, client_id=key).first()
            if standing is not None:
                return standing
        # Only under the lock: they may just have blocked the bot, or have been banned.
        row = Contact.objects.get(pk=contact)
        row.chat = chat_log.chat
        if chat_log.chat.state == Chat.State.CLOSED:
            raise Conflict("This thread is closed.", code="thread_closed")
        if also is not None:
            also()
        return say(chat_log, row, [Saying(content, author, key)])[0]


def say(chat_log: ChatLog, contact: Contact, sayings: Sequence[Saying]) -> list[Message]:
    """All of it in order; a fixed number of statements, and two for each message that is replaced."""
    rows: list[tuple[Saying, Message, bool]] = []
    for saying in sayings:
        replaced = _replaced(chat_log.chat, contact, saying)
        rows.append((saying, replaced or _new_message(chat_log, contact, saying), replaced is None))
    new = [row for _, row, is_new in rows if is_new]
    Message.objects.bulk_create(new)
    Document.objects.bulk_create(
        Document(message=row, content=document)
        for saying, row, is_new in rows
        if is_new and (document := document_of(saying.content)) is not None
    )
    for row in new:
        chat_log.append(events.MessagePosted, message_row=row, message=shapes.message(row))
    for saying, row, is_new in rows:
        if not is_new:
            _put_in_place(chat_log, contact, saying, row)
    edits = {row.pk: saying.replaces for saying, row, is_new in rows if not is_new}
    owe([row for _, row, _ in rows], {chat_log.chat.pk: contact}, edits)
    return [row for _, row, _ in rows]


def owe(
    messages: Collection[Message], contacts: Mapping[int, Contact], edits: Mapping[int, str] | None = None
) -> None:
    """The deliveries of these messages, by the contacts of their chats; rings at the desk."""
    Delivery.objects.bulk_create(
        Delivery(
            contact=contacts[row.chat_id],
            message=row,
            edits=(edits or {}).get(row.pk, ""),
            due_at=row.edited_at or row.created_at,
        )
        for row in messages
        if row.delivery == Message.Delivery.WAITING and row.chat_id in contacts
    )
    for uri in {row.chat.uri for row in messages if row.chat.kind == Chat.Kind.CONTACT}:
        ring_desk(uri)
    if any(row.delivery == Message.Delivery.WAITING for row in messages):
        transaction.on_commit(partial(bell.ring_work, "outbox"))


def correct(chat_log: ChatLog, contact: Contact, message: Message) -> None:
    """A message of an operator has other words now: the platform is owed them too, if it had the first ones."""
    if message.external_id and contact.platform != WEB:
        message.delivery = first_delivery(contact)
        message.save(update_fields=["delivery"])
        chat_log.append(events.DeliveryChanged, numbers=[message.number], state=message.delivery)
        owe([message], {contact.chat_id: contact}, {message.pk: message.external_id})


def unsay(chat_log: ChatLog, message: Message) -> None:
    """A message is deleted: what waits to be sent of it is not, and the journal forgets what it said."""
    if chat_log.chat.kind != Chat.Kind.CONTACT and chat_log.chat.bot_id is None:
        return
    if chat_log.chat.kind == Chat.Kind.CONTACT:
        ring_desk(chat_log.chat.uri)
    Document.objects.filter(message=message).delete()
    heard = Inbound.objects.filter(message=message)
    heard.update(raw=None, heard=None, profile={})
    heard.filter(state=Inbound.State.WAITING).update(
        state=Inbound.State.DONE, outcome="deleted", leased_until=None, finished_at=chat_log.now
    )
    owed = Delivery.objects.filter(message=message, state=Delivery.State.WAITING)
    if owed.update(state=Delivery.State.SKIPPED, reason="The message was deleted.", leased_until=None):
        message.delivery = Message.Delivery.SKIPPED
        message.save(update_fields=["delivery"])
        chat_log.append(events.DeliveryChanged, numbers=[message.number], state=message.delivery)


def first_delivery(contact: Contact) -> str:
    """How far a message for this contact has come when it is new."""
    if contact.platform == WEB:
        return ""
    if contact.unreachable_at is not None or contact.banned_at is not None:
        return Message.Delivery.SKIPPED
    return Message.Delivery.WAITING


def ring_desk(uri: str) -> None:
    """Tells the operators who watch, once this is committed."""
    doorbell = events.DeskDoorbell(chat=uri).model_dump_json().encode()
    transaction.on_commit(partial(bell.ring_doorbell, DESK, doorbell))


def _new_message(chat_log: ChatLog, contact: Contact, saying: Saying) -> Message:
    chat = chat_log.chat
    chat.message_count += 1
    return Message(
        chat=chat,
        number=chat.message_count,
        seq=chat_log.promise_seq(),
        author=saying.author,
        contact=contact if saying.author is None else None,
        text=text_of(saying.content),
        extras=extras_of(saying.content),
        external_id=saying.external_id,
        delivery=_first_delivery_of(saying, contact),
        created_at=chat_log.now,
        client_id=saying.key,
    )


def _first_delivery_of(saying: Saying, contact: Contact) -> str:
    if saying.author is None:
        return ""
    return Message.Delivery.SENT if saying.is_sent else first_delivery(contact)


def _replaced(chat: Chat, contact: Contact, saying: Saying) -> Message | None:
    if not (saying.replaces and isinstance(saying.content, Text) and saying.content.replace):
        return None
    rows = Message.objects.filter(chat=chat, author__isnull=False, deleted_at__isnull=True)
    if contact.platform == WEB:
        rows = rows.filter(number=int(saying.replaces))
    else:
        rows = rows.filter(external_id=saying.replaces)
    return rows.select_related("author", "contact").order_by("-number").first()


def _put_in_place(chat_log: ChatLog, contact: Contact, saying: Saying, row: Message) -> None:
    row.chat = chat_log.chat
    row.text, row.extras = text_of(saying.content), extras_of(saying.content)
    row.edited_at = chat_log.now
    row.delivery = first_delivery(contact)
    row.save(update_fields=["text", "extras", "edited_at", "delivery"])
    chat_log.append(
        events.MessageEdited,
        message_row=row,
        message_id=row.pk,
        number=row.number,
        text=row.text,
        extras=shapes.message(row).extras,
        edited_at=chat_log.now,
    )
    if row.delivery:
        chat_log.append(events.DeliveryChanged, numbers=[row.number], state=row.delivery)
