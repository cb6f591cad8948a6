"""Tests of scripts/dev.py: what is missing is told in one sentence, before anything is installed."""

import ast
import os
import runpy
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with nothing in it but the commands, and a PATH with nothing at all."""
    (tmp_path / "scripts").mkdir()
    (tmp_path / "programs").mkdir()
    for name in ("checks.py", "dev.py", "machine.py"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    return tmp_path


def dev(checkout: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(checkout / "scripts" / "dev.py"), *arguments],
        env={"PATH": str(checkout / "programs"), **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def put_program(checkout: Path, name: str, prints: str) -> None:
    program = checkout / "programs" / name
    program.write_text(f"#!/bin/sh\necho {prints}\n")
    program.chmod(0o755)


def told(finished: subprocess.CompletedProcess[str]) -> str:
    assert finished.returncode == 1
    assert finished.stderr.startswith("parley: ")
    assert finished.stderr.count("\n") == 1, "one sentence, no traceback"
    return finished.stderr


def test_an_old_python_can_read_far_enough_to_say_so() -> None:
    ast.parse((ROOT / "scripts" / "dev.py").read_text(), feature_version=(3, 7))


def test_a_taken_port_is_told(checkout: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert f"Port {port} is taken" in told(dev(checkout, "run", PORT=str(port)))


@pytest.mark.parametrize("port", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none_is_told(checkout: Path, port: str) -> None:
    assert "must be a number from 1 to 65535" in told(dev(checkout, "run", PORT=port))


def test_the_port_may_stand_in_the_env_file(checkout: Path) -> None:
    (checkout / ".env").write_text("SECRET_KEY=x\nPORT=nowhere\n")
    assert "'nowhere'" in told(dev(checkout, "run"))


@pytest.mark.parametrize("command", ["run", "test", "bench", "lint", "format", "types"])
def test_a_missing_node_is_told(checkout: Path, command: str, unused_tcp_port: int) -> None:
    assert "needs Node 20.19" in told(dev(checkout, command, PORT=str(unused_tcp_port)))


def test_an_old_node_is_told(checkout: Path, unused_tcp_port: int) -> None:
    put_program(checkout, "node", "v18.20.4")
    put_program(checkout, "npm", "10.8.2")
    assert "this is v18.20.4" in told(dev(checkout, "run", PORT=str(unused_tcp_port)))


def test_the_first_run_writes_a_secret_key_that_only_its_owner_reads(
    checkout: Path, unused_tcp_port: int
) -> None:
    dev(checkout, "run", PORT=str(unused_tcp_port))
    file = checkout / ".env"
    first = file.read_text()
    assert len(first.partition("SECRET_KEY=")[2].partition("\n")[0]) >= 50
    assert file.stat().st_mode & 0o777 == 0o600
    dev(checkout, "run", PORT=str(unused_tcp_port))
    assert file.read_text() == first


def test_arguments_need_the_step_they_are_for(checkout: Path) -> None:
    assert "--only" in told(dev(checkout, "test", "-k", "charlie"))


def test_make_passes_on_to_the_commands() -> None:
    command = ["make", "--dry-run", "test", "ARGS=--only lint"]
    # Under `make test` the environment has that make's own words for its children.
    env = {"PATH": os.environ["PATH"]}
    made = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert made.stdout == "python3 scripts/dev.py test --only lint\n"


def test_continuous_integration_runs_what_everybody_runs() -> None:
    command = ROOT / ".ci" / "run"
    assert os.access(command, os.X_OK)
    assert command.read_text().splitlines()[-1].endswith("make test")


@pytest.mark.parametrize(("mends", "result"), [(True, "passed"), (False, "FAILED")])
def test_a_test_that_fails_has_a_second_try_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mends: bool, result: str
) -> None:
    (tmp_path / "test_luck.py").write_text(
        "from pathlib import Path\n"
        "def test_always(): pass\n"
        "def test_luck():\n"
        "    tried = Path(__file__).with_name('tried')\n"
        "    before = tried.exists()\n"
        "    tried.touch()\n"
        f"    assert before and {mends}\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    monkeypatch.syspath_prepend(ROOT / "scripts")
    module = runpy.run_path(str(ROOT / "scripts" / "checks.py"))
    (tmp_path / "logs").mkdir()
    checks = module["Checks"](tmp_path / "logs", [])
    checks.take(module["Step"]("luck", [sys.executable, "-m", "pytest", "."], cwd=tmp_path, has_tests=True))
    assert result in checks.results[0]
    assert checks.failed == ("" if mends else "luck")
    assert ("test_luck.py::test_luck" in " ".join(checks.results[1:])) is mends


def test_what_fails_beside_the_others_ends_them_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    module = runpy.run_path(str(ROOT / "scripts" / "checks.py"))
    step = module["Step"]
    checks = module["Checks"](tmp_path, [])
    checks.take_all(
        [step("long", ["sleep", "60"]), step("never", ["false"])],
        [step("good", ["echo", "all is well"]), step("bad", ["sh", "-c", "echo it is not; false"])],
    )
    assert checks.failed == "bad"
    assert [line.split()[:2] for line in checks.results] == [
        ["good", "passed"],
        ["bad", "FAILED"],
        ["long", "stopped"],
    ]
    told = capfd.readouterr().out
    assert told.index("== good") < told.index("all is well") < told.index("== bad") < told.index("it is not")
    assert "never" not in told
