"""The inbox: claims what contacts did, has their bot answer it, and sets aside what fails.

Each inbound is handled once: what its handler wrote, what it answered and that it is done are one transaction
(`messaging/actions/inbounds.py`). Of one contact they are handled in order, of many side by side.
"""

import asyncio
import inspect
import logging
import time
import traceback
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from bots.bot import WEB, Bot, Choice, Turn, bot_for, bots, contents_of
from messaging.actions.answers import send_to_contact
from messaging.actions.bots import enlist_bots
from messaging.actions.chats import announce_typing
from messaging.actions.contacts import learn_profile, note_learned
from messaging.actions.inbounds import (
    MAX_ATTEMPTS,
    Claimed,
    LeaseLost,
    Situation,
    StateMoved,
    claim_inbounds,
    handle_inbound,
    hear_inbound,
    park_inbound,
)
from messaging.actions.messages import post_message
from messaging.content import AnyContent, Text
from messaging.database import DatabaseThreads
from messaging.errors import ParleyError
from messaging.heard import ANSWERABLE, Profile
from messaging.queries.contacts import contact_of_chat, settings_of_bot

if TYPE_CHECKING:
    from messaging.models import Contact, User

logger = logging.getLogger("parley.inbox")

AT_ONCE = 32
# Under load a claim for each that is done would cost more than it brings.
CLAIM_FROM = 8
POLL_S = 0.25
TYPING_AFTER_S = 0.5
SETTINGS_FOR_S = 3.0
# Names change, and the addresses of pictures end.
PROFILE_FOR = timedelta(days=7)
TRIES_WITH_MOVING_STATE = 3


class Line(Protocol):
    """What the inbox asks of the platforms. Losable: raises nothing."""

    async def show_typing(self, contact: "Contact") -> None: ...

    async def acknowledge(self, contact: "Contact", acknowledge: str) -> None: ...

    async def profile(self, contact: "Contact") -> Profile | None: ...


class Inbox:
    """One per worker."""

    def __init__(self, threads: DatabaseThreads, line: Line, wake: asyncio.Event) -> None:
        self._threads = threads
        self._line = line
        self._wake = wake
        self._tasks: set[asyncio.Task[None]] = set()
        self._users: dict[str, User] = {}
        self._settings: dict[str, tuple[float, dict[str, str]]] = {}

    async def work(self, stop: asyncio.Event) -> None:
        """Works until told to stop; what is being handled then is handled to its end."""
        while not stop.is_set():
            self._wake.clear()
            try:
                if self._users.keys() != bots().keys():
                    self._users = await self._threads.run(enlist_bots, list(bots()))
                free = AT_ONCE - len(self._tasks)
                claimed = await self._threads.run(claim_inbounds, limit=free) if free >= CLAIM_FROM else []
            except Exception:
                # The database may be away: what waits there waits.
                logger.exception("The inbox can't be read, trying again.")
                claimed = []
                await asyncio.sleep(POLL_S)
            for each in claimed:
                task = asyncio.create_task(self._handle(each))
                self._tasks.add(task)
                task.add_done_callback(self._done)
            if not claimed:
                await _set_within(self._wake, POLL_S)
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._wake.set()  # the next of this contact may be waiting

    async def _handle(self, claimed: Claimed) -> None:
        bot = bot_for(claimed.inbound.platform, claimed.inbound.account)
        author = self._users.get(bot.name) if bot is not None else None
        helpers = [asyncio.create_task(self._typing_soon(claimed, author))]
        if claimed.heard.acknowledge:
            helpers.append(
                asyncio.create_task(self._line.acknowledge(claimed.contact, claimed.heard.acknowledge))
            )
        try:
            if claimed.inbound.attempts > MAX_ATTEMPTS:
                raise RuntimeError(f"It was begun {MAX_ATTEMPTS} times and never finished.")
            await self._answer(claimed, bot, author)
            await self._ask_profile(claimed)
        except LeaseLost:
            logger.warning("Inbound %d took longer than its lease.", claimed.inbound.pk)
        except (OperationalError, InterfaceError) as error:
            # Not the handler's fault: it comes again when its lease ends.
            logger.warning("Inbound %d could not be finished: %r", claimed.inbound.pk, error)
        except Exception as error:
            await self._park(claimed, bot, author, error)
        finally:
            helpers[0].cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    async def _answer(self, claimed: Claimed, bot: Bot | None, author: "User | None") -> None:
        choice = bot.choose(claimed.heard) if bot is not None else None
        if bot is None or choice is None:
            await self._threads.run(handle_inbound, claimed, author=author, respond=lambda situation: ())
            return
        bot_settings = await self._settings_of(bot)
        if not inspect.iscoroutinefunction(choice.handler):

            def respond(situation: Situation) -> Sequence[AnyContent]:
                turn = _turn(bot, choice, situation, bot_settings)
                return _take_up(turn, situation, contents_of(choice.handler(turn)))

            await self._threads.run(handle_inbound, claimed, author=author, respond=respond)
            return
        for tries_left in reversed(range(TRIES_WITH_MOVING_STATE)):
            try:
                await self._answer_slowly(claimed, bot, author, choice, bot_settings)
            except StateMoved:
                if not tries_left:
                    raise
            else:
                return

    async def _answer_slowly(
        self, claimed: Claimed, bot: Bot, author: "User | None", choice: Choice, bot_settings: dict[str, str]
    ) -> None:
        """For an asynchronous handler: it runs before the transaction, and what it asked for happens in there."""
        situation = await self._threads.run(hear_inbound, claimed)
        if situation.contact.taken_by_id is not None or situation.contact.banned_at is not None:
            await self._threads.run(handle_inbound, claimed, author=author, respond=lambda situation: ())
            return
        turn = _turn(bot, choice, situation, bot_settings)
        answer = choice.handler(turn)
        async with asyncio.timeout(settings.WORKER_LEASE_S / 2):  # while the inbound is still ours
            contents = contents_of(await answer if inspect.isawaitable(answer) else answer)

        def respond(later: Situation) -> Sequence[AnyContent]:
            later.state = turn.state
            return _take_up(turn, later, contents)

        await self._threads.run(
            handle_inbound,
            claimed,
            author=author,
            respond=respond,
            expected_state=situation.state_version,
        )

    async def _park(self, claimed: Claimed, bot: Bot | None, author: "User | None", error: Exception) -> None:
        logger.error("Inbound %d is parked.", claimed.inbound.pk, exc_info=error)
        told = "".join(traceback.format_exception(error))[-4000:]
        apology = bot.apology if bot is not None else ""
        try:
            is_first = await self._threads.run(
                park_inbound, claimed, error=told, author=author, apology=apology
            )
            if is_first and bot is not None and author is not None:
                await self._report(bot, author, claimed, error)
        except Exception:
            logger.exception("Inbound %d could not be parked; its lease will end.", claimed.inbound.pk)

    async def _report(self, bot: Bot, author: "User", claimed: Claimed, error: Exception) -> None:
        """Tells the chat that the bot's setting `log_chat` names: one that the bot is in, or a contact's."""
        uri = (await self._settings_of(bot)).get("log_chat", "").strip()
        if not uri:
            return
        text = f"Inbound {claimed.inbound.pk} of {claimed.contact} is parked: {type(error).__name__}: {error}"
        try:
            contact = await self._threads.run(contact_of_chat, uri)
            if contact is not None:
                await self._threads.run(
                    send_to_contact, contact=contact, author=author, content=Text(text=text[:4000])
                )
            else:
                await self._threads.run(post_message, user=author, chat=uri, text=text[:4000])
        except ParleyError as refusal:
            logger.warning("The log chat of %s can't be written to: %s", bot.name, refusal.sentence)

    async def _settings_of(self, bot: Bot) -> dict[str, str]:
        read_at, found = self._settings.get(bot.name, (float("-inf"), {}))
        if time.monotonic() - read_at > SETTINGS_FOR_S:
            found = await self._threads.run(settings_of_bot, bot.name)
            self._settings[bot.name] = time.monotonic(), found
        return found

    async def _typing_soon(self, claimed: Claimed, author: "User | None") -> None:
        """Shows that an answer is coming when it takes a while."""
        if author is None or claimed.heard.kind not in ANSWERABLE:
            return
        await asyncio.sleep(TYPING_AFTER_S)
        if claimed.contact.platform == WEB:
            await self._threads.run(announce_typing, user=author, chat=claimed.contact.chat.uri)
        else:
            await self._line.show_typing(claimed.contact)

    async def _ask_profile(self, claimed: Claimed) -> None:
        """Where the platform does not say with each event who it is from: once, and again when that has become old."""
        contact = claimed.contact
        is_known = contact.profile_at is not None and timezone.now() - contact.profile_at < PROFILE_FOR
        if contact.platform != WEB and not claimed.inbound.profile and not is_known:
            profile = await self._line.profile(contact)
            await self._threads.run(learn_profile, contact=contact.pk, profile=profile)


def _turn(bot: Bot, choice: Choice, situation: Situation, bot_settings: dict[str, str]) -> Turn:
    return Turn(
        bot=bot,
        contact=situation.contact,
        heard=situation.heard,
        state=situation.state,
        settings=bot_settings,
        language=situation.contact.speaks,
        is_operator=situation.is_operator,
        is_new=situation.is_new,
        rest=choice.rest,
        match=choice.match,
    )


def _take_up(turn: Turn, situation: Situation, contents: Sequence[AnyContent]) -> Sequence[AnyContent]:
    """Inside the transaction: what the handler learnt and wants done."""
    situation.state = turn.state
    note_learned(situation.contact, turn.learned)
    for effect in turn.effects:
        effect()
    return contents


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
