"""What this machine has, and makes for a checkout: programs, packages, the built pages. Needs a bare Python."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VAR = ROOT / "var"
FRONTEND = ROOT / "frontend"
RUN_LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"
NODE_AT_LEAST = (20, 19)


class Stop(Exception):
    """Ends the command with one sentence for the person at the terminal."""


def say(text: str) -> None:
    print(text, flush=True)


# --- Running programs ------------------------------------------------------------------------------------------


def environment(**changes: str) -> dict[str, str]:
    """The caller's, without what would lead to another Python than ours."""
    foreign = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE")
    kept = {name: value for name, value in os.environ.items() if name not in foreign}
    return {**kept, "PATH": f"{VENV / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}", **changes}


def succeeds(command: Sequence[object], *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> bool:
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return finished.returncode == 0


def output_of(command: Sequence[object]) -> str | None:
    """What a program prints, or None if it is missing or fails."""
    try:
        return subprocess.run(
            [str(part) for part in command],
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


def become(command: Sequence[object], env: Mapping[str, str]) -> NoReturn:
    """Turns this process into another program, so that signals reach it directly."""
    os.chdir(ROOT)
    os.execve(str(command[0]), [str(part) for part in command], dict(env))


def fingerprint(paths: Iterable[Path]) -> str:
    """One value for the names and contents of files; folders count with everything in them."""
    digest = hashlib.sha256()
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    for file in sorted(file for file in files if file.is_file()):
        digest.update(f"{file.relative_to(ROOT)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def stamped(stamp: Path) -> str:
    return stamp.read_text() if stamp.exists() else ""


# --- What the commands need ------------------------------------------------------------------------------------


def install_from_debian(package: str) -> bool:
    """Only as root on Debian and its kin, where nobody need be asked."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"Installing {package} with apt-get.")
    env = environment(DEBIAN_FRONTEND="noninteractive")
    # An unreachable mirror must not keep us from a package that is in the cache.
    succeeds(["apt-get", "update", "-qq"], env=env)
    return succeeds(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], env=env)


def working_uv() -> str | None:
    for candidate in (shutil.which("uv"), str(VENV / "bin" / "uv")):
        if candidate and output_of([candidate, "--version"]):
            return candidate
    return None


def make_venv() -> None:
    version = "import sys; print(sys.version_info >= (3, 11))"
    if (output_of([PYTHON, "-c", version]) or "").strip() == "True":
        return
    say("Making .venv.")
    # With uv nothing needs pip, which Debian keeps in a package of its own.
    command = [sys.executable, "-m", "venv", "--clear", *(["--without-pip"] if working_uv() else []), VENV]
    if succeeds(command) or (install_from_debian("python3-venv") and succeeds(command)):
        return
    raise Stop(
        "Python cannot make a virtual environment here; on Debian and Ubuntu: apt-get install python3-venv"
    )


def install_packages(lock: Path) -> None:
    """Installs exactly what the lock says. An environment that has the tests' tools keeps them."""
    make_venv()
    stamp = VENV / "installed-lock"
    if stamped(stamp).startswith(TEST_LOCK.name):
        lock = TEST_LOCK
    wanted = f"{lock.name} {fingerprint([lock])}"
    if stamped(stamp) == wanted:
        return
    say(f"Installing {lock.name}.")
    stamp.unlink(missing_ok=True)
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check"]
    if not working_uv():
        succeeds([*pip, "install", "--quiet", "uv<1"])
    uv = working_uv()
    if not (uv and succeeds([uv, "pip", "sync", "--quiet", "--python", PYTHON, "--require-hashes", lock])):
        if output_of([*pip, "--version"]) is None and not succeeds([PYTHON, "-m", "ensurepip"]):
            raise Stop(f"Neither uv nor pip could install {lock.name}; see above.")
        if not succeeds([*pip, "install", "--no-deps", "--require-hashes", "--requirement", lock]):
            raise Stop(f"Installing {lock.name} failed; see above.")
    stamp.write_text(wanted)


def check_node() -> None:
    needed = ".".join(map(str, NODE_AT_LEAST))
    found = output_of(["node", "--version"])
    if found is None or output_of(["npm", "--version"]) is None:
        raise Stop(f"Parley needs Node {needed} or newer, with npm, to build its pages: https://nodejs.org/")
    if tuple(int(part) for part in re.findall(r"\d+", found)[:2]) < NODE_AT_LEAST:
        raise Stop(f"Parley needs Node {needed} or newer; this is {found.strip()}: https://nodejs.org/")


def install_node_modules() -> None:
    stamp = FRONTEND / "node_modules" / ".installed-lock"
    wanted = fingerprint([FRONTEND / "package-lock.json"])
    if stamped(stamp) == wanted:
        return
    say("Installing the front end's packages.")
    if not succeeds(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FRONTEND):
        raise Stop("npm ci failed in frontend/; see above.")
    stamp.write_text(wanted)


def build_pages() -> None:
    install_node_modules()
    stamp = FRONTEND / "build" / ".built-from"
    sources = [
        "package-lock.json",
        "package.json",
        "src",
        "tsconfig.json",
        "vite.app.config.ts",
        "vite.config.ts",
    ]
    wanted = fingerprint(FRONTEND / name for name in sources)
    if stamped(stamp) == wanted:
        return
    say("Building the pages' scripts.")
    if not succeeds(["npm", "run", "--silent", "build"], cwd=FRONTEND):
        raise Stop("npm run build failed in frontend/; see above.")
    stamp.write_text(wanted)


def find_chromium() -> None:
    found = [
        PYTHON,
        "-c",
        "import sys; from tests.browser import find_chromium; sys.exit(not find_chromium())",
    ]
    if succeeds(found) or (install_from_debian("chromium") and succeeds(found)):
        return
    raise Stop("The browser tests need Chromium or Chrome on the PATH; on Debian: apt-get install chromium")
