"""A room and a thread of alice and bob; after every test each log must be sound."""

from collections.abc import Iterator

import pytest

from messaging.actions.chats import add_member, create_room
from messaging.actions.threads import open_thread
from messaging.models import Chat, User
from tests.messaging.soundness import assert_every_log_is_sound


@pytest.fixture(autouse=True)
def _every_log_is_sound(request: pytest.FixtureRequest) -> Iterator[None]:
    uses_database = {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker(
        "django_db"
    )
    if uses_database:
        request.getfixturevalue("_django_db_helper")
    yield
    if uses_database:
        assert_every_log_is_sound()


@pytest.fixture
def room(alice: User, bob: User) -> str:
    """Alice's room, with bob in it."""
    uri = create_room(user=alice, name="Poetry").uri
    add_member(user=bob, chat=uri)
    return uri


@pytest.fixture
def thread(alice: User, bob: User) -> Chat:
    """The thread that alice opened with bob."""
    return open_thread(user=alice, username="bob")[0]
