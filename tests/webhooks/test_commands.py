"""The commands: polling, webhooks set and deleted, chats prepared, and the terminal of the simulators."""

import io
import re
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.test import Client, override_settings

from bots.bot import Bot
from messaging.actions.bots import change_setting
from messaging.errors import Invalid
from messaging.models import User
from tests.webhooks.conftest import journal
from webhooks.fakes import FakeMessenger, FakeTelegram
from webhooks.fakes.terminal import Terminal
from webhooks.preparation import prepare, wanted_for


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db(transaction=True)
async def test_polling_stores_what_came_and_only_then_says_so(telegram: FakeTelegram) -> None:
    said = [telegram.says(41, f"{n}") for n in range(3)]
    telegram.fail("500", method="getUpdates")
    await sync_to_async(run)("telegram", "poll", "--seconds", "2")
    assert [row.external_id for row in await journal()] == [str(update["update_id"]) for update in said]
    assert telegram.updates == []


def test_polling_beside_a_webhook_is_explained_and_the_webhook_left_alone(telegram: FakeTelegram) -> None:
    telegram.webhook_url = "https://example.org/hook"
    with pytest.raises(CommandError, match="--delete-webhook"):
        run("telegram", "poll", "--seconds", "5")
    assert telegram.webhook_url
    run("telegram", "poll", "--delete-webhook", "--seconds", "0.1")
    assert telegram.webhook_url == ""


def test_the_webhook_is_set_shown_and_deleted(telegram: FakeTelegram) -> None:
    with override_settings(WEB_URL="https://parley.example.org"):
        assert "https://parley.example.org/webhooks/telegram/verses/" in run("telegram", "webhook", "set")
    assert telegram.webhook_url == "https://parley.example.org/webhooks/telegram/verses/"
    assert telegram.secret == "telegram-canary-secret"
    assert "message_reaction" in telegram.allowed_updates
    assert "pending_update_count: 0" in run("telegram", "webhook", "info")
    run("telegram", "webhook", "delete")
    assert telegram.webhook_url == ""


def test_what_telegram_refuses_is_said_without_the_token(telegram: FakeTelegram) -> None:
    with override_settings(WEB_URL="http://parley.example.org"), pytest.raises(CommandError, match="HTTPS"):
        run("telegram", "webhook", "set")
    with pytest.raises(CommandError, match="TELEGRAM_BOTS does not name another"):
        run("telegram", "webhook", "info", "--bot", "another")
    wrong = {"verses": {"token": "1:canary", "secrets": ()}}
    with override_settings(TELEGRAM_BOTS=wrong), pytest.raises(CommandError) as refused:
        run("telegram", "webhook", "info")
    assert "canary" not in str(refused.value)


@pytest.fixture(scope="module")
def librarian() -> Bot:
    commands = {
        "en": {"start": "Begin", "random": "A random book", "help": "Help"},
        "ru": {"start": "Начать", "random": "Книга"},
    }
    return Bot("librarian_of_tests", description="Books, one at a time.", commands=commands)


async def test_chats_are_prepared_with_as_few_calls_as_can_be(
    telegram: FakeTelegram, messenger: FakeMessenger, client: httpx.AsyncClient, librarian: Bot
) -> None:
    wanted = wanted_for(librarian, {})
    assert len(await prepare(client, "telegram", "verses", wanted, write=False)) == 3
    assert telegram.commands == {}
    await prepare(client, "telegram", "verses", wanted)
    assert [each["command"] for each in telegram.commands["ru"]] == ["start", "random"]
    assert telegram.commands[""] == telegram.commands["en"]
    await prepare(client, "messenger", "verses", wanted)
    assert messenger.profile["greeting"] == [{"locale": "default", "text": "Books, one at a time."}]
    assert messenger.profile["get_started"] == {"payload": "/start"}
    messenger.presses("41", "A random book")
    for platform, fake in (("telegram", telegram), ("messenger", messenger)):
        del fake.asked[:]
        assert await prepare(client, platform, "verses", wanted) == []
        methods = {"getMyCommands"} if platform == "telegram" else {"messenger_profile"}
        assert {fake.method_of(asked) for asked in fake.asked} == methods
    assert [asked.method for asked in messenger.asked] == ["GET"]
    edited = {
        "greeting": "Hello!",
        "menu": "",
        "ice_breakers": "What = now? = /help",
        "domains": "https://a.example/",
    }
    changed = await prepare(client, "messenger", "verses", wanted_for(librarian, edited))
    assert sorted(line.split(": ")[1] for line in changed) == [
        "greeting",
        "ice_breakers",
        "persistent_menu removed",
        "whitelisted_domains",
    ]
    assert messenger.profile["ice_breakers"] == [{"question": "What = now?", "payload": "/help"}]
    assert "persistent_menu" not in messenger.profile


@pytest.mark.parametrize(
    ("edited", "where"),
    [
        ({"menu": "Help = /help\nnothing"}, "menu, line 2"),
        ({"ice_breakers": "\n".join(f"{n} = /{n}" for n in range(5))}, "ice_breakers has 5"),
        ({"domains": "http://a.example"}, "domains"),
        ({"commands.en": " = x"}, "commands.en, line 1"),
    ],
)
def test_a_setting_that_is_wrong_is_named(librarian: Bot, edited: dict[str, str], where: str) -> None:
    with pytest.raises(Invalid, match=where):
        wanted_for(librarian, edited)


@pytest.mark.django_db
def test_the_admin_prepares_chats_too(telegram: FakeTelegram) -> None:
    root = User.objects.create_superuser("root", "", "x")
    client = Client()
    client.force_login(root)
    page = "/admin/messaging/botsetting/"
    # Before there is a setting, too.
    button = re.search(r'method="post" action="([^"]+/prepare/)"', client.get(page).content.decode())
    assert button is not None
    assert "commands for ru" in client.post(button[1], follow=True).content.decode()
    assert telegram.commands["ru"]
    assert client.get(button[1]).status_code == 405
    clerk = User.objects.create_user("clerk", password="x", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_botsetting"))
    looking = Client()
    looking.force_login(clerk)
    assert "/prepare/" not in looking.get(page).content.decode()
    assert looking.post(button[1]).status_code == 403
    setting = change_setting(operator=root, bot="verses", key="commands.eo", value="random = Iu verso")

    def prepare_by_hand() -> str:
        fields = {"action": "prepare_chats", "_selected_action": str(setting.pk)}
        return client.post(page, fields, follow=True).content.decode()

    assert "/verses: 1 commands for eo" in prepare_by_hand()
    assert telegram.commands["eo"] == [{"command": "random", "description": "Iu verso"}]
    assert "Everything is as it should be." in prepare_by_hand()
    telegram.fail("500")
    assert "The platform says: Internal Server Error" in prepare_by_hand()


def test_somebody_at_the_terminal(telegram: FakeTelegram) -> None:
    terminal = Terminal(telegram, "41")
    assert terminal.do("Hello")
    assert telegram.updates[-1]["message"]["text"] == "Hello"
    markup = {
        "inline_keyboard": [[{"text": "One", "callback_data": "1"}, {"text": "Two", "callback_data": "2"}]]
    }
    body: dict[str, Any] = {"chat_id": 41, "text": "Choose\none", "reply_markup": markup}
    httpx.post(f"{telegram.url}/bot{telegram.token}/sendMessage", json=body, trust_env=False)
    assert terminal.news() == ["bot  Choose", "     one", "     [1] One  [2] Two"]
    assert terminal.news() == []
    terminal.do(":2")
    assert telegram.updates[-1]["callback_query"]["data"] == "2"
    with pytest.raises(ValueError, match="no button 3"):
        terminal.do(":3")
    for line in (
        ":photo",
        ":location 1 2",
        ":react 👍",
        ":block",
        ":unblock",
        ":fail 429 2",
        ":as 42",
        ":start ref",
    ):
        assert terminal.do(line)
    assert len(telegram.faults) == 2
    assert telegram.updates[-1]["message"]["from"]["id"] == 42
    assert not terminal.do(":quit")


def test_simulators_say_how_to_be_found() -> None:
    for platform in ("telegram", "messenger"):
        with pytest.raises(CommandError, match="API_URL=http://127"):
            run("simulate", platform)
