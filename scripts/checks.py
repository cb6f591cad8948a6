"""The steps of `test`: what each runs, and what came of it."""

import json
import os
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from machine import (
    FRONTEND,
    PYTHON,
    ROOT,
    TEST_LOCK,
    VENV,
    Stop,
    build_pages,
    check_node,
    environment,
    find_chromium,
    install_packages,
    say,
    succeeds,
)


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
