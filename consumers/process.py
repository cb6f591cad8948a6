"""What there is once per process for its live connections: the hub, the heartbeat, presence, and what they share."""

from django.conf import settings

from consumers.admission import Admission
from consumers.heartbeat import Heartbeat
from consumers.hub import Hub
from consumers.presence import Presence
from consumers.seen import Seen
from consumers.slices import Slices
from messaging.crowd import database, posts
from messaging.queries.credentials import Credential, credential_of_token, credentials_of_tokens
from messaging.queries.events import Opened, Opening, open_streams, open_together
from messaging.together import PerLoop, Together


class LiveProcess:
    """See the module. Each part starts with its first use."""

    def __init__(self) -> None:
        self.slices = Slices()
        self.hub = Hub(self.slices)
        self.heartbeat = Heartbeat()
        self.presence = Presence(settings.REDIS_URL)
        self.admission = Admission(settings.REDIS_URL)
        self.posts = posts()
        # Tokens shown by those who connect: after a deploy all of them do at once.
        self.tokens: Together[str, Credential] = Together(
            credentials_of_tokens, credential_of_token, is_repeatable=lambda token: True, threads=database
        )
        # The streams that they follow: in a room of thousands they have missed the same.
        self.openings: Together[Opening, dict[str, Opened]] = Together(
            open_together, _open_alone, is_repeatable=lambda opening: True, threads=database
        )
        self.seen = Seen()


def _open_alone(opening: Opening) -> dict[str, Opened]:
    return open_streams(opening.user, opening.wanted)


live_process = PerLoop(LiveProcess)
"""This process's: one event loop serves, and one loop has one."""
