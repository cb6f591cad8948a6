"""A server for measurements in a browser: one process with SQLite, made for the occasion."""

import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from benchmarks.peer import ROOT
from tests.services import free_port


@asynccontextmanager
async def running_server(*commands: Sequence[str]) -> AsyncIterator[str]:
    """Its address. As `make run` has it, on a database of its own, and with nobody stopped for being quick. `commands` of
    manage.py come first.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="parley-bench-app-") as directory:
        limits = ("POSTS_PER_MINUTE", "REQUESTS_PER_MINUTE", "TOKEN_REQUESTS_PER_MINUTE")
        env: dict[str, Any] = {
            **os.environ,
            "ENV_FILE": os.devnull,
            "VAR_DIR": directory,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "WEB_DOMAIN": f"127.0.0.1:{port}",
            "LOG_LEVEL": "WARNING",
            **dict.fromkeys(limits, "100000000"),
        }
        prepare = (
            ["migrate", "--verbosity", "0"],
            ["collectstatic", "--noinput", "--verbosity", "0"],
            *commands,
        )
        for command in prepare:
            await asyncio.to_thread(
                subprocess.run, [sys.executable, "manage.py", *command], env=env, cwd=ROOT, check=True
            )
        arguments = [sys.executable, "-m", "asgi_app.server", "-b", "127.0.0.1", "-p", str(port)]
        log = Path(directory) / "log"
        with log.open("w") as written:
            process = await asyncio.create_subprocess_exec(
                *arguments, env=env, cwd=ROOT, stdout=written, stderr=written
            )
        try:
            await _ready(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            await process.wait()


async def _ready(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        for _ in range(300):
            try:
                if (await client.get("/readyz")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the server did not become ready")
