"""Decodes JSON from outside strictly: what PostgreSQL, UTF-8 or a browser could not hold is refused here, quickly."""

import json
import math
import re
from typing import Any, NoReturn

from messaging.errors import Invalid

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def loads(raw: bytes | str, *, mend: bool = False) -> Any:
    """One JSON value. Raises `Invalid` for bad syntax, NaN, duplicate keys, absurd numbers or depth, lone surrogates
    and NUL characters. `mend` puts U+FFFD in the place of such characters instead: for senders who would only send the
    same again, and hold everything else back until it is taken.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = _decoder.decode(text)
        if mend and "\\u" in text:
            return _mended(value)
    except RecursionError:
        raise _invalid("The JSON is nested too deeply.") from None
    except ValueError:
        raise _invalid("That is not valid JSON.") from None
    if "\\u" in text:  # only an escape can bring in what cannot be stored
        _refuse_unstorable(value)
    return value


def _invalid(sentence: str) -> Invalid:
    return Invalid(sentence, code="invalid_json")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _invalid("A key appears twice in the JSON.")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _invalid(f"{name} is not JSON.")


def _bounded_int(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise _invalid("A number in the JSON is too large.")
    return number


def _finite_float(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise _invalid("A number in the JSON is too large.")
    return number


_decoder = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_refuse_constant,
    parse_int=_bounded_int,
    parse_float=_finite_float,
)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_mended(key): _mended(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_mended(each) for each in value]
    return value


def _refuse_unstorable(value: Any) -> None:
    unseen = [value]
    while unseen:
        item = unseen.pop()
        if isinstance(item, str):
            if _UNSTORABLE.search(item):
                raise _invalid("The JSON has a character that cannot be stored.")
        elif isinstance(item, dict):
            unseen.extend(item)
            unseen.extend(item.values())
        elif isinstance(item, list):
            unseen.extend(item)
