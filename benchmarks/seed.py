"""Fills Parley's database for the benchmarks: people, a token for each, chats, and a first message in the feed.

`python -m benchmarks.seed PEOPLE THREADS` prints JSON: `people`, a list of [token, user's id]; `room`, the uri of a room of
which all are members; `threads`, the uris of threads, of which number n is of person n and person n + THREADS.
"""

# First, because the others look at the settings when they are imported.
import asgi_app.boot  # noqa: F401  # isort: skip

import json
import sys

from django.core.management import call_command
from django.utils import timezone
from knox.crypto import hash_token
from knox.models import get_digest_token
from knox.settings import CONSTANTS, knox_settings

from messaging.actions.chats import create_room
from messaging.actions.messages import post_message
from messaging.actions.threads import open_thread
from messaging.commands import FEED_URI
from messaging.models import Chat, Member, Token, User


def make_people(count: int) -> list[tuple[str, User]]:
    """As signing up would, without a password: hashing thousands would take minutes."""
    users = User.objects.bulk_create(
        [User(username=f"person{number}", password="!") for number in range(count)]
    )
    join(Chat.objects.get(uri=FEED_URI), users)
    shown = [get_digest_token()[1] for _ in users]
    expiry = timezone.now() + knox_settings.TOKEN_TTL
    Token.objects.bulk_create(
        [
            Token(
                token_key=token[: CONSTANTS.TOKEN_KEY_LENGTH],
                digest=hash_token(token),
                user=user,
                expiry=expiry,
            )
            for token, user in zip(shown, users, strict=True)
        ]
    )
    return list(zip(shown, users, strict=True))


def join(chat: Chat, users: list[User]) -> None:
    Member.objects.bulk_create([Member(chat=chat, user=user, from_seq=1) for user in users])


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    people, threads = int(sys.argv[1]), int(sys.argv[2])
    made = make_people(people)
    users = [user for _, user in made]
    post_message(user=users[0], chat=FEED_URI, text="The first message.")
    room = create_room(user=users[0], name="Everybody")
    join(room, users[1:])
    post_message(user=users[0], chat=room.uri, text="The first message.")
    opened = [
        open_thread(user=users[number], username=users[number + threads].username)[0]
        for number in range(threads)
    ]
    facts = {
        "people": [[token, user.pk] for token, user in made],
        "room": room.uri,
        "threads": [thread.uri for thread in opened],
    }
    print(json.dumps(facts))
