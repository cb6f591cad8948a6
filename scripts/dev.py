"""Owns the commands of a checkout: run, test, bench, lint, format, types. Needs a bare Python, and Node for the pages.

Everything it makes is under .venv, var, frontend/node_modules and frontend/build, and made again only if what it was made
from has changed: a second run needs no network.
"""

import argparse
import os
import re
import secrets
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn

# This file must parse on older Pythons, or nobody would read this sentence.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit(
        "Parley needs Python 3.11 or newer; {} is {}.{}. Name a newer one: make run PYTHON=python3.12".format(
            sys.executable, *sys.version_info[:2]
        )
    )

from checks import STEPS, test
from machine import (
    FRONTEND,
    PYTHON,
    ROOT,
    RUN_LOCK,
    TEST_LOCK,
    VAR,
    VENV,
    Stop,
    become,
    build_pages,
    check_node,
    environment,
    find_chromium,
    fingerprint,
    install_node_modules,
    install_packages,
    say,
    stamped,
    succeeds,
)

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
