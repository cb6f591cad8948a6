"""Fills Parley's database for the benchmarks: people, a token for each, and a first message in the feed.

Prints a line for each: the token, a tab, the user's id.
"""

# First, because the others look at the settings when they are imported.
import asgi_app.boot  # noqa: F401  # isort: skip

import sys

from django.core.management import call_command
from django.utils import timezone
from knox.crypto import hash_token
from knox.models import get_digest_token
from knox.settings import CONSTANTS, knox_settings

from messaging.actions.messages import post_message
from messaging.commands import FEED_URI
from messaging.models import Chat, Member, Token, User


def make_people(count: int) -> list[tuple[str, User]]:
    """As signing up would, without a password: hashing thousands would take minutes."""
    users = User.objects.bulk_create(
        [User(username=f"person{number}", password="!") for number in range(count)]
    )
    feed = Chat.objects.get(uri=FEED_URI)
    Member.objects.bulk_create([Member(chat=feed, user=user, from_seq=1) for user in users])
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


if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    people = make_people(int(sys.argv[1]))
    post_message(user=people[0][1], chat=FEED_URI, text="The first message.")
    for token, user in people:
        print(f"{token}\t{user.pk}")
