"""A platform for the tests, in memory: it takes what it is sent, or does what it is told to do instead."""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from typing import Any

import httpx

from messaging.content import AnyContent
from messaging.heard import Arrival, Profile
from webhooks.platforms.base import Limits, Outgoing, SendOutcome, Sent


class Paper:
    """The edge of the house, and the only part of it that is not real."""

    name = "paper"
    edits = True

    def __init__(self) -> None:
        self.limits = Limits(per_second=1000, chat_interval_s=0.001, chat_burst=100)
        self.sent: defaultdict[str, list[Outgoing]] = defaultdict(list)
        self.acknowledged: list[str] = []
        self.answers: deque[SendOutcome] = deque()
        self.told_all = asyncio.Event()
        """Whether all of `answers` have been given."""
        self.profiles: dict[str, Profile] = {}
        self.asked_for: list[str] = []
        """Whose profiles."""
        self.sent_at: list[float] = []
        """When each was sent, by the monotonic clock; not that somebody types, which may be at any time."""
        self.pause_s = 0.0
        self._number = 0

    def texts(self, person: str) -> list[str]:
        return [each.content.text for each in self.sent[person] if each.content.kind != "typing"]

    def accounts(self) -> list[str]:
        return ["parrot"]

    def parse(self, account: str, body: Mapping[str, Any]) -> list[Arrival]:
        raise NotImplementedError

    def check(self, content: AnyContent) -> None:
        """Paper takes anything."""

    async def send(self, client: httpx.AsyncClient, outgoing: Outgoing) -> SendOutcome:
        await asyncio.sleep(self.pause_s)
        if self.answers and outgoing.content.kind != "typing":
            answer = self.answers.popleft()
            if not self.answers:
                self.told_all.set()
            if not isinstance(answer, Sent):
                return answer
        self.sent[outgoing.person].append(outgoing)
        if outgoing.content.kind != "typing":
            self.sent_at.append(time.monotonic())
        self._number += 1
        return Sent((outgoing.edits or f"paper-{self._number}",))

    async def acknowledge(self, client: httpx.AsyncClient, account: str, acknowledge: str) -> None:
        self.acknowledged.append(acknowledge)

    async def profile(self, client: httpx.AsyncClient, account: str, person: str) -> Profile | None:
        self.asked_for.append(person)
        return self.profiles.get(person)
