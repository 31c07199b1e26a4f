"""An installation without a worker: a log in Kafka, the tables of an Offline engine in Redis, a beating heart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kamstream.cli import main as cli
from kamstream.engine import TableChange
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event
from kamstream.live import SCRIPTS, Layout, Link, LiveWriter, Options, Owner, Source, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from kamstream.windows import to_text

PARTITIONS = 3
FAR = 2**60


def event(type_: str, id_: str, time: str, account: str = "ACC-1", **data: Any) -> bytes:
    attributes = {"specversion": "1.0", "type": type_, "subject": account, "source": "crm", "id": id_, "time": time}
    return json.dumps(attributes | {"data": data}).encode()


EVENTS = (
    event("account.updated", "p1", "2026-01-01T00:00:00Z", name="Acme", kam_id="kam-7", tier="gold"),
    event("account.updated", "p2", "2026-01-01T00:00:00Z", account="ACC-2", name="Best", kam_id="kam-8"),
    event("deal.opened", "o1", "2026-01-02T00:00:00Z", deal_id="d1", amount=100.5),
    event("deal.won", "w1", "2026-01-03T00:00:00Z", deal_id="d1", amount=120, currency="EUR"),
    event("ticket.opened", "t1", "2026-01-04T08:00:00Z", ticket_id="t1", owner_id="bob"),
    event("ticket.opened", "t2", "2026-01-04T09:00:00Z", account="ACC-2", ticket_id="t2"),
    event("ticket.replied", "r2", "2026-01-04T09:20:00Z", account="ACC-2", ticket_id="t2", by="agent"),
    event("interaction.logged", "i1", "2026-01-05T10:00:00Z", account="ACC-3", interaction_id="i1",
          direction="inbound", channel="email", contact_id="c1", thread_id="th"),
)  # fmt: skip


@dataclass
class Installation:
    """What a worker would have done with a log."""

    settings: Settings
    offline: Offline

    def publish(self, *lines: bytes) -> None:
        with Publisher(self.settings) as publisher:
            assert not [refusal for line in lines if (refusal := publisher.publish(line))]

    def apply(self, *lines: bytes) -> None:
        """Let the engine that stands in for the worker take events in."""
        decoder = Decoder(self.settings.decoding())
        for line in lines:
            decoded = decoder.decode_line(line, now=FAR)
            assert isinstance(decoded, Event)
            self.offline.apply(decoded)

    def write(self) -> None:
        """Write all tables as they stand."""
        self.offline.settle()
        self.writer().project_all(self.offline.engine.ids())

    def changes(self) -> list[TableChange]:
        """What changed since the last call, with the T of each change."""
        return self.offline.step(evaluate=False).changes

    def writer(self, epoch: int = 1) -> LiveWriter:
        engine = self.offline.engine

        def tables(ids: Sequence[tuple[str, str]]) -> list[TableChange]:
            return [engine.table(*id) for id in ids]

        settings = self.settings
        link, owner = Link(settings.redis.url, SCRIPTS), Owner(0, epoch, "w")
        source = Source(tables, lambda scope, id: True)
        return LiveWriter(link, Layout(settings.prefix), owner, source, Options(settings.rank_fields))

    @property
    def redis(self) -> Any:
        return connect(self.settings.redis.url)

    def key(self, kind: str, *parts: str) -> str:
        return str(getattr(Layout(self.settings.prefix), kind)(*parts))


@dataclass
class Heart:
    """Notes the health of a worker's partitions ten times a second, as a worker does every second."""

    installation: Installation
    partitions: int = PARTITIONS
    lag: int = 0
    ahead: int = 0
    state: str = "live"
    beats: int = 0
    on_beat: Callable[[int], None] = lambda number: None
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Heart:
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        client, layout = self.installation.redis, Layout(self.installation.settings.prefix)
        while True:
            self.on_beat(self.beats)
            row = {
                "T": to_text(self.installation.offline.engine.time + self.ahead),
                "lag": self.lag,
                "state": self.state,
                "at": to_text(time.time_ns() // 1_000_000),
            }
            for number in range(self.partitions):
                client.hset(layout.health, f"w:{number}", json.dumps(row))
            self.beats += 1
            if self._stop.wait(0.1):
                return


@pytest.fixture
def installation(
    kafka: str, redis_url: str, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Installation]:
    """``EVENTS`` in the topics and their tables in Redis."""
    monkeypatch.chdir(tmp_path)
    Path("kamstream.toml").write_text(
        f'prefix = "{prefix}"\nflush_interval = "60ms"\nredis_interval = "60ms"\nclock = "event"\n'
        f'rank_fields = ["revenue:90d"]\n[rates]\nUSD = 0.5\n'
        f'[kafka]\nbootstrap = "{kafka}"\n[redis]\nurl = "{redis_url}"\n'
    )
    settings = Settings.load(None, partitions=PARTITIONS)
    create(settings)
    made = Installation(settings, Offline(settings.config(partitions=1)))
    made.publish(*EVENTS)
    made.apply(*EVENTS)
    made.write()
    yield made
    client = made.redis
    for key in client.scan_iter(f"{prefix}:*"):
        client.delete(key)


Verify = Callable[..., tuple[int, str, str]]


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Verify:
    """Runs ``kamstream verify``: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["kamstream", "verify", *arguments])
        with pytest.raises(SystemExit) as left:
            cli.main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run
