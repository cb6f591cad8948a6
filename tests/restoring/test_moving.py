"""From SQLite to PostgreSQL: every row comes along, with its keys and numbers, and life goes on after the last of them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from messaging.actions.chats import create_room
from messaging.actions.messages import post_message
from messaging.models import Chat, Deployment, Event, Message, User
from messaging.queries.credentials import credential_of_token
from tests.live_server import address_of_database
from tests.services import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_postgres]

LIFE = """
import asgi_app.boot
from messaging.actions import accounts, chats, messages, threads
alice = accounts.sign_up(username="alice", password="correct-horse-battery", email="alice@example.org")
bob = accounts.sign_up(username="bob", password="correct-horse-battery")
room = chats.create_room(user=alice, name="Küche").uri
chats.add_member(user=alice, chat=room, username="bob")
for at in range(30):
    messages.post_message(user=(alice, bob)[at % 2], chat=(room, "feed")[at % 3 == 0], text=f"number {at} \\N{PARROT}", client_id=f"c{at}")
messages.edit_message(user=bob, chat=room, number=1, text="said otherwise")
messages.delete_message(user=alice, chat=room, number=2)
chats.mark_read(user=bob, chat=room, number=5)
chats.leave_room(user=bob, chat=room)
chats.add_member(user=alice, chat=room, username="bob")
threads.open_thread(user=alice, username="bob")
from messaging.actions.second_factor import offer_second_factor
offer_second_factor(user=alice)
print(accounts.create_token(user=alice, name="laptop")[1])
"""


ROWS = """
import asgi_app.boot, json
from django.apps import apps
for model in apps.get_models(include_auto_created=True):
    names = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.values_list(*names)
    # What PostgreSQL keeps as jsonb has its keys in another order.
    print(json.dumps([model._meta.db_table, sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)]))
"""


def run(address: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": address}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The address of a SQLite database in which people have lived, and a token of alice's. Moving leaves it as it is."""
    address = f"sqlite:///{tmp_path_factory.mktemp('old') / 'old.sqlite3'}"
    for command in (["manage.py", "migrate", "--noinput", "--verbosity", "0"], ["-c", LIFE]):
        done = run(address, *command)
        assert done.returncode == 0, done.stderr
    # The mail that asks alice whether the address is hers is printed too.
    token = re.search(r"^[0-9a-f]{64}$", done.stdout, re.MULTILINE)
    assert token is not None, done.stdout
    return address, token[0]


def rows(address: str) -> dict[str, list[str]]:
    return dict(json.loads(line) for line in run(address, "-c", ROWS).stdout.splitlines())


def test_everything_comes_along_numbers_included(old: tuple[str, str]) -> None:
    address, token = old
    new = address_of_database()
    done = run(new, "manage.py", "move_database", address)
    assert done.returncode == 0, done.stderr
    assert "The old database is as it was." in done.stdout
    here, there = rows(new), rows(address)
    assert here.keys() == there.keys()
    assert {table: (here[table], there[table]) for table in here if here[table] != there[table]} == {}
    assert sum(map(len, here.values())) > 150

    # And life goes on after the last of them.
    alice = credential_of_token(token).user
    room = Chat.objects.get(name="Küche")
    message = post_message(user=alice, chat=room.uri, text="from the other side")
    assert (message.seq, message.number) == (room.last_seq + 1, room.message_count + 1)
    repeated = post_message(user=alice, chat="feed", text="number 0 \N{PARROT}", client_id="c0")
    assert repeated.number == 1
    create_room(user=alice)
    assert Event.objects.filter(chat=room).count() == room.last_seq + 1
    assert Message.objects.count() == 31
    assert Deployment.objects.count() == 1
    connection.check_constraints()


def test_nobody_is_moved_in_with_others(old: tuple[str, str], alice: User) -> None:
    done = run(address_of_database(), "manage.py", "move_database", old[0])
    assert done.returncode == 1
    assert "There are people in the new database already" in done.stderr
    assert User.objects.count() == 1


def test_an_old_database_of_another_version_is_not_moved(tmp_path: Path) -> None:
    done = run(address_of_database(), "manage.py", "move_database", f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    assert done.returncode == 1
    assert "of another version" in done.stderr


def test_a_wrong_address_is_a_sentence() -> None:
    with pytest.raises(CommandError, match="no address of a database"):
        call_command("move_database", "nonsense")
