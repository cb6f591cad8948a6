"""Incoming webhooks: whoever has the secret posts, once per id; nobody else does, and no call twice."""

import asyncio
import base64
import io
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from messaging.actions.chats import create_room
from messaging.actions.incoming import create_incoming, disable_incoming, enable_incoming, rotate_incoming
from messaging.errors import Conflict, Forbidden, ParleyError
from messaging.models import IncomingWebhook, Message, User
from tests.live_server import LiveServer
from tests.services import ROOT
from webhooks.signatures import sign_call

PAGE = (ROOT / "docs" / "webhooks.md").read_text()


@sync_to_async
def in_database(do: Callable[[], Any]) -> Any:
    try:
        return do()
    finally:
        connection.close()


def texts() -> list[tuple[str, str]]:
    rows = Message.objects.order_by("pk").select_related("author")
    return [(row.author.username, row.text) for row in rows if row.author is not None]


class Program:
    """Somebody's program with a webhook's address and its secret."""

    def __init__(self, door: httpx.AsyncClient, webhook: IncomingWebhook, secret: str) -> None:
        self.door, self.uid, self.secret = door, webhook.uid, secret

    async def call(
        self, body: Any, call_id: str = "call-1", *, at: float = 0, **changed: str | None
    ) -> httpx.Response:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        timestamp = int(time.time() + at)
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        headers = {
            "Content-Type": "application/json",
            "webhook-id": call_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign_call(key, call_id, timestamp, raw),
        }
        headers |= {name.replace("_", "-"): value for name, value in changed.items() if value is not None}
        for name in [name.replace("_", "-") for name, value in changed.items() if value is None]:
            del headers[name]
        return await self.door.post(f"/webhooks/incoming/{self.uid}/", content=raw, headers=headers)


@pytest.mark.django_db(transaction=True)
async def test_a_program_posts(door: httpx.AsyncClient, alice: User) -> None:
    room = await in_database(lambda: create_room(user=alice, name="Builds", link_open=False))
    program = Program(
        door, *await in_database(lambda: create_incoming(operator=None, chat=room.uri, username="builder"))
    )
    answers = await asyncio.gather(*(program.call({"text": "Green."}) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    [content] = {answer.text for answer in answers}
    assert json.loads(content).keys() == {"chat", "id", "number", "seq"}
    assert await in_database(texts) == [("builder", "Green.")]
    other = await program.call({"text": "Red."})
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert (await program.call({"text": "Red."}, "call-2")).status_code == 200
    wrong = [
        {"text": ""},
        {"text": " "},
        {"text": 5},
        {"text": "x" * 8001},
        {"text": "a", "more": 1},
        [],
        b"{",
        b'{"text":"\\ud800"}',
    ]
    for number, body in enumerate(wrong):
        answer = await program.call(body, f"wrong-{number}")
        assert answer.status_code == 400, (body, answer.text)
        assert answer.json()["code"]
    assert len(await in_database(texts)) == 2


@pytest.mark.django_db(transaction=True)
async def test_nobody_else_does(door: httpx.AsyncClient) -> None:
    program = Program(
        door, *await in_database(lambda: create_incoming(operator=None, chat="feed", username="builder"))
    )
    said = {"text": "Hello"}
    good = (await program.call(said, "good")).request.headers
    refused = [
        await program.call(said, webhook_signature=None),
        await program.call(said, webhook_signature="v1,"),
        await program.call(said, webhook_signature="v1," + "A" * 44),
        await program.call(said, webhook_signature=good["webhook-signature"]),
        await program.call(said, webhook_signature=good["webhook-signature"].upper()),
        await program.call({"text": "Other"}, "good", webhook_signature=good["webhook-signature"]),
        await program.call(said, webhook_id="another"),
        await program.call(said, webhook_id=None),
        await program.call(said, "x" * 65),
        await program.call(said, webhook_timestamp=None),
        await program.call(said, webhook_timestamp="now"),
        await program.call(said, webhook_timestamp="-1"),
        await program.call(said, webhook_timestamp="9" * 30),
        await program.call(said, webhook_timestamp=str(int(time.time()) + 60)),
        await program.call(said, at=-301),
        await program.call(said, at=+305),
    ]
    assert {answer.status_code for answer in refused} == {403}
    assert refused[-1].json()["code"] == refused[-2].json()["code"] == "stale_signature"
    assert (await program.call(said, at=-290)).status_code == 200
    # Of several signatures one is enough.
    mine = (await program.call(said, "several")).request.headers
    signatures, timestamp = f"v1,nonsense {mine['webhook-signature']}", mine["webhook-timestamp"]
    answer = await program.call(said, "several", webhook_timestamp=timestamp, webhook_signature=signatures)
    assert answer.status_code == 200
    program.uid = "0" * 24
    assert (await program.call(said)).status_code == 404
    assert await in_database(texts) == [("builder", "Hello")] * 3


@pytest.mark.django_db(transaction=True)
async def test_secrets_change_without_a_gap_and_end_when_they_should(door: httpx.AsyncClient) -> None:
    webhook, first = await in_database(
        lambda: create_incoming(operator=None, chat="feed", username="builder")
    )
    _, second = await in_database(lambda: rotate_incoming(operator=None, uid=webhook.uid))
    _, third = await in_database(lambda: rotate_incoming(operator=None, uid=webhook.uid))

    async def statuses() -> list[int]:
        programs = [Program(door, webhook, secret) for secret in (first, second, third)]
        return [(await each.call({"text": "Hello"})).status_code for each in programs]

    assert await statuses() == [403, 200, 200]
    await in_database(lambda: IncomingWebhook.objects.update(former_until="2020-01-01T00:00:00Z"))
    assert await statuses() == [403, 403, 200]
    await in_database(lambda: disable_incoming(operator=None, uid=webhook.uid))
    assert await statuses() == [404, 404, 404]
    _, fourth = await in_database(lambda: enable_incoming(operator=None, uid=webhook.uid))
    assert await statuses() == [403, 403, 403]
    assert (await Program(door, webhook, fourth).call({"text": "Back"}, "call-2")).status_code == 200


@pytest.mark.django_db
def test_what_cannot_be_made(alice: User, olive: User, charlie: User) -> None:
    for chat, username, refusal in (
        ("feed", "alice", Conflict),
        ("nowhere", "builder", ParleyError),
        ("feed", "not a name", ParleyError),
    ):
        with pytest.raises(refusal):
            create_incoming(operator=None, chat=chat, username=username)
    with pytest.raises(Forbidden):
        create_incoming(operator=charlie, chat="feed", username="builder")
    assert not IncomingWebhook.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_command_and_the_admin() -> None:
    out = io.StringIO()
    call_command("incoming_webhook", "create", "feed", "builder", stdout=out)
    webhook = IncomingWebhook.objects.get()
    assert f"/webhooks/incoming/{webhook.uid}/" in out.getvalue()
    secret = re.search(r"whsec_\S+", out.getvalue())
    assert secret is not None
    with pytest.raises(CommandError, match="no such webhook"):
        call_command("incoming_webhook", "rotate", "nothing")
    client = Client()
    client.force_login(User.objects.create_superuser("root", "", "x"))
    page = "/admin/messaging/incomingwebhook/"

    def act(action: str) -> str:
        fields = {"action": action, "_selected_action": str(webhook.pk), "confirmed": "yes"}
        return client.post(page, fields, follow=True).content.decode()

    assert "whsec_" in act("rotate")
    assert "whsec_" not in client.get(page).content.decode()
    assert "whsec_" not in client.get(f"{page}{webhook.pk}/change/").content.decode()
    act("disable")
    webhook.refresh_from_db()
    assert webhook.disabled_at is not None


def example(language: str, url: str, secret: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    text = re.sub(r"https://chat\.example\.org/webhooks/incoming/0f3c/", url, found[1])
    return text.replace("whsec_c2VjcmV0", secret)


@pytest.mark.parametrize(
    ("language", "command"), [("sh", ["sh", "-e", "-c"]), ("python", [sys.executable, "-c"])]
)
async def test_the_examples_work_as_they_stand(
    start_server: Callable[..., Awaitable[LiveServer]], language: str, command: list[str]
) -> None:
    server = await start_server()
    webhook, secret = await in_database(
        lambda: create_incoming(operator=None, chat="feed", username="builder")
    )
    script = example(language, f"{server.url}/webhooks/incoming/{webhook.uid}/", secret)
    process = await asyncio.create_subprocess_exec(
        *command, script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    assert json.loads(out)["chat"] == "feed"
    assert await in_database(texts) == [("builder", "Build 4711 is green.")]
