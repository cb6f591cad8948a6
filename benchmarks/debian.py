"""Servers from Debian's archive, unpacked into the cache: nothing is installed, nobody need be root."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.peer import Missing


def unpacked(cache: Path, *packages: str) -> Path:
    """A folder with the files of these packages, as if it were the root. Raises `Missing`."""
    if sys.platform != "linux" or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise Missing("it comes from Debian's archive, and this is not Debian")
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "debian")
    folder = cache / release / packages[0]
    done = folder / "done"
    if not done.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", *packages]
        if subprocess.run(command, cwd=folder, check=False, stdout=subprocess.DEVNULL).returncode:
            raise Missing("apt-get could not download it; see above (after `apt-get update` it may)")
        for archive in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, folder / "root"], check=True)
        done.touch()
    return folder / "root"
