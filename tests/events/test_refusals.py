"""Every code, and that of several faults the first in the order of the contract is named."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from kamstream.events import CLOUDEVENTS_JSON, Decoder, Event, Refusal, Rules, make_event, murmur2
from tests.events.drafts import NOW, RULES, document


class Case(NamedTuple):
    name: str
    value: bytes | None
    code: str | None
    detail: str = ""
    topic: str = "kam.tickets"
    key: bytes | None = b"ACC-1"
    partition: int = murmur2(b"ACC-1") % 8
    timestamp: int = NOW


def wire(name: str = "ticket.resolved", data: Any = None, **attributes: Any) -> bytes:
    return json.dumps(document(name, data, **attributes)).encode()


def deal(**data: Any) -> bytes:
    return wire("deal.won", {"deal_id": "D", "amount": 1, "currency": "EUR", **data})


def filled(size: int, text: bytes = b"") -> bytes:
    head = wire()[:-1] + b"," + text + b'"pad":"'
    return head + b"x" * (size - len(head) - 2) + b'"}'


def nested(levels: int) -> bytes:
    """An event whose deepest object is on this level."""
    return wire()[:-1] + b',"deep":' + b'{"a":' * (levels - 1) + b"1" + b"}" * (levels - 1) + b"}"


FAR = "2999-01-01T00:00:00Z"
CASES = [
    Case("a plain event", wire(), None),
    Case("64 KiB are not too large", filled(65_536), None),
    Case("one byte more", filled(65_537), "too-large", "65537"),
    Case("too large comes before bad JSON", b"[" * 65_537, "too-large"),
    Case("no value", None, "not-json", "no value"),
    Case("an empty value", b"", "not-json"),
    Case("cut off", wire()[:-1], "not-json"),
    Case("two values", wire() + b"{}", "not-json"),
    Case("a byte order mark", b"\xef\xbb\xbf" + wire(), "not-json"),
    Case("bad UTF-8 in an unknown field", wire()[:-1] + b',"x":"\xff"}', "not-json", "UTF-8"),
    Case("UTF-16", wire().decode().encode("utf-16"), "not-json"),
    Case("NaN", wire()[:-1] + b',"x":NaN}', "not-json", "NaN"),
    Case("-Infinity", wire()[:-1] + b',"x":-Infinity}', "not-json"),
    Case("half a surrogate pair", wire()[:-1] + b',"x":"\\ud83d"}', "not-json", "surrogate"),
    Case("the other half", wire()[:-1] + b',"x":"\\uDE00\\ud83d"}', "not-json", "surrogate"),
    Case("half a pair in a value given twice", wire()[:-1] + b',"x":"\\ud83d","x":""}', "not-json"),
    Case("half a pair in a name", wire()[:-1] + b',"\\ud83d":1}', "not-json"),
    Case("a whole pair", wire()[:-1] + b',"x":"\\ud83d\\ude00"}', None),
    Case("an escaped backslash is no surrogate", wire()[:-1] + b',"x":"\\\\ud83d"}', None),
    Case("a control character in a text", wire()[:-1] + b',"x":"\n"}', "not-json"),
    Case("malformed and deep", b"[" * 17, "not-json"),
    Case("malformed within the deep", b"[" * 20 + b"1,]" + b"]" * 19, "not-json"),
    Case("16 levels", nested(16), None),
    Case("17 levels", nested(17), "too-deep", "17"),
    Case("17 levels that a later value replaces", nested(17)[:-1] + b',"deep":1}', "too-deep"),
    Case("brackets in a text are not deep", wire()[:-1] + b',"x":"' + b"[" * 40 + b'"}', None),
    Case("too deep comes before not an event", b"[" * 17 + b"]" * 17, "too-deep"),
    Case("an array", b"[]", "not-an-event", "an array"),
    Case("a number", b"5", "not-an-event", "a number"),
    Case("no specversion", wire(specversion=None), "not-an-event", "specversion is missing"),
    Case("another specversion", wire(specversion="0.3"), "not-an-event", "specversion"),
    Case("specversion as a number", wire(specversion=1.0), "not-an-event", "specversion"),
    Case("no id", wire(id=None), "not-an-event", "id is missing"),
    Case("an empty id", wire(id=""), "not-an-event", "id should have at least 1 character"),
    Case("an id of 128 characters", wire(id="é" * 128), None),
    Case("an id of 129 characters", wire(id="x" * 129), "not-an-event", "at most 128"),
    Case("a number as id", wire(id=7), "not-an-event", "id should be a text"),
    Case("null as source", wire()[:-1] + b',"source":null}', "not-an-event", "source"),
    Case("no type", wire(type=None), "not-an-event", "type is missing"),
    Case("a number as type", wire(type=1), "not-an-event", "type"),
    Case("an empty subject", wire(subject=""), "not-an-event", "subject"),
    Case("a subject of 129 characters", wire(subject="x" * 129), "not-an-event", "subject"),
    Case("a control character in the subject", wire(subject="A\x00"), "not-an-event", "control", key=b"A\0"),
    Case("DEL in the subject", wire(subject="A\x7f"), "not-an-event", "control", key=b"A\x7f"),
    Case("a number as subject", wire(subject=1), "not-an-event", "subject"),
    Case("no time", wire(time=None), "not-an-event", "time is missing"),
    Case("a time without an offset", wire(time="2026-11-24T14:20:00"), "not-an-event", "offset"),
    Case("a time with a space", wire(time="2026-11-24 14:20:00Z"), "not-an-event", "time"),
    Case("a day that is not", wire(time="2026-02-29T00:00:00Z"), "not-an-event", "calendar"),
    Case("epoch time", wire(time=1_700_000_000), "not-an-event", "time"),
    Case("lower case t and z", wire(time="2026-11-24t14:20:00z"), None),
    Case("no data", wire()[: wire().index(b', "data"')] + b"}", "not-an-event", "data is missing"),
    Case("an array as data", wire(data=[1]), "not-an-event", "data"),
    Case("null as data", wire()[:-1] + b',"data":null}', "not-an-event", "data"),
    Case("not an event comes before unknown type", wire(type="x", time="x"), "not-an-event"),
    Case("an unknown type", wire(type="ticket.exploded"), "unknown-type", "ticket.exploded"),
    Case("a type in upper case", wire(type="Ticket.Resolved"), "unknown-type"),
    Case("a known type on another input topic", wire(), "unknown-type", "topic", topic="kam.deals"),
    Case("a known type on no input topic", wire(), "unknown-type", topic="kam.alerts"),
    Case("unknown type comes before invalid data", wire(type="x", data={}), "unknown-type"),
    Case("wrong topic comes before invalid data", wire(data={}), "unknown-type", topic="kam.deals"),
    Case("a missing field", wire(data={}), "invalid-data", "data.ticket_id is missing"),
    Case("a number as an id", wire(data={"ticket_id": 5}), "invalid-data", "data.ticket_id"),
    Case("an empty id in data", wire(data={"ticket_id": ""}), "invalid-data", "data.ticket_id"),
    Case("null in a required field", wire(data={"ticket_id": None}), "invalid-data", "data.ticket_id"),
    Case("an unknown field in data", wire(data={"ticket_id": "T", "x": [{}]}), None),
    Case("invalid data comes before the key", wire(data={}), "invalid-data", key=None),
    Case("no key", wire(), "key-mismatch", "no key", key=None),
    Case("an empty key", wire(), "key-mismatch", key=b""),
    Case("another account's key", wire(), "key-mismatch", "ACC-2", key=b"ACC-2"),
    Case("a key that is no text", wire(), "key-mismatch", key=b"\xff"),
    Case("another partition", wire(), "key-mismatch", "partition 3", partition=3),
    Case("a key that is not ASCII", wire(subject="Müller"), None, key="Müller".encode(),
         partition=murmur2("Müller".encode()) % 8),
    Case("the key comes before the currency", deal(currency="XXX"), "key-mismatch", topic="kam.deals", key=b"x"),
    Case("the partition comes before the currency", deal(currency="XXX"), "key-mismatch", topic="kam.deals",
         partition=3),
    Case("a currency without a rate", deal(currency="XXX"), "unknown-currency", "XXX", topic="kam.deals"),
    Case("a currency in small letters", deal(currency="usd"), "unknown-currency", "usd", topic="kam.deals"),
    Case("a currency with a rate", deal(currency="USD"), None, topic="kam.deals"),
    Case("a currency without an amount", wire("deal.updated", {"deal_id": "D", "currency": "XXX"}),
         "unknown-currency", topic="kam.deals"),
    Case("no currency", wire("deal.updated", {"deal_id": "D", "amount": 5}), None, topic="kam.deals"),
    Case("the currency comes before the time", wire("deal.won", {"deal_id": "D", "amount": 1, "currency": "XXX"},
         time=FAR), "unknown-currency", topic="kam.deals"),
    Case("a time far ahead", wire(time=FAR), "future-time", "ahead"),
    Case("5 minutes ahead", wire(time="2026-01-01T00:05:00.000Z"), None, timestamp=1_767_225_600_000),
    Case("5 minutes and 1 ms", wire(time="2026-01-01T00:05:00.001Z"), "future-time", "300.001",
         timestamp=1_767_225_600_000),
    Case("finer than 1 ms is cut", wire(time="2026-01-01T00:05:00.000999Z"), None, timestamp=1_767_225_600_000),
    Case("before 1970", wire(time="1969-12-31T23:59:59.999Z"), None),
]  # fmt: skip


def judge(decoder: Decoder, case: Case, headers: list[tuple[str, bytes | None]]) -> Event | Refusal:
    return decoder.decode(
        topic=case.topic, key=case.key, value=case.value, headers=headers, timestamp=case.timestamp,
        partition=case.partition, partitions=8,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_record_is_judged_by_the_first_rule_it_breaks(case: Case) -> None:
    decoder = Decoder(RULES)
    for headers in ([], [("content-type", CLOUDEVENTS_JSON.encode())], [("other", None), ("trace", b"1")]):
        for _ in range(2):  # the second time what is known of the account is used
            verdict = judge(decoder, case, list(headers))
            if case.code is None:
                assert isinstance(verdict, Event)
            else:
                assert isinstance(verdict, Refusal)
                assert verdict.code == case.code, verdict.detail
                assert case.detail in verdict.detail


DATA_CASES = [
    ("interaction.logged", "direction", "sideways", "'inbound' or 'outbound'"),
    ("interaction.logged", "channel", "fax", "channel"),
    ("interaction.logged", "automated", 1, "boolean"),
    ("interaction.logged", "automated", "true", "boolean"),
    ("interaction.logged", "duration_seconds", "90", "number"),
    ("interaction.logged", "duration_seconds", True, "number"),
    ("interaction.logged", "contact_id", "", "contact_id"),
    ("survey.answered", "score", 9.5, "whole number"),
    ("survey.answered", "score", 11, "10"),
    ("survey.answered", "score", -1, "0"),
    ("survey.answered", "score", True, "integer"),
    ("survey.answered", "score", "9", "integer"),
    ("survey.answered", "score", None, "score"),
    ("milestone.planned", "due_at", "2026-12-15", "offset"),
    ("milestone.planned", "due_at", "2026-12-15T10:00:00", "offset"),
    ("deal.opened", "amount", 12.345, "2 decimals"),
    ("deal.opened", "amount", 0.1 + 0.2, "2 decimals"),
    ("deal.opened", "amount", -0.01, "10^12"),
    ("deal.opened", "amount", 1_000_000_000_000.01, "10^12"),
    ("deal.opened", "amount", "12", "number"),
    ("deal.opened", "amount", True, "number"),
    ("deal.opened", "probability", 1.01, "1"),
    ("deal.opened", "probability", -0.1, "0"),
    ("deal.opened", "currency", 978, "text"),
    ("deal.opened", "expected_close_on", "2026-02-30", "calendar"),
    ("deal.opened", "expected_close_on", "2026-2-3", "YYYY-MM-DD"),
    ("deal.opened", "expected_close_on", "2026-02-03T00:00:00Z", "YYYY-MM-DD"),
    ("deal.opened", "expected_close_on", 20_000, "text"),
    ("deal.won", "amount", None, "amount"),
    ("deal.won", "products", "P-1", "list"),
    ("deal.won", "products", ["P-1", ""], "products[1]"),
    ("deal.won", "products", [1], "products[0]"),
    ("contract.started", "starts_on", None, "starts_on"),
    ("contract.changed", "annual_value", "x", "annual_value"),
    ("ticket.opened", "priority", "asap", "priority"),
    ("ticket.opened", "opened_by", "bot", "opened_by"),
    ("ticket.replied", "public", "yes", "boolean"),
    ("account.updated", "name", None, "name"),
    ("account.updated", "targets", {}, "targets"),
    ("account.updated", "targets", [{"kpi": "nps", "window": "90d"}], "targets[0].target is missing"),
    ("account.updated", "targets", [{"kpi": "nps", "window": "90d", "target": "5"}], "targets[0].target"),
]


@pytest.mark.parametrize(("name", "field", "value", "detail"), DATA_CASES)
def test_wrong_data_is_named_by_its_field(name: str, field: str, value: Any, detail: str) -> None:
    event = document(name)
    event["data"] = {**event["data"], field: value}
    verdict = Decoder(RULES).decode_line(json.dumps(event).encode(), now=NOW)
    assert isinstance(verdict, Refusal)
    assert verdict.code == "invalid-data"
    assert verdict.detail.startswith(f"data.{field}")
    assert detail in verdict.detail


ACCEPTED = [
    ("survey.answered", "score", 9.0, 9),
    ("deal.opened", "amount", None, None),
    ("deal.opened", "amount", 0, 0),
    ("deal.opened", "amount", 0.07, 7),
    ("deal.opened", "amount", 1234567.1, 123456710),
    ("deal.opened", "amount", 10**12, 10**14),
    ("deal.opened", "amount", 999_999_999_999.99, 99_999_999_999_999),
    ("deal.opened", "probability", 1, 1.0),
    ("deal.opened", "expected_close_on", "1969-12-31", -1),
    ("deal.won", "products", None, ()),
    ("interaction.logged", "automated", None, False),
    ("ticket.opened", "opened_by", None, "customer"),
    ("ticket.opened", "priority", None, "normal"),
    ("ticket.replied", "public", None, True),
    ("milestone.planned", "due_at", "1970-01-01T00:00:00.0019-00:00", 1),
    ("account.updated", "targets", None, ()),
]


@pytest.mark.parametrize(("name", "field", "value", "inside"), ACCEPTED)
def test_data_is_kept_in_normal_form(name: str, field: str, value: Any, inside: Any) -> None:
    event = document(name)
    event["data"] = {**event["data"], field: value}
    verdict = Decoder(RULES).decode_line(json.dumps(event).encode(), now=NOW)
    assert isinstance(verdict, Event)
    kept = getattr(verdict.data, field)
    assert kept == inside
    assert type(kept) is type(inside)
    assert make_event(name, time=verdict.time, id="e-1", source="crm", **event["data"]) == verdict


def test_backfill_is_said_by_origin() -> None:
    for origin, backfill in (("backfill", True), ("live", False), (5, False), (None, False)):
        verdict = Decoder(RULES).decode_line(wire(origin=origin), now=NOW)
        assert isinstance(verdict, Event)
        assert verdict.backfill is backfill


def test_the_prefix_and_the_tolerance_are_rules() -> None:
    decoder = Decoder(Rules(prefix="crm", future_tolerance_ms=0))
    case = Case("", wire(time="2026-01-01T00:00:00.001Z"), None, topic="crm.tickets", timestamp=1_767_225_600_000)
    assert judge(decoder, case, []).code == "future-time"  # type: ignore[union-attr] - it is a refusal
    assert isinstance(judge(decoder, case._replace(timestamp=case.timestamp + 1), []), Event)
    assert judge(decoder, case._replace(topic="kam.tickets"), []).code == "unknown-type"  # type: ignore[union-attr] - it is a refusal
