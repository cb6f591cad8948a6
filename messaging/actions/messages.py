"""Posting, editing and deleting messages, and pressing what is to be pressed on them."""

import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection

from messaging import events, limits, log, shapes
from messaging.access import Access, access_of_member, access_to, members_of_pairs
from messaging.actions.answers import correct, first_delivery, owe, unsay
from messaging.actions.audit import note_deed
from messaging.actions.journal import insert_inbounds, web_arrival
from messaging.content import Cards, QuickReplies, Text, content_of
from messaging.errors import Conflict, Forbidden, Invalid, NotFound, ParleyError
from messaging.heard import Heard, Kind, said
from messaging.idempotency import request_digest, require_same
from messaging.joint import Joint
from messaging.log import ChatLog
from messaging.models import WEB, Chat, Contact, Inbound, Member, Message, User
from messaging.prepared import Prepared

Outcome = events.Message | Exception

_WITH_KEY = Prepared(
    lambda chat_ids, author_ids, client_ids: (
        Message.objects.filter(chat__in=chat_ids)
        .filter(author__in=author_ids)
        .filter(client_id__in=client_ids)
        .select_related("author", "contact")
    )
)
_RAISE_MARKS = """
    WITH risen (id, number) AS (VALUES {rows})
    UPDATE messaging_member SET read_number = risen.number
    FROM risen WHERE messaging_member.id = risen.id AND messaging_member.read_number < risen.number
"""


@dataclass(eq=False)
class Post:
    """What somebody wants to say in a chat; see `PostMessage`. However often it is tried, it counts as one."""

    user: User
    chat: str
    text: str
    client_id: str | None = None
    heard: Heard | None = None
    """What it is to the bot of a thread, if not just words."""
    is_counted: bool = field(default=False, init=False)


def post_message(*, user: User, chat: str, text: str, client_id: str | None = None) -> events.Message:
    """The message as it was posted; for a repeat of the same `client_id`, the first one as it stands now.

    What several threads post into one chat meanwhile is committed together.
    """
    return post_alone(Post(user, chat, text, client_id))


def post_alone(post: Post) -> events.Message:
    """The same for a post that may have been tried together with others."""
    _check(post)
    return _JOINT.do(post.chat, post)


def _post_into(chat: str, posts: Sequence[Post]) -> dict[Post, Outcome]:
    with log.writing(chat) as chat_log:
        return _post_all(posts, {chat: chat_log})


_JOINT: Joint[str, Post, events.Message] = Joint(_post_into)


def post_messages(posts: Collection[Post]) -> dict[Post, Outcome]:
    """Posts of many people in many chats, committed together: what `post_message` returns or raises for each.

    Posts to chats that somebody has locked, or that don't exist, are left out: `post_alone` does those.
    """
    outcomes: dict[Post, Outcome] = {}
    for post in posts:
        try:
            _check(post)
        except ParleyError as error:
            outcomes[post] = error
    remaining = [post for post in posts if post not in outcomes]
    with log.writing_free({post.chat for post in remaining}) as chat_logs:
        outcomes |= _post_all([post for post in remaining if post.chat in chat_logs], chat_logs)
    return outcomes


def _check(post: Post) -> None:
    _check_text(post.text)
    if not post.is_counted:
        post.is_counted = True
        limits.spend("post", post.user.pk, per_minute=settings.POSTS_PER_MINUTE)


def _post_all(posts: Sequence[Post], chat_logs: Mapping[str, ChatLog]) -> dict[Post, Outcome]:
    """The number of queries does not depend on the number of posts. A refusal or a repeat changes nothing."""
    posted = _posted_before(posts, chat_logs)
    members = members_of_pairs((chat_logs[post.chat].chat, post.user) for post in posts)
    refused: dict[Post, Outcome] = {}
    accepted: dict[Post, Message] = {}
    new: list[Message] = []
    heard: list[Heard] = []
    for post in posts:
        chat_log = chat_logs[post.chat]
        chat_id, user_id = chat_log.chat.pk, post.user.pk
        first = posted.get((chat_id, user_id, post.client_id))
        try:
            if first is not None:
                require_same(first.request_digest, post.text)
            else:
                access_of_member(chat_log.chat, post.user, members.get((chat_id, user_id))).require_write()
        except ParleyError as error:
            refused[post] = error
            continue
        if first is None:
            place = members.get((chat_id, user_id))
            first = _next_message(chat_log, post, author=place.user if place else post.user)
            new.append(first)
            heard.append(post.heard or said(post.text))
            if post.client_id is not None:
                posted[chat_id, user_id, post.client_id] = first
        accepted[post] = first
    contacts = _contacts_in([message.chat for message in new])
    for message in new:
        if message.chat_id in contacts:
            message.delivery = first_delivery(contacts[message.chat_id])
    Message.objects.bulk_create(new)
    for message in new:
        chat_log = chat_logs[message.chat.uri]
        chat_log.append(events.MessagePosted, message_row=message, message=shapes.message(message))
    if contacts:
        owe(new, contacts)
        _end_waiting(contacts.values())
    _tell_bots(new, heard)
    _mark_own_as_read(new, members)
    return refused | {post: shapes.message(message) for post, message in accepted.items()}


def _contacts_in(chats: Iterable[Chat]) -> dict[int, Contact]:
    """The contacts of those that are contact chats, by the chat's primary key."""
    staffed = {chat.pk for chat in chats if chat.kind == Chat.Kind.CONTACT}
    return {row.chat_id: row for row in Contact.objects.filter(chat__in=staffed)} if staffed else {}


def _end_waiting(contacts: Iterable[Contact]) -> None:
    """A person has answered them. Their chats are locked."""
    waiting = [contact.pk for contact in contacts if contact.waiting_since is not None]
    if waiting:
        Contact.objects.filter(pk__in=waiting).update(waiting_since=None)


def _tell_bots(messages: Sequence[Message], heard: Sequence[Heard]) -> None:
    """What is said in a thread with a bot of ours is for it to answer, as what comes from any platform is."""
    asked = [
        (message, words)
        for message, words in zip(messages, heard, strict=True)
        if message.chat.bot_id not in (None, message.author_id)
    ]
    if asked:
        names = dict(
            User.objects.filter(pk__in={message.chat.bot_id for message, _ in asked}).values_list(
                "pk", "bot_name"
            )
        )
        insert_inbounds(
            [
                web_arrival(
                    bot=names[message.chat.bot_id or 0],
                    user_id=message.author_id or 0,
                    external_id=f"{message.chat.uri}:{message.number}",
                    heard=words,
                )
                for message, words in asked
            ],
            [message.pk for message, _ in asked],
        )


def press_button(*, user: User, chat: str, number: int, press: str, client_id: str | None = None) -> None:
    """Presses a button, or chooses a quick reply, of a bot's message in one's thread with it. The same `client_id`
    presses it once.
    """
    limits.spend("post", user.pk, per_minute=settings.POSTS_PER_MINUTE)
    with log.writing(chat) as chat_log:
        row = chat_log.chat
        access = access_to(row, user)
        access.require_write()
        message = _message_to_change(row, number, access)
        if row.bot_id is None or row.bot_id != message.author_id:
            raise _nothing_to_press()
        bot = User.objects.get(pk=row.bot_id)
        key = client_id or secrets.token_urlsafe(12)
        external_id, message_key = f"{chat}:{number}:{key}"[:200], f"press:{number}:{key}"[:100]
        if client_id is not None and _was_pressed(row, user, bot, external_id, message_key):
            return
        kind, title = _pressable(message, press)
        heard = Heard(kind=kind, press=press, text=title, about=str(number), editable=kind == Kind.BUTTON)
        if kind == Kind.QUICK_REPLY:
            post = Post(user, chat, title, message_key, heard)
            outcome = _post_all([post], {chat: chat_log})[post]
            if isinstance(outcome, Exception):
                raise outcome
        else:
            insert_inbounds(
                [web_arrival(bot=bot.bot_name, user_id=user.pk, external_id=external_id, heard=heard)]
            )


def _was_pressed(chat: Chat, user: User, bot: User, external_id: str, message_key: str) -> bool:
    """Whether that very press was taken before; the bot may have put other buttons there since."""
    return (
        Inbound.objects.filter(platform=WEB, account=bot.bot_name, external_id=external_id).exists()
        or Message.objects.filter(chat=chat, author=user, client_id=message_key).exists()
    )


def _pressable(message: Message, press: str) -> tuple[Kind, str]:
    """What pressing that on this message is, and the title of it."""
    match content_of(message.text or "-", message.extras):
        case QuickReplies(replies=replies):
            found = [(Kind.QUICK_REPLY, reply.title) for reply in replies if reply.press == press]
        case Text(buttons=rows):
            found = [(Kind.BUTTON, each.title) for row in rows for each in row if each.press == press]
        case Cards(cards=cards):
            found = [
                (Kind.BUTTON, each.title) for card in cards for each in card.buttons if each.press == press
            ]
        case _:
            found = []
    if not found:
        raise _nothing_to_press()
    return found[0]


def _nothing_to_press() -> NotFound:
    return NotFound("There is no such button.", code="no_such_button")


def _posted_before(
    posts: Sequence[Post], chat_logs: Mapping[str, ChatLog]
) -> dict[tuple[int, int | None, str | None], Message]:
    """The messages that these posts' idempotency keys were used for."""
    keyed = [post for post in posts if post.client_id is not None]
    if not keyed:
        return {}
    rows = _WITH_KEY.rows(
        {chat_logs[post.chat].chat.pk for post in keyed},
        {post.user.pk for post in keyed},
        {post.client_id for post in keyed if post.client_id is not None},
    )
    return {(row.chat_id, row.author_id, row.client_id): row for row in rows}


def _next_message(chat_log: ChatLog, post: Post, *, author: User) -> Message:
    chat = chat_log.chat
    chat.message_count += 1
    return Message(
        chat=chat,
        number=chat.message_count,
        seq=chat_log.promise_seq(),
        author=author,
        text=post.text,
        created_at=chat_log.now,
        client_id=post.client_id,
        request_digest=request_digest(post.text) if post.client_id is not None else "",
    )


def _mark_own_as_read(messages: Iterable[Message], members: Mapping[tuple[int, int], Member]) -> None:
    """What came before one's own message one has read."""
    numbers = {
        (message.chat_id, message.author_id): message.number
        for message in messages
        if message.author_id is not None and message.chat.kind != Chat.Kind.CONTACT
    }
    risen = [
        value for pair, number in numbers.items() if pair in members for value in (members[pair].pk, number)
    ]
    if risen:
        with connection.cursor() as cursor:
            cursor.execute(_RAISE_MARKS.format(rows=", ".join(["(%s, %s)"] * (len(risen) // 2))), risen)
    for (chat_id, user_id), number in numbers.items():
        if (chat_id, user_id) not in members:  # somebody's first word in the feed
            Member.objects.get_or_create(
                chat_id=chat_id, user_id=user_id, defaults={"from_seq": 1, "read_number": number}
            )


def edit_message(*, user: User, chat: str, number: int, text: str) -> events.Message:
    """The edited message. Only its author may, while the chat can be written to."""
    _check_text(text)
    limits.spend("post", user.pk, per_minute=settings.POSTS_PER_MINUTE)
    with log.writing(chat) as chat_log:
        access_to(chat_log.chat, user).require_write()
        message = _message_to_change(chat_log.chat, number, access_to(chat_log.chat, user))
        if message.author_id != user.pk:
            raise Forbidden("Only its author may edit a message.", code="not_the_author")
        if message.deleted_at is not None:
            raise Conflict("The message has been deleted.", code="message_deleted")
        if message.text != text:
            message.text = text
            message.edited_at = chat_log.now
            message.save(update_fields=["text", "edited_at"])
            chat_log.append(
                events.MessageEdited,
                message_row=message,
                message_id=message.pk,
                number=message.number,
                text=text,
                edited_at=chat_log.now,
            )
            for contact in _contacts_in([chat_log.chat]).values():
                message.chat = chat_log.chat
                correct(chat_log, contact, message)
    return shapes.message(message)


def delete_message(*, user: User, chat: str, number: int) -> events.Message:
    """The message without its text: that there was one, when and by whom stays. Its author may, where they may write;
    an operator may anywhere.
    """
    with log.writing(chat) as chat_log:
        access = access_to(chat_log.chat, user)
        if not user.is_operator:
            access.require_write()
        message = _message_to_change(chat_log.chat, number, None if user.is_operator else access)
        if message.author_id != user.pk and not user.is_operator:
            raise Forbidden("Only its author may delete a message.", code="not_the_author")
        if message.deleted_at is None:
            message.text, message.extras = "", None
            message.deleted_at = chat_log.now
            message.deleted_by = user
            message.save(update_fields=["text", "extras", "deleted_at", "deleted_by"])
            if message.author_id != user.pk:
                note_deed(operator=user, to=message, called=f"message {number} of {chat}", what="Deleted.")
            log.blank(message)
            unsay(chat_log, message)
            chat_log.append(
                events.MessageDeleted,
                message_row=message,
                message_id=message.pk,
                number=message.number,
                deleted_at=chat_log.now,
                deleted_by=user.pk,
            )
    return shapes.message(message)


def _message_to_change(chat: Chat, number: int, access: Access | None) -> Message:
    visible = Message.objects.filter(chat=chat, number=number).select_related("author", "contact")
    message = (visible if access is None else visible.filter(access.visible())).first()
    if message is None:
        raise NotFound("There is no such message.", code="no_such_message")
    return message


def _check_text(text: str) -> None:
    if not text.strip():
        raise Invalid("A message needs a text.", code="empty_text", fields={"text": ["must not be empty"]})
    if len(text) > settings.MAX_TEXT_LENGTH:
        raise Invalid(
            f"A message has at most {settings.MAX_TEXT_LENGTH} characters.",
            code="text_too_long",
            fields={"text": [f"at most {settings.MAX_TEXT_LENGTH} characters"]},
        )
