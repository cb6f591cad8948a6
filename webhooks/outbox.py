"""The outbox: sends what we owe contacts, in order for each, for many side by side, as fast as platforms allow.

A delivery is sent at least once: repeated only where the platform's answer did not reach us, or a process ended between
it and our record. A delivery's `lost` counts how often that may have been.
"""

import asyncio
import logging
import random
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings

from messaging.actions.deliveries import (
    Owed,
    claim_deliveries,
    pause_account,
    record_refused,
    record_retry,
    record_sent,
)
from messaging.content import Typing
from messaging.database import DatabaseThreads
from messaging.heard import Profile
from webhooks.platforms import PLATFORMS
from webhooks.platforms.base import Outgoing, Platform, Refused, RetryAt, SendOutcome, Sent
from webhooks.platforms.calls import new_client

if TYPE_CHECKING:
    from messaging.models import Contact

logger = logging.getLogger("parley.outbox")

T = TypeVar("T")

AT_ONCE = 64
# Under load a claim for each that is sent would cost more than it brings.
CLAIM_FROM = 16
POLL_S = 0.25
FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 300.0
# Of the lease; what takes longer than an adapter should is broken off while the delivery is still ours.
SEND_WITHIN = 0.45


class Outbox:
    """One per worker."""

    def __init__(
        self, threads: DatabaseThreads, wake: asyncio.Event, platforms: Mapping[str, Platform] = PLATFORMS
    ) -> None:
        if settings.PLATFORM_TIMEOUT_S > settings.WORKER_LEASE_S * SEND_WITHIN:
            raise ValueError("PLATFORM_TIMEOUT_S must be less than half of WORKER_LEASE_S.")
        self._threads = threads
        self._wake = wake
        self._platforms = platforms
        self._tasks: set[asyncio.Task[None]] = set()
        self._client = new_client()

    async def work(self, stop: asyncio.Event) -> None:
        """Works until told to stop; what is being sent then is sent and recorded."""
        async with self._client:
            while not stop.is_set():
                self._wake.clear()
                claimed = False
                for platform in self._platforms.values():
                    for account in platform.accounts():
                        claimed |= await self._claim(platform, account)
                if not claimed:
                    await self._wait()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def _claim(self, platform: Platform, account: str) -> bool:
        free = AT_ONCE - len(self._tasks)
        if free < CLAIM_FROM:
            return False
        limits = platform.limits
        try:
            owed = await self._threads.run(
                claim_deliveries,
                platform=platform.name,
                account=account,
                limit=free,
                per_second=limits.per_second,
                chat_interval_s=limits.chat_interval_s,
                chat_burst=limits.chat_burst,
            )
        except Exception:
            # The database may be away: what is owed stays owed.
            logger.exception("The outbox can't be read, trying again.")
            return False
        for each in owed:
            task = asyncio.create_task(self._deliver(platform, each))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        return bool(owed)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()  # the next for this contact may be waiting

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(POLL_S):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _deliver(self, platform: Platform, owed: Owed) -> None:
        outcome = await self._send(platform, owed)
        try:
            if not await self._record(owed, outcome):
                logger.warning("Delivery %d took longer than its lease.", owed.delivery.pk)
        except Exception:
            # Its lease will end, and it will be sent once more.
            logger.exception("What came of delivery %d could not be recorded.", owed.delivery.pk)

    async def _send(self, platform: Platform, owed: Owed) -> SendOutcome:
        contact = owed.contact
        outgoing = Outgoing(
            account=contact.account,
            person=contact.external_id,
            content=owed.content,
            edits=owed.delivery.edits,
            sent_before=tuple(owed.delivery.external_ids),
            by_human=owed.by_human,
            heard_at=contact.heard_at,
        )
        try:
            async with asyncio.timeout(settings.WORKER_LEASE_S * SEND_WITHIN):
                return await platform.send(self._client, outgoing)
        except TimeoutError:
            return RetryAt(None, "The platform did not answer in time.", is_unknown=True)
        except Exception as error:
            # The adapter's defect; its text may hold anything.
            logger.exception("Delivery %d could not be sent.", owed.delivery.pk)
            return RetryAt(LONGEST_RETRY_S, f"A defect in the adapter: {type(error).__name__}.")

    async def _record(self, owed: Owed, outcome: SendOutcome) -> bool:
        match outcome:
            case Sent():
                return await self._threads.run(record_sent, owed, external_ids=outcome.external_ids)
            case Refused():
                logger.info("Delivery %d is refused: %s", owed.delivery.pk, outcome.code)
                return await self._threads.run(
                    record_refused,
                    owed,
                    code=outcome.code,
                    reason=outcome.sentence,
                    unreachable=outcome.unreachable,
                    skipped=outcome.skipped,
                    sent=outcome.sent,
                )
        seconds = outcome.seconds if outcome.seconds is not None else _back_off_s(owed.delivery.attempts)
        if outcome.whole_account:
            await self._threads.run(
                pause_account,
                platform=owed.contact.platform,
                account=owed.contact.account,
                seconds=seconds,
                reason=outcome.reason,
            )
        return await self._threads.run(
            record_retry,
            owed,
            seconds=seconds,
            reason=outcome.reason,
            sent=outcome.sent,
            is_unknown=outcome.is_unknown,
        )

    # For the inbox: losable

    async def show_typing(self, contact: "Contact") -> None:
        if (platform := self._speaking_for(contact)) is not None:
            outgoing = Outgoing(account=contact.account, person=contact.external_id, content=Typing())
            await self._quietly(platform.send(self._client, outgoing))

    async def acknowledge(self, contact: "Contact", acknowledge: str) -> None:
        if (platform := self._speaking_for(contact)) is not None:
            await self._quietly(platform.acknowledge(self._client, contact.account, acknowledge))

    async def profile(self, contact: "Contact") -> Profile | None:
        if (platform := self._speaking_for(contact)) is None:
            return None
        return await self._quietly(platform.profile(self._client, contact.account, contact.external_id))

    def _speaking_for(self, contact: "Contact") -> Platform | None:
        platform = self._platforms.get(contact.platform)
        return platform if platform is not None and contact.account in platform.accounts() else None

    async def _quietly(self, asked: Coroutine[Any, Any, T]) -> T | None:
        try:
            async with asyncio.timeout(settings.PLATFORM_TIMEOUT_S):
                return await asked
        except Exception as error:
            logger.info("A platform could not be asked: %s", type(error).__name__)
            return None


def _back_off_s(attempts: int) -> float:
    """Twice as long each time, and never for two at the same moment."""
    longest = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2.0 ** max(0, attempts - 1))
    return longest * random.uniform(0.5, 1.0)
