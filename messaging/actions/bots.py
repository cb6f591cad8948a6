"""Bots' accounts, settings, and what they keep of each contact."""

from collections.abc import Iterable
from typing import Any

import orjson
from django.db import IntegrityError, transaction
from django.db.models import F

from messaging.access import require_operator
from messaging.errors import Conflict, Invalid
from messaging.models import BotSetting, BotState, User

MAX_STATE_BYTES = 64 * 1024


def enlist_bots(names: Iterable[str]) -> dict[str, User]:
    """The accounts of the bots that modules of ours answer for; made for those that have none yet."""
    names = set(names)
    found = {user.bot_name: user for user in User.objects.filter(bot_name__in=names)}
    for name in sorted(names - found.keys()):
        found[name] = _enlist(name)
    return found


def _enlist(name: str) -> User:
    for username in (name, f"{name}.bot", f"{name}.bot.{name}"):  # somebody may have the name
        user = User(username=username, is_bot=True, bot_name=name)
        user.set_unusable_password()
        try:
            with transaction.atomic():
                user.save()
        except IntegrityError:
            if (other := User.objects.filter(bot_name=name).first()) is not None:
                return other  # another worker was quicker
        else:
            return user
    raise Conflict(f"All names for the bot {name} are taken.", code="name_taken")


def change_setting(*, operator: User, bot: str, key: str, value: str) -> BotSetting:
    require_operator(operator)
    if not key.strip() or len(key) > 60:
        raise Invalid("A setting's key has 1 to 60 characters.")
    return BotSetting.objects.update_or_create(bot=bot, key=key, defaults={"value": value})[0]


def keep_state(contact: int, version: int, data: dict[str, Any]) -> None:
    """Saves a bot's document about a contact, of which the caller has seen this version (0: none). Raises `Conflict` if
    that is not the last. Inside a transaction.
    """
    if len(orjson.dumps(data)) > MAX_STATE_BYTES:
        raise Invalid(
            f"A bot's state of a contact has at most {MAX_STATE_BYTES} bytes.", code="state_too_large"
        )
    if version == 0:
        made = BotState.objects.bulk_create([BotState(contact_id=contact, data=data)], ignore_conflicts=True)
        saved = bool(made)
    else:
        rows = BotState.objects.filter(contact=contact, version=version)
        saved = bool(rows.update(data=data, version=F("version") + 1))
    if not saved:
        raise Conflict("The bot's state has changed meanwhile.", code="state_moved")


def save_state(*, contact: int, version: int, data: dict[str, Any]) -> int:
    """The same on its own; returns the new version."""
    with transaction.atomic(durable=True):
        keep_state(contact, version, data)
    return version + 1
