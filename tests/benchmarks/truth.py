"""What the results must be: the core job through the engine offline, kept in the cache by the engine's source."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import kamstream
from kamstream.engine.past import Past
from kamstream.events import Decoder, Event
from kamstream.live.layout import number
from kamstream.settings import Settings
from tests.benchmarks import corejob
from tests.benchmarks.bed import Job, line_of

#: What a value depends on.
SOURCES = ("engine", "entities", "events", "kpis", "windows.py", "sketch.py", "live/layout.py")


@dataclass(frozen=True)
class Truth:
    """The accounts that have a table, the fields, T in epoch ms, and the checksum of all values."""

    accounts: tuple[str, ...]
    fields: tuple[str, ...]
    time: int
    checksum: str


def settings() -> Settings:
    """The core job's settings."""
    return Settings(kpis=corejob.KPIS, windows=corejob.WINDOWS, scopes=corejob.SCOPES, clock="event")


def truth_of(job: Job) -> Truth:
    """The truth of a job; computed when the engine or the events have changed since the last time."""
    path = job.file().with_suffix(f".{fingerprint()}.json")
    if not path.exists():
        for older in path.parent.glob(f"{job.file().stem}.*.json"):
            older.unlink()
        path.write_text(json.dumps(vars(compute(job))))
    found = json.loads(path.read_text())
    return Truth(tuple(found["accounts"]), tuple(found["fields"]), found["time"], found["checksum"])


def fingerprint() -> str:
    """Changes when the source of what computes values does."""
    digest, root = hashlib.sha256(), Path(kamstream.__file__).parent
    for name in SOURCES:
        there = root / name
        for path in sorted(there.rglob("*.py")) if there.is_dir() else [there]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def compute(job: Job) -> Truth:
    """Run a job through the engine, offline."""
    chosen = settings()
    decode, past = Decoder(chosen.decoding()).decode_line, Past(chosen.config())
    for _, line in job.lines():
        event = decode(line, now=1 << 50)
        assert isinstance(event, Event), event
        past.apply(event)
    past.settle(past.time)
    digest, accounts, fields = hashlib.sha256(), list[str](), tuple[str, ...]()
    for scope, id in sorted(past.ids(("account",))):
        table = past.values(scope, id, past.time)
        assert table is not None
        accounts.append(id)
        fields = tuple(table)
        values = [None if value.value is None else number(value.value).encode() for value in table.values()]
        digest.update(line_of(id, values))
    return Truth(tuple(accounts), fields, past.time, digest.hexdigest()[:16])
