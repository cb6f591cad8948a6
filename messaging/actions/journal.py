"""The journal: every inbound is stored once for ever, counted when it comes again, replayed, and forgotten in time."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from messaging.access import require_operator
from messaging.actions.audit import note_deed
from messaging.bell import bell
from messaging.heard import Arrival, Heard
from messaging.models import WEB, Inbound, User

STORED_AT_ONCE = 200

_STORE = """
    INSERT INTO messaging_inbound (
        platform, account, external_id, person, kind, heard, profile, raw, happened_at, received_at, repeats, state,
        error, outcome, attempts, apologised, message_id
    ) VALUES {rows}
    ON CONFLICT (platform, account, external_id)
    DO UPDATE SET repeats = messaging_inbound.repeats + 1 + excluded.repeats
"""
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', 0, %s, %s)"


def store_inbounds(arrivals: Collection[Arrival]) -> None:
    """All of them, durably, each once for ever: what is there already is only counted."""
    if len(arrivals) <= STORED_AT_ONCE and not connection.in_atomic_block:
        # One statement is a transaction by itself, and one round trip instead of three.
        insert_inbounds(arrivals)
        return
    with transaction.atomic(durable=True):
        insert_inbounds(arrivals)


def insert_inbounds(arrivals: Collection[Arrival], messages: Sequence[int | None] = ()) -> None:
    """The same inside the caller's transaction; `messages`: those in the log that they are, if they are there already."""
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    found: dict[tuple[str, str, str], list[Any]] = {}
    for at, arrival in enumerate(arrivals):
        key = (arrival.platform, arrival.account, arrival.external_id)
        if key in found:  # one statement may not touch a row twice
            found[key][1] += 1
        else:
            found[key] = [arrival, 0, messages[at] if messages else None]
    rows = list(found.values())
    for start in range(0, len(rows), STORED_AT_ONCE):
        some = rows[start : start + STORED_AT_ONCE]
        with connection.cursor() as cursor:
            cursor.execute(
                _STORE.format(rows=", ".join([_ROW] * len(some))),
                [
                    value
                    for arrival, repeats, message_id in some
                    for value in _values(arrival, repeats, message_id, now)
                ],
            )
    if rows:
        transaction.on_commit(partial(bell.ring_work, "inbox"))


def web_arrival(*, bot: str, user_id: int, external_id: str, heard: Heard) -> Arrival:
    """What a user did in a thread with a bot, as if a platform had told us."""
    return Arrival(
        platform=WEB,
        account=bot,
        external_id=external_id,
        raw={},
        person=str(user_id),
        happened_at=timezone.now(),
        heard=heard,
    )


def _fitting(name: str, length: int) -> str:
    """What a platform calls something; what is too long for the column stands for itself by its digest."""
    return name if len(name) <= length else sha256(name.encode()).hexdigest()


def _values(arrival: Arrival, repeats: int, message_id: int | None, now: Any) -> tuple[Any, ...]:
    heard = arrival.heard
    happened_at = arrival.happened_at
    return (
        arrival.platform,
        arrival.account,
        _fitting(arrival.external_id, 200),
        _fitting(arrival.person, 64),
        heard.kind.value if heard else "",
        heard.model_dump_json(exclude_defaults=True) if heard else None,
        arrival.profile.model_dump_json(exclude_defaults=True),
        orjson.dumps(arrival.raw).decode(),
        connection.ops.adapt_datetimefield_value(happened_at) if happened_at else None,
        now,
        repeats,
        Inbound.State.WAITING.value if heard and arrival.person else Inbound.State.PARKED.value,
        "" if heard and arrival.person else arrival.error or "Nothing here understands it.",
        False,
        message_id,
    )


def replay_inbounds(inbounds: Iterable[int], *, operator: User) -> int:
    """Lets parked ones be handled again, in the order they came; what is done stays done. Returns how many it concerns."""
    require_operator(operator)
    with transaction.atomic(durable=True):
        replayed = Inbound.objects.filter(
            pk__in=list(inbounds), state=Inbound.State.PARKED, heard__isnull=False
        ).exclude(person="")
        if (first := replayed.order_by("pk").first()) is None:
            return 0
        count = replayed.update(state=Inbound.State.WAITING, attempts=0, leased_until=None, finished_at=None)
        what = f"Replayed, with {count - 1} others." if count > 1 else "Replayed."
        note_deed(operator=operator, to=first, called=f"inbound {first.pk}", what=what)
        transaction.on_commit(partial(bell.ring_work, "inbox"))
    return count


def prune_inbounds() -> int:
    """Forgets what came `INBOUND_DAYS` ago: of what is parked the raw form, the others altogether."""
    before = timezone.now() - timedelta(days=settings.INBOUND_DAYS)
    old = Inbound.objects.filter(received_at__lt=before)
    forgotten = old.filter(state=Inbound.State.PARKED, raw__isnull=False).update(raw=None)
    return forgotten + old.filter(state=Inbound.State.DONE).delete()[0]
