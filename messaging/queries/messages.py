"""Messages of a chat, page by page in both directions."""

from django.db.models import QuerySet

from messaging import shapes
from messaging.access import Access
from messaging.errors import Invalid, NotFound
from messaging.events import Message as MessageShape
from messaging.events import Position, Shape
from messaging.models import Document, Message
from messaging.queries import positions

MAX_PAGE = 100


class MessagePage(Shape):
    """Messages in the order of their numbers. Subscribe from `position`: it was read before the messages were."""

    messages: list[MessageShape]
    position: Position
    has_older: bool
    has_newer: bool


def messages_of(
    access: Access,
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> MessagePage:
    """The newest page, or the one that ends before a number, begins after it, or has it in the middle."""
    access.require_read()
    if sum(bound is not None for bound in (before, after, around)) > 1:
        raise Invalid("Give one of `before`, `after` and `around`, not several.")
    limit = min(max(limit, 1), MAX_PAGE)
    position = positions.position_of(access.chat)
    visible = Message.objects.filter(access.visible(), chat=access.chat).select_related("author", "contact")
    if around is not None:
        older = _older(visible.filter(number__lte=around), limit // 2 + 1)
        newer = list(visible.filter(number__gt=around).order_by("number")[: limit // 2])
        rows = older + newer
    elif after is not None:
        rows = list(visible.filter(number__gt=after).order_by("number")[:limit])
    else:
        rows = _older(visible if before is None else visible.filter(number__lt=before), limit)
    first, last = (rows[0].number, rows[-1].number) if rows else _empty_edge(before, after)
    return MessagePage(
        messages=[shapes.message(row) for row in rows],
        position=position,
        has_older=visible.filter(number__lt=first).exists(),
        # What is posted while this is read comes after the position: not on a page further on, but live.
        has_newer=visible.filter(number__gt=last, seq__lte=position.seq).exists(),
    )


def _older(rows: QuerySet[Message], limit: int) -> list[Message]:
    return list(rows.order_by("-number")[:limit])[::-1]


def _empty_edge(before: int | None, after: int | None) -> tuple[int, int]:
    if before is not None:
        return before, before - 1
    return (after or 0) + 1, after or 0


def message_numbered(access: Access, number: int) -> Message:
    """Raises `NotFound` for a message that is not there or not theirs to see."""
    access.require_read()
    row = (
        Message.objects.filter(access.visible(), chat=access.chat, number=number)
        .select_related("author", "contact")
        .first()
    )
    if row is None:
        raise NotFound("There is no such message.", code="no_such_message")
    return row


def document_of(access: Access, number: int) -> tuple[str, str]:
    """The name and the content of the file that a message is. Raises `NotFound` if it is none."""
    row = message_numbered(access, number)
    document = Document.objects.filter(message=row).first()
    if document is None or row.extras is None:
        raise NotFound("There is no such file.", code="no_such_file")
    return row.extras["name"], document.content
