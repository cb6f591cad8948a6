"""Whatever starts Parley starts exactly the lines of the Procfile, and each of them runs."""

import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.asgi_app.raw import wait_for
from tests.kept_process import KeptProcess
from tests.monitoring import TOKEN
from tests.services import ROOT, free_port

PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
DEPLOY = ROOT / "docs" / "deploy"


def compose() -> dict[str, str]:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return {name: service["command"] for name, service in services.items() if name in PROCFILE}


def heroku() -> dict[str, str]:
    file = yaml.safe_load((ROOT / "heroku.yml").read_text())
    (release,), (worker,) = file["release"]["command"], file["run"]["worker"]["command"]
    return {"release": release, "web": file["run"]["web"], "worker": worker}


def kubernetes() -> dict[str, str]:
    objects = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    pods = [each["spec"]["template"]["spec"] for each in objects if each["kind"] in ("Job", "Deployment")]
    return {pod["containers"][0]["name"]: shlex.join(pod["containers"][0]["command"]) for pod in pods}


def systemd() -> dict[str, str]:
    units = {"web": "parley-web@.service", "worker": "parley-worker.service"}
    lines = {
        name: re.findall(
            r"^ExecStart=/srv/parley/.venv/bin/(.*)$", (DEPLOY / unit).read_text(), re.MULTILINE
        )[0]
        for name, unit in units.items()
    }
    # Behind a proxy on the same machine, the process listens to nobody else.
    return {name: line.removesuffix(" -b 127.0.0.1") for name, line in lines.items()} | {
        "release": PROCFILE["release"]
    }


def page() -> dict[str, str]:
    (block,) = re.findall(r"```\n(release: .*?)```", (ROOT / "docs" / "deploy.md").read_text(), re.DOTALL)
    return dict(line.split(": ", 1) for line in block.splitlines())


@pytest.mark.parametrize("lines", [compose, heroku, kubernetes, systemd, page])
def test_each_way_to_deploy_starts_the_lines_of_the_procfile(lines: Any) -> None:
    assert lines() == PROCFILE


def test_the_image_becomes_a_web_process_by_itself() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    (command,) = re.findall(r'^CMD \["sh", "-c", "exec (.*)"\]$', dockerfile, re.MULTILINE)
    assert command == PROCFILE["web"]
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split()), copied


def test_what_is_left_out_of_the_image_is_made_inside_it_or_secret() -> None:
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert {".env", "var", ".git", "frontend/build"} <= set(left_out)


def settings_named_in_files() -> Iterator[tuple[str, str]]:
    app = json.loads((ROOT / "app.json").read_text())
    yield from (("app.json", name) for name in app["env"])
    parley = yaml.safe_load((ROOT / "compose.yaml").read_text())["x-parley"]
    yield from (("compose.yaml", name) for name in parley["environment"])
    for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text()):
        if each["kind"] == "ConfigMap":
            yield from (("kubernetes.yaml", name) for name in each["data"])
    text = (ROOT / "docs" / "deploy.md").read_text()
    yield from (("deploy.md", name) for name in re.findall(r"\b([A-Z_]{4,})=", text))


def test_every_setting_that_they_name_exists() -> None:
    known = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    named = set(settings_named_in_files())
    assert len(named) > 15
    assert {(file, name) for file, name in named if name not in known} == set()


def test_nobody_is_given_less_time_than_a_drain_takes() -> None:
    assert "TimeoutStopSec=30" in (DEPLOY / "parley-web@.service").read_text()
    web = next(
        each["spec"]["template"]["spec"]
        for each in yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
        if each["metadata"]["name"] == "parley-web"
    )
    assert web["terminationGracePeriodSeconds"] >= 28
    (container,) = web["containers"]
    assert (
        container["livenessProbe"]["httpGet"]["path"],
        container["readinessProbe"]["httpGet"]["path"],
    ) == (
        "/healthz",
        "/readyz",
    )
    assert yaml.safe_load((ROOT / "compose.yaml").read_text())["x-parley"]["stop_grace_period"] == "30s"


class Line:
    """One line of the Procfile as a process of its own, in an environment as production has it."""

    def __init__(self, name: str, directory: Path, **env: str) -> None:
        python, *arguments = shlex.split(PROCFILE[name])
        assert python == "python"
        self.process = KeptProcess(
            [sys.executable, *arguments],
            log=directory / name,
            cwd=ROOT,
            env={**os.environ, "LOG_LEVEL": "INFO", "PYTHONUNBUFFERED": "1", **env},
        )

    def says(self, word: str) -> None:
        wait_for(lambda: word in self.process.log_tail() or not self.process.is_running(), 30)
        assert word in self.process.log_tail(), self.process.log_tail()

    def ends_when_told(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def test_each_line_of_the_procfile_runs(tmp_path: Path) -> None:
    port = free_port()
    env = {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'fresh.sqlite3'}",
        "REDIS_URL": "redis://127.0.0.1:1/0",  # so that the worker is a process of its own
        "PORT": str(port),
        "WEB_DOMAIN": f"localhost:{port}",
        "METRICS_TOKEN": TOKEN,
        "WORKER_METRICS_ADDRESS": (at := f"127.0.0.1:{free_port()}"),
    }
    release = Line("release", tmp_path, **env)
    assert release.process.wait(60) == 0, release.process.log_tail()
    web, worker = Line("web", tmp_path, **env), Line("worker", tmp_path, **env)
    try:
        web.says("Parley listens on http://0.0.0.0:")
        assert httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).json()["status"] == "degraded"
        worker.says("prune_events: 0")
        told = httpx.get(
            f"http://{at}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False
        )
        lines = told.text.splitlines()
        assert 'parley_chores_total{chore="prune_events",outcome="done"} 1.0' in lines
        assert 'parley_waiting{what="inbound"} 0.0' in lines
        assert not any(line.startswith("parley_sockets") for line in lines)
        answers = [httpx.get(f"http://{at}/{path}", trust_env=False) for path in ("metrics", "healthz", "x")]
        assert [answer.status_code for answer in answers] == [401, 200, 404]
        assert (web.ends_when_told(), worker.ends_when_told()) == (0, 0)
    finally:
        for line in (web, worker):
            line.process.kill()
