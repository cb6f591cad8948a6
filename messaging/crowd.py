"""What a crowd does in this process at once: the database threads for it, and its posts, committed together whichever door
they came by.

These threads are apart from those of HTTP requests: neither starves the other.
"""

from django.conf import settings

from messaging.actions.messages import Post, post_alone, post_messages
from messaging.database import DatabaseThreads
from messaging.events import Message
from messaging.together import PerLoop, Together

database = DatabaseThreads("live", settings.LIVE_THREADS)


def _posts() -> Together[Post, Message]:
    return Together(
        post_messages, post_alone, is_repeatable=lambda post: post.client_id is not None, threads=database
    )


posts = PerLoop(_posts)
"""A chat that somebody else has locked holds up nobody but its own."""
