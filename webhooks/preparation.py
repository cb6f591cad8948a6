"""Prepares chats: what people see on a platform before and beside the conversation, from the bot and its settings.

The settings, edited in the admin: `greeting` and `greeting.<locale>`; `menu`, `ice_breakers` and `commands.<language>`, a line
each, `Random verse = /random` or `Site = https://…`; `domains`, one to a line. Where there is none, the bot's own commands
serve. Platforms count calls: what is there is read first, and only the difference is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from django.conf import settings

from bots.bot import Bot, bot_for
from messaging.errors import Invalid
from messaging.queries.contacts import settings_of_bot
from webhooks.accounts import messenger_account, telegram_account
from webhooks.platforms.calls import new_client
from webhooks.platforms.messenger import ask as ask_graph
from webhooks.platforms.telegram import ask as ask_telegram
from webhooks.platforms.words import shortened

GET_STARTED = "/start"
MAX_GREETING, MAX_MENU, MAX_MENU_TITLE, MAX_BREAKERS, MAX_QUESTION, MAX_DOMAINS = 160, 20, 30, 4, 80, 50
MAX_COMMANDS, MAX_DESCRIPTION = 100, 256
DEFAULT = "en"

PROFILE = ("get_started", "greeting", "persistent_menu", "ice_breakers", "whitelisted_domains")


@dataclass(frozen=True)
class Wanted:
    """Messenger's profile by field (empty: none), and Telegram's commands by language (`""`: for all others)."""

    profile: dict[str, Any]
    commands: dict[str, list[dict[str, str]]]


def wanted_for(bot: Bot, edited: Mapping[str, str]) -> Wanted:
    """What the chats of this bot should look like. Raises `Invalid` with the setting and the line that is wrong."""
    commands = {language: list(words.items()) for language, words in bot.commands.items()}
    for key in edited:
        if key.startswith("commands."):
            commands[key.removeprefix("commands.")] = _pairs(edited, key)
    usual = commands.get(DEFAULT) or next(iter(commands.values()), [])
    offered = [(description, f"/{word}") for word, description in usual if f"/{word}" != GET_STARTED]
    menu = _pairs(edited, "menu") if "menu" in edited else offered
    breakers = _pairs(edited, "ice_breakers") if "ice_breakers" in edited else offered[:MAX_BREAKERS]
    profile: dict[str, Any] = {
        "get_started": {"payload": GET_STARTED},
        "greeting": _greetings(bot, edited),
        "persistent_menu": _menu(menu),
        "ice_breakers": [
            {"question": shortened(question, MAX_QUESTION), "payload": payload}
            for question, payload in breakers
        ],
        "whitelisted_domains": _domains(edited),
    }
    _at_most("menu", menu, MAX_MENU)
    _at_most("ice_breakers", breakers, MAX_BREAKERS)
    _at_most("domains", profile["whitelisted_domains"], MAX_DOMAINS)
    listed = {language: _commands(language, words) for language, words in commands.items()}
    return Wanted(profile, {"": _commands("", usual), **listed})


def _pairs(edited: Mapping[str, str], key: str) -> list[tuple[str, str]]:
    """The lines of a setting: what stands before and after the last equals sign with a space on both sides."""
    pairs = []
    for number, line in enumerate(edited[key].splitlines(), start=1):
        if not line.strip():
            continue
        left, separator, right = line.rpartition(" = ")
        if not separator or not left.strip() or not right.strip():
            raise Invalid(
                f"The setting {key}, line {number}: wanted is `one = other`.", code="invalid_setting"
            )
        pairs.append((left.strip(), right.strip()))
    return pairs


def _at_most(key: str, found: list[Any], limit: int) -> None:
    if len(found) > limit:
        raise Invalid(
            f"The setting {key} has {len(found)} lines; {limit} are possible.", code="invalid_setting"
        )


def _greetings(bot: Bot, edited: Mapping[str, str]) -> list[dict[str, str]]:
    found = {"default": edited.get("greeting", bot.description)}
    found |= {
        key.removeprefix("greeting."): text for key, text in edited.items() if key.startswith("greeting.")
    }
    return [
        {"locale": locale, "text": shortened(text.strip(), MAX_GREETING)}
        for locale, text in found.items()
        if text.strip()
    ]


def _menu(pairs: list[tuple[str, str]]) -> list[dict[str, Any]]:
    def item(title: str, target: str) -> dict[str, str]:
        title = shortened(title, MAX_MENU_TITLE)
        if target.startswith(("https://", "http://")):
            return {"type": "web_url", "title": title, "url": target}
        return {"type": "postback", "title": title, "payload": target}

    items = [item(*pair) for pair in pairs[:MAX_MENU]]
    shown = {"locale": "default", "composer_input_disabled": False, "call_to_actions": items}
    return [shown] if items else []


def _domains(edited: Mapping[str, str]) -> list[str]:
    usual = settings.WEB_URL if settings.WEB_URL.startswith("https://") else ""
    domains = [line.strip().rstrip("/") for line in edited.get("domains", usual).splitlines() if line.strip()]
    for domain in domains:
        if not domain.startswith("https://"):
            raise Invalid(
                f"The setting domains: {domain} does not begin with https://.", code="invalid_setting"
            )
    return domains


def _commands(language: str, words: list[tuple[str, str]]) -> list[dict[str, str]]:
    _at_most(f"commands.{language}", words, MAX_COMMANDS)
    return [
        {"command": word.removeprefix("/"), "description": shortened(description, MAX_DESCRIPTION)}
        for word, description in words
    ]


def plan() -> list[tuple[str, str, Wanted]]:
    """For each account that can send and has a bot: its platform, its name, and what is wanted. Asks the database."""
    accounts = [("telegram", name) for name, found in settings.TELEGRAM_BOTS.items() if found["token"]]
    accounts += [
        ("messenger", name) for name, found in settings.MESSENGER_PAGES.items() if found["access_token"]
    ]
    planned = []
    for platform, name in accounts:
        bot = bot_for(platform, name)
        if bot is not None:
            planned.append((platform, name, wanted_for(bot, settings_of_bot(bot.name))))
    return planned


async def prepare_all(planned: list[tuple[str, str, Wanted]], *, write: bool = True) -> list[str]:
    """What `prepare` says of all of them."""
    async with new_client() as client:
        return [
            line
            for platform, name, wanted in planned
            for line in await prepare(client, platform, name, wanted, write=write)
        ]


async def prepare(
    client: httpx.AsyncClient, platform: str, name: str, wanted: Wanted, *, write: bool = True
) -> list[str]:
    """Makes it so, or (`write` off) only looks; a sentence for each thing that was different. Raises what `ask` of the
    platform raises.
    """
    if platform == "telegram":
        return await _prepare_telegram(client, name, wanted, write)
    return await _prepare_messenger(client, name, wanted, write)


async def _prepare_telegram(client: httpx.AsyncClient, name: str, wanted: Wanted, write: bool) -> list[str]:
    account = telegram_account(name)
    assert account is not None, "it was planned"
    changed = []
    for language, commands in wanted.commands.items():
        where = {"language_code": language} if language else {}
        if await ask_telegram(client, account, "getMyCommands", where) == commands:
            continue
        if write:
            method = "setMyCommands" if commands else "deleteMyCommands"
            listed = {"commands": commands} if commands else {}
            await ask_telegram(client, account, method, {**where, **listed})
        changed.append(f"telegram/{name}: {len(commands)} commands for {language or 'everybody'}")
    return changed


async def _prepare_messenger(client: httpx.AsyncClient, name: str, wanted: Wanted, write: bool) -> list[str]:
    page = messenger_account(name)
    assert page is not None, "it was planned"
    found = await ask_graph(client, page, "GET", "me/messenger_profile", params={"fields": ",".join(PROFILE)})
    data = found.get("data")
    current: dict[str, Any] = data[0] if isinstance(data, list) and data else {}
    given = {
        field: value
        for field, value in wanted.profile.items()
        if value and not _says(current.get(field), value)
    }
    gone = [field for field, value in wanted.profile.items() if not value and current.get(field)]
    if write and given:
        await ask_graph(client, page, "POST", "me/messenger_profile", json=given)
    if write and gone:
        await ask_graph(client, page, "DELETE", "me/messenger_profile", json={"fields": gone})
    written = [f"messenger/{name}: {field}" for field in given]
    return written + [f"messenger/{name}: {field} removed" for field in gone]


def _says(current: Any, wanted: Any) -> bool:
    """Whether what is there is what is wanted; Meta adds fields, and slashes to domains."""
    if isinstance(wanted, dict):
        return isinstance(current, dict) and all(
            _says(current.get(key), each) for key, each in wanted.items()
        )
    if isinstance(wanted, list):
        same = isinstance(current, list) and len(current) == len(wanted)
        return same and all(map(_says, current, wanted))
    if isinstance(wanted, str) and isinstance(current, str):
        return current.rstrip("/") == wanted.rstrip("/")
    return bool(current == wanted)
