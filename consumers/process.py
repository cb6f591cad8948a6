"""What there is once per process for its live connections: the hub, the heartbeat, presence, and what they share."""

import asyncio
from weakref import WeakKeyDictionary

from django.conf import settings

from consumers import together
from consumers.admission import Admission
from consumers.heartbeat import Heartbeat
from consumers.hub import Hub
from consumers.presence import Presence
from consumers.seen import Seen


class LiveProcess:
    """See the module. Each part starts with its first use."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.heartbeat = Heartbeat()
        self.presence = Presence(settings.REDIS_URL)
        self.admission = Admission(settings.REDIS_URL)
        self.posts = together.posts()
        self.tokens = together.tokens()
        self.seen = Seen()


_processes: WeakKeyDictionary[asyncio.AbstractEventLoop, LiveProcess] = WeakKeyDictionary()


def live_process() -> LiveProcess:
    """This process's: one event loop serves, and one loop has one."""
    loop = asyncio.get_running_loop()
    process = _processes.get(loop)
    if process is None:
        process = _processes[loop] = LiveProcess()
    return process
