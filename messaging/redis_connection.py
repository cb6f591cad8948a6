"""The connections on which the channel layer talks to Redis."""

import redis.asyncio


class Connection(redis.asyncio.Connection):
    """Looked at before each use, without redis-py's turn of the event loop in which nothing comes: a third of what it takes to
    ring for an event.
    """

    async def can_read_destructive(self) -> bool:
        """Whether Redis has closed it. tests/messaging/test_redis_connection.py notices if that has no effect any more."""
        return self._reader is None or self._reader.at_eof()
