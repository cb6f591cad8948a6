"""What is done to the whole deployment, and to one that is for tests."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.db import transaction

from messaging.actions.accounts import create_token
from messaging.actions.chats import add_member, create_room
from messaging.actions.threads import open_thread
from messaging.errors import Conflict
from messaging.models import Deployment, Message, User
from messaging.models.deployment import new_epoch


def bump_epoch() -> str:
    """A new epoch: every client starts over from a fresh read. After a restore from a backup, numbers may repeat."""
    epoch = new_epoch()
    Deployment.objects.filter(pk=1).update(epoch=epoch)
    return epoch


def mark_for_tests() -> None:
    """Simulated people may come from now on, for ever. Raises `Conflict` where real ones may have been."""
    if Message.objects.exists():
        raise Conflict(
            "Somebody has said something here: this is no database for tests.", code="not_for_tests"
        )
    Deployment.objects.filter(pk=1).update(for_tests=True)


def require_for_tests() -> None:
    """Raises `Conflict` unless the database has been marked."""
    if not Deployment.objects.filter(pk=1, for_tests=True).exists():
        raise Conflict(
            "This database is not marked for tests: simulated people would talk among real ones. If it is one, run "
            "manage.py mark_for_tests first.",
            code="not_for_tests",
        )


@dataclass(frozen=True)
class Actor:
    """A simulated person and the token of their device."""

    id: int
    username: str
    token: str


def make_actors(name: str, count: int) -> list[Actor]:
    """Accounts that nobody can sign in to but by these tokens."""
    require_for_tests()
    with transaction.atomic(durable=True):
        users = User.objects.bulk_create(
            User(username=f"{name}-{number}", password=make_password(None)) for number in range(1, count + 1)
        )
        return [Actor(user.pk, user.username, create_token(user=user, name="storm")[1]) for user in users]


def make_actors_room(actors: Sequence[Actor]) -> str:
    """The uri of a room that all of them are in."""
    require_for_tests()
    owner, *others = _users(actors)
    uri = create_room(user=owner, name="storm").uri
    for other in others:
        add_member(user=owner, chat=uri, username=other.username)
    return uri


def make_actors_thread(actors: Sequence[Actor]) -> str:
    """The uri of the thread between the two."""
    require_for_tests()
    one, other = _users(actors)
    return open_thread(user=one, username=other.username)[0].uri


def _users(actors: Sequence[Actor]) -> list[User]:
    users = User.objects.in_bulk([actor.id for actor in actors])
    return [users[actor.id] for actor in actors]
