"""A real worker keeps the tables; `verify` proves them equal, and finds what was changed behind its back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kamstream import simulate
from kamstream.live import Layout, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from tests.verify.conftest import PARTITIONS, Verify

pytestmark = pytest.mark.integration
END = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(params=["event", "wall"])
def settings(
    kafka: str,
    redis_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Settings]:
    """An invented portfolio's history in the topics, a bad record among it, and a worker."""
    monkeypatch.chdir(tmp_path)
    Path("kamstream.toml").write_text(
        f'prefix = "{prefix}"\nflush_interval = "200ms"\nclock = "{request.param}"\n[rates]\nUSD = 0.92\nGBP = 1.15\n'
        f'CHF = 1.04\n[kafka]\nbootstrap = "{kafka}"\n[redis]\nurl = "{redis_url}"\n'
    )
    made = Settings.load(None, partitions=PARTITIONS)
    create(made)
    with Publisher(made) as publisher:
        for line in simulate.history(5, 40, END, 7):
            publisher.publish(json.dumps(line).encode())
        publisher.flush()
        assert publisher.acknowledged > 300
    with Path("worker.log").open("wb") as log:
        worker = subprocess.Popen([sys.executable, "-m", "kamstream", "worker"], stdout=log, stderr=log)
    yield made
    worker.terminate()
    worker.wait(30)
    client = connect(redis_url)
    for key in client.scan_iter(f"{prefix}:*"):
        client.delete(key)


def test_what_a_worker_wrote_equals_the_log_until_somebody_changes_it(settings: Settings, verify: Verify) -> None:
    code, out, err = verify("--timeout", "60")
    assert (code, err) == (0, ""), (out + err, Path("worker.log").read_text()[-3000:])
    assert out.endswith(" values compared, 0 differences\n")
    client, layout = connect(settings.redis.url), Layout(settings.prefix)
    client.hset(layout.values("company", "all"), "deal_cycle_time.mean:90d", "1.5")
    code, out, _ = verify("--scope", "company")
    assert code == 1
    assert "company all deal_cycle_time.mean:90d: Redis says 1.5" in out
    assert out.endswith(" 1 differences\n")
