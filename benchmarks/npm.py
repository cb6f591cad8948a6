"""The Node peers' packages: pinned by node/package-lock.json, installed once into the cache outside the checkout."""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peer import Missing

NODE = Path(__file__).parent / "node"
MANIFEST = ("package.json", "package-lock.json", ".npmrc")


def installed(cache: Path) -> Path:
    """The folder to give to Node as NODE_PATH. Raises `Missing`."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Missing("it needs Node and npm")
    digest = hashlib.sha256(b"".join((NODE / name).read_bytes() for name in MANIFEST)).hexdigest()[:16]
    folder = cache / f"node-{digest}"
    done = folder / "done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in MANIFEST:
            shutil.copy(NODE / name, folder)
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=folder, check=False, stdin=subprocess.DEVNULL).returncode:
            raise Missing("npm could not install it; see above")
        done.touch()
    return folder / "node_modules"


def environment(cache: Path) -> dict[str, str]:
    return {"NODE_PATH": str(installed(cache)), "NODE_ENV": "production"}


def versions(cache: Path, *packages: str) -> Mapping[str, str]:
    modules = installed(cache)
    node = subprocess.run(["node", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    found = {name: json.loads((modules / name / "package.json").read_text())["version"] for name in packages}
    return {"Node": node.lstrip("v"), **found}


def command(program: str, port: int, redis_url: str) -> list[str]:
    return [str(shutil.which("node")), str(NODE / program), str(port), redis_url]
