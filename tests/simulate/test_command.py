"""`kamstream simulate` on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from kamstream.cli.simulate import simulate
from kamstream.errors import UserError

SMALL = ("--accounts", "3", "--days", "30", "--seed", "5")
CODE = "import typer; from kamstream.cli.simulate import simulate; typer.run(simulate)"


def run(*args: str) -> Result:
    app = typer.Typer()
    app.command()(simulate)
    return CliRunner().invoke(app, args)


def test_the_same_arguments_print_the_same_bytes() -> None:
    once, again = run(*SMALL), run(*SMALL)
    assert once.exit_code == 0
    assert once.stdout_bytes == again.stdout_bytes != run(*SMALL[:-1], "6").stdout_bytes
    assert once.stderr == ""
    events = [json.loads(line) for line in once.stdout.splitlines()]
    assert len(events) > 50
    assert {event["specversion"] for event in events} == {"1.0"}


def test_out_writes_the_file_and_truth_the_values(tmp_path: Path) -> None:
    out, truth = tmp_path / "events.jsonl", tmp_path / "truth.jsonl"
    result = run(*SMALL, "--out", str(out), "--truth", str(truth), "--windows", "7d,30d")
    assert (result.exit_code, result.stdout) == (0, "")
    assert out.read_bytes() == run(*SMALL).stdout_bytes
    rows = [json.loads(line) for line in truth.read_text().splitlines()]
    assert {row["window"] for row in rows} == {"7d", "30d", "now"}
    assert {row["scope"] for row in rows} == {"company", "account", "kam"}


def test_the_end_can_be_given() -> None:
    events = [json.loads(line) for line in run(*SMALL, "--end", "2024-05-01").stdout.splitlines()]
    assert max(event["time"] for event in events) < "2024-05-02"
    assert run(*SMALL, "--end", "2024-05-01T02:00:00+02:00").stdout == run(*SMALL, "--end", "2024-05-01").stdout


def test_backfill_marks_every_event() -> None:
    events = [json.loads(line) for line in run(*SMALL, "--backfill").stdout.splitlines()]
    assert {event.get("origin") for event in events} == {"backfill"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--end", "yesterday"), "--end yesterday: write a date"),
        (("--end", "2026-01-01T00:00:00"), "a time needs its offset"),
        (("--late-by", "3w"), "'3w' is no duration"),
        (("--late-by", "31d"), "late by 30d at most"),
        (("--rate", "USD"), "write a currency and its worth"),
        (("--rate", "USD=nan"), "write a currency and its worth"),
        (("--rate", "USD=-1"), "write a currency and its worth"),
        (("--rate", "dollar=1"), "write a currency and its worth"),
        (("--windows", "7d,8x"), "'8x' is no window"),
    ],
)
def test_wrong_usage_is_told_in_one_line(args: tuple[str, ...], message: str) -> None:
    result = run(*SMALL, *args)
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert result.exception.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize("args", [("--accounts", "0"), ("--days", "0"), ("--late", "1.5"), ("--seed", "x")])
def test_numbers_out_of_range_are_wrong_usage(args: tuple[str, ...]) -> None:
    assert run(*args).exit_code == 2


def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    result = run(*SMALL, "--out", str(tmp_path / "nowhere" / "events.jsonl"))
    assert isinstance(result.exception, UserError)
    assert "cannot write" in str(result.exception)
    assert result.exception.exit_code == 1


def test_a_terminal_sees_a_bar_and_the_pipe_only_events() -> None:
    ours, terminal = os.openpty()
    args = [sys.executable, "-c", CODE, "--accounts", "100", "--days", "60"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=terminal, env=os.environ | {"TERM": "xterm"}) as process:
        os.close(terminal)
        assert process.stdout
        events = [json.loads(line) for line in process.stdout]
        assert process.wait() == 0
    assert len(events) > 1000
    assert b"days" in os.read(ours, 65_536)
    os.close(ours)


def test_a_reader_who_has_seen_enough_gets_no_complaint() -> None:
    args = [sys.executable, "-c", CODE, "--accounts", "200", "--days", "60"]
    with subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline().startswith(b'{"specversion":"1.0"')
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0
