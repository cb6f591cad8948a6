"""Decodes JSON from outside strictly: what PostgreSQL, UTF-8 or a browser could not hold is refused here, quickly."""

import json
import math
from typing import Any, NoReturn

from messaging.errors import Invalid


def loads(raw: bytes | str) -> Any:
    """One JSON value. Raises `Invalid` for bad syntax, NaN, duplicate keys, absurd numbers or depth, lone surrogates
    and NUL characters.
    """
    try:
        text = raw.decode() if isinstance(raw, bytes) else raw
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_finite_float,
        )
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


def _refuse_unstorable(value: Any) -> None:
    unseen = [value]
    while unseen:
        item = unseen.pop()
        if isinstance(item, str):
            if "\0" in item or any("\ud800" <= character <= "\udfff" for character in item):
                raise _invalid("The JSON has a character that cannot be stored.")
        elif isinstance(item, dict):
            unseen.extend(item)
            unseen.extend(item.values())
        elif isinstance(item, list):
            unseen.extend(item)
