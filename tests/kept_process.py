"""Owns child processes that must not outlive the test run, however it ends.

A keeper, this same file run as a script, stands between us and the child. It holds the read end of a pipe that only we
hold open: when we close it, or die (even by kill -9), the keeper stops the child. The keeper leads a session of its own,
so Ctrl-C reaches pytest first and the child only through the pipe.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

GRACE_S = 30
"""How long a child may take to end after its stop signal before the keeper kills it."""


class KeptProcess:
    """A running child. Its output goes to the file `log`. If we die without stopping it, `directory` is removed too."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        user: str = "",
        directory: Path | None = None,
    ) -> None:
        self.log = log
        self._returncode: int | None = None
        self._keeper = subprocess.Popen(
            [
                *(sys.executable, "-I", "-S", __file__),
                *(str(stop_signal.value), str(log), user, str(directory or "")),
                *command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=env,
            cwd=cwd,
            text=True,
        )
        assert self._keeper.stdout is not None
        first_line = self._keeper.stdout.readline()
        if not first_line:
            self._keeper.wait()
            raise RuntimeError(f"could not start {command[0]}; see above for the keeper's own error")
        self.pid = int(first_line)

    def is_running(self) -> bool:
        return self._returncode is None and self._keeper.poll() is None

    def send_signal(self, number: signal.Signals) -> None:
        if self.is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> int:
        """Waits for the child's own end and returns its exit code, negative for a signal as in subprocess."""
        if self._returncode is None:
            self._keeper.wait(timeout_s)
            assert self._keeper.stdin is not None
            assert self._keeper.stdout is not None
            self._returncode = int(self._keeper.stdout.read())
            self._keeper.stdin.close()
            self._keeper.stdout.close()
        return self._returncode

    def kill(self) -> int:
        """Kills it with SIGKILL, and waits for the end."""
        self.send_signal(signal.SIGKILL)
        return self.wait(GRACE_S)

    def stop(self) -> int:
        """Has the keeper send the stop signal, and waits for the end."""
        if self._returncode is not None:
            return self._returncode
        assert self._keeper.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._keeper.stdin.write("stop")
            self._keeper.stdin.close()
        return self.wait(GRACE_S + 5)

    def log_tail(self, lines: int = 60) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _keep(stop_signal: int, log: str, user: str, directory: str, command: list[str]) -> None:
    identity = pwd.getpwnam(user) if user else None
    with Path(log).open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=identity.pw_uid if identity else None,
            group=identity.pw_gid if identity else None,
            extra_groups=[] if identity else None,
        )

    abandoned = threading.Event()

    def stop_when_told_or_abandoned() -> None:
        if not sys.stdin.read():
            abandoned.set()
        child.send_signal(stop_signal)
        time.sleep(GRACE_S)
        child.kill()

    threading.Thread(target=stop_when_told_or_abandoned, daemon=True).start()
    sys.stdout.write(f"{child.pid}\n")
    sys.stdout.flush()
    returncode = child.wait()
    if directory and abandoned.is_set():
        shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{returncode}\n")
        sys.stdout.flush()
    # Not sys.exit: the daemon thread may hold the lock of stdin, which the interpreter's end would wait for.
    os._exit(0)


if __name__ == "__main__":
    _keep(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:])
