"""Scorecards and goals of a real worker: beside every table, as the commands compute them from the same events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kamstream.cli.main import app
from kamstream.live import LiveReader, connect
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from tests.e2e.commands import Place
from tests.goals.lines import write_history
from tests.goals.test_commands import SETTINGS
from tests.worker.support.bench import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

IDS = (("account", "A"), ("account", "B"), ("kam", "ann"), ("kam", "bob"), ("company", "all"))
#: What time alone moves is brought up to date with the next change, or with everything at the next takeover.
MOVING = ("as_of", "pace", "pace_attainment")


@pytest.fixture
def place(kafka: str, redis_url: str, prefix: str, tmp_path: Path) -> Place:
    """Settings with a card and targets, topics, and the small history published."""
    file = tmp_path / "kamstream.toml"
    connection = f'prefix = "{prefix}"\npartitions = 4\nkafka = "{kafka}"\nredis = "{redis_url}"\nclock = "event"\n'
    file.write_text(connection + SETTINGS)
    settings = Settings.load(file)
    create(settings)
    publish(settings, Path(write_history(tmp_path / "history.jsonl")).read_bytes().splitlines())
    return Place(file, LiveReader(connect(redis_url), prefix))


def publish(settings: Settings, lines: list[bytes]) -> None:
    with Publisher(settings) as publisher:
        for line in lines:
            assert publisher.publish(line) is None


def computed(place: Place, scope: str, id: str) -> tuple[Any, list[Any]]:
    """Scorecard and goals of an id, as the commands compute them from the file."""
    file = str(place.settings.with_name("history.jsonl"))
    of = ("--scope", scope, "--id", id, "--file", file, "--json", "--settings", str(place.settings))
    card, goals = (CliRunner().invoke(app, [name, *of]) for name in ("scorecard", "goals"))
    assert card.exit_code == goals.exit_code == 0, card.output + goals.output
    rows = [json.loads(line) for line in goals.stdout.splitlines()]
    return json.loads(card.stdout), [{k: v for k, v in row.items() if k not in ("scope", "id")} for row in rows]


def stored(place: Place, scope: str, id: str) -> tuple[Any, list[Any]]:
    return place.reader.scorecard(scope, id), place.reader.goals(scope, id)


def still(found: tuple[Any, list[Any]]) -> tuple[Any, list[Any]]:
    """Without what time alone moves."""
    card, goals = found
    return {k: v for k, v in (card or {}).items() if k not in MOVING}, [
        {k: v for k, v in goal.items() if k not in MOVING} for goal in goals
    ]


def test_documents_equal_what_the_commands_compute_live_after_a_loss_and_after_a_takeover(place: Place) -> None:
    wanted = {of: computed(place, *of) for of in IDS}
    assert [goal["shared"] for goal in wanted["account", "A"][1]] == [True, True]
    assert wanted["kam", "ann"][1][0]["value"] == 30_000

    def difference(look: Any) -> str:
        return "\n".join(f"{of}: {stored(place, *of)}\nnot {wanted[of]}" for of in IDS if not look(of))

    def same(of: tuple[str, str]) -> bool:
        return still(stored(place, *of)) == still(wanted[of])

    def equal(of: tuple[str, str]) -> bool:
        return stored(place, *of) == wanted[of]

    with place.worker():
        wait_until(lambda: all(map(same, IDS)), 60, lambda: difference(same))
        # Another agreement with the client: the goals change, though no value does.
        agreed = {"name": "Acme", "kam_id": "ann", "targets": [{"kpi": "nps", "window": "90d", "target": 20}]}
        event = {"specversion": "1.0", "id": "new", "source": "crm", "type": "account.updated", "subject": "A"}
        line = json.dumps(event | {"time": "2025-11-24T12:00:01Z", "data": agreed})
        with place.settings.with_name("history.jsonl").open("a") as file:
            file.write(line + "\n")
        publish(Settings.load(place.settings), [line.encode()])
        wanted["account", "A"] = computed(place, "account", "A")
        assert [goal["target"] for goal in wanted["account", "A"][1]] == [20]
        wait_until(lambda: same(("account", "A")), 20, lambda: difference(same))
        wanted |= {of: computed(place, *of) for of in IDS}
        forget(place, "*")
        wait_until(lambda: all(map(same, IDS)), 20, lambda: difference(same))
    forget(place, "scorecard:*")
    forget(place, "goals:*")
    with place.worker():
        wait_until(lambda: all(map(equal, IDS)), 40, lambda: difference(equal))


def forget(place: Place, which: str) -> None:
    """Delete keys of this installation, as a FLUSHALL would if it had the Redis to itself."""
    client, prefix = place.reader._client, Settings.load(place.settings).prefix
    client.delete(*client.scan_iter(f"{prefix}:{which}"))
