"""Owns numbers that rise and that tasks of the event loop can wait for."""

import asyncio


class Progress:
    """How far something is."""

    def __init__(self, value: int = 0) -> None:
        self.value = value
        self._risen = asyncio.Event()

    def rise(self, value: int) -> None:
        """To `value`, unless it is further already."""
        if value > self.value:
            self.value = value
            self._risen.set()
            self._risen = asyncio.Event()

    def step(self) -> None:
        self.rise(self.value + 1)

    async def reaches(self, value: int) -> None:
        while self.value < value:
            await self._risen.wait()
