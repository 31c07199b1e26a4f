"""The core job on Faust as its guide shows it: a Record, an agent that reads a stream, one table write per event."""

import os
import sys
import tempfile
from typing import Any

import faust

sys.path.insert(0, os.path.dirname(__file__))
from ends import ends_of
from logic import DAY, HOUR, INTERACTION, Dirty, Tables, changes, entity_of, new_pane, post, record_of, values_of

from kamstream.events.times import parse_time

ENV = os.environ
TOPICS = ENV["BENCH_TOPICS"].split(",")


class CrmEvent(faust.Record, serializer="json"):
    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: dict


app = faust.App(
    ENV["BENCH_GROUP"],
    broker=f"kafka://{ENV['BENCH_BOOTSTRAP']}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="kamstream-bench-faust-"),
    topic_partitions=8,
    web_enabled=False,
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=1.0,
    table_standby_replicas=0,
)
events = app.topic(*TOPICS, value_type=CrmEvent)
accounts = app.Table("accounts", default=dict, partitions=8)
dirty = Dirty(ends_of(ENV["BENCH_BOOTSTRAP"], TOPICS))
tables = Tables(ENV["BENCH_REDIS"], ENV["BENCH_PREFIX"])


@app.agent(events)
async def core(stream: Any) -> None:
    """Let each event into its account."""
    async for entry in stream.events():
        event, message = entry.value, entry.message
        state = accounts[event.subject] or {"seen": {}, "entities": {}, "hours": {}, "days": {}}
        let_in(state, event, message.topic)
        accounts[event.subject] = state
        dirty.passed(message.topic, message.partition, message.offset)


def let_in(state: dict, event: CrmEvent, topic: str) -> None:
    """Let an event count, unless it was seen before."""
    name = f"{topic}/{event.source}/{event.id}"
    if name in state["seen"]:
        return
    at = parse_time(event.time)
    state["seen"][name] = at
    dirty.add(event.subject, at)
    todo = []
    if event.type == "interaction.logged" and not event.data.get("automated"):
        todo.append(((INTERACTION, at, 0), 1))
    key = entity_of(event.type, event.data)
    if key is not None:
        records = state["entities"].setdefault(key, [])
        todo += changes(key, records, record_of(event.type, at, event.id, event.data))
    for fact, sign in todo:
        for panes, width in (("hours", HOUR), ("days", DAY)):
            number = str(fact[1] // width)
            post(state[panes].setdefault(number, new_pane()), fact, sign)
    oldest = dirty.time // HOUR - 24
    for number in [number for number in state["hours"] if int(number) < oldest]:
        del state["hours"][number]


@app.timer(1.0)
async def publish() -> None:
    """The values of what changed go to Redis."""
    rows = []
    for id in dirty.take(set(accounts)):
        state = accounts[id]
        hours = {int(number): pane for number, pane in state["hours"].items()}
        days = {int(number): pane for number, pane in state["days"].items()}
        rows.append((id, values_of(hours, days, dirty.time)))
    tables.write(rows)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "warn", "--without-web"]
    app.main()
