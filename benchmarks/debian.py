"""Servers from Debian's archive, unpacked into the cache: nothing is installed, nobody need be root."""

import contextlib
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peer import Missing

ARCHIVES = "archives"


def unpacked(cache: Path, *packages: str) -> Path:
    """A folder with the files of these packages, as if it were the root. Raises `Missing`."""
    if sys.platform != "linux" or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing("it comes from Debian's archive, and this is not Debian")
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "debian")
    folder = cache / release / "+".join(packages)
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        # Others may be at it too: it is there whole, or not at all.
        with tempfile.TemporaryDirectory(dir=cache) as mine:
            _unpack(Path(mine), packages)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                (Path(mine) / "root").rename(folder)
    return folder


def version(folder: Path, package: str) -> str:
    """Of one of those that were `unpacked` there."""
    names = (folder / ARCHIVES).read_text().splitlines()
    found = next(name for name in names if name.startswith(f"{package}_"))
    return found.split("_")[1].replace("%3a", ":")


def _unpack(folder: Path, packages: Sequence[str]) -> None:
    command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
    if not _succeeds(command, folder):
        _succeeds(["apt-get", "update", "-q"], folder)
        if not _succeeds(command, folder):
            raise Missing("apt-get could not download it; see above (after `apt-get update` it may)")
    archives = sorted(folder.glob("*.deb"))
    for archive in archives:
        subprocess.run(["dpkg-deb", "-x", archive, folder / "root"], check=True)
    (folder / "root" / ARCHIVES).write_text("".join(f"{archive.name}\n" for archive in archives))


def _succeeds(command: Sequence[str], folder: Path) -> bool:
    return subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL).returncode == 0
