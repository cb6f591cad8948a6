"""Tests of the lock files: what is tested is what runs, and everything is pinned by its hash."""

import re
import tomllib

import pytest

from tests.services import ROOT


def pins_of(lock: str) -> dict[str, str]:
    """By package: its pin with everything that follows, so with markers and hashes."""
    text = (ROOT / lock).read_text()
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    without_origins = (
        re.sub(r"^ +#.*\n", "", block, flags=re.MULTILINE) for block in blocks if block.strip()
    )
    return {re.split(r"[=\[ ]", block)[0]: block for block in without_origins}


def test_the_tests_run_on_the_very_packages_that_are_deployed() -> None:
    run, test = pins_of("requirements.lock"), pins_of("requirements-test.lock")
    assert {name: test[name] for name in run} == run


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-test.lock"])
def test_every_pin_has_hashes_and_no_address(lock: str) -> None:
    for name, block in pins_of(lock).items():
        assert "--hash=sha256:" in block, name
        assert "://" not in block, name


def test_every_declared_package_is_locked() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[<>=~! ]", requirement)[0].lower() for requirement in requirements}

    assert names(declared["project"]["dependencies"]) <= pins_of("requirements.lock").keys()
    assert names(declared["dependency-groups"]["test"]) <= pins_of("requirements-test.lock").keys()


def test_the_front_ends_lock_names_no_registry() -> None:
    assert '"resolved"' not in (ROOT / "frontend" / "package-lock.json").read_text()
