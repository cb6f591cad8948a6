"""Rows as the shapes we send: the one place that turns a user, a message or an event row into what clients see."""

from collections.abc import Iterable
from typing import cast

from messaging.events import Contact as ContactShape
from messaging.events import DeliveryState, Person, Reference, encode, people_in, wire_form
from messaging.events import Message as MessageShape
from messaging.models import Chat, Contact, Event, Message, User


def person(user: User, *, own: bool = False) -> Person:
    """`own`: seen by themselves, with the e-mail address."""
    if user.deleted_at:
        return Person(id=user.pk, username=user.display_name, deleted=True)
    return Person(
        id=user.pk,
        username=user.username,
        email=user.email if own else "",
        first_name=user.first_name,
        last_name=user.last_name,
        is_bot=user.is_bot,
    )


def contact_as_person(contact: Contact) -> Person:
    """A contact as the author of what they said."""
    return Person(
        id=-contact.pk,
        username=contact.display_name,
        first_name=contact.first_name,
        last_name=contact.last_name,
        is_contact=True,
    )


def contact(row: Contact) -> ContactShape:
    """As operators see them. `taken_by` and `user` must be loaded (`select_related`)."""
    return ContactShape(
        id=row.pk,
        platform=row.platform,
        account=row.account,
        name=row.display_name,
        username=row.username,
        picture_url=row.picture_url,
        language=row.speaks,
        banned=row.banned_at is not None,
        unreachable=row.unreachable_at is not None,
        taken_by=person(row.taken_by) if row.taken_by else None,
        linked_to=person(row.user) if row.user else None,
    )


def message(row: Message) -> MessageShape:
    """The row's author or contact must be loaded (`select_related`)."""
    return MessageShape(
        id=row.pk,
        number=row.number,
        seq=row.seq,
        author=author_of(row),
        text=row.text,
        extras=row.extras,
        created_at=row.created_at,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by_id,
        client_id=row.client_id,
        delivery=cast(DeliveryState | None, row.delivery or None),
    )


def author_of(row: Message) -> Person:
    if row.contact is not None:
        return contact_as_person(row.contact)
    assert row.author is not None, "A message has one author."
    return person(row.author)


def encoded_events(chat: Chat, rows: Iterable[Event]) -> list[tuple[int, list[int], bytes]]:
    """`(seq, ends, wire form as JSON)` of each row, in the given order; one query each for all users and contacts in them."""
    rows = list(rows)
    people = _people({reference for row in rows for reference in people_in(row.data)})
    return [
        (
            row.seq,
            row.ends,
            encode(
                wire_form(
                    type=row.type,
                    chat=chat.uri,
                    seq=row.seq,
                    at=row.at,
                    ends=row.ends,
                    stored=row.data,
                    people=people,
                )
            ),
        )
        for row in rows
    ]


def _people(wanted: set[Reference]) -> dict[Reference, Person]:
    users = [pk for kind, pk in wanted if kind == "user_id"]
    contacts = [pk for kind, pk in wanted if kind == "contact_id"]
    people: dict[Reference, Person] = {}
    if users:
        people |= {("user_id", row.pk): person(row) for row in User.objects.filter(pk__in=users)}
    if contacts:
        rows = Contact.objects.filter(pk__in=contacts)
        people |= {("contact_id", row.pk): contact_as_person(row) for row in rows}
    return people
