"""Tests of .env.example: it explains every setting there is, no other, and can be used as it is."""

import math
import re

from tests.services import ROOT

EXAMPLE = (ROOT / ".env.example").read_text()
# Each account has its own settings; the example's is called verses.
SETTINGS = (ROOT / "asgi_app" / "settings.py").read_text().replace("{NAME}", "VERSES").replace('f"', '"')
IN_TESTS_ONLY = {"ENV_FILE"}


def test_it_names_exactly_the_settings_that_are_read() -> None:
    named = re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE, re.MULTILINE)
    read = set(re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", SETTINGS)) - IN_TESTS_ONLY
    assert sorted(named) == sorted(read)


def test_each_setting_has_its_explanation() -> None:
    lines = EXAMPLE.splitlines()
    assignments = [number for number, line in enumerate(lines) if re.match(r"(# )?[A-Z_]+=", line)]
    for number in assignments:
        above = lines[number - 1]
        is_explanation = above.startswith("# ") and number - 1 not in assignments
        assert is_explanation, f"{lines[number]} is not explained"


def test_the_defaults_it_shows_are_those_of_the_settings() -> None:
    for name, shown in re.findall(r"^# ([A-Z_]+)=(\d+)$", EXAMPLE, re.MULTILINE):
        found = re.search(rf'env\.(?:int|float)\("{name}", ([\d_. *]+)\)', SETTINGS)
        assert found is not None, name
        assert math.prod(float(factor) for factor in found[1].split("*")) == float(shown), name
