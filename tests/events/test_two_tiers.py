"""The fast tier and the exact path are one decoder: whatever the bytes, they give one answer.

Where the compiled modules are there, the fast tier is a scanner with msgspec behind it; msgspec alone is asked too.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kamstream.events import EVENT_TYPES, Decoder, ErrorCode, Event, Refusal, murmur2, topic_of
from tests.events.drafts import NOW, RULES, document


class ExactOnly(Decoder):
    """A decoder without its fast tier."""

    def _fast(self, value: bytes, account: str | None, topic: str | None, latest: int) -> Event | None:
        return None


FAST, EXACT, MSGSPEC = Decoder(RULES), ExactOnly(RULES), Decoder(RULES)
MSGSPEC.scanner = None
TIERS = (FAST, MSGSPEC, EXACT)


def same(value: bytes, topic: str | None = None, key: bytes = b"ACC-1") -> Event | Refusal:
    """The one answer of both tiers, as a line and as a record."""
    lines = [decoder.decode_line(value, now=NOW) for decoder in TIERS]
    assert lines[0] == lines[1] == lines[2]
    assert repr(lines[0]) == repr(lines[1]) == repr(lines[2])  # 1, 1.0 and True are equal
    if topic is None:
        topic = topic_of(lines[0].type) if isinstance(lines[0], Event) else "kam.deals"
    records = [
        decoder.decode(
            topic=topic,
            key=key,
            value=value,
            headers=[],
            timestamp=NOW,
            partition=murmur2(key) % 8,
            partitions=8,
        )
        for decoder in TIERS
    ]
    assert records[0] == records[1] == records[2]
    for answer in (*lines, *records):
        assert isinstance(answer, Event) or answer.code in set(ErrorCode)
    if isinstance(records[0], Event):
        assert records[0] == lines[0]
    return records[0]


@pytest.mark.parametrize("name", [kind.name for kind in EVENT_TYPES])
def test_the_fast_tier_takes_every_plain_event(name: str) -> None:
    value = json.dumps(document(name)).encode()
    assert FAST._fast(value, "ACC-1", topic_of(name), NOW) == same(value)


@pytest.mark.parametrize("name", [kind.name for kind in EVENT_TYPES])
def test_the_fast_tier_skips_unknown_fields(name: str) -> None:
    plain = document(name)
    value = json.dumps({**plain, "foo": [1], "data": {**plain["data"], "bar": {"é": 1}}}, ensure_ascii=False).encode()
    fast = FAST._fast(value, "ACC-1", topic_of(name), NOW)
    assert fast is not None
    assert fast == same(value) == same(json.dumps(plain).encode())


TEXTS = ["inbound", "email", "agent", "high", "EUR", "USD", "XXX", "usd", "2026-11-24", "2026-02-30", "0000-01-01"]
TEXTS += ["2026-11-24T14:20:00Z", "2026-11-24t14:20:00.9999z", "1969-12-31T23:59:59.9999-00:00"]
TEXTS += ["2026-11-24T14:20:00", "2026-11-24 14:20:00Z", "2016-12-31T23:59:60Z", "0001-01-01T00:00:00+01:00"]
TEXTS += ["9999-12-31T23:59:59-01:00", "2026-11-24T24:00:00Z", "2026-11-24T14:20:00+24:00", "x" * 128, "x" * 129]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.sampled_from([10**12, 10**12 + 1, 10**30, -0.0, 0.1 + 0.2, 12.34, 12.345, 9.0, 9.5, 1e12, 1e300, 1e-9]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(0, 10**14).map(lambda cents: cents / 100),
    st.text(max_size=5),
    st.sampled_from(TEXTS),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
NAMES = sorted({field for kind in EVENT_TYPES for field in kind.model.model_fields})


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(EVENT_TYPES))
    event = document(kind.name, dict(kind.model.EXAMPLE))
    for _ in range(draw(st.integers(0, 3))):
        inside = draw(st.booleans())
        target: dict[str, Any] = event["data"] if inside and isinstance(event.get("data"), dict) else event
        names = sorted(kind.model.model_fields) + NAMES[:3] if target is not event else [*event, "origin", "foo"]
        name = draw(st.sampled_from(names))
        if draw(st.integers(0, 4)) == 0:
            target.pop(name, None)
        else:
            target[name] = draw(VALUES)
    items = draw(st.permutations(list(event.items())))
    return json.dumps(dict(items), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")


@settings(max_examples=600, deadline=None)
@given(mutated())
def test_mutated_events_get_one_answer(value: bytes) -> None:
    same(value)


@settings(max_examples=600, deadline=None)
@given(mutated(), st.data())
def test_damaged_bytes_get_one_answer(value: bytes, data: st.DataObject) -> None:
    nasty = [
        b"",
        b'"',
        b"\\",
        b"\\ud800",
        b"\\u00e9",
        b"\xff",
        b"\x00",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b"NaN",
        b"1e5",
    ]
    nasty += [
        b"-",
        b"0",
        b".",
        b"e",
        b'"type":"deal.won",',
        b'"id":"2",',
        b'"data":{},',
        b"\xc3\xa9",
        b"null",
        b"\t",
    ]
    damaged = bytearray(value)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(damaged)))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.sampled_from(nasty))
    same(bytes(damaged))


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=60) | st.text('[]{}",:\\u0dDnul1-e. \n', max_size=40).map(str.encode))
@example(b"[" * 65_536)
@example(b"[" * 20_000 + b"]" * 20_000)
@example(b'{"a":' * 10_000 + b"1" + b"}" * 10_000)
@example(b'"' + b"\\" * 65_000)
@example(b"1" * 65_000)
@example(b'{"a":1e' + b"9" * 60_000 + b"}")
@example(b'{"specversion":' + b"1" * 60_000 + b"}")
def test_any_bytes_get_one_answer(value: bytes) -> None:
    assert isinstance(same(value), Refusal)


NUMBERS = [
    "0",
    "-0",
    "-0.0",
    "-0.5",
    "1",
    "1.5",
    "1.25",
    "1.255",
    "1.2500",
    "12e1",
    "1E2",
    "1e-2",
    "1e-3",
    "12.0e-1",
]
NUMBERS += [
    "1000000000000",
    "1000000000000.00",
    "1000000000000.01",
    "1000000000001",
    "999999999999.99",
    "1e400",
]
NUMBERS += [
    "0.30000000000000004",
    "12.340000000000000000001",
    "1000000000000.000001",
    "1e-400",
    "0e99999999999999999999",
]
NUMBERS += [
    "1e99999999999999999999",
    "1" * 5000,
    "0." + "0" * 5000,
    "9.0",
    "9.00000000000000000001",
    "true",
    '"1"',
    "null",
]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    ("name", "field"),
    [("deal.won", "amount"), ("deal.opened", "amount"), ("deal.opened", "probability"), ("survey.answered", "score"),
     ("interaction.logged", "duration_seconds"), ("account.updated", "category_spend_annual"),
     ("ticket.resolved", "x")],
)  # fmt: skip
def test_numbers_get_one_answer(name: str, field: str, number: str) -> None:
    event = document(name)
    value = json.dumps({**event, "data": {**event["data"], field: "@"}}).replace('"@"', number).encode()
    same(value)


@pytest.mark.parametrize(
    "value",
    [
        b'{"type":"deal.lost","type":"deal.reopened","specversion":"1.0","id":"1","source":"s","subject":"ACC-1",'
        b'"time":"2026-01-01T00:00:00Z","data":{"deal_id":"1"}}',
        b'{"type":"deal.lost","\\u0074ype":"deal.reopened","specversion":"1.0","id":"1","source":"s","subject":"ACC-1",'
        b'"time":"2026-01-01T00:00:00Z","data":{"deal_id":"1"}}',
        b'{"type":"deal.lost","specversion":"1.0","id":"1","source":"s","subject":"ACC-2","subject":"ACC-1",'
        b'"time":"2026-01-01T00:00:00Z","data":{"deal_id":1,"deal_id":"\\ud83d\\ude00","deal_id":"2"},'
        b'"data":{"deal_id":"3"}}',
        b'{"type":"deal.lost","specversion":"1.0","id":"1","source":"s","subject":"ACC-1",'
        b'"time":"2026-01-01T00:00:00Z","data":{"deal_id":"1"},"type":"deal.reopened"}',
    ],
)
def test_repeated_names_get_one_answer(value: bytes) -> None:
    assert isinstance(same(value, "kam.deals"), Event)


ESCAPES = ["a", "é", "\\\\", "\\n", "\\u0041", "\\ud83d", "\\uDE00", "\\udfff", "\\uD800", "\\u00", "\\q", "\x7f", "\t"]


@pytest.mark.parametrize("form", ['"id":"%s"', '"foo":"%s"', '"%s":1', '"foo":[{"%s":"%s"}]', '"origin":"%s"'])
def test_escapes_get_one_answer_wherever_they_are(form: str) -> None:
    head = json.dumps(document()).removesuffix("}")
    for length in (1, 2, 3):
        for pieces in itertools.product(ESCAPES, repeat=length):
            text = form.replace("%s", "".join(pieces))
            value = f"{head},{text}}}".encode()
            found = [decoder.decode_line(value, now=NOW) for decoder in TIERS]
            assert found[0] == found[1] == found[2], value
