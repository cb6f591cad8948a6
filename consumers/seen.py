"""Which devices have live connections here: noted now and then, all that have come up since together in one write."""

import asyncio
import logging
import time

from messaging.actions.devices import SEEN_EVERY, note_seen
from messaging.crowd import database
from messaging.queries.credentials import Credential

logger = logging.getLogger("parley.seen")

# After a deploy everybody comes back at once.
GATHERS_S = 0.5
MAX_AT_ONCE = 1000


class Seen:
    """`note` may be called as often as one likes: the database hears of a device once in `SEEN_EVERY`."""

    def __init__(self) -> None:
        self._noted_at: dict[tuple[str, str], float] = {}
        self._waiting: set[tuple[str, str]] = set()
        self._writing: asyncio.Task[None] | None = None

    def note(self, credential: Credential) -> None:
        device, now = (credential.kind, credential.key), time.monotonic()
        if now - self._noted_at.get(device, float("-inf")) < SEEN_EVERY.total_seconds():
            return
        self._noted_at[device] = now
        self._waiting.add(device)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(GATHERS_S)
                waiting, self._waiting = self._waiting, set()
                for devices in _chunks(sorted(waiting)):
                    await database.run(
                        note_seen,
                        digests=[key for kind, key in devices if kind == "token"],
                        session_keys=[key for kind, key in devices if kind == "session"],
                    )
        except Exception as error:
            # They are noted again in a while; nothing else depends on it.
            logger.warning("When devices were seen could not be written down: %r", error)
        finally:
            self._writing = None
            self._forget()

    def _forget(self) -> None:
        """Whoever has gone is not remembered for ever."""
        before = time.monotonic() - SEEN_EVERY.total_seconds()
        self._noted_at = {device: at for device, at in self._noted_at.items() if at > before}


def _chunks(devices: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [devices[start : start + MAX_AT_ONCE] for start in range(0, len(devices), MAX_AT_ONCE)]
