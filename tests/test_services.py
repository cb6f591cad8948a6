"""Tests of what the tests stand on: the stack is the one asked for, and nothing leaks out of it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from channels.layers import get_channel_layer
from django.db import connection

from tests import services
from tests.kept_process import KeptProcess


@pytest.mark.django_db
def test_the_database_is_the_one_asked_for() -> None:
    assert connection.vendor == {"postgres": "postgresql", "embedded": "sqlite"}[services.STACK]


@pytest.mark.django_db
def test_sqlite_is_a_file_that_other_processes_can_open_and_waits_for_the_disk() -> None:
    if services.STACK == "embedded":
        assert Path(connection.settings_dict["NAME"]).exists()
        with connection.cursor() as cursor:
            journal_mode = cursor.execute("PRAGMA journal_mode").fetchone()
        assert journal_mode == ("wal",)


def test_the_layer_is_the_one_asked_for() -> None:
    layer = type(get_channel_layer()).__name__
    assert (
        layer == {"postgres": "RedisPubSubChannelLayer", "embedded": "InMemoryChannelLayer"}[services.STACK]
    )


def test_no_test_reaches_another_machine() -> None:
    with pytest.raises(services.NetworkBlockedError), socket.socket() as stranger:
        stranger.connect(("192.0.2.1", 80))
    with pytest.raises(services.NetworkBlockedError):
        httpx.get("https://example.org/")


async def test_no_asynchronous_test_reaches_another_machine() -> None:
    with pytest.raises(services.NetworkBlockedError):
        await asyncio.open_connection("192.0.2.1", 80)
    with pytest.raises(services.NetworkBlockedError):
        await asyncio.open_connection("example.org", 80)


def test_this_machine_can_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.connect(listener.getsockname())


def test_a_kept_process_tells_how_it_ended(tmp_path: Path) -> None:
    shell = KeptProcess(["sh", "-c", "echo hello; exit 7"], log=tmp_path / "log")
    assert shell.wait(10) == 7
    assert shell.log_tail() == "hello"
    sleeper = KeptProcess(["sleep", "1000"], log=tmp_path / "log")
    assert sleeper.is_running()
    assert sleeper.kill() == -signal.SIGKILL
    assert not sleeper.is_running()
    assert KeptProcess(["sleep", "1000"], log=tmp_path / "log").stop() == -signal.SIGTERM


def test_a_kept_process_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    log, directory = tmp_path / "log", tmp_path / "owned"
    directory.mkdir()
    program = f"""
import os, pathlib
from tests.kept_process import KeptProcess
child = KeptProcess(["sleep", "1000"], log=pathlib.Path({str(log)!r}), directory=pathlib.Path({str(directory)!r}))
print(child.pid, child._keeper.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    parent = subprocess.run(
        [sys.executable, "-c", program], cwd=services.ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    assert parent.returncode == -signal.SIGKILL
    child, keeper = (int(pid) for pid in parent.stdout.split())
    # Both may be gone already; what must not be is either of them after the wait.
    leftovers = [psutil.Process(pid) for pid in (child, keeper) if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(leftovers, timeout=10)
    assert not alive
    assert not directory.exists()


@pytest.mark.needs_redis
def test_redis_can_be_stopped_and_started_at_the_same_address(valkey: services.Valkey) -> None:
    assert os.environ["REDIS_URL"] == valkey.url
    valkey.kill()
    assert not valkey.is_running()
    valkey.start()
    assert valkey.is_running()
    valkey.restart()
    assert valkey.is_running()
