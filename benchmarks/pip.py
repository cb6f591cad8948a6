"""The Python peers' packages, and what draws: pinned by python/*.txt, installed once into the cache outside the checkout.

They come before the checkout's own packages for whoever is started with `environment`; the checkout's are there too.
"""

import hashlib
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peer import ROOT, Missing

PYTHON = Path(__file__).parent / "python"
ON = ("--host", "127.0.0.1", "--port", "{port}", "--workers", "1", "--log-level", "warning")


def installed(cache: Path, name: str = "servers") -> Path:
    """The folder to put first on the path. Raises `Missing`."""
    lock = PYTHON / f"{name}.txt"
    digest = hashlib.sha256(lock.read_bytes() + platform.python_version().encode()).hexdigest()[:16]
    folder = cache / f"python-{name}-{digest}"
    done = folder / "done"
    if not done.exists():
        command = [
            sys.executable,
            "-m",
            "pip",
            "--disable-pip-version-check",
            "install",
            "--quiet",
            "--no-deps",
        ]
        command += ["--upgrade", "--require-hashes", "--target", str(folder), "--requirement", str(lock)]
        if subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode:
            raise Missing("pip could not install it; see above")
        done.touch()
    return folder


def environment(cache: Path, name: str = "servers") -> dict[str, str]:
    return {"PYTHONPATH": f"{installed(cache, name)}:{ROOT}"}


def versions(cache: Path, *packages: str) -> Mapping[str, str]:
    """Of those that python/servers.txt pins; the others are the checkout's, and named anyway."""
    installed(cache)
    pinned = dict(re.findall(r"^([\w.-]+)==(\S+)", (PYTHON / "servers.txt").read_text(), re.MULTILINE))
    return {name: pinned[name] for name in packages if name in pinned}


def uvicorn(application: str, *more: str) -> list[str]:
    """With uvloop and httptools, as its documentation advises for production."""
    return [sys.executable, "-m", "uvicorn", *ON, "--lifespan", "off", *more, application]


def granian(application: str) -> list[str]:
    return [sys.executable, "-m", "granian", *ON, "--interface", "asginl", "--backlog", "4096", application]
