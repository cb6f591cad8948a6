"""Owns who takes part and where: accounts with a token each, and the room they meet in."""

from dataclasses import dataclass

from messaging.actions.accounts import create_token, sign_up
from messaging.actions.chats import add_member, create_room
from messaging.models import User
from tests.conftest import PASSWORD


@dataclass(frozen=True)
class Person:
    """An account, and the token of its one device."""

    id: int
    username: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.token}"}


def make_person(username: str) -> Person:
    user = sign_up(username=username, password=PASSWORD)
    _, token = create_token(user=user)
    return Person(user.pk, username, token)


def make_people(count: int) -> list[Person]:
    return [make_person(f"person-{number}") for number in range(1, count + 1)]


def make_room(people: list[Person]) -> str:
    """The uri of a room that all of them are in; the first owns it."""
    owner, *others = (User.objects.get(pk=person.id) for person in people)
    room = create_room(user=owner)
    for other in others:
        add_member(user=other, chat=room.uri)
    return room.uri
