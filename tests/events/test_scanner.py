"""The compiled scanner: what it takes it takes as the exact path does, and it takes what is plain."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from kamstream.events import EVENT_TYPES, Decoder, Event, topic_of
from kamstream.events.structs import Field, Form
from tests.engine.forms import compiled
from tests.events.drafts import NOW, RULES, document
from tests.events.test_two_tiers import EXACT, TEXTS

pytestmark = pytest.mark.compiled

TYPES = [kind.name for kind in EVENT_TYPES]
ATTRIBUTES = ["specversion", "id", "source", "type", "subject", "time", "data"]
FIELDS = sorted({field for kind in EVENT_TYPES for field in kind.model.model_fields})


@pytest.fixture
def scanner() -> Any:
    made = Decoder(RULES).scanner
    assert isinstance(made, compiled("events.scan").Scanner)
    return made


def plain(name: str) -> dict[str, Any]:
    """An event with every field of its model, without escapes."""
    return document(name, {**json.loads(json.dumps(document(name)["data"]).replace("\\u00e9", "e"))})


def read(scanner: Any, value: bytes) -> Event | None:
    """The event, which is that of the exact path."""
    found = scanner.read(value, None, None, NOW)
    if found is not None:
        exact = EXACT.decode_line(value, now=NOW)
        assert repr(found) == repr(exact), value
        assert found == exact
        name = topic_of(found.type)
        assert scanner.read(value, found.account, name, NOW) == found
        assert scanner.read(value, "ACC-2" + found.account, name, NOW) is None
        assert scanner.read(value, found.account, "kam.alerts", NOW) is None
    return found


@pytest.mark.parametrize("name", TYPES)
def test_plain_events_are_taken_however_they_are_laid_out(scanner: Any, name: str) -> None:
    event = plain(name)
    wanted = read(scanner, json.dumps(event).encode())
    assert wanted is not None
    for indent, separators in itertools.product((None, 0, 2), (None, (",", ":"), (" ,\t", " :\r\n"))):
        for sort in (False, True):
            value = json.dumps(event, indent=indent, separators=separators, sort_keys=sort, ensure_ascii=False)
            assert read(scanner, f" {value}\r\n".encode()) == wanted


def test_the_members_are_taken_in_any_order(scanner: Any) -> None:
    event = plain("ticket.replied")
    wanted = read(scanner, json.dumps(event).encode())
    for order in itertools.permutations(ATTRIBUTES):
        assert read(scanner, json.dumps({name: event[name] for name in order}).encode()) == wanted


@pytest.mark.parametrize("name", TYPES)
def test_what_no_field_wants_is_skipped_and_null_is_absent(scanner: Any, name: str) -> None:
    event = plain(name)
    wanted = read(scanner, json.dumps(event).encode())
    for more in ("x", "é", 5, 0.25, True, False, None):
        value = json.dumps({"a": more, **event, "é": more, "data": {"b": more, **event["data"], "c": more}})
        assert read(scanner, value.replace("\\u00e9", "é").encode()) == wanted
    optional = [field.name for field in scanner_fields(name) if not field.required]
    nulls = {**event, "data": {**event["data"], **dict.fromkeys(optional)}}
    assert read(scanner, json.dumps(nulls).encode()) is not None


def scanner_fields(name: str) -> tuple[Field, ...]:
    from kamstream.events.structs import PLANS

    form = PLANS[name].form
    assert form is not None, "a field of a new kind: the scanner has to learn it"
    return form.fields


def test_texts_beyond_ascii_are_taken_and_counted_by_characters(scanner: Any) -> None:
    for subject, length, taken in (
        ("Müller", 128, True),
        ("日本", 129, False),
        ("A\x7f", 5, False),
        ("\x85", 5, False),
    ):
        event = document("deal.lost", {"deal_id": "é" * length, "reason": "à 😀"}, subject=subject, source="Übersee")
        assert (read(scanner, json.dumps(event, ensure_ascii=False).encode()) is not None) is taken
    assert read(scanner, json.dumps(document(id="x" * 128)).encode()) is not None
    assert scanner.read(json.dumps(document(id="x" * 129)).encode(), None, None, NOW) is None
    assert scanner.read(json.dumps(document(id="")).encode(), None, None, NOW) is None


TWICE = [f'"{name}":{json.dumps(value)}'.encode() for name, value in document("deal.lost").items()]
NOT_PLAIN = [
    b'"origin":"\xff"',
    b'"origin":"\xed\xa0\x80"',
    b'"x":"\xff"',
    b'"\xff":1',
    b'"x":[]',
    b'"x":{}',
    b'"x":-1',
]
NOT_PLAIN += [
    b'"x":1e5',
    b'"x":01',
    b'"\\u0069d":"2"',
    b'"x":"\\n"',
    b'"x":"\t"',
    b'"x":nul',
    b'"x"',
    b'"x":',
    b"x:1",
    b"",
]


@pytest.mark.parametrize("more", [*TWICE, *NOT_PLAIN])
def test_what_is_given_twice_or_is_not_plain_is_left_to_the_others(scanner: Any, more: bytes) -> None:
    value = json.dumps(document("deal.lost")).encode()
    assert read(scanner, value) is not None
    assert read(scanner, value[:-1] + b"," + more + b"}") is None
    assert read(scanner, b"{" + more + b"," + value[1:]) is None
    inside = value.index(b'"deal_id"')
    if more in NOT_PLAIN:
        assert read(scanner, value[:inside] + more + b"," + value[inside:]) is None


def test_bounds_of_time_and_size(scanner: Any) -> None:
    event, tolerance = document(time="2026-01-01T00:00:00.001Z"), RULES.future_tolerance_ms
    value, at = json.dumps(event).encode(), 1_767_225_600_001
    assert scanner.read(value, None, None, at - tolerance) is not None
    assert scanner.read(value, None, None, at - tolerance - 1) is None
    assert scanner.read(value, None, None, 2**70) is None, "left to the others"
    assert scanner.read(value.ljust(65_536), None, None, NOW) is not None
    assert scanner.read(value.ljust(65_537), None, None, NOW) is None


def test_accounts_beyond_number_are_forgotten_and_known_again(scanner: Any) -> None:
    for number in range(300_000):
        account = f"A{number % 270_000}"
        value = b'{"subject":"%s","specversion":"1.0","id":"1","source":"s","type":"deal.reopened",' % account.encode()
        found = scanner.read(value + b'"time":"2026-01-01T00:00:00Z","data":{"deal_id":"1"}}', None, None, NOW)
        assert found.account == account


class Odd(msgspec.Struct, frozen=True):
    money: int
    parts: tuple[tuple[float, ...], ...] = ()
    choice: str = "a"
    at: int | None = None
    flag: bool = True


def test_a_type_that_the_catalogue_does_not_know_is_read_by_its_form() -> None:
    numbers = Form("list", item=Form("float", least=-1, most=1))
    fields = (
        Field("money", True, None, Form("money", most=500)),
        Field("parts", False, (), Form("list", item=numbers)),
        Field("choice", False, "a", Form("choice", choices=("a", "é"))),
        Field("at", False, None, Form("instant")),
        Field("flag", False, True, Form("bool")),
    )
    scanner = compiled("events.scan").Scanner(
        [("odd", "kam.odd", Form("object", fields=fields, make=Odd))], frozenset({None}), 0, 1_000
    )

    def data(text: str) -> Any:
        event = json.dumps(document(type="odd", data="@")).replace('"@"', text).encode()
        found = scanner.read(event, None, "kam.odd", NOW)
        return found and found.data

    assert data('{"money":1}') == Odd(100)
    assert data(
        '{"flag":false,"at":"1970-01-01T00:00:01+00:01","parts":[[],[0.5,1]],"money":5.00,"choice":"a"}'
    ) == Odd(500, ((), (0.5, 1.0)), "a", -59_000, False)
    for wrong in (
        '{"money":5.01}',
        '{"money":1,"parts":[[1.5]]}',
        '{"money":1,"parts":[1]}',
        '{"money":1,"choice":"b"}',
    ):
        assert data(wrong) is None


RAW = ["0", "-0", "-0.0", "0.0", "00", "01", "1", "5", "10", "11", "9.0", "9.5", "1e3", "1E2", "1e-2", "1.5", "1.25"]
RAW += ["1.250", "1.255", "12.34", "1000000000000", "1000000000000.00", "1000000000000.01", "999999999999.99"]
RAW += ["999999999999999", "9999999999999999", "123456789012345.6", "0.30000000000000004", "0.1234567890123456"]
RAW += ["1e400", "true", "false", "null", "NaN", "Infinity", "tru", "nulll", "1.", "+1", ".5", "1" * 5000, "[]", "{}"]
RAW += ["[null]", '["P-1","P-2"]', '[ "P-1" , "é" ]', '["",1]', '["a",]', '[,"a"]', '{"a":1,}', '"\\u0041"']
RAW += ['"\\ud800"', '"a\\"b"', '[{"kpi":"nps","window":"90d","target":5}]']
RAW += ['[{"kpi":"nps","window":"90d","target":5,"x":1}]', '"\t"', '"\0"']
RAW += ['[{"window":"90d","kpi":"nps","target":0.4},{"kpi":"a","window":"b","target":null}]']
RAW += ['"' + "x" * 70_000 + '"', '[{"kpi":"a","kpi":"b","window":"b","target":1}]', "[" * 20 + "]" * 20]
MORE_TEXTS = ["2024-02-29", "1900-02-29", "2100-02-29", "2026-04-31", "2026-11-24T14:20:00.1234567+05:30", "\x7f"]
MORE_TEXTS += ["a\x85b", "9998-12-31T23:59:59.9-23:59", "1000-01-01T00:00:00+23:59", "0999-12-31T00:00:00Z"]
MORE_TEXTS += ["é" * 128, "é" * 129, "2026-11-24T14:20:00.Z", "2026-11-24T14:20:00.12", "2026-11-24T14:20:00Zx"]
MORE_TEXTS += ["2026-11-24T14:20:00+0100", "", "ACC-1", "1.0", "backfill", "deal.won", "ticket.opened", "😀" * 64]
MORE_TEXTS += ["2026-11-24T14:20:00-00:00"]
NASTY = [b"", b'"', b"\\", b"\xff", b"\xc3\xa9", b"\xed\xa0\x80", b"\xc3", b"\0", b"{", b"}", b"[", b"]", b",", b":"]
NASTY += [b"0", b"e", b".", b"-", b"n", b" ", b"\n", b"\r\n", b"\t", b"\x0b", b"\x0c", b"\xef\xbb\xbf", b"\x7f"]
NASTY += [b'"id":"2",', b'"type":"deal.won",', b'"data":{},', b'"owner_id":null,', b'"x":1,', b'"\\u0069d":"q",']
NASTY += [b'"origin":5,', b"//"]


class Mutation:
    """Events as text, with members changed, added, left out and given twice, and now and then with damaged bytes."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def events(self, count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield self._event()

    def _event(self) -> bytes:
        random = self._random
        kind = random.choice(EVENT_TYPES)
        event = plain(kind.name)
        data = [(name, json.dumps(value)) for name, value in event.pop("data").items()]
        members = [(name, json.dumps(value)) for name, value in event.items()]
        self._change(data, [*kind.model.model_fields, *FIELDS[:4], "foo", "é"])
        self._change(members, [*event, "origin", "foo", "ü"])
        random.shuffle(data)
        members.append(("data", self._object(data)))
        if random.random() < 0.5:
            random.shuffle(members)
        value = bytearray((self._blank() + self._object(members) + self._blank()).encode("utf-8", "surrogatepass"))
        if random.random() < 0.3:
            for _ in range(random.choice((1, 1, 2))):
                at = random.randrange(len(value) + 1)
                value[at : at + random.choice((0, 0, 1, 2))] = random.choice(NASTY)
        return bytes(value)

    def _change(self, members: list[tuple[str, str]], names: list[str]) -> None:
        random = self._random
        for _ in range(random.choice((0, 0, 1, 1, 2))):
            at, what = random.randrange(len(members) or 1), random.random()
            if not members or what < 0.25:
                members.insert(at, (random.choice(names), self._value()))
            elif what < 0.35:
                del members[at]
            else:
                members[at] = (members[at][0], self._value())

    def _value(self) -> str:
        random = self._random
        if random.random() < 0.5:
            return random.choice(RAW)
        return json.dumps(random.choice([*TEXTS, *MORE_TEXTS]), ensure_ascii=random.random() < 0.2)

    def _blank(self) -> str:
        return self._random.choice(("", "", "", " ", "\n", "\t\r"))

    def _object(self, members: list[tuple[str, str]]) -> str:
        blank = self._blank
        said = (f"{blank()}{json.dumps(name, ensure_ascii=False)}{blank()}:{blank()}{value}" for name, value in members)
        return "{" + ",".join(said) + blank() + "}"


@pytest.mark.parametrize("seed", range(8))
def test_what_is_taken_of_mutated_events_is_what_the_exact_path_makes_of_it(scanner: Any, seed: int) -> None:
    taken = sum(read(scanner, value) is not None for value in Mutation(seed).events(2_000))
    assert 200 < taken < 1_500
