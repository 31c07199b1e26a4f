"""The core job on Quix Streams: one dataframe over the three topics, small rows of state, values written by a thread.

Runs in an environment of its own (Quix pins older versions of what kamstream uses), so it imports nothing of kamstream.
"""

import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from datetime import datetime
from typing import Any

import msgspec
from quixstreams import Application, message_context

sys.path.insert(0, os.path.dirname(__file__))
from logic import DAY, HOUR, INTERACTION, Dirty, Tables, changes, entity_of, new_pane, post, record_of, values_of

ENV = os.environ
TOPICS = ENV["BENCH_TOPICS"].split(",")


class CrmEvent(msgspec.Struct):
    """What the job reads of an event."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]


decode = msgspec.json.Decoder(CrmEvent).decode
lock = threading.Lock()
# The panes of each account as they stand in the state, for the thread that computes values.
panes: dict[str, tuple[dict[int, list[Any]], dict[int, list[Any]]]] = defaultdict(lambda: ({}, {}))


def core(value: bytes, state: Any, dirty: Dirty) -> None:
    """Let an event into its account."""
    event = decode(value)
    place = message_context()
    with lock:
        let_in(event, place.topic, state, dirty)
        dirty.passed(place.topic, place.partition, place.offset)


def let_in(event: CrmEvent, topic: str, state: Any, dirty: Dirty) -> None:
    """Let an event count, unless it was seen before; each entity, pane and list of ids is a row."""
    at = int(event.time.timestamp() * 1000 + 0.5)
    key = entity_of(event.type, event.data)
    todo = []
    if key is None:
        seen = state.get(f"seen/{topic}") or []
        if event.id in seen:
            return
        state.set(f"seen/{topic}", [*seen, event.id])
    else:
        records = state.get(key) or []
        # An event's entity is part of it, so that its duplicate is found there.
        if any(record[2] == event.id for record in records):
            return
        todo += changes(key, records, record_of(event.type, at, event.id, event.data))
        state.set(key, records)
    if event.type == "interaction.logged" and not event.data.get("automated"):
        todo.append(((INTERACTION, at, 0), 1))
    dirty.add(event.subject, at)
    hours, days = panes[event.subject]
    touched: dict[str, list[Any]] = {}
    for fact, sign in todo:
        for there, width, name in ((hours, HOUR, "H"), (days, DAY, "D")):
            number = fact[1] // width
            pane = there.get(number)
            if pane is None:
                pane = there[number] = state.get(f"{name}{number}") or new_pane()
            post(pane, fact, sign)
            touched[f"{name}{number}"] = pane
    for name, pane in touched.items():
        state.set(name, pane)
    oldest = dirty.time // HOUR - 24
    if hours and min(hours) < oldest:
        for number in [number for number in hours if number < oldest]:
            del hours[number]
            state.delete(f"H{number}")


def publish(dirty: Dirty, tables: Tables) -> None:
    """Once a second the values of what changed go to Redis."""
    while True:
        time.sleep(1)
        with lock:
            now = dirty.time
            rows = [(id, values_of(*panes[id], now)) for id in dirty.take(set(panes))]
        tables.write(rows)


def ends_of(app: Application) -> dict[tuple[str, int], int]:
    """Where the topics end now."""
    consumer = app.get_consumer()
    consumer.subscribe(TOPICS)
    from confluent_kafka import TopicPartition

    found = {}
    for topic in TOPICS:
        for number in range(8):
            found[topic, number] = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
    consumer.close()
    return found


def main() -> None:
    """Run until it is told to stop."""
    app = Application(
        broker_address=ENV["BENCH_BOOTSTRAP"],
        consumer_group=ENV["BENCH_GROUP"],
        auto_offset_reset="earliest",
        commit_interval=1.0,
        state_dir=tempfile.mkdtemp(prefix="kamstream-bench-quix-"),
        use_changelog_topics=True,
        auto_create_topics=True,
        loglevel="WARNING",
    )
    dirty = Dirty(ends_of(app))
    tables = Tables(ENV["BENCH_REDIS"], ENV["BENCH_PREFIX"])
    frames = [app.dataframe(app.topic(name, key_deserializer="str", value_deserializer="bytes")) for name in TOPICS]
    frame = frames[0]
    for other in frames[1:]:
        frame = frame.concat(other)
    frame.update(lambda value, state: core(value, state, dirty), stateful=True)
    threading.Thread(target=publish, args=(dirty, tables), daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
