"""Contacts: what is learnt of them, who answers them, and which account of ours is theirs."""

import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from messaging import events, limits, log, shapes
from messaging.access import require_operator
from messaging.actions.answers import ring_desk
from messaging.actions.audit import note_deed
from messaging.errors import Conflict, NotFound
from messaging.heard import Heard, Kind, Profile
from messaging.log import ChatLog
from messaging.models import WEB, BotState, Chat, Contact, Delivery, Inbound, LinkCode, Message, User

LINK_CODE_S = 15 * 60
LINK_PREFIX = "link_"

# All but the pace, which is the outbox's; whoever changes one of these holds the lock of the contact's chat.
_KEPT = [
    "first_name",
    "last_name",
    "username",
    "picture_url",
    "language",
    "chosen_language",
    "time_zone",
    "profile_at",
    "heard_at",
    "banned_at",
    "unreachable_at",
    "taken_by",
    "waiting_since",
    "user",
    "referral",
    "referred_by",
    "latitude",
    "longitude",
    "place",
]

_LONGEST = {
    "first_name": 100,
    "last_name": 100,
    "username": 100,
    "language": 16,
    "time_zone": 64,
    "picture_url": 500,
}


def new_contacts(inbounds: Sequence[Inbound]) -> list[Contact]:
    """The contacts, each with a chat, of people of whom these are the first that we hear. Inside a transaction."""
    contacts = []
    for inbound in inbounds:
        contact = Contact(platform=inbound.platform, account=inbound.account, external_id=inbound.person)
        note_profile(contact, Profile.model_validate(inbound.profile))
        contact.chat = Chat(kind=Chat.Kind.CONTACT, name=contact.display_name[:100])
        contacts.append(contact)
    Chat.objects.bulk_create([contact.chat for contact in contacts])
    for contact in contacts:
        contact.chat_id = contact.chat.pk
    return Contact.objects.bulk_create(contacts)


def meet_on_the_web(*, user: User, bot: User, chat: Chat) -> None:
    """The user is a contact of the bot in whose thread they are. Inside the transaction that opens the thread."""
    Contact.objects.update_or_create(
        platform=WEB,
        account=bot.bot_name,
        external_id=str(user.pk),
        defaults={"chat": chat, "user": user},  # what they are called is the user's to say
    )


@contextmanager
def changing(contact: int) -> Iterator[tuple[ChatLog, Contact]]:
    """A contact under the lock of its chat, in a durable transaction. What is changed is saved, and told to operators."""
    uri = Contact.objects.filter(pk=contact).values_list("chat__uri", flat=True).first()
    if uri is None:
        raise NotFound("There is no such contact.", code="no_such_contact")
    with log.writing(uri) as chat_log:
        row = Contact.objects.select_related("user", "taken_by").get(pk=contact)
        row.chat = chat_log.chat
        before = shapes.contact(row)
        yield chat_log, row
        keep_contact(chat_log, row, before)


def keep_contact(chat_log: ChatLog, contact: Contact, before: events.Contact) -> None:
    """Saves the contact; what operators see of it is an event."""
    contact.save(update_fields=_KEPT)
    after = shapes.contact(contact)
    if after != before and contact.platform != WEB:
        if after.name != before.name:
            Chat.objects.filter(pk=contact.chat_id).update(name=after.name[:100])
        chat_log.append(events.ContactChanged, contact=after)
        ring_desk(chat_log.chat.uri)


def ban_contact(*, operator: User, contact: int) -> Contact:
    """From now on nothing they do is answered, kept in the log or sent to them."""
    require_operator(operator)
    with changing(contact) as (chat_log, row):
        if row.banned_at is None:
            row.banned_at = timezone.now()
            _note(operator, row, "Banned.")
        row.waiting_since = None
        _skip_what_is_owed(chat_log, row, "The contact has been banned.")
    return row


def unban_contact(*, operator: User, contact: int) -> Contact:
    require_operator(operator)
    with changing(contact) as (_, row):
        if row.banned_at is not None:
            row.banned_at = None
            _note(operator, row, "Unbanned.")
    return row


def take_contact(*, operator: User, contact: int) -> Contact:
    """The operator answers from now on, not the bot. Raises `Conflict` if another one does."""
    require_operator(operator)
    with changing(contact) as (_, row):
        if row.platform == WEB:
            raise Conflict("A thread is between its two people.", code="not_a_contact_chat")
        if row.taken_by_id not in (None, operator.pk):
            raise Conflict("Another operator has taken this chat.", code="taken_by_another")
        if row.taken_by_id is None:
            row.taken_by = operator
            _note(operator, row, "Taken over from the bot.")
    return row


def hand_back_contact(*, operator: User, contact: int) -> Contact:
    """The bot answers again, and nobody is waited for. Any operator may do so: the one who took the chat may be gone."""
    require_operator(operator)
    with changing(contact) as (_, row):
        if row.taken_by is not None:
            _note(operator, row, f"Handed back to the bot; {row.taken_by.username} had taken it.")
            row.taken_by = None
        row.waiting_since = None
    return row


def _note(operator: User, contact: Contact, what: str) -> None:
    note_deed(operator=operator, to=contact, called=f"{contact.platform} contact {contact.pk}", what=what)


def learn_profile(*, contact: int, profile: Profile | None) -> None:
    """What the platform said when it was asked; None: it did not say, and is asked another time."""
    with changing(contact) as (_, row):
        row.profile_at = timezone.now()
        if profile is not None:
            note_profile(row, profile)


def learn_place(*, contact: int, place: str) -> None:
    """Where the contact's location is, in words."""
    with changing(contact) as (_, row):
        row.place = place[:200]


def note_profile(contact: Contact, profile: Profile) -> None:
    for name, value in profile.model_dump(exclude_defaults=True).items():
        if name == "time_zone" and contact.time_zone:
            continue  # they may have chosen it
        setattr(contact, name, value[: _LONGEST[name]])


def note_learned(contact: Contact, learned: Mapping[str, Any]) -> None:
    for name, value in learned.items():
        if name not in {"chosen_language", "time_zone", "latitude", "longitude", "place"}:
            raise ValueError(f"A bot does not decide a contact's {name}.")
        setattr(contact, name, value)


def note_reachability(chat_log: ChatLog, contact: Contact, *, reachable: bool) -> None:
    if reachable:
        contact.unreachable_at = None
    elif contact.unreachable_at is None:
        contact.unreachable_at = timezone.now()
        contact.waiting_since = None
        _skip_what_is_owed(chat_log, contact, "The contact has blocked the bot.")


def note_waiting(contact: Contact, since: datetime | None) -> None:
    """Whether they wait for a person: the bot cannot answer, or does not because an operator has taken the chat."""
    if contact.platform != WEB:
        contact.waiting_since = since and (contact.waiting_since or since)


def note_referral(contact: Contact, heard: Heard) -> None:
    """What first led somebody here: kept once, when they are new, and never one's own id."""
    came_by_link = heard.kind in (Kind.REFERRAL, Kind.BUTTON) or heard.command == "start"
    payload = heard.argument[:100] if came_by_link else ""
    if (
        not payload
        or contact.heard_at is not None
        or contact.referral
        or payload == contact.external_id
        or payload.startswith(LINK_PREFIX)
    ):
        return
    contact.referral = payload
    contact.referred_by = Contact.objects.filter(
        platform=contact.platform, account=contact.account, external_id=payload
    ).first()


def _skip_what_is_owed(chat_log: ChatLog, contact: Contact, reason: str) -> None:
    """What waits to be sent to them never will be."""
    owed = Delivery.objects.filter(contact=contact, state=Delivery.State.WAITING)
    numbers = dict(owed.values_list("message_id", "message__number"))
    if numbers:
        skipped = Delivery.State.SKIPPED
        owed.update(state=skipped, reason=reason, leased_until=None)
        Message.objects.filter(pk__in=numbers).update(delivery=skipped.value)
        chat_log.append(
            events.DeliveryChanged, numbers=sorted(numbers.values()), state=skipped.value, reason=reason
        )


# Links: the code is made for one side and brought by the other.


def create_link_code(*, user: User) -> str:
    """A code that the user sends to a bot (`/start link_…`), within a quarter of an hour."""
    limits.spend("create", user.pk, per_minute=settings.POSTS_PER_MINUTE)
    return _new_code(user=user)


def code_for_contact(contact: Contact) -> str:
    """A code that the contact opens as a link while signed in. Inside a transaction."""
    return _new_code(contact=contact)


def _new_code(**whose: Any) -> str:
    code = secrets.token_urlsafe(18)
    expires_at = timezone.now() + timedelta(seconds=LINK_CODE_S)
    LinkCode.objects.create(digest=_digest(code), expires_at=expires_at, **whose)
    return code


def bring_code(contact: Contact, code: str) -> User | None:
    """The account that the contact is linked with now; None for a code that does not hold. Inside a transaction in which
    the contact is saved.
    """
    found = _spend(code, user__isnull=False, user__is_active=True)
    if found is None or contact.platform == WEB:
        return None
    contact.user = found.user
    return found.user


def link_contact(*, user: User, code: str) -> Contact:
    """Links the contact who was given the code with this account. Raises `NotFound`."""
    with transaction.atomic():
        found = LinkCode.objects.filter(digest=_digest(code), contact__isnull=False).first()
    if found is None or found.contact_id is None:
        raise _unknown_code()
    with changing(found.contact_id) as (_, row):
        if _spend(code, contact=row) is None or row.platform == WEB:
            raise _unknown_code()
        row.user = user
    return row


def unlink_contact(*, user: User, contact: int) -> None:
    """The contact is nobody's account any more. Its account's person may, and operators."""
    with changing(contact) as (_, row):
        if row.platform == WEB or (row.user_id != user.pk and not user.is_operator):
            raise NotFound("There is no such contact.", code="no_such_contact")
        if row.user_id not in (None, user.pk):
            _note(user, row, "Unlinked from its account.")
        row.user = None


def leave_account(contact: Contact) -> None:
    """The same, as the contact wishes. Inside a transaction in which the contact is saved."""
    contact.user = None


def forget_contacts(*, user: User) -> None:
    """The account ends: its links are undone, and what bots knew of it in threads is forgotten."""
    for contact in Contact.objects.filter(user=user):
        if contact.platform == WEB:
            with changing(contact.pk) as (_, row):
                row.chosen_language = row.time_zone = row.place = row.referral = ""
                row.latitude = row.longitude = None
                BotState.objects.filter(contact=row).delete()
        else:
            unlink_contact(user=user, contact=contact.pk)


def _spend(code: str, **conditions: Any) -> LinkCode | None:
    found = (
        LinkCode.objects.filter(digest=_digest(code), expires_at__gt=timezone.now(), **conditions)
        .select_related("user")
        .first()
    )
    if found is None or not LinkCode.objects.filter(pk=found.pk).delete()[0]:
        return None
    return found


def _digest(code: str) -> str:
    return hashlib.sha256(re.sub(f"^{LINK_PREFIX}", "", code.strip()).encode()).hexdigest()


def _unknown_code() -> NotFound:
    return NotFound("That code is not known, or no longer.", code="no_such_code")
