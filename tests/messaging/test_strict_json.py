"""JSON from outside: what is right is read as it is, everything else is refused, and quickly."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from messaging.errors import Invalid
from messaging.strict_json import loads

storable = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]))
values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**63), 2**63 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | storable,
    lambda inner: some.lists(inner) | some.dictionaries(storable, inner),
    max_leaves=20,
)


@given(values, some.booleans())
def test_what_is_right_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert loads(text) == loads(text.encode()) == value


@given(
    some.binary(max_size=60) | some.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_whatever_comes_is_read_or_refused(raw: bytes) -> None:
    try:
        value = loads(raw)
    except Invalid:
        return
    assert json.loads(raw) == value


@given(some.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \n', max_size=40))
def test_whatever_looks_like_json_is_read_as_the_standard_library_does_or_refused(text: str) -> None:
    try:
        value = loads(text)
    except Invalid:
        return
    assert json.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nul",
        "{'a': 1}",
        "[1,]",
        "NaN",
        "[Infinity]",
        '{"a": -Infinity}',
        '{"a": 1, "a": 1}',
        '{"a": {"b": 1, "b": 2}}',
        "9223372036854775808",
        "-9223372036854775809",
        "1" * 5000,
        "1e400",
        '"\\u0000"',
        '{"\\u0000": 1}',
        '["\\ud800"]',
        '"\\udc00\\ud800"',
        '"\x00"',
        '"\n"',
        "\ufeff{}",
        "1 2",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        loads(text)
    assert refused.value.code == "invalid_json"


@pytest.mark.parametrize("raw", [b"\xff", b'"\xed\xa0\x80"', '"ü"'.encode("latin-1"), '"a"'.encode("utf-16")])
def test_bytes_that_are_no_utf_8(raw: bytes) -> None:
    with pytest.raises(Invalid):
        loads(raw)


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert loads('"\\ud83d\\ude00"') == "😀"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000, "9" * 1_000_000]
)
def test_absurd_depth_and_length_are_refused_quickly(text: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(Invalid):
        loads(text)
    assert time.perf_counter() - begun < 1


@given(some.recursive(some.text(), lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner)))
def test_what_cannot_be_stored_is_mended_where_that_is_wanted(value: Any) -> None:
    found = loads(json.dumps(value), mend=True)
    text = json.dumps(found, ensure_ascii=False)
    assert text.encode()
    assert "\\u0000" not in text
    if "\\u0000" not in json.dumps(value):
        assert found == value


def test_a_half_character_is_mended_and_the_rest_left_alone() -> None:
    assert loads('{"a\\ud800": ["\\ud83d\\ude00", "x\\u0000y", 1]}', mend=True) == {
        "a\ufffd": ["😀", "x\ufffdy", 1]
    }
