"""Reading JSON exactly: what the fast decoder is lenient about is decided here.

Refused as `not-json`: bad UTF-8 (also a byte order mark), NaN and Infinity, half a surrogate pair, anything
after the value. Of a key given twice the last value counts. Depth is judged on the text, and no input can
exhaust the stack.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from .event import ErrorCode, Refusal
from .fields import ExactFloat

MAX_DEPTH: Final = 16

# Longest run of complete escapes and other bytes: it ends early at half a surrogate pair.
_PAIRED = re.compile(rb"(?:[^\\]|\\[^u]|\\u(?![dD][89a-fA-F])|\\u[dD][89abAB]..\\u[dD][c-fC-F]..)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_TOKEN = re.compile(
    r"[ \t\n\r]*(?:([\[\]{},:])"
    r'|("(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null))"
)


def read_json(value: bytes, *, level: int = 1) -> Any | Refusal:
    """The JSON value of ``value``, floats as `ExactFloat`; or a `not-json` or `too-deep` refusal.

    ``level`` is that of the outermost object or array; data in binary mode begins at 2.
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_json(f"byte {error.start} is not UTF-8")
    if b"\\u" in value:
        paired = _PAIRED.match(value)
        if paired is None or paired.end() != len(value):
            return _not_json("an escape is half a surrogate pair")
    depth = _depth(text) + level - 1
    if depth > MAX_DEPTH:
        if not _is_json(text):
            return _not_json("the text is malformed")
        return Refusal(ErrorCode.TOO_DEEP, f"objects and arrays nest {depth} deep, {MAX_DEPTH} are allowed")
    try:
        return _DECODER.decode(text)
    except ValueError as error:
        return _not_json(str(error))


def _not_json(detail: str) -> Refusal:
    return Refusal(ErrorCode.NOT_JSON, f"the value is not JSON: {detail}")


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _parse_int(text: str) -> int | float:
    # Python refuses to convert more than 4300 digits; such a number is too large for any field anyway.
    return int(text) if len(text) < 4000 else ExactFloat(text)


_DECODER: Final = json.JSONDecoder(
    parse_float=ExactFloat, parse_int=_parse_int, parse_constant=_refuse_constant, strict=True
)


def _depth(text: str) -> int:
    """How deep brackets nest outside strings; exact for JSON, else enough up to the first error."""
    if text.count("{") + text.count("[") <= MAX_DEPTH - 1:
        return 0
    deepest = depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest


# What may follow, by state: a value, a value or "]", a key, a key or "}", ":", "," or the closing bracket.
_VALUE, _FIRST, _KEY, _FIRST_KEY, _COLON, _AFTER = range(6)


def _is_json(text: str) -> bool:
    """Whether ``text`` is one JSON value, without recursion; asked where it nests too deep to parse."""
    stack: list[str] = []
    state = _VALUE
    at = 0
    while match := _TOKEN.match(text, at):
        at = match.end()
        mark, string, _ = match.groups()
        after = _step(state, mark, string, stack)
        if after is None:
            return False
        state = after
    return state == _AFTER and not stack and not text[at:].strip(" \t\n\r")


def _step(state: int, mark: str | None, string: str | None, stack: list[str]) -> int | None:
    """The state after a token, or None where the token cannot stand; opens and closes on ``stack``."""
    following: int | None = None
    if state in (_VALUE, _FIRST) and mark is None:
        following = _AFTER
    elif state in (_VALUE, _FIRST) and mark in ("[", "{"):
        stack.append(mark)
        following = _FIRST if mark == "[" else _FIRST_KEY
    elif state in (_KEY, _FIRST_KEY) and string is not None:
        following = _COLON
    elif state == _COLON and mark == ":":
        following = _VALUE
    elif state == _AFTER and mark == "," and stack:
        following = _VALUE if stack[-1] == "[" else _KEY
    elif stack and (stack[-1], mark) in (("[", "]"), ("{", "}")) and state in (_AFTER, _FIRST, _FIRST_KEY):
        stack.pop()
        following = _AFTER
    return following
