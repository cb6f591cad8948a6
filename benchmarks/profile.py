"""Where a Python server's time goes while it is measured: py-spy's samples, as a table of functions."""

import contextlib
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SAMPLES_PER_S = 200
ROWS = 25


@contextlib.contextmanager
def profiled(pid: int, file: Path) -> Iterator[None]:
    """Samples whoever is at work meanwhile, which threads that wait for something in Python seem to be, too. `file` gets the
    table, and beside it the stacks for a flame graph. Slows the process down: what is measured is not what it can do.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    stacks = file.with_suffix(".stacks")
    command = [
        str(Path(sys.executable).with_name("py-spy")),
        *("record", "--pid", str(pid), "--format", "raw", "--output", str(stacks)),
        *("--rate", str(SAMPLES_PER_S), "--duration", "3600"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sampler:
        try:
            yield
        finally:
            sampler.send_signal(signal.SIGINT)
            sampler.wait(30)
    file.write_text(summary(stacks.read_text()))


def summary(stacks: str) -> str:
    """The functions in which the process was, and those that it was in or below."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        names = [_function(frame) for frame in frames.split(";")]
        own[names[-1]] += int(count)
        below.update(dict.fromkeys(names, int(count)))
    total = sum(own.values()) or 1
    lines = ["own time"]
    lines += [f"{count / total:7.1%}  {name}" for name, count in own.most_common(ROWS)]
    lines += ["", "with what it calls"]
    lines += [f"{count / total:7.1%}  {name}" for name, count in below.most_common(ROWS * 2)]
    return "\n".join(lines) + "\n"


def _function(frame: str) -> str:
    """`name (file)`, of py-spy's `name (file:line)`."""
    return f"{frame.rpartition(':')[0]})" if ":" in frame else frame
