"""The steps of `test`: what each runs, and what came of it."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

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
MOST_TRIED_AGAIN = 3


class Checks:
    """The steps of one `test`, and what came of each. The first that fails ends them all."""

    def __init__(self, directory: Path, arguments: Sequence[str]) -> None:
        self.failed = ""
        self.results: list[str] = []
        self._directory = directory
        self._arguments = arguments
        self._running: set[subprocess.Popen[bytes]] = set()

    def take_all(self, steps: Sequence[Step], beside: Sequence[Step]) -> None:
        """The second row runs beside the first, out of its way: with the lowest priority, and heard of when it is done."""
        # Whoever starts us in the background may have this ignored, and so would those whom it is to stop.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with ThreadPoolExecutor(1) as others:
            done = others.submit(self._take_in_turn, beside, is_beside=True)
            self._take_in_turn(steps)
            done.result()

    def _take_in_turn(self, steps: Sequence[Step], *, is_beside: bool = False) -> None:
        for step in steps:
            if not self.failed:
                self.take(step, is_beside=is_beside)

    def take(self, step: Step, *, is_beside: bool = False) -> None:
        begun = time.monotonic()
        var = self._directory / step.name
        var.mkdir()
        env = environment(
            ENV_FILE=os.devnull, VAR_DIR=str(var), SECRET_KEY=secrets.token_urlsafe(50), **step.env
        )
        options = ["--override-ini", f"cache_dir={var / 'cache'}"] if step.has_tests else []
        command = [*(["nice", "-n", "19"] if is_beside else []), *step.command, *options, *self._arguments]
        with contextlib.ExitStack() as stack:
            log = stack.enter_context((var / "log").open("w+b")) if is_beside else None
            if log is None:
                say(f"\n== {step.name}")
            passed = self._succeeds(command, step.cwd, env, log)
            again = failed_tests(var / "cache") if not passed and step.has_tests and not self.failed else []
            if 0 < len(again) <= MOST_TRIED_AGAIN:
                passed = self._succeeds([*command, "--last-failed"], step.cwd, env, log)
            if log is not None:
                log.seek(0)
                say(f"\n== {step.name}, beside the others\n{log.read().decode(errors='replace')}")
        word = "passed" if passed else "stopped" if self.failed else "FAILED"
        self.results.append(f"  {step.name:<22} {word:<7} {time.monotonic() - begun:6.1f} s")
        self.results += [f"    only at the second try: {test}" for test in again if passed]
        if not passed and not self.failed:
            self.failed = step.name
            for process in list(self._running):
                process.send_signal(signal.SIGINT)

    def _succeeds(
        self, command: Sequence[object], cwd: Path, env: Mapping[str, str], log: BinaryIO | None
    ) -> bool:
        errors = None if log is None else subprocess.STDOUT
        words = [str(part) for part in command]
        with subprocess.Popen(
            words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=errors
        ) as process:
            self._running.add(process)
            try:
                return process.wait() == 0
            finally:
                self._running.discard(process)


def failed_tests(cache: Path) -> list[str]:
    """What pytest has written down; nothing if it did not get that far."""
    try:
        return sorted(json.loads((cache / "v" / "cache" / "lastfailed").read_text()))
    except (OSError, ValueError):
        return []


def parts(steps: Sequence[Step], part: str) -> list[Step]:
    """Those that have tests, with one part of them each; tests/services.py says which that is."""
    return [
        step._replace(name=f"{step.name}-{part}", env={**step.env, "PARLEY_TEST_PART": part})
        for step in steps
        if step.has_tests
    ]


def test(only: str | None, arguments: Sequence[str]) -> None:
    if arguments and only is None:
        raise Stop(
            f"Say which step {' '.join(arguments)!r} is for: --only {'|'.join(step.name for step in STEPS)}"
        )
    steps = [step for step in STEPS if only in (None, step.name)]
    beside: list[Step] = []
    if only is None:
        beside = [step for step in steps if not step.has_tests] + parts(steps, "plain")
        steps = parts(steps, "live")
    started = time.monotonic()
    check_node()
    install_packages(TEST_LOCK)
    build_pages()
    if any(step.has_tests for step in steps):
        find_chromium()
    set_up_s = time.monotonic() - started

    with tempfile.TemporaryDirectory(prefix="parley-checks-") as directory:
        checks = Checks(Path(directory), arguments)
        checks.take_all(steps, beside)

    say(f"\n  {'set-up':<22} ready   {set_up_s:6.1f} s")
    say("\n".join(checks.results))
    say(f"  {'total':<22} {'FAILED' if checks.failed else 'passed':<7} {time.monotonic() - started:6.1f} s")
    if checks.failed:
        raise Stop(f"{checks.failed} failed; by itself: python3 scripts/dev.py test --only {checks.failed}")
