"""Handling inbounds: claimed oldest first for each person, and finished exactly once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone
from pydantic import ValidationError

from messaging import events, log, shapes
from messaging.actions.answers import Saying, ring_desk, say
from messaging.actions.bots import keep_state
from messaging.actions.contacts import (
    keep_contact,
    new_contacts,
    note_profile,
    note_reachability,
    note_referral,
    note_waiting,
)
from messaging.actions.deliveries import note_watermark
from messaging.content import AnyContent, Text
from messaging.counters import INBOUNDS
from messaging.errors import Conflict
from messaging.heard import ANSWERABLE, Heard, Kind, Profile
from messaging.log import ChatLog
from messaging.models import BotState, Chat, Contact, Delivery, Inbound, Message, User

# An event that ends the process each time must not do so for ever.
MAX_ATTEMPTS = 10
STORED_AT_ONCE = 200


class LeaseLost(Conflict):
    """Somebody else has this inbound now: nothing of what was done with it is kept."""

    code = "lease_lost"


class StateMoved(Conflict):
    """The bot's state is another than the handler was given: it must look again."""

    code = "state_moved"


@dataclass(frozen=True)
class Claimed:
    """An inbound that is this worker's until its lease ends, and whom it is from."""

    inbound: Inbound
    contact: Contact
    heard: Heard

    def still_ours(self) -> QuerySet[Inbound]:
        """The inbound's row, unless the lease has ended and another worker has it."""
        return Inbound.objects.filter(
            pk=self.inbound.pk, state=Inbound.State.WAITING, leased_until=self.inbound.leased_until
        )


@dataclass
class Situation:
    """What a bot is told. It may change `state`, which is saved if it did."""

    contact: Contact
    heard: Heard
    state: dict[str, Any]
    state_version: int
    is_new: bool
    is_operator: bool


Respond = Callable[[Situation], Sequence[AnyContent]]


def claim_inbounds(*, limit: int) -> list[Claimed]:
    """The oldest waiting one of each person, for so many people, leased to the caller. Whoever is new gets a contact and
    a chat.
    """
    with transaction.atomic(durable=True):
        now = timezone.now()
        older = Inbound.objects.filter(
            state=Inbound.State.WAITING,
            platform=OuterRef("platform"),
            account=OuterRef("account"),
            person=OuterRef("person"),
            pk__lt=OuterRef("pk"),
        )
        rows = list(
            Inbound.objects.select_for_update(no_key=True, skip_locked=True)
            .filter(Q(leased_until__isnull=True) | Q(leased_until__lt=now), state=Inbound.State.WAITING)
            .filter(~Exists(older))
            .order_by("pk")[:limit]
        )
        if not rows:
            return []
        leased_until = now + timedelta(seconds=settings.WORKER_LEASE_S)
        Inbound.objects.filter(pk__in=[row.pk for row in rows]).update(
            leased_until=leased_until, attempts=F("attempts") + 1
        )
        for row in rows:
            row.leased_until = leased_until
            row.attempts += 1
        heard = _understood(rows)
        contacts = _contacts_of([row for row in rows if row.pk in heard])
    return [
        Claimed(row, contacts[row.platform, row.account, row.person], heard[row.pk])
        for row in rows
        if row.pk in heard
    ]


def _understood(rows: Sequence[Inbound]) -> dict[int, Heard]:
    """What was heard, by the rows' ids. What another version of us stored and this one cannot read is parked: it must not
    hold up the others.
    """
    heard: dict[int, Heard] = {}
    for row in rows:
        try:
            heard[row.pk] = Heard.model_validate(row.heard)
        except ValidationError as error:
            row.state, row.error, row.leased_until = Inbound.State.PARKED, str(error), None
            row.save(update_fields=["state", "error", "leased_until"])
    return heard


def _contacts_of(rows: Sequence[Inbound]) -> dict[tuple[str, str, str], Contact]:
    wanted = {(row.platform, row.account, row.person): row for row in rows}
    accounts = {key[:2] for key in wanted}
    same = Q()
    for platform, account in accounts:
        persons = [key[2] for key in wanted if key[:2] == (platform, account)]
        same |= Q(platform=platform, account=account, external_id__in=persons)
    found = list(Contact.objects.filter(same).select_related("chat", "user"))
    known = {(row.platform, row.account, row.external_id) for row in found}
    found += new_contacts([row for key, row in wanted.items() if key not in known])
    return {(row.platform, row.account, row.external_id): row for row in found}


def hear_inbound(claimed: Claimed) -> Situation:
    """Puts what the contact said into the log before a slow handler begins, so that operators see it at once."""
    with log.writing(claimed.contact.chat.uri) as chat_log:
        handling = _Handling(chat_log, claimed)
        if handling.contact.banned_at is None and (own := _own_saying(claimed)):
            [said] = say(chat_log, handling.contact, own)
            if not claimed.still_ours().update(message=said):
                raise LeaseLost("Another worker has this inbound.")
            claimed.inbound.message = said
    return handling.situation


def handle_inbound(
    claimed: Claimed, *, author: User | None, respond: Respond, expected_state: int | None = None
) -> str:
    """Everything that follows from an inbound, in one transaction: what the contact said and what the bot (`author`)
    answers into the log, what is owed to the platform, the bot's state, whatever `respond` itself writes, and that it is
    done. Returns what it led to.

    Raises what `respond` raises, `LeaseLost`, and `StateMoved` if the state's version is not the one expected: then
    nothing has happened.
    """
    with log.writing(claimed.contact.chat.uri) as chat_log:
        handling = _Handling(chat_log, claimed)
        contact, situation = handling.contact, handling.situation
        if expected_state is not None and situation.state_version != expected_state:
            raise StateMoved("The bot's state has changed meanwhile.")
        sayings: list[Saying] = []
        if contact.banned_at is not None:
            outcome = "banned"
        elif claimed.heard.kind not in ANSWERABLE:
            outcome = _note(chat_log, contact, claimed.heard, author)
        else:
            sayings = _own_saying(claimed)
            note_reachability(chat_log, contact, reachable=True)
            note_referral(contact, claimed.heard)
            if contact.taken_by_id is not None:
                outcome = "taken by an operator"
                handling.note_unanswered(sayings)
            elif chat_log.chat.state == Chat.State.CLOSED:
                outcome = "thread closed"
            elif author is None:
                outcome = "no bot"
                handling.note_unanswered(sayings)
            else:
                answers = _responses(situation, respond)
                sayings += _answers(claimed, author, answers)
                outcome = f"{len(answers)} answered" if answers else "no answer"
                if answers:
                    note_waiting(contact, None)
        handling.finish(sayings, Inbound.State.DONE, outcome)
    return outcome


def park_inbound(claimed: Claimed, *, error: str, author: User | None, apology: str) -> bool:
    """Sets an inbound aside for somebody to look at; what its contact said is in the log, with one apology. Whether it was
    the first failure of it.
    """
    with log.writing(claimed.contact.chat.uri) as chat_log:
        handling = _Handling(chat_log, claimed)
        answerable = claimed.heard.kind in ANSWERABLE and handling.contact.banned_at is None
        sayings = _own_saying(claimed) if answerable else []
        handling.note_unanswered(sayings)
        is_first = not claimed.inbound.apologised
        if answerable and is_first and author is not None and chat_log.chat.state == Chat.State.ACTIVE:
            sayings.append(Saying(Text(text=apology), author, f"inbound:{claimed.inbound.pk}:apology"))
        claimed.inbound.apologised = True
        handling.finish(sayings, Inbound.State.PARKED, "parked", error)
    return is_first


class _Handling:
    """An inbound being handled, and its contact as they are now: under the lock of their chat nobody else changes them."""

    def __init__(self, chat_log: ChatLog, claimed: Claimed) -> None:
        self.chat_log = chat_log
        self.claimed = claimed
        self.contact = Contact.objects.select_related("user", "taken_by", "state").get(pk=claimed.contact.pk)
        self.contact.chat = chat_log.chat
        self._before = shapes.contact(self.contact)
        try:
            kept = self.contact.state
        except BotState.DoesNotExist:
            kept = BotState(version=0, data={})
        user = self.contact.user
        self.situation = Situation(
            self.contact,
            claimed.heard,
            kept.data,
            kept.version,
            is_new=self.contact.heard_at is None,
            is_operator=user is not None and user.is_operator,
        )

    def note_unanswered(self, said: Sequence[Saying]) -> None:
        """No bot answers what the contact has said, now or when it was put into the log: they wait for a person."""
        inbound = self.claimed.inbound
        if said or inbound.message_id is not None:
            note_waiting(self.contact, inbound.received_at)

    def finish(self, sayings: Sequence[Saying], state: Inbound.State, outcome: str, error: str = "") -> None:
        """Says it all and closes the inbound; raises `LeaseLost` if that is no longer ours to do. Why it was parked before
        stays in the journal, beside what it has led to now.
        """
        inbound = self.claimed.inbound
        if inbound.error and not error:
            outcome = f"{outcome}, when it was replayed"
        said = say(self.chat_log, self.contact, sayings) if sayings else []
        message_id = next((row.pk for row in said if row.contact_id is not None), inbound.message_id)
        if self.claimed.heard.kind in ANSWERABLE:
            self.contact.heard_at = _heard_at(self.contact, inbound)
        note_profile(self.contact, Profile.model_validate(inbound.profile))
        keep_contact(self.chat_log, self.contact, self._before)
        finished = self.claimed.still_ours().update(
            state=state,
            outcome=outcome[:200],
            error=error or inbound.error,
            apologised=inbound.apologised,
            finished_at=self.chat_log.now,
            leased_until=None,
            contact=self.contact,
            message_id=message_id,
        )
        if not finished:
            raise LeaseLost("Another worker has this inbound.")
        transaction.on_commit(INBOUNDS.labels(inbound.platform, state.value).inc)


def _heard_at(contact: Contact, inbound: Inbound) -> datetime:
    """When the contact last said something: never later than we heard of it, and not earlier because of a replay."""
    said_at = min(inbound.happened_at or inbound.received_at, inbound.received_at)
    return said_at if contact.heard_at is None else max(said_at, contact.heard_at)


def _own_saying(claimed: Claimed) -> list[Saying]:
    """What the contact said, unless it is in the log already, or was a button that shows as nothing said."""
    heard = claimed.heard
    silent = {Kind.REFERRAL, Kind.OPT_IN, Kind.REACTION}
    if (
        claimed.inbound.message_id is not None
        or heard.kind in silent
        or (heard.kind == Kind.BUTTON and heard.editable)
    ):
        return []
    return [Saying(Text(text=_words_of(heard)), None, external_id=heard.message_id)]


def _words_of(heard: Heard) -> str:
    if heard.kind == Kind.LOCATION and heard.latitude is not None and heard.longitude is not None:
        return f"[location] {heard.latitude:.5f}, {heard.longitude:.5f}"
    shown = " ".join(f"[{each.kind}] {each.name or each.url}".strip() for each in heard.attachments)
    words = " ".join(part for part in (shown, heard.text.strip()) if part)
    return (words or heard.press or f"[{heard.kind.value}]")[: settings.MAX_TEXT_LENGTH]


def _responses(situation: Situation, respond: Respond) -> Sequence[AnyContent]:
    """What the bot says; the state as it left it is saved."""
    before = orjson.dumps(situation.state, option=orjson.OPT_SORT_KEYS)
    answers = respond(situation)
    if orjson.dumps(situation.state, option=orjson.OPT_SORT_KEYS) != before:
        keep_state(situation.contact.pk, situation.state_version, situation.state)
    return answers


def _answers(claimed: Claimed, author: User, answers: Sequence[AnyContent]) -> list[Saying]:
    replaces = claimed.heard.about if claimed.heard.editable else ""
    return [
        Saying(answer, author, f"inbound:{claimed.inbound.pk}:{number}", replaces=replaces)
        for number, answer in enumerate(answers)
    ]


def _note(chat_log: ChatLog, contact: Contact, heard: Heard, author: User | None) -> str:
    """What is not for bots."""
    match heard.kind:
        case Kind.DELIVERED | Kind.READ:
            return note_watermark(chat_log, contact, heard)
        case Kind.REACHABLE | Kind.UNREACHABLE:
            note_reachability(chat_log, contact, reachable=heard.kind == Kind.REACHABLE)
            return heard.kind.value
        case Kind.EDITED:
            return _note_edit(chat_log, contact, heard)
        case Kind.ECHO:
            return _note_echo(chat_log, contact, heard, author)
    return "nothing to do"


def _note_edit(chat_log: ChatLog, contact: Contact, heard: Heard) -> str:
    """The contact has put other words in the place of what they said."""
    row = Message.objects.filter(
        chat=chat_log.chat, contact=contact, external_id=heard.about or "-", deleted_at__isnull=True
    ).first()
    if row is None or not heard.text.strip():
        return "edited something else"
    row.text, row.edited_at = heard.text[: settings.MAX_TEXT_LENGTH], chat_log.now
    row.save(update_fields=["text", "edited_at"])
    chat_log.append(
        events.MessageEdited,
        message_row=row,
        message_id=row.pk,
        number=row.number,
        text=row.text,
        edited_at=chat_log.now,
    )
    ring_desk(chat_log.chat.uri)
    return "edited"


def _note_echo(chat_log: ChatLog, contact: Contact, heard: Heard, author: User | None) -> str:
    """What was sent in our name: by us, or by somebody at the platform itself, which then belongs into the log."""
    is_ours = Q(state=Delivery.State.WAITING, leased_until__isnull=False, message__text=heard.text) | Q(
        message__external_id=heard.message_id
    )
    if author is None or not heard.text or Delivery.objects.filter(is_ours, contact=contact).exists():
        return "our own"
    [row] = say(
        chat_log,
        contact,
        [
            Saying(
                Text(text=heard.text[: settings.MAX_TEXT_LENGTH]),
                author,
                is_sent=True,
                external_id=heard.message_id,
            )
        ],
    )
    return f"message {row.number}"
