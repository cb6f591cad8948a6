"""Rows as the shapes we send: the one place that turns a user, a message or an event row into what clients see."""

from collections.abc import Iterable

from messaging.events import Message as MessageShape
from messaging.events import Person, encode, people_in, wire_form
from messaging.models import Chat, Event, Message, User


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


def message(row: Message) -> MessageShape:
    """The row's author must be loaded (`select_related`)."""
    return MessageShape(
        id=row.pk,
        number=row.number,
        seq=row.seq,
        author=person(row.author),
        text=row.text,
        created_at=row.created_at,
        edited_at=row.edited_at,
        deleted_at=row.deleted_at,
        deleted_by=row.deleted_by_id,
        client_id=row.client_id,
    )


def encoded_events(chat: Chat, rows: Iterable[Event]) -> list[tuple[int, list[int], bytes]]:
    """`(seq, ends, wire form as JSON)` of each row, in the given order; one query for all the people in them."""
    rows = list(rows)
    wanted = {user_id for row in rows for user_id in people_in(row.data)}
    people = {user.pk: person(user) for user in User.objects.filter(pk__in=wanted)} if wanted else {}
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
