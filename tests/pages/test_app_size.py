"""How much JavaScript a browser has to fetch before the app's first screens stand."""

import gzip
import re
from pathlib import Path

import pytest

from tests.services import ROOT

BUILT = ROOT / "frontend" / "build" / "app"
MOST_BYTES = 120_000


def with_imports(files: set[Path]) -> set[Path]:
    """The scripts, and all that they import before they can run."""
    found: set[Path] = set()
    while files:
        file = files.pop()
        found.add(file)
        imported = re.findall(r"""(?:from|import)\s*["'`](\./[^"'`]+\.js)["'`]""", file.read_text())
        files |= {(file.parent / name).resolve() for name in imported} - found
    return found


def started_from() -> set[Path]:
    page = (BUILT / "index.html").read_text()
    return {BUILT / "assets" / name for name in re.findall(r'(?:src|href)="[^"]*/([^"/]+\.js)"', page)}


@pytest.mark.parametrize("views", [[], ["ShellView", "ChatView"]], ids=["signing in", "a chat"])
def test_the_first_screen_is_small(views: list[str]) -> None:
    start = started_from()
    assert start
    chosen = {next(BUILT.glob(f"assets/{view}.*.js")) for view in views}
    fetched = with_imports(start | chosen)
    total = sum(len(gzip.compress(file.read_bytes(), 9)) for file in fetched)
    assert total < MOST_BYTES, sorted((file.name, file.stat().st_size) for file in fetched)
    assert total > MOST_BYTES / 4  # or not all of it was found
