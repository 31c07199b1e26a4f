"""Binary mode: attributes in `ce_*` headers, the value is the data."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kamstream.events import Decoder, Event, Refusal
from tests.events.drafts import NOW, RULES, document

Headers = list[tuple[str, bytes | None]]


def headers_of(event: dict[str, Any]) -> Headers:
    named: Headers = [(f"ce_{name}", text.encode()) for name, text in event.items() if name != "data"]
    return [*named, ("content-type", b"application/json")]


def judge(headers: Headers, value: bytes | None, topic: str = "kam.tickets") -> Event | Refusal:
    return Decoder(RULES).decode(topic=topic, key=b"ACC-1", value=value, headers=headers, timestamp=NOW)


def test_both_modes_give_the_same_event() -> None:
    event = document("ticket.opened", origin="backfill", source="Übersee")
    structured = judge([], json.dumps(event).encode())
    assert isinstance(structured, Event)
    assert judge(headers_of(event), json.dumps(event["data"]).encode()) == structured


EVENT = document()
DATA = json.dumps(EVENT["data"]).encode()
PLAIN = headers_of(EVENT)
CASES: list[tuple[str, Headers, bytes | None, str | None]] = [
    ("no value", PLAIN, None, "not-json"),
    ("bad JSON", PLAIN, b"{", "not-json"),
    ("too large", PLAIN, b" " * 65_537, "too-large"),
    ("data is on level 2", PLAIN, b'{"ticket_id":"T","x":' + b"[" * 14 + b"]" * 14 + b"}", None),
    ("data one level deeper", PLAIN, b'{"ticket_id":"T","x":' + b"[" * 15 + b"]" * 15 + b"}", "too-deep"),
    ("data is no object", PLAIN, b"[]", "not-an-event"),
    ("no subject", [h for h in PLAIN if h[0] != "ce_subject"], DATA, "not-an-event"),
    ("a header of null is not there", [*PLAIN, ("ce_id", None)], DATA, None),
    ("the last of two headers counts", [*PLAIN, ("ce_specversion", b"2.0")], DATA, "not-an-event"),
    ("a header that is not UTF-8", [*PLAIN, ("ce_id", b"\xff")], DATA, "not-an-event"),
    ("an unknown type", [*PLAIN, ("ce_type", b"x")], DATA, "unknown-type"),
    ("wrong data", PLAIN, b"{}", "invalid-data"),
    ("another subject", [*PLAIN, ("ce_subject", b"ACC-2")], DATA, "key-mismatch"),
    ("without content-type", PLAIN[:-1], DATA, None),
]


@pytest.mark.parametrize(("name", "headers", "value", "code"), CASES, ids=[case[0] for case in CASES])
def test_binary_records_are_judged_alike(name: str, headers: Headers, value: bytes | None, code: str | None) -> None:
    verdict = judge(headers, value)
    assert (verdict.code if isinstance(verdict, Refusal) else None) == code


@pytest.mark.parametrize(
    ("content_type", "structured"),
    [
        (b"application/cloudevents+json", True),
        (b"Application/CloudEvents+JSON; charset=utf-8", True),
        (b"application/json", False),
        (None, False),
    ],
)
def test_the_content_type_decides_before_the_headers(content_type: bytes | None, structured: bool) -> None:
    headers: Headers = [*PLAIN[:-1], ("content-type", content_type)]
    assert isinstance(judge(headers, json.dumps(EVENT).encode()), Event) is structured
    assert isinstance(judge(headers, DATA), Event) is not structured
