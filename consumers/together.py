"""What live connections ask for together: posts, and the tokens they show."""

from consumers.database import database
from messaging.actions.messages import Post, post_alone, post_messages
from messaging.events import Message
from messaging.queries.credentials import Credential, credential_of_token, credentials_of_tokens
from messaging.together import Together


def posts() -> Together[Post, Message]:
    """Posts, committed together. A chat that somebody else has locked holds up nobody but its own."""
    return Together(
        post_messages, post_alone, is_repeatable=lambda post: post.client_id is not None, threads=database
    )


def tokens() -> Together[str, Credential]:
    """Tokens shown by those who connect: after a deploy all of them do at once."""
    return Together(
        credentials_of_tokens, credential_of_token, is_repeatable=lambda token: True, threads=database
    )
