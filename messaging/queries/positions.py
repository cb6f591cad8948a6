"""Where the logs stand: the epoch, the heads, and what the hub compares with the database."""

from collections.abc import Iterable
from dataclasses import dataclass

from messaging.events import Position
from messaging.models import Chat, Deployment, User


@dataclass(frozen=True)
class UserVersions:
    access: int
    list: int
    active: bool


def epoch() -> str:
    """The epoch that dates every position of this deployment."""
    return Deployment.objects.values_list("epoch", flat=True).get(pk=1)


def position_of(chat: Chat) -> Position:
    """Where the chat's log stood when `chat` was read: read what is in it after this, never before."""
    return Position(epoch=epoch(), seq=chat.last_seq)


def heads(uris: Iterable[str]) -> dict[str, int]:
    """The last `seq` of each chat; one statement."""
    return dict(Chat.objects.filter(uri__in=list(uris)).values_list("uri", "last_seq"))


def user_versions(user_ids: Iterable[int]) -> dict[int, UserVersions]:
    """What to compare with live connections of these users; one statement."""
    rows = User.objects.filter(pk__in=list(user_ids)).values_list(
        "pk", "access_version", "list_version", "is_active"
    )
    return {pk: UserVersions(access, listed, active) for pk, access, listed, active in rows}
