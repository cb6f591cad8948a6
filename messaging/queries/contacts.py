"""Contacts, as operators and bots ask for them."""

from django.conf import settings
from django.db.models import F, Q

from messaging import shapes
from messaging.access import require_operator
from messaging.errors import NotFound
from messaging.events import Contact as ContactShape
from messaging.events import Message as MessageShape
from messaging.events import Moment, Position, Shape
from messaging.models import WEB, BotSetting, Chat, Contact, Message, User
from messaging.queries import positions
from messaging.queries.chats import cursor_after, parse_cursor

MAX_LISTED = 100


class DeskChat(Shape):
    """One line of the desk: a contact's chat. `waiting_since`: since when they wait for a person, because the bot could not
    answer or an operator has taken the chat.
    """

    uri: str
    contact: ContactShape
    waiting_since: Moment | None
    message_count: int
    last_message: MessageShape | None
    active_at: Moment
    position: Position


class DeskPage(Shape):
    """A page of the desk, most recently active first; `next` is the `before` of the page after it. `waiting` counts all
    contacts who wait for a person, whichever page this is.
    """

    chats: list[DeskChat]
    next: str | None
    waiting: int


def desk(
    operator: User,
    *,
    limit: int = 50,
    before: str = "",
    taken: bool | None = None,
    waiting: bool | None = None,
    mine: bool | None = None,
) -> DeskPage:
    """The contacts' chats; only those that operators have taken, whose contacts wait, that this operator has taken; or
    only the others.
    """
    require_operator(operator)
    chats = Chat.objects.filter(kind=Chat.Kind.CONTACT).order_by("-active_at", "-pk")
    if taken is not None:
        chats = chats.filter(contact__taken_by__isnull=not taken)
    if waiting is not None:
        chats = chats.filter(contact__waiting_since__isnull=not waiting)
    if mine is not None:
        own = Q(contact__taken_by=operator)
        chats = chats.filter(own) if mine else chats.exclude(own)
    if before:
        moment, pk = parse_cursor(before)
        chats = chats.filter(Q(active_at__lt=moment) | Q(active_at=moment, pk__lt=pk))
    limit = min(max(limit, 1), MAX_LISTED)
    epoch = positions.epoch()
    rows = list(chats.select_related("contact__taken_by", "contact__user")[: limit + 1])
    return DeskPage(
        chats=_desk_chats(rows[:limit], epoch),
        next=cursor_after(rows[limit - 1]) if len(rows) > limit else None,
        waiting=Contact.objects.filter(waiting_since__isnull=False).count(),
    )


def desk_chat(operator: User, uri: str) -> DeskChat:
    """Raises `NotFound` for what is no contact's chat."""
    require_operator(operator)
    epoch = positions.epoch()
    rows = Chat.objects.filter(kind=Chat.Kind.CONTACT, uri=uri)
    found = _desk_chats(list(rows.select_related("contact__taken_by", "contact__user")), epoch)
    if not found:
        raise NotFound("There is no such chat.")
    return found[0]


def _desk_chats(chats: list[Chat], epoch: str) -> list[DeskChat]:
    last = {
        row.chat_id: shapes.message(row)
        for row in Message.objects.filter(
            chat__in=[chat.pk for chat in chats], number=F("chat__message_count")
        ).select_related("author", "contact")
    }
    return [
        DeskChat(
            uri=chat.uri,
            contact=shapes.contact(chat.contact),
            waiting_since=chat.contact.waiting_since,
            message_count=chat.message_count,
            last_message=last.get(chat.pk),
            active_at=chat.active_at,
            position=Position(epoch=epoch, seq=chat.last_seq),
        )
        for chat in chats
    ]


def linked_contacts(user: User) -> list[ContactShape]:
    """The contacts that are linked with an account."""
    rows = Contact.objects.filter(user=user).exclude(platform=WEB).select_related("user", "taken_by")
    return [shapes.contact(row) for row in rows.order_by("pk")]


def ways_to_bots(payload: str) -> dict[str, str]:
    """Where a link with the payload leads to each of our accounts, by `platform/account`; empty where that is not known."""
    return {account: f"{link}{payload}" if link else "" for account, link in settings.BOT_LINKS.items()}


def same_person(contact: Contact) -> list[int]:
    """All contacts that are the same person, as far as they have linked themselves: what is one's, is all of theirs."""
    if contact.user_id is None:
        return [contact.pk]
    return list(Contact.objects.filter(user=contact.user_id).order_by("pk").values_list("pk", flat=True))


def invited_count(contact: Contact) -> int:
    """How many came by this contact's link."""
    return Contact.objects.filter(referred_by=contact).count()


def settings_of_bot(bot: str) -> dict[str, str]:
    return dict(BotSetting.objects.filter(bot=bot).values_list("key", "value"))


def contact_of_chat(uri: str) -> int | None:
    """Whose chat this is; None: no contact's."""
    rows = Contact.objects.filter(chat__uri=uri, chat__kind=Chat.Kind.CONTACT)
    return rows.values_list("pk", flat=True).first()


def contact_of_desk_chat(operator: User, uri: str) -> int:
    """The same for operators; raises `NotFound`."""
    require_operator(operator)
    contact = contact_of_chat(uri)
    if contact is None:
        raise NotFound("There is no such chat.")
    return contact
