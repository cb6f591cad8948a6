"""Owns the commands of a checkout: run, test, bench, lint, format, types. Needs a bare Python, and Node for the pages.

Everything it makes is under .venv, var, frontend/node_modules and frontend/build, and made again only if what it was made
from has changed: a second run needs no network.
"""

import argparse
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

# This file must parse on older Pythons, or nobody would read this sentence.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "Parley needs Python 3.11 or newer; {} is {}.{}. Name a newer one: make run PYTHON=python3.12".format(
            sys.executable, *sys.version_info[:2]
        )
    )

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


# --- run -------------------------------------------------------------------------------------------------------


def write_first_env() -> None:
    file = ROOT / ".env"
    if file.exists():
        return
    say("Writing .env with a secret key of its own; .env.example explains every setting.")
    # Made unreadable for others before there is anything to read.
    file.touch(mode=0o600)
    file.write_text(f"SECRET_KEY={secrets.token_urlsafe(50)}\nDEBUG=false\n")


def wanted_port() -> int:
    in_file = re.search(
        r"^\s*(?:export\s+)?PORT\s*=\s*[\"']?([^\s\"'#]*)", (ROOT / ".env").read_text(), re.MULTILINE
    )
    text = os.environ.get("PORT") or (in_file[1] if in_file else "") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise Stop(f"PORT is {text!r}; it must be a number from 1 to 65535.")
    return int(text)


def check_port(port: int) -> None:
    """Refuses a port that another program listens on, at any of this machine's addresses."""
    with socket.socket() as probe:
        probe.settimeout(1)
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except PermissionError:
            raise Stop(f"Port {port} is for root only. Choose one above 1023: PORT=8000 make run") from None
        except OSError:
            taken = True
    if taken:
        raise Stop(
            f"Port {port} is taken. Stop what listens there, or choose another: PORT={port + 1} make run"
        )


def manage(*arguments: str) -> None:
    if not succeeds([PYTHON, "manage.py", *arguments]):
        raise Stop(f"`manage.py {arguments[0]}` failed; see above.")


def collect_static_files() -> None:
    stamp = VAR / "static-collected-from"
    sources = [
        FRONTEND / "build",
        FRONTEND / "pages",
        ROOT / "asgi_app" / "settings.py",
        VENV / "installed-lock",
    ]
    wanted = fingerprint(sources)
    if stamped(stamp) == wanted and (VAR / "static").exists():
        return
    say("Collecting static files.")
    manage("collectstatic", "--noinput", "--clear", "--verbosity", "0")
    stamp.write_text(wanted)


def run() -> NoReturn:
    write_first_env()
    port = wanted_port()
    check_port(port)
    check_node()
    install_packages(RUN_LOCK)
    build_pages()
    VAR.mkdir(exist_ok=True)
    manage("migrate", "--noinput", "--verbosity", "0")
    collect_static_files()
    manage("demo_accounts")
    say(
        f"\nParley is at http://localhost:{port}, its app at http://localhost:{port}/app/ - sign up there, or log in with a"
        "\ndemo account. Its password was shown at the first start; this sets a new one: .venv/bin/python manage.py changepassword alice\n"
    )
    # A laptop's neighbours are not invited; who wants them to come starts the server without -b.
    become([PYTHON, "-m", "asgi_app.server", "-b", "127.0.0.1"], environment(PORT=str(port)))


# --- test ------------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """One thing `test` checks, by itself with `test --only NAME`."""

    name: str
    command: Sequence[object]
    cwd: Path = ROOT
    env: Mapping[str, str] = {}
    has_tests: bool = False


# Nothing connects to these addresses: the checks only read the settings.
PRODUCTION = {
    "DATABASE_URL": "postgres://parley:parley@database.invalid/parley",
    "REDIS_URL": "redis://redis.invalid",
    "WEB_DOMAIN": "parley.invalid",
    "TRUSTED_PROXIES": "1",
}
STEPS = (
    Step("format", [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."]),
    Step("lint", [PYTHON, "-m", "ruff", "check", "--quiet", "."]),
    Step("types", [PYTHON, "-m", "mypy"]),
    Step("imports", [VENV / "bin" / "lint-imports", "--no-logo"]),
    Step("check", [PYTHON, "manage.py", "check", "--fail-level", "WARNING"]),
    Step(
        "check-deploy", [PYTHON, "manage.py", "check", "--deploy", "--fail-level", "WARNING"], env=PRODUCTION
    ),
    Step("migrations", [PYTHON, "manage.py", "makemigrations", "--check", "--dry-run"]),
    Step("frontend", ["npm", "run", "--silent", "check"], cwd=FRONTEND),
    Step("pytest", [PYTHON, "-m", "pytest"], env={"PARLEY_TEST_STACK": "postgres"}, has_tests=True),
    Step("pytest-embedded", [PYTHON, "-m", "pytest"], env={"PARLEY_TEST_STACK": "embedded"}, has_tests=True),
)
# So few failed tests are tried once more, by themselves: they talk to real servers, on a machine that others may use too.
MOST_TRIED_AGAIN = 5


class Checks:
    """The steps of one `test`, and what came of each."""

    def __init__(self, directory: Path, arguments: Sequence[str]) -> None:
        self.failed = ""
        self.results: list[str] = []
        self._directory = directory
        self._arguments = arguments

    def take(self, step: Step) -> None:
        say(f"\n== {step.name}")
        begun = time.monotonic()
        var = self._directory / step.name
        var.mkdir()
        env = environment(
            ENV_FILE=os.devnull, VAR_DIR=str(var), SECRET_KEY=secrets.token_urlsafe(50), **step.env
        )
        options = ["--override-ini", f"cache_dir={var / 'cache'}"] if step.has_tests else []
        command = [*step.command, *options, *self._arguments]
        passed = succeeds(command, cwd=step.cwd, env=env)
        again = failed_tests(var / "cache") if not passed and step.has_tests else []
        if 0 < len(again) <= MOST_TRIED_AGAIN:
            passed = succeeds([*command, "--last-failed"], cwd=step.cwd, env=env)
        word = "passed" if passed else "FAILED"
        self.results.append(f"  {step.name:<16} {word}  {time.monotonic() - begun:6.1f} s")
        self.results += [f"    only at the second try: {test}" for test in again if passed]
        if not passed:
            self.failed = step.name


def failed_tests(cache: Path) -> list[str]:
    """What pytest has written down; nothing if it did not get that far."""
    try:
        return sorted(json.loads((cache / "v" / "cache" / "lastfailed").read_text()))
    except (OSError, ValueError):
        return []


def test(only: str | None, arguments: Sequence[str]) -> None:
    if arguments and only is None:
        raise Stop(
            f"Say which step {' '.join(arguments)!r} is for: --only {'|'.join(step.name for step in STEPS)}"
        )
    steps = [step for step in STEPS if only in (None, step.name)]
    started = time.monotonic()
    check_node()
    install_packages(TEST_LOCK)
    build_pages()
    if any(step.has_tests for step in steps):
        find_chromium()
    set_up_s = time.monotonic() - started

    with tempfile.TemporaryDirectory(prefix="parley-checks-") as directory:
        checks = Checks(Path(directory), arguments)
        for step in steps:
            checks.take(step)
            if checks.failed:
                break

    say(f"\n  {'set-up':<16} ready   {set_up_s:6.1f} s")
    say("\n".join(checks.results))
    say(f"  {'total':<16} {'FAILED' if checks.failed else 'passed'}  {time.monotonic() - started:6.1f} s")
    if checks.failed:
        raise Stop(f"{checks.failed} failed; by itself: python3 scripts/dev.py test --only {checks.failed}")


# --- The others ------------------------------------------------------------------------------------------------


def bench(arguments: Sequence[str]) -> None:
    check_node()
    install_packages(TEST_LOCK)
    build_pages()
    env = environment(ENV_FILE=os.devnull)
    of_the_app = [PYTHON, "-m", "benchmarks.app"]
    if arguments[:1] == ["app"] or os.environ.get("SOAK"):
        become(of_the_app, env)
    if arguments:
        become([PYTHON, "-m", "benchmarks", *arguments], env)
    find_chromium()
    results = [succeeds([PYTHON, "-m", "benchmarks"], env=env), succeeds(of_the_app, env=env)]
    if not all(results):
        raise Stop("Not everything could be measured; see above.")


def all_succeed(*commands: Sequence[object]) -> None:
    """Runs every command, even after one failed, and tells at the end."""
    check_node()
    install_packages(TEST_LOCK)
    install_node_modules()
    env = environment(ENV_FILE=os.devnull, SECRET_KEY=secrets.token_urlsafe(50))
    results = [
        succeeds(command, cwd=FRONTEND if command[0] == "npm" else ROOT, env=env) for command in commands
    ]
    if not all(results):
        raise Stop("Not clean; see above.")


def lint() -> None:
    all_succeed(
        [PYTHON, "-m", "ruff", "check", "."],
        [VENV / "bin" / "lint-imports", "--no-logo"],
        ["npm", "run", "--silent", "lint"],
    )


def format_everything() -> None:
    all_succeed(
        [PYTHON, "-m", "ruff", "check", "--fix-only", "--quiet", "."],
        [PYTHON, "-m", "ruff", "format", "."],
        ["npm", "run", "--silent", "format"],
    )


def types() -> None:
    all_succeed([PYTHON, "-m", "mypy"], ["npm", "run", "--silent", "types"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/dev.py", description="The commands of a Parley checkout.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="install, migrate and serve on http://localhost:8000 (or PORT)")
    test_parser = commands.add_parser(
        "test", help="check everything; what follows --only NAME goes to that step"
    )
    test_parser.add_argument("--only", choices=[step.name for step in STEPS], help="one step")
    commands.add_parser(
        "bench",
        help="measure; `app`: the app in a browser (SOAK=1: for an hour); else what follows goes to `python -m benchmarks`",
    )
    commands.add_parser("lint", help="ruff, the import contracts and eslint")
    commands.add_parser("format", help="ruff and prettier, in place")
    commands.add_parser("types", help="mypy and tsc")
    chosen, arguments = parser.parse_known_args()

    if os.name != "posix":
        raise Stop("Parley runs on Linux and macOS; on Windows use WSL.")
    if arguments and chosen.command not in ("test", "bench"):
        parser.error(f"unrecognized arguments: {' '.join(arguments)}")
    plain_commands = {"run": run, "lint": lint, "format": format_everything, "types": types}
    if chosen.command == "test":
        test(chosen.only, arguments)
    elif chosen.command == "bench":
        bench(arguments)
    else:
        plain_commands[chosen.command]()


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.exit(f"parley: {stop}")
    except KeyboardInterrupt:
        sys.exit(130)
