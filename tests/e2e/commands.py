"""Runs ``kamstream`` commands as a user would, and waits for what Redis says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kamstream.live import LiveReader, RedisAway, connect

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A settings file, and a reader of the Redis that it names."""

    settings: Path
    reader: LiveReader

    def run(self, *arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
        """A command to its end; its output is text."""
        line = command(*arguments, settings=self.settings)
        result = subprocess.run(line, input=stdin, capture_output=True, timeout=120, check=False)
        return subprocess.CompletedProcess(
            result.args, result.returncode, result.stdout.decode(), result.stderr.decode()
        )

    def rows(self, *arguments: str) -> dict[tuple[str, str, str, str], tuple[Any, int]]:
        """The rows that a command prints with ``--json``."""
        result = self.run(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return {(row["scope"], row["id"], row["kpi"], row["window"]): (row["value"], row["n"]) for row in rows}

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker for as long as the block lasts; it must end in good order when asked to."""
        process = subprocess.Popen(command("worker", settings=self.settings))
        try:
            yield process
            assert process.poll() is None, "the worker ended by itself"
            process.terminate()
            assert process.wait(40) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def command(*arguments: str, settings: Path) -> list[str]:
    """The command line of a subcommand under these settings."""
    return [sys.executable, "-m", "kamstream", *arguments, "--settings", str(settings)]


def place(folder: Path, kafka: str, redis_url: str, prefix: str, text: str) -> Place:
    """Settings written to a folder, with the addresses and the prefix of a test."""
    settings = folder / "kamstream.toml"
    where = f'prefix = "{prefix}"\n{text}\n[kafka]\nbootstrap = "{kafka}"\n[redis]\nurl = "{redis_url}"\n'
    settings.write_text(where)
    assert not {"KAMSTREAM_PREFIX", "KAMSTREAM_CLOCK"} & set(os.environ), "variables would win over the file"
    return Place(settings, LiveReader(connect(redis_url), prefix))


def awaited(look: Callable[[], T | None], what: str, seconds: float = 90) -> T:
    """What ``look`` returns as soon as it is something; an assertion error after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = look()
        except RedisAway:
            found = None
        if found:
            return found
        time.sleep(0.1)  # between two looks at something in another process
    raise AssertionError(f"waited {seconds:g} s for {what}")
