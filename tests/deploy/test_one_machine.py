"""docs/deploy.md for one machine, followed with processes in place of systemd: a real nginx with TLS in front of two web
processes and a worker, as the page's own files have them.
"""

import asyncio
import json
import os
import re
import secrets
import shlex
import signal
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.asgi_app.raw import wait_for
from tests.conftest import PASSWORD
from tests.kept_process import KeptProcess
from tests.live_server import address_of_database
from tests.nginx import NAME, Nginx, make_certificate
from tests.services import ROOT, free_port

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.needs_redis, pytest.mark.needs_postgres]

PAGE = (ROOT / "docs" / "deploy.md").read_text()
DEPLOY = ROOT / "docs" / "deploy"
HOME = "/srv/parley"


def settings_of_the_page(**known: str) -> dict[str, str]:
    """/etc/parley.env as the page has it, with its blanks filled in."""
    (block,) = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    lines = dict(line.split("=", 1) for line in block.splitlines())
    blanks = {name: value for name, value in lines.items() if "<" in value}
    assert blanks.keys() <= known.keys() | {"DATABASE_URL"}
    return {**lines, **known}


def unit(name: str, instance: str = "") -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a unit, on this machine's Python."""
    text = (DEPLOY / name).read_text().replace("%i", instance)
    (line,) = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
    python, *arguments = shlex.split(line)
    assert python == f"{HOME}/.venv/bin/python"
    assert "EnvironmentFile=/etc/parley.env\n" in text
    env = dict(pair.split("=", 1) for pair in re.findall(r"^Environment=(.*)$", text, re.MULTILINE))
    return [sys.executable, *arguments], env


@dataclass
class Machine:
    """What the page leads to."""

    directory: Path
    ports: list[int]
    https_port: int
    trust: ssl.SSLContext
    settings: dict[str, str]
    nginx: Nginx
    processes: dict[str, KeptProcess] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.https_port}"

    def run(self, command: str) -> str:
        """One of the page's commands."""
        written = command.removesuffix(" --noinput") if "createsuperuser" in command else command
        assert written in PAGE.splitlines(), command
        name, *arguments = shlex.split(command)
        assert name == ".venv/bin/python"
        log = self.directory / f"run-{secrets.token_hex(4)}"
        process = KeptProcess([sys.executable, *arguments], log=log, cwd=ROOT, env=self.environment())
        assert process.wait(60) == 0, process.log_tail()
        return process.log_tail()

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "ENV_FILE") if name in os.environ}
        return {**kept, **self.settings, **more, "PYTHONUNBUFFERED": "1"}

    def start(self, name: str, instance: str = "") -> None:
        command, env = unit(name, instance)
        log = self.directory / f"{name}-{instance}"
        self.processes[instance] = KeptProcess(command, log=log, cwd=ROOT, env=self.environment(**env))

    def restart(self, port: int) -> None:
        process = self.processes[str(port)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, process.log_tail()
        self.start("parley-web@.service", str(port))
        wait_for(lambda: self.is_ready(port), 30)

    def is_ready(self, port: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def client(self) -> httpx.AsyncClient:
        headers = {"Host": NAME}
        return httpx.AsyncClient(
            base_url=self.url, verify=self.trust, headers=headers, trust_env=False, timeout=20
        )

    def socket(self, **options: Any) -> Any:
        address = f"wss://{NAME}/connection/websocket"
        return connect(
            address,
            host="localhost",
            port=self.https_port,
            ssl=self.trust,
            server_hostname=NAME,
            proxy=None,
            **options,
        )


@pytest.fixture
def machine(tmp_path: Path, redis_url: str) -> Iterator[Machine]:
    trust = make_certificate(tmp_path)
    ports, http_port, https_port = [free_port(), free_port()], free_port(), free_port()
    site = (DEPLOY / "nginx.conf").read_text()
    for written, here in (
        ("127.0.0.1:8001", f"127.0.0.1:{ports[0]}"),
        ("127.0.0.1:8002", f"127.0.0.1:{ports[1]}"),
        ("listen 80;", f"listen 127.0.0.1:{http_port};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{https_port} ssl;"),
        ("    listen [::]:80;\n", ""),
        ("    listen [::]:443 ssl;\n", ""),
        (f"/etc/letsencrypt/live/{NAME}/fullchain.pem", f"{tmp_path}/cert.pem"),
        (f"/etc/letsencrypt/live/{NAME}/privkey.pem", f"{tmp_path}/key.pem"),
    ):
        assert written in site, written
        site = site.replace(written, here)
    settings = settings_of_the_page(
        SECRET_KEY=secrets.token_urlsafe(50),
        DATABASE_URL=address_of_database(),
        REDIS_URL=redis_url,
        REDIS_PREFIX=f"machine-{secrets.token_hex(4)}",
        EMAIL_URL="console:",
        METRICS_TOKEN=secrets.token_urlsafe(32),
        VAR_DIR=str(tmp_path / "var"),
    )
    nginx = Nginx(tmp_path, site, https_port)
    machine = Machine(tmp_path, ports, https_port, trust, settings, nginx)
    with nginx:
        try:
            yield machine
        finally:
            for process in machine.processes.values():
                process.kill()
                sys.stdout.write(process.log_tail() + "\n")


@pytest.fixture
async def deployed(machine: Machine) -> Machine:
    """The page, to its end."""

    def follow_the_page() -> None:
        machine.run(".venv/bin/python manage.py migrate --noinput")
        machine.run(".venv/bin/python manage.py collectstatic --noinput")
        for port in machine.ports:
            machine.start("parley-web@.service", str(port))
        machine.start("parley-worker.service")
        for port in machine.ports:
            wait_for(lambda port=port: machine.is_ready(port), 30)

    await asyncio.to_thread(follow_the_page)
    return machine


async def say(socket: ClientConnection, **command: Any) -> Any:
    await socket.send(json.dumps({"id": 1, **command}))
    return json.loads(await socket.recv())


async def hear(socket: ClientConnection) -> Any:
    """The next publication; pings are answered."""
    while True:
        for line in str(await socket.recv()).splitlines():
            told = json.loads(line)
            if not told:
                await socket.send("{}")
            elif "push" in told:
                return told["push"]["pub"]["data"]


async def test_the_page_leads_to_a_working_site(deployed: Machine) -> None:
    async with deployed.client() as client:
        page = await client.get("/")
        assert page.status_code == httpx.codes.OK
        assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
        for file in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            assert (await client.get(file)).status_code == httpx.codes.OK, file
        assert (await client.get("/metrics")).status_code == httpx.codes.NOT_FOUND

        account = {"username": "dora", "password": PASSWORD}
        assert (await client.post("/auth/users/", json=account)).status_code == httpx.codes.CREATED
        token = (await client.post("/auth/token/login/", json=account)).json()["auth_token"]
        client.headers["Authorization"] = f"Token {token}"
        seen = (await client.get("/live-check/seen", headers={"X-Forwarded-For": "6.6.6.6"})).json()
        assert (seen["address"], seen["scheme"], seen["host"]) == ("127.0.0.1", "https", NAME)

        async with deployed.socket(origin=f"https://{NAME}") as one, deployed.socket() as other:
            for socket in (one, other):
                assert "connect" in await say(socket, connect={"token": token})
                assert "subscribe" in await say(socket, subscribe={"channel": "chat.feed"})
            answer = await client.post("/api/chats/feed/messages/", json={"text": "hello there"})
            assert answer.status_code == httpx.codes.CREATED
            for socket in (one, other):
                assert (await hear(socket))["message"]["text"] == "hello there"

            # Both processes are restarted, as for an update: the sockets are told to come back, and nothing fails.
            for port in deployed.ports:
                await asyncio.to_thread(deployed.restart, port)
                answer = await client.post("/api/chats/feed/messages/", json={"text": f"after {port}"})
                assert answer.status_code == httpx.codes.CREATED
            for socket in (one, other):
                await socket.wait_closed()
                assert socket.close_code == 3001
    await the_operator_of_the_page_is_one(deployed)
    assert [status for status in deployed.nginx.statuses if status >= 500] == []


async def the_operator_of_the_page_is_one(deployed: Machine) -> None:
    command = ".venv/bin/python manage.py createsuperuser --username olive"
    deployed.settings["DJANGO_SUPERUSER_PASSWORD"] = PASSWORD
    await asyncio.to_thread(deployed.run, f"{command} --noinput")
    async with deployed.client() as client:
        login = await client.get("/login/")
        (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', login.text))
        fields = {"identifier": "olive", "password": PASSWORD, "csrfmiddlewaretoken": token}
        answer = await client.post("/login/", data=fields, headers={"Referer": f"https://{NAME}/login/"})
        assert answer.status_code == httpx.codes.FOUND, answer.text
        cookie = next(cookie for cookie in client.cookies.jar if cookie.name == "sessionid")
        assert cookie.secure
        session = {"Cookie": f"sessionid={cookie.value}"}
        assert (await client.get("/admin/", headers=session)).status_code == httpx.codes.OK
        async with deployed.socket(origin=f"https://{NAME}", additional_headers=session) as socket:
            assert (await say(socket, connect={}))["connect"]["data"]["username"] == "olive"
