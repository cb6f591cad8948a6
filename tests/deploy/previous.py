"""Owns which version is the one before this, and what it was: its files, as git has them."""

import io
import re
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
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout: nobody knows here what the version before was")
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, f"{done.stderr.decode()}(is the clone shallow? git fetch --unshallow --tags)"
    return done.stdout


def released_migrations() -> set[Path]:
    """By their paths."""
    listed = git("ls-tree", "-r", "--name-only", previous_version()).decode().split()
    return {Path(path) for path in listed if re.search(r"/migrations/\d{4}_\w+\.py$", path)}


def unpack_previous_version(directory: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", previous_version()))) as files:
        files.extractall(directory, filter="data")
    return directory
