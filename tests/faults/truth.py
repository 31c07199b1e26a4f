"""What a log amounts to: an engine that reads it undisturbed, and the brute-force recount of the same records."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from kamstream.alerts import Rule
from kamstream.engine.alarms import attributes
from kamstream.engine.offline import Offline
from kamstream.engine.tables import TableChange
from kamstream.events import Decoder, Event
from kamstream.events.topics import topic_names
from kamstream.rulebook import read_rules
from kamstream.settings import Settings
from tests.faults.load import Shape, reference_settings
from tests.reference import differences, recount

Identity = tuple[str, int, int]


@dataclass
class Truth:
    """T (ms), the tables by scope and id, the dead letters (identity to code and bytes), and who fires at T."""

    time: int = 0
    tables: dict[tuple[str, str], TableChange] = field(default_factory=dict)
    letters: dict[Identity, tuple[str, bytes | None]] = field(default_factory=dict)
    firing: set[tuple[str, str, str]] = field(default_factory=set)
    plain: frozenset[str] = frozenset()
    records: int = 0
    #: Where the recount does not agree with the engine.
    doubts: list[str] = field(default_factory=list)


def read_topic(bootstrap: str, topics: tuple[str, ...]) -> Iterator[Any]:
    """Every record of some topics up to their ends as they are now, each partition in order."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metrics_enabled=False,
        max_poll_records=2_000,
    )
    try:
        tps = [TopicPartition(topic, number) for topic in topics for number in consumer.partitions_for_topic(topic)]
        ends = consumer.end_offsets(tps)
        for tp in tps:
            consumer.assign([tp])
            consumer.seek(tp, 0)
            while consumer.position(tp) < ends[tp]:
                for record in consumer.poll(timeout_ms=500).get(tp, []):
                    if record.offset < ends[tp]:
                        yield record
    finally:
        consumer.close()


def truth_of(settings_path: Path, bootstrap: str, shape: Shape, until: int | None = None) -> Truth:
    """Read the inputs and count them; ``until``: T is moved on to there (ms)."""
    settings = Settings.load(settings_path)
    rules = read_rules(settings).rules
    offline = Offline(settings.config(partitions=1, rules=()), until=until)
    decoder = Decoder(settings.decoding())
    truth, lines = Truth(), list[dict[str, Any]]()
    truth.plain = frozenset(r.name for r in rules if not (r.for_ms or r.clear or r.keep_firing_ms))
    for record in read_topic(bootstrap, topic_names(settings.prefix).inputs):
        truth.records += 1
        code = _judge(decoder, offline, record, settings.partitions)
        if code is not None:
            truth.letters[record.topic, record.partition, record.offset] = (code, record.value)
        if code in (None, "too-late"):
            lines.append(json.loads(record.value))
    offline.settle()
    truth.time = offline.engine.time
    truth.tables = {(table.scope, table.id): table for table in offline.tables()}
    truth.firing = set(_firing(rules, offline, truth))
    if until is None and len(lines) <= RECOUNTED:
        truth.doubts = _recounted(truth, lines, shape, settings)
    return truth


#: A log of so many events at most is counted a second time by brute force.
RECOUNTED = 1_500


def _judge(decoder: Decoder, offline: Offline, record: Any, partitions: int) -> str | None:
    event = decoder.decode(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=record.headers,
        timestamp=record.timestamp,
        partition=record.partition,
        partitions=partitions,
    )
    if not isinstance(event, Event):
        return str(event.code)
    return "too-late" if offline.apply(event) == "too-late" else None


def _firing(rules: tuple[Rule, ...], offline: Offline, truth: Truth) -> Iterator[tuple[str, str, str]]:
    for rule in rules:
        for (scope, id), table in truth.tables.items():
            profile = attributes(offline.engine.profile(id) if scope == "account" else None)
            value = table.values.get(rule.field)
            if value is None or value.value is None or value.n < rule.min_n or not rule.applies(scope, id, profile):
                continue
            if rule.fire.holds(value.value):
                yield rule.name, scope, id


def _recounted(truth: Truth, lines: list[dict[str, Any]], shape: Shape, settings: Settings) -> list[str]:
    got = {}
    for (scope, id), table in truth.tables.items():
        for name, value in table.values.items():
            kpi, _, window = name.rpartition(":")
            got[scope, id, kpi, window] = (value.value, value.n)
    expected = recount(lines, reference_settings(shape))
    kpis = {kpi.name for kpi in settings.config().kpis}
    return differences(got, {key: pair for key, pair in expected.items() if key[2] in kpis}, limit=5)
