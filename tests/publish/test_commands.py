"""The commands `topics`, `publish`, `dead-letters` and `services` as a shell sees them."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kamstream.cli.main import main
from kamstream.settings import Settings
from tests.local.test_servers import ended, say
from tests.publish.conftest import Records, event
from tests.publish.test_deadletters import Bury, bury  # noqa: F401 (a fixture)

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    returncode: int
    stdout: bytes
    stderr: bytes


Run = Callable[..., Done]


@pytest.fixture
def kamstream(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """The command line, run in this process (a new one would take a second each time)."""

    def run(*arguments: str, settings: Settings, given: bytes = b"") -> Done:
        monkeypatch.setenv("KAMSTREAM_KAFKA", settings.kafka.bootstrap)
        monkeypatch.setenv("KAMSTREAM_PREFIX", settings.prefix)
        monkeypatch.setattr(sys, "argv", ["kamstream", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        capfdbinary.readouterr()
        try:
            main()
            status = 0
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        return Done(status, *capfdbinary.readouterr())

    return run


def test_topics_are_made_once_and_a_wrong_count_is_one_line(kamstream: Run, settings: Settings) -> None:
    first = kamstream("topics", "create", "--partitions", "4", settings=settings)
    assert (first.returncode, first.stderr) == (0, b"")
    assert f"{settings.prefix}.deals: made, 4 partitions" in first.stdout.decode().splitlines()
    again = kamstream("topics", "create", "--partitions", "4", settings=settings)
    assert f"{settings.prefix}.deals: fits, 4 partitions" in again.stdout.decode().splitlines()
    other = kamstream("topics", "create", "--partitions", "6", settings=settings)
    assert (other.returncode, other.stdout) == (1, b"")
    assert other.stderr.count(b"\n") == 1
    assert f"{settings.prefix}.deals has 4 partitions and needs 6".encode() in other.stderr


def test_publish_prints_the_count_and_each_refusal_with_its_line(
    kamstream: Run, installed: Settings, records: Records, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join([event(1), b"", b"nonsense", event(2)]) + b"\n")
    done = kamstream("publish", str(file), settings=installed)
    assert done.returncode == 0
    assert done.stdout == b"2 accepted, 1 refused\n"
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("line 3: not-json: ")
    assert [record.value for record in records(f"{installed.prefix}.tickets")] == [event(1), event(2)]


def test_publish_reads_a_pipe(kamstream: Run, installed: Settings, records: Records) -> None:
    done = kamstream("publish", "-", settings=installed, given=event(1) + b"\n" + event(2))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"2 accepted, 0 refused\n", b"")
    assert len(records(f"{installed.prefix}.tickets")) == 2


def test_publish_of_a_file_that_is_not_there_or_to_topics_that_are_not_there_fails_in_one_line(
    kamstream: Run, settings: Settings, tmp_path: Path
) -> None:
    absent = kamstream("publish", str(tmp_path / "none.jsonl"), settings=settings)
    assert (absent.returncode, absent.stdout) == (1, b"")
    assert absent.stderr.endswith(b"none.jsonl: No such file or directory\n")
    assert absent.stderr.count(b"\n") == 1
    topicless = kamstream("publish", "-", settings=settings, given=event(1))
    assert (topicless.returncode, topicless.stdout) == (1, b"")
    assert topicless.stderr.endswith(b"run kamstream topics create\n")
    assert topicless.stderr.count(b"\n") == 1


def test_dead_letters_are_listed_shown_repaired_and_redriven(
    kamstream: Run,
    installed: Settings,
    records: Records,
    bury: Bury,  # noqa: F811 (a fixture)
) -> None:
    bury(7, event(7), code="too-late")
    bury(8, event(8, data={}), code="invalid-data")
    name = f"{installed.prefix}.tickets/3"
    listed = kamstream("dead-letters", "list", "--json", settings=installed)
    assert [json.loads(line)["id"] for line in listed.stdout.splitlines()] == [f"{name}/7", f"{name}/8"]
    table = kamstream("dead-letters", "list", "--code", "too-late", settings=installed).stdout.decode()
    assert f"{name}/7" in table
    assert f"{name}/8" not in table
    summary = kamstream("dead-letters", "list", "--summary", "--json", settings=installed)
    assert {json.loads(line)["code"]: json.loads(line)["count"] for line in summary.stdout.splitlines()} == {
        "too-late": 1, "invalid-data": 1,
    }  # fmt: skip
    shown = kamstream("dead-letters", "show", f"{name}/8", settings=installed).stdout.decode()
    assert f"{name}/8  invalid-data: because" in shown
    assert '"type": "ticket.opened"' in shown
    raw = kamstream("dead-letters", "show", f"{name}/7", "--raw", settings=installed)
    assert raw.stdout == event(7) + b"\n"

    first = kamstream("dead-letters", "redrive", "--all", settings=installed)
    assert (first.returncode, first.stdout) == (0, b"1 sent again, 1 not sent\n")
    assert first.stderr.decode().startswith(f"{name}/8: not sent: invalid-data: ")
    repaired = kamstream("dead-letters", "redrive", f"{name}/8", "--set", "data.ticket_id=t8", settings=installed)
    assert (repaired.returncode, repaired.stdout, repaired.stderr) == (0, b"1 sent again, 0 not sent\n", b"")
    arrived = [json.loads(record.value) for record in records(f"{installed.prefix}.tickets")]
    assert arrived == [json.loads(event(7)), json.loads(event(8))]


def test_dead_letters_that_do_not_exist_and_a_redrive_of_nothing_named_are_errors(
    kamstream: Run, installed: Settings
) -> None:
    for arguments, status, words in [
        (("show", "kam.tickets/0/99"), 1, b"no such dead letter: kam.tickets/0/99"),
        (("redrive", "kam.tickets/0/99"), 1, b"no such dead letter"),
        (("redrive",), 2, b"say which: ids, --code, --topic or --all"),
        (("list", "--code", "too-long"), 2, b"no such code: too-long"),
    ]:
        done = kamstream("dead-letters", *arguments, settings=installed)
        assert (done.returncode, done.stderr.count(b"\n")) == (status, 1)
        assert words in done.stderr
    assert kamstream("dead-letters", "list", settings=installed).stdout == b"no dead letters\n"


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_services_print_addresses_for_a_shell_and_stop_when_told(how: signal.Signals, kafka: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "KAMSTREAM_REDIS"}
    running = subprocess.Popen(
        [sys.executable, "-m", "kamstream.cli.main", "services"],
        # The session's broker is used as it is, only Redis is started: enough to see it start and stop.
        env=environment | {"KAMSTREAM_KAFKA": kafka},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdout.readline().decode() == f"export KAMSTREAM_KAFKA={kafka}\n"
    url = running.stdout.readline().decode().strip().removeprefix("export KAMSTREAM_REDIS=")
    info = say(url, "INFO server")
    pid = int(next(line for line in info.splitlines() if line.startswith("process_id:")).split(":")[1])
    running.send_signal(how)
    _, errors = running.communicate(timeout=20)
    assert (running.returncode, errors) == (0, b"Ctrl-C stops them.\n")
    assert ended(pid, 0)
