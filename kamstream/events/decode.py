"""From a Kafka record, or a line of a file, to an `Event` or a `Refusal`.

Two tiers with one answer. The fast one decodes with msgspec structs generated from the models and gives an
event or nothing; whatever it does not accept takes the exact path, which alone refuses. Where the compiled
modules are there, a scanner is asked before msgspec. The order of the checks is that of the contract: too-large,
not-json, too-deep, not-an-event, unknown-type, invalid-data, key-mismatch, unknown-currency, future-time.
`too-large` counts the bytes of the record's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Union

import msgspec

from kamstream.native import COMPILED

from .catalogue import input_topics, topic_of
from .envelope import is_account
from .event import ErrorCode, Event, Refusal, Rules
from .exact import event_of
from .jsontext import MAX_DEPTH, read_json
from .partition import murmur2
from .structs import LOOSE, PLANS, STRICT, Convert
from .times import parse_time

MAX_BYTES: Final = 65_536
CLOUDEVENTS_JSON: Final = "application/cloudevents+json"

if TYPE_CHECKING or COMPILED:
    from ._scan import Scanner

Headers = Sequence[tuple[str, bytes | None]]

_PLAIN: Final = ("content-type", CLOUDEVENTS_JSON.encode())
_ATTRIBUTES: Final = ("specversion", "id", "source", "type", "subject", "time", "origin")
# Caches of strings seen before: an account's key is hashed and checked once. Emptied when full.
_MAX_ACCOUNTS: Final = 262_144
_MAX_SOURCES: Final = 4_096


class Decoder:
    """Decodes records by `Rules`. Never raises, whatever the bytes; not to be shared between threads."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._topics = {name: at for at, name in enumerate(input_topics(rules.prefix))}
        self._plans: dict[type[Any], tuple[str, str, Convert | None, bool]] = {
            wire: (plan.kind.name, topic_of(plan.kind.name, rules.prefix), convert, plan.has_currency)
            for wire, (plan, convert) in {**STRICT, **LOOSE}.items()
        }
        self._strict: Callable[[bytes], Any] = msgspec.json.Decoder(_union(STRICT)).decode
        self._loose: Callable[[bytes], Any] = msgspec.json.Decoder(_union(LOOSE)).decode
        self._tolerance = rules.future_tolerance_ms
        self._currencies: frozenset[str | None] = frozenset({None, rules.reporting_currency, *rules.currencies})
        self.scanner: Scanner | None = self._scanner() if COMPILED else None
        self._homes: dict[bytes, tuple[str, int]] = {}
        self._accounts: dict[str, str] = {}
        self._sources: dict[str, str] = {}

    def decode(
        self,
        *,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        timestamp: int,
        partition: int | None = None,
        partitions: int | None = None,
    ) -> Event | Refusal:
        """Judge one record; ``timestamp`` in ms. The partition is checked where both numbers are given."""
        plain = not headers or (len(headers) == 1 and headers[0] == _PLAIN) or not _is_binary(headers)
        home = (self._homes.get(key) or self._new_home(key)) if key is not None and plain else None
        if home is not None and value is not None:
            account, hashed = home
            if partition is None or partitions is None or hashed % partitions == partition:
                event = self._fast(value, account, topic, timestamp)
                if event is not None:
                    return event
        result = self._exact(topic, value, headers)
        if isinstance(result, Refusal):
            return result
        return (
            _misplaced(result, key, partition, partitions)
            or self._unusable(result, timestamp, "the record's timestamp")
            or result
        )

    def decode_line(self, line: bytes, *, now: int) -> Event | Refusal:
        """Judge a line of a file: topic and key follow from its attributes, ``now`` (ms) bounds the time."""
        event = self._fast(line, None, None, now)
        if event is not None:
            return event
        result = self._document(line.rstrip(b"\r\n"), None)
        if isinstance(result, Refusal):
            return result
        return self._unusable(result, now, "the clock") or result

    def _scanner(self) -> Scanner:
        prefix = self._rules.prefix
        types = [(name, topic_of(name, prefix), plan.form) for name, plan in PLANS.items() if plan.form is not None]
        return Scanner(types, self._currencies, self._tolerance, MAX_BYTES)

    def _new_home(self, key: bytes) -> tuple[str, int] | None:
        """The account and hash of a key not seen before, None where it can be no account's."""
        try:
            account = key.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not is_account(account):
            return None
        if len(self._homes) >= _MAX_ACCOUNTS:
            self._homes.clear()
        self._homes[key] = home = (account, murmur2(key))
        return home

    def _new_account(self, subject: str) -> str | None:
        if not is_account(subject):
            return None
        if len(self._accounts) >= _MAX_ACCOUNTS:
            self._accounts.clear()
        self._accounts[subject] = subject
        return subject

    def _fast(self, value: bytes, account: str | None, topic: str | None, latest: int) -> Event | None:
        """The event where everything is plainly right, else None."""
        if self.scanner is not None:
            event = self.scanner.read(value, account, topic, latest)
            if event is not None:
                return event
        if len(value) > MAX_BYTES:
            return None
        try:
            try:
                wire = self._strict(value)
            except msgspec.ValidationError:
                # Perhaps an unknown field: msgspec skips it without a look at its UTF-8 and depth.
                if not _may_skip(value):
                    return None
                wire = self._loose(value)
            name, home_topic, convert, has_currency = self._plans[wire.__class__]
            time = parse_time(wire.time)
            data = wire.data if convert is None else convert(wire.data)
        except (msgspec.MsgspecError, ValueError, KeyError, RecursionError):
            return None
        known = account or self._accounts.get(wire.subject) or self._new_account(wire.subject)
        if (
            known is None
            or known != wire.subject
            or (topic is not None and topic != home_topic)
            or (has_currency and data.currency not in self._currencies)
            or time - latest > self._tolerance
        ):
            return None
        source = self._sources.get(wire.source)
        if source is None:
            source = self._remember_source(wire.source)
        return Event(name, known, source, wire.id, time, data, wire.origin == "backfill")

    def _remember_source(self, source: str) -> str:
        if len(self._sources) >= _MAX_SOURCES:
            self._sources.clear()
        self._sources[source] = source
        return source

    def _exact(self, topic: str, value: bytes | None, headers: Headers) -> Event | Refusal:
        """The checks up to `invalid-data` of a record in either mode."""
        if value is None:
            return Refusal(ErrorCode.NOT_JSON, "the record has no value")
        index = self._topics.get(topic, -1)
        return self._binary(value, headers, index) if _is_binary(headers) else self._document(value, index)

    def _document(self, value: bytes, topic: int | None) -> Event | Refusal:
        if len(value) > MAX_BYTES:
            return _too_large(value)
        document = read_json(value)
        return document if isinstance(document, Refusal) else event_of(document, topic=topic)

    def _binary(self, value: bytes, headers: Headers, topic: int) -> Event | Refusal:
        """Binary mode: the attributes are UTF-8 headers, the value is `data`."""
        if len(value) > MAX_BYTES:
            return _too_large(value)
        data = read_json(value, level=2)
        if isinstance(data, Refusal):
            return data
        document: dict[str, Any] = {"data": data}
        contents = _contents(headers)
        for name in _ATTRIBUTES:
            content = contents.get(f"ce_{name}")
            if content is None:
                continue
            try:
                document[name] = content.decode("utf-8")
            except UnicodeDecodeError:
                return Refusal(ErrorCode.NOT_AN_EVENT, f"header ce_{name} is not UTF-8")
        return event_of(document, topic=topic)

    def _unusable(self, event: Event, latest: int, clock: str) -> Refusal | None:
        """An `unknown-currency` or `future-time`, or None."""
        currency = event.data.currency if PLANS[event.type].has_currency else None
        if currency not in self._currencies:
            return Refusal(ErrorCode.UNKNOWN_CURRENCY, f"data.currency {currency}: the settings have no rate")
        ahead = event.time - latest
        if ahead > self._rules.future_tolerance_ms:
            allowed = self._rules.future_tolerance_ms / 1000
            detail = f"time is {ahead / 1000:.3f} s ahead of {clock}, {allowed:g} s are allowed"
            return Refusal(ErrorCode.FUTURE_TIME, detail)
        return None


def _union(structs: Iterable[type[Any]]) -> Any:
    return Union[tuple(structs)]  # noqa: UP007 - a union made of a list


def _may_skip(value: bytes) -> bool:
    """Whether unknown fields can be skipped unseen: UTF-8, and too few brackets to be too deep."""
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH:
        return False
    try:
        return value.isascii() or bool(value.decode("utf-8"))
    except UnicodeDecodeError:
        return False


def _contents(headers: Headers) -> dict[str, bytes]:
    """The headers by name, the last of equal ones counts; one without a value is not there."""
    return {name: content for name, content in headers if content is not None}


def _is_binary(headers: Headers) -> bool:
    contents = _contents(headers)
    return "ce_specversion" in contents and _media_type(contents.get("content-type")) != CLOUDEVENTS_JSON


def _media_type(content: bytes | None) -> str:
    """The media type of a content-type header without its parameters, in lower case."""
    return (content or b"").partition(b";")[0].strip().lower().decode("latin-1")


def _too_large(value: bytes) -> Refusal:
    return Refusal(ErrorCode.TOO_LARGE, f"the value has {len(value)} bytes, {MAX_BYTES} are allowed")


def _shown(key: bytes) -> str:
    text = repr(key.decode("utf-8", "backslashreplace"))
    return text if len(text) <= 60 else text[:57] + "..."


def _misplaced(event: Event, key: bytes | None, partition: int | None, partitions: int | None) -> Refusal | None:
    """A `key-mismatch`, or None where the record lies under its account's key in the key's partition."""
    if key is None:
        return Refusal(ErrorCode.KEY_MISMATCH, f"the record has no key, its subject is {event.account!r}")
    if key != event.account.encode():
        return Refusal(ErrorCode.KEY_MISMATCH, f"key {_shown(key)} is not the subject {event.account!r}")
    if partition is not None and partitions is not None:
        home = murmur2(key) % partitions
        if home != partition:
            return Refusal(ErrorCode.KEY_MISMATCH, f"partition {partition} is not the key's, which is {home}")
    return None
