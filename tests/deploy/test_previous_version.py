"""Old and new side by side, as during a deploy: what a new version adds to the schema, the version before survives."""

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import PASSWORD
from tests.deploy.additive import WHY, harms
from tests.deploy.previous import git, previous_version, released_migrations, unpack_previous_version
from tests.live_server import LiveServer
from tests.services import ROOT

# --- Its migrations -------------------------------------------------------------------------------------------------


def test_a_released_migration_is_never_edited() -> None:
    released = sorted(map(str, released_migrations()))
    assert len(released) >= 10
    assert git("diff", "--stat", previous_version(), "--", *released).decode() == ""


def test_migrations_since_the_version_before_only_add() -> None:
    released = released_migrations()
    loader, state = MigrationLoader(None), ProjectState()
    # Backwards from each leaf: all there are, each after what it builds on.
    plan = dict.fromkeys(
        key for leaf in loader.graph.leaf_nodes() for key in loader.graph.forwards_plan(leaf)
    )
    for app, name in plan:
        migration = loader.disk_migrations[app, name]
        file = Path(*migration.__module__.split(".")).with_suffix(".py")
        if (
            file in released or not (ROOT / file).exists()
        ):  # Django's and the packages' come with their versions
            state = migration.mutate_state(state, preserve=False)
            continue
        module = importlib.import_module(migration.__module__)
        assert list(harms(migration.operations, state, app, module=module)) == []


def before() -> ProjectState:
    """A table with a short name that must be given, and a number."""
    state = ProjectState()
    fields: list[tuple[str, models.Field[Any, Any]]] = [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=10)),
        ("number", models.IntegerField()),
    ]
    state.add_model(ModelState("messaging", "Thing", fields))
    return state


NUMBER, NAME = models.IntegerField, models.CharField
ALTER, ADD = migrations.AlterField, migrations.AddField


@pytest.mark.parametrize(
    "operation",
    [
        ADD("thing", "size", NUMBER(null=True)),
        ADD("thing", "size", NUMBER(db_default=0)),
        ALTER("thing", "name", NAME(max_length=20, help_text="longer")),
        ALTER("thing", "number", NUMBER(db_default=1)),
        migrations.AddIndex("thing", models.Index(fields=["number"], name="thing_number")),
        migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AlterModelOptions("thing", {"ordering": ["number"]}),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_only_adds(operation: Any) -> None:
    assert list(harms([operation], before(), "messaging")) == []


@pytest.mark.parametrize(
    "operation",
    [
        ADD("thing", "size", NUMBER()),
        ADD("thing", "size", NUMBER(default=0)),  # Django drops the default again when the column is there
        ALTER("thing", "name", NAME(max_length=5)),
        ALTER("thing", "name", NAME(max_length=10, unique=True)),
        ALTER("thing", "name", NAME(max_length=10, null=True)),
        ALTER("thing", "number", models.BigIntegerField()),
        migrations.RemoveField("thing", "number"),
        migrations.RenameField("thing", "number", "count"),
        migrations.RenameModel("Thing", "Item"),
        migrations.DeleteModel("Thing"),
        migrations.AlterModelTable("thing", "things"),
        migrations.AddConstraint("thing", models.UniqueConstraint(fields=["number"], name="once")),
        migrations.RemoveConstraint("thing", "once"),
        migrations.RunSQL("UPDATE messaging_thing SET number = 0"),
        migrations.SeparateDatabaseAndState([migrations.RunSQL("DROP TABLE messaging_thing")]),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_the_version_before_would_not_survive(operation: Any) -> None:
    assert len(list(harms([operation], before(), "messaging"))) == 1


def test_what_is_new_itself_may_be_changed_and_a_reason_may_be_given() -> None:
    made = migrations.CreateModel("Other", [("id", models.BigAutoField(primary_key=True))])
    assert list(harms([made, ADD("other", "size", NUMBER())], before(), "messaging")) == []
    module = type(json)("a_migration")
    setattr(module, WHY, "the version before does not read it any more")
    assert (
        list(harms([migrations.RemoveField("thing", "number")], before(), "messaging", module=module)) == []
    )


# --- Its processes --------------------------------------------------------------------------------------------------


class Client:
    """Somebody's app, at one of the two versions."""

    def __init__(self, server: LiveServer) -> None:
        self.http = httpx.AsyncClient(base_url=server.url, trust_env=False)
        self.live = f"{server.ws_url}/connection/websocket"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.http.aclose()

    async def ask(self, method: str, path: str, **fields: Any) -> Any:
        answer = await self.http.request(method, path, json=fields)
        assert answer.is_success, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    async def sign_up(self, username: str) -> str:
        """As the first clients did it: a form, two fields. Returns the token, with which this client goes on."""
        fields = {"username": username, "password": PASSWORD}
        assert (await self.http.post("/auth/users/create/", data=fields)).status_code == httpx.codes.CREATED
        return self.use((await self.http.post("/auth/token/create/", data=fields)).json()["auth_token"])

    def use(self, token: str) -> str:
        self.http.headers["Authorization"] = f"Token {token}"
        self.token = token
        return token

    async def follow(self, *streams: str) -> ClientConnection:
        socket = await connect(self.live, proxy=None)
        commands: list[dict[str, Any]] = [{"connect": {"token": self.token}}]
        commands += [{"subscribe": {"channel": stream}} for stream in streams]
        await socket.send("\n".join(json.dumps({"id": at + 1, **each}) for at, each in enumerate(commands)))
        answers = ""
        while answers.count('"id":') < len(commands):
            answers += str(await socket.recv()) + "\n"
        assert "error" not in answers
        return socket


async def heard(socket: ClientConnection, *words: str) -> None:
    """Returns when all of them have come."""
    missing = set(words)
    async with asyncio.timeout(10):
        while missing:
            frame = str(await socket.recv())
            missing -= {word for word in missing if word in frame}


async def live_at_both(old: Client, new: Client, swapped: Client) -> None:
    """`swapped` is at the old one, with the credentials of whoever is at the new one."""
    await asyncio.gather(old.sign_up("alice"), new.sign_up("bob"))
    room = (await old.ask("POST", "/api/chats/", name="kitchen"))["uri"]
    await new.ask("POST", f"/api/chats/{room}/members/")
    at_old, at_new = await old.follow("chat.feed", f"chat.{room}"), await new.follow(f"chat.{room}")
    path = f"/api/chats/{room}/messages/"
    numbers = [
        (await client.ask("POST", path, text=f"by {name}"))["number"]
        for client, name in ((old, "the old"), (new, "the new"), (old, "the old again"))
    ]
    assert numbers == [1, 2, 3]
    await new.ask("PATCH", f"{path}2/", text="edited at the new")
    await old.ask("DELETE", f"{path}1/")
    for socket in (at_old, at_new):
        await heard(socket, "by the new", "by the old again", "edited at the new", "message.deleted")
    read = [(await client.ask("GET", path))["messages"] for client in (old, new)]
    assert [message["text"] for message in read[0]] == [message["text"] for message in read[1]]

    # Credentials of the one are good at the other, and end everywhere.
    swapped.use(new.token)
    assert (await swapped.ask("GET", "/api/me/"))["username"] == "bob"
    bob_at_old = await swapped.follow("chat.feed")
    device = (await new.ask("GET", "/api/devices/"))["devices"][0]["id"]
    await new.ask("DELETE", f"/api/devices/{device}/")
    async with asyncio.timeout(1.0):
        await bob_at_old.wait_closed()
    assert bob_at_old.close_code == 3500
    for page in ("/", "/signup/", "/login/"):
        assert (await old.http.get(page)).status_code == httpx.codes.OK
    for socket in (at_old, at_new):
        await socket.close()


@pytest.mark.needs_postgres
@pytest.mark.needs_redis
@pytest.mark.django_db(transaction=True)
async def test_the_version_before_serves_on_beside_this_one_on_its_schema(
    start_server: Callable[..., Awaitable[LiveServer]], database_url: str, tmp_path: Path
) -> None:
    """People sign up, post, edit, delete, join and are signed out at either, and hear of it at the other."""
    tree = await asyncio.to_thread(unpack_previous_version, tmp_path / "before")
    old_server = LiveServer(database_url=database_url, env={}, log=tmp_path / "before.log", tree=tree)
    new_server = await start_server()
    try:
        await old_server.start()
        async with Client(old_server) as old, Client(new_server) as new, Client(old_server) as swapped:
            await live_at_both(old, new, swapped)
        assert await old_server.terminate() == 0
    finally:
        await old_server.close()
    assert "Traceback" not in (tmp_path / "before.log").read_text()
