"""The doctor finds what is wrong with a deployment, by name, and says how to mend it; of a healthy one it finds nothing."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg2
import pytest
import redis
import time_machine
from django.conf import LazySettings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from asgi_app.doctor import CHECKS
from asgi_app.doctor.finding import Finding, Visit
from messaging.actions.retention import claim_chore
from messaging.models import Chore
from tests.asgi_app.raw import wait_for
from tests.live_server import LiveServer, address_of_database
from tests.nginx import Nginx
from tests.services import ROOT, Valkey, free_port
from webhooks.fakes.messenger import FakeMessenger
from webhooks.fakes.telegram import FakeTelegram

Start = Callable[..., Awaitable[LiveServer]]

DB = pytest.mark.django_db(transaction=True)
INSIDE = Visit(url="", patience_s=0)


def findings(visit: Visit = INSIDE, *subjects: str) -> dict[str, Finding]:
    found = [
        finding
        for subject, check in CHECKS
        if not subjects or subject in subjects
        for finding in check(visit)
    ]
    for finding in found:
        assert len(finding.mend.split()) >= 2, finding
        assert finding.what.endswith("."), finding
    return {finding.name: finding for finding in found}


# Settings

PUBLIC = {
    "WEB_DOMAIN": "parley.example.org",
    "ALLOWED_HOSTS": ["parley.example.org"],
    "HTTPS": True,
    "TRUSTED_PROXIES": 1,
    "MAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "SECOND_FACTOR_REQUIRED": True,
    "METRICS_TOKEN": "k3fQ9vLx2mZp7RtY8wBn4sHd",
}


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("debug", {"DEBUG": True}),
        ("any-host", {"ALLOWED_HOSTS": ["*"]}),
        ("host-not-allowed", {"ALLOWED_HOSTS": ["localhost"]}),
        ("https-without-proxy", {"TRUSTED_PROXIES": 0}),
        ("no-https", {"HTTPS": False}),
        ("no-mail", {"MAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}),
        ("weak-secret", {"SECRET_KEY": "changeme"}),
        ("weak-secret", {"SECRET_KEY_FALLBACKS": ["a" * 60]}),
        ("weak-metrics-token", {"METRICS_TOKEN": "short"}),
        ("second-factor-optional", {"SECOND_FACTOR_REQUIRED": False}),
        ("not-watched", {"METRICS_TOKEN": ""}),
    ],
)
def test_a_setting_that_is_wrong(name: str, planted: dict[str, Any], settings: LazySettings) -> None:
    for setting, value in PUBLIC.items():
        setattr(settings, setting, value)
    assert findings(INSIDE, "settings") == {}
    for setting, value in planted.items():
        setattr(settings, setting, value)
    assert findings(INSIDE, "settings").keys() == {name}


# The database


@DB
@pytest.mark.needs_postgres
@pytest.mark.parametrize(
    ("name", "setting", "value"),
    [
        ("synchronous-commit-off", "synchronous_commit", "off"),
        ("isolation", "default_transaction_isolation", "'repeatable read'"),
        ("read-only", "default_transaction_read_only", "on"),
    ],
)
def test_a_database_that_is_set_wrongly(name: str, setting: str, value: str) -> None:
    database = connection.settings_dict["NAME"]
    before = findings(INSIDE, "database").keys()
    assert before == {"fsync-off", "full-page-writes-off"}, "the tests' own, which may lose what it likes"
    with setting_up() as cursor:
        cursor.execute(f'ALTER DATABASE "{database}" SET {setting} = {value}')
        connection.close()
        try:
            assert findings(INSIDE, "database").keys() - before == {name}
        finally:
            cursor.execute(f'ALTER DATABASE "{database}" RESET {setting}')
            connection.close()


@contextlib.contextmanager
def setting_up() -> Iterator[Any]:
    """At another database of the same server, which what is planted does not bind."""
    address = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/postgres"))
    with contextlib.closing(psycopg2.connect(address)) as other:
        other.autocommit = True
        yield other.cursor()


@DB
@pytest.mark.needs_postgres
def test_more_threads_than_the_database_has_connections(settings: LazySettings) -> None:
    settings.HTTP_THREADS = 500
    assert "few-connections" in findings(INSIDE, "database")


@DB
@pytest.mark.needs_postgres
def test_a_database_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))
    assert findings(INSIDE, "database").keys() == {"database-unreachable"}
    monkeypatch.undo()


@DB
def test_migrations_that_have_not_run() -> None:
    applied = MigrationRecorder(connection).migration_qs.filter(app="messaging").latest("pk")
    MigrationRecorder(connection).record_unapplied(applied.app, applied.name)
    try:
        assert "migrations-pending" in findings(INSIDE, "database")
    finally:
        MigrationRecorder(connection).record_applied(applied.app, applied.name)
    assert "migrations-pending" not in findings(INSIDE, "database")


def test_one_file_for_many_processes(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'db'}",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    command = [sys.executable, "manage.py", "doctor", "--no-proxy"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    named = set(re.findall(r"\[([a-z-]+)\]$", done.stdout, re.MULTILINE))
    assert {"sqlite-for-many", "redis-unreachable", "migrations-pending"} <= named


# Redis


@pytest.fixture
def client(redis_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        before: Any = client.config_get("*")
        yield client
        for name in ("maxmemory", "maxmemory-policy", "timeout", "maxclients"):
            client.config_set(name, before[name])


@pytest.mark.needs_redis
@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("redis-evicts", {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}),
        ("redis-cuts-idle", {"timeout": "10"}),
        ("few-redis-clients", {"maxclients": "20"}),
    ],
)
def test_a_redis_that_is_set_wrongly(name: str, planted: dict[str, str], client: Any) -> None:
    assert findings(INSIDE, "redis") == {}
    for setting, value in planted.items():
        client.config_set(setting, value)
    assert findings(INSIDE, "redis").keys() == {name}


@pytest.mark.needs_redis
def test_a_redis_that_is_not_there(valkey: Valkey) -> None:
    valkey.kill()
    assert findings(INSIDE, "redis").keys() == {"redis-unreachable"}


@pytest.mark.needs_redis
def test_a_redis_whose_user_may_not_subscribe(client: Any, settings: LazySettings) -> None:
    client.acl_setuser("deaf", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all"])
    client.execute_command("ACL", "SETUSER", "deaf", "resetchannels")
    address = re.sub(r"//.*@", "//deaf:secret@", settings.REDIS_URL)
    settings.REDIS_URL = address
    layers = settings.CHANNEL_LAYERS
    hosts = [{**layers["default"]["CONFIG"]["hosts"][0], "address": address}]
    settings.CHANNEL_LAYERS = {
        "default": {**layers["default"], "CONFIG": {**layers["default"]["CONFIG"], "hosts": hosts}}
    }
    try:
        assert findings(INSIDE, "redis").keys() == {"redis-deaf"}
    finally:
        client.acl_deluser("deaf")


# Clock, files, worker


@DB
@pytest.mark.needs_postgres
def test_a_clock_that_is_wrong() -> None:
    assert findings(INSIDE, "clock") == {}
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert findings(INSIDE, "clock").keys() == {"clock"}


def test_files_that_were_not_collected(settings: LazySettings, tmp_path: Path) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
    }
    settings.STATIC_ROOT = tmp_path
    assert findings(INSIDE, "static files").keys() == {"static-not-collected"}
    call_command("collectstatic", "--noinput", verbosity=0)
    assert findings(INSIDE, "static files") == {}


def test_scripts_that_were_not_built(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.contrib.staticfiles.finders.searched_locations", [])
    monkeypatch.setattr("django.contrib.staticfiles.finders.get_finders", list)
    assert findings(INSIDE, "static files").keys() == {"scripts-not-built"}


@DB
def test_a_worker_that_is_gone() -> None:
    assert findings(INSIDE, "worker").keys() == {"no-worker"}
    claim_chore("prune_events", 3600)
    assert findings(INSIDE, "worker") == {}
    Chore.objects.update(due_at=timezone.now() - timedelta(hours=1))
    assert findings(INSIDE, "worker").keys() == {"worker-late"}


# The proxy

HEALTHY = """
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_buffering off;
"""


def site(server: LiveServer, port: int, inside: str) -> str:
    return f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{server.port}; {inside} }} }}"


PLANTED = {
    "no-upgrade": ('proxy_set_header Connection "upgrade";', ""),
    "host-not-forwarded": ("proxy_set_header Host $http_host;", ""),
    "scheme-not-forwarded": ("X-Forwarded-Proto $scheme", "X-Forwarded-Proto https"),
    "address-spoofable": ("proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;", ""),
    "proxy-not-trusted": ("For $proxy_add_x_forwarded_for", 'For "203.0.113.7, 10.0.0.1"'),
    "buffering": ("proxy_buffering off;", "gzip on; gzip_types text/event-stream; gzip_min_length 0;"),
    "idle-time-out": ("proxy_buffering off;", "proxy_buffering off; proxy_read_timeout 900ms;"),
}


@DB
async def test_a_proxy_that_is_set_wrongly(start_server: Start, tmp_path: Path) -> None:
    server = await start_server(TRUSTED_PROXIES="1", LIVE_PING_S="10")

    def look_behind(name: str) -> set[str]:
        port, directory = free_port(), tmp_path / (name or "healthy")
        directory.mkdir()
        wrong, right = PLANTED.get(name, ("", ""))
        assert wrong in HEALTHY
        inside = HEALTHY.replace(wrong, right) if name else HEALTHY
        with Nginx(directory, site(server, port, inside), port):
            return set(findings(Visit(f"http://127.0.0.1:{port}", 2.5), "proxy"))

    found = await asyncio.gather(*(asyncio.to_thread(look_behind, name) for name in ("", *PLANTED)))
    assert dict(zip(("", *PLANTED), found, strict=True)) == {"": set()} | {name: {name} for name in PLANTED}


def test_a_site_that_is_not_there() -> None:
    found = findings(Visit(f"http://127.0.0.1:{free_port()}", 1), "proxy")
    assert found.keys() == {"site-unreachable"}


@pytest.fixture
def somebody_else() -> Iterator[str]:
    """Another site, where ours should be."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_site_that_is_somebody_elses(somebody_else: str) -> None:
    assert findings(Visit(somebody_else, 1), "proxy").keys() == {"site-unreachable"}


# The platforms

TOKEN = "7000000001:telegram-canary-token"


@pytest.fixture
def telegram(settings: LazySettings) -> Iterator[FakeTelegram]:
    with FakeTelegram(token=TOKEN) as fake:
        settings.TELEGRAM_BOTS = {"verses": {"token": TOKEN, "secrets": ("a-secret",)}}
        settings.TELEGRAM_API_URL = fake.url
        yield fake


@pytest.fixture
def messenger(settings: LazySettings) -> Iterator[FakeMessenger]:
    with FakeMessenger() as fake:
        page = {"page_id": fake.page_id, "app_secrets": (fake.app_secret,)}
        tokens = {"verify_token": "a-word", "access_token": fake.access_token}
        settings.MESSENGER_PAGES = {"verses": page | tokens}
        settings.MESSENGER_API_URL = fake.url
        yield fake


def test_telegram_does_not_bring_what_people_write(
    telegram: FakeTelegram, settings: LazySettings, somebody_else: str
) -> None:
    def named() -> set[str]:
        found = findings(INSIDE, "platforms")
        assert TOKEN not in str(found)
        return set(found)

    assert named() == {"telegram-webhook"}
    telegram.webhook_url = f"{somebody_else}/webhooks/telegram/other/"
    assert named() == {"telegram-webhook"}
    settings.WEB_URL = somebody_else
    telegram.webhook_url = f"{somebody_else}/webhooks/telegram/verses/"
    assert named() == set()
    telegram.says(7, "hello")
    wait_for(lambda: bool(telegram.answers), 10)
    assert named() == {"telegram-cannot-call"}
    settings.TELEGRAM_BOTS = {"verses": {"token": "1:wrong", "secrets": ("a-secret",)}}
    assert named() == {"telegram-refuses"}
    settings.TELEGRAM_BOTS = {"verses": {"token": "", "secrets": ()}}
    assert named() == {"telegram-not-set-up"}
    assert "TELEGRAM_VERSES_TOKEN and TELEGRAM_VERSES_SECRET" in str(findings(INSIDE, "platforms"))


def test_messenger_does_not_bring_what_people_write(messenger: FakeMessenger, settings: LazySettings) -> None:
    def named(**changes: Any) -> set[str]:
        settings.MESSENGER_PAGES = {"verses": page | changes}
        found = findings(INSIDE, "platforms")
        assert messenger.access_token not in str(found)
        return set(found)

    page = settings.MESSENGER_PAGES["verses"]
    assert named() == {"messenger-webhook"}
    messenger.webhook_url = "http://127.0.0.1:1/webhooks/messenger/verses/"
    assert named() == set()
    assert named(page_id="another") == {"messenger-other-page"}
    assert named(access_token="wrong") == {"messenger-refuses"}
    assert named(access_token="") == {"messenger-not-set-up"}
    settings.MESSENGER_API_URL = f"http://127.0.0.1:{free_port()}"
    assert named() == {"messenger-refuses"}


# The command


@DB
async def test_of_a_healthy_deployment_the_command_says_so(start_server: Start) -> None:
    """But for the database of the tests, which is not to be trusted with anything."""
    server = await start_server(LIVE_PING_S="1", METRICS_TOKEN="k3fQ9vLx2mZp7RtY8wBn4sHd")
    environment = {
        **os.environ,
        "DATABASE_URL": await asyncio.to_thread(address_of_database),
        "LIVE_PING_S": "1",
    }
    command = [sys.executable, "manage.py", "doctor", "--url", server.url]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    done = await asyncio.to_thread(run)
    assert set(re.findall(r"\[([a-z-]+)\]$", done.stdout, re.MULTILINE)) <= {
        *("fsync-off", "full-page-writes-off", "no-worker")
    }
    assert "well    proxy" in done.stdout, done.stdout
    assert "well    redis" in done.stdout
