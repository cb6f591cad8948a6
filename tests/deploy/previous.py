"""Owns which version is the one before this, and what it was: its files, as git has them."""

import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.services import ROOT

BEFORE_THE_FIRST = "a92249c1084d8520c02d75d473f4564ff4165369"
"""While nothing has been released, the version before is this commit: from it on, what runs may be updated in place."""


def previous_version() -> str:
    """The tag of the newest version that the changelog names."""
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return f"v{released[0]}" if released else BEFORE_THE_FIRST


def git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def require_history() -> None:
    """Skips the test where nobody knows what the version before was: in an archive, or a clone without its history.
    `PARLEY_TEST_HISTORY=1` has it fail there.
    """
    wanted = f"{previous_version()}^{{commit}}"
    ask = ["git", "cat-file", "-e", wanted]
    if not shutil.which("git") or subprocess.run(ask, cwd=ROOT, capture_output=True, check=False).returncode:
        reason = f"{previous_version()} is not in this checkout: git fetch --unshallow --tags"
        if os.environ.get("PARLEY_TEST_HISTORY"):
            pytest.fail(reason)
        pytest.skip(reason)


def released_migrations() -> set[Path]:
    """By their paths."""
    require_history()
    listed = git("ls-tree", "-r", "--name-only", previous_version()).decode().split()
    return {Path(path) for path in listed if re.search(r"/migrations/\d{4}_\w+\.py$", path)}


def unpack_previous_version(directory: Path) -> Path:
    require_history()
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", previous_version()))) as files:
        files.extractall(directory, filter="data")
    return directory
