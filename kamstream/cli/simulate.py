"""`kamstream simulate`: a plausible history as JSON lines, and the KPI values known by construction."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from kamstream.errors import UserError
from kamstream.simulate import Disorder, Ledger, Plan, play, rows
from kamstream.simulate.offices import DAY, date_of
from kamstream.simulate.truth import WINDOWS, span

DEFAULT_END = "2026-01-01T00:00:00Z"
"""Fixed, not now: the same arguments give the same bytes."""

LENGTHS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_DELAY = 30 * LENGTHS["d"]
CHUNK = 1_000


def simulate(
    *,
    accounts: Annotated[int, typer.Option(min=1, max=100_000, help="How many key accounts.")] = 50,
    days: Annotated[int, typer.Option(min=1, max=3_650, help="How many days of history.")] = 90,
    seed: Annotated[int, typer.Option(help="The same seed and options give the same bytes.")] = 1,
    end: Annotated[str, typer.Option(help="When the history ends: a date, or a time with its offset.")] = DEFAULT_END,
    truth: Annotated[Path | None, typer.Option(help="Write the KPI values known by construction here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the events here instead of printing them.")] = None,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of events that arrive twice.")] = 0.01,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share of events that arrive late.")] = 0.02,
    late_by: Annotated[str, typer.Option(help="How late at most: 90s, 15m, 4h, 3d (30d or less).")] = "3d",
    jitter: Annotated[str, typer.Option(help="Usual time on the way; neighbours change places.")] = "3s",
    windows: Annotated[list[str] | None, typer.Option(help="Windows of the truth, such as 7d,30d.")] = None,
    currency: Annotated[str, typer.Option(help="The reporting currency.")] = "EUR",
    rate: Annotated[
        list[str] | None, typer.Option(help="Let accounts use a currency too, such as USD=0.92; repeat it.")
    ] = None,
    backfill: Annotated[bool, typer.Option("--backfill", help='Mark the events `"origin": "backfill"`.')] = False,
) -> None:
    """Print a plausible key-account history as CloudEvents, one a line, in the order of arrival."""
    plan = Plan(accounts, days, _time(end), seed, currency, dict(_rate(text) for text in rate or ()))
    disorder = Disorder(duplicates, late, _length(late_by), _length(jitter))
    chosen = _windows(windows)
    ledger = Ledger(keep=truth is not None, rates=plan.rates)
    events = play(plan, disorder=disorder, ledger=ledger, origin="backfill" if backfill else None)
    with _opened(out) as file:
        _write(file, _watched(events, plan))
    if truth is not None:
        with _opened(truth) as file:
            _write(file, rows(ledger, chosen))


def _write(file: BinaryIO, records: Iterable[dict[str, Any]]) -> None:
    """Records as JSON lines, some at a time."""
    encode = msgspec.json.Encoder().encode
    lines: list[bytes] = []
    for record in records:
        lines.append(encode(record))
        if len(lines) == CHUNK:
            file.write(b"\n".join(lines) + b"\n")
            lines.clear()
    if lines:
        file.write(b"\n".join(lines) + b"\n")
    file.flush()


@contextmanager
def _opened(path: Path | None) -> Iterator[BinaryIO]:
    """The file, or standard output; a reader who has seen enough ends the work without a word."""
    try:
        with nullcontext(sys.stdout.buffer) if path is None else path.open("wb") as file:
            yield file
    except BrokenPipeError:
        # Python flushes standard output once more at exit; that must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None
    except OSError as error:
        raise UserError(f"cannot write {path or 'the output'}: {error.strerror}") from None


def _watched(events: Iterator[dict[str, Any]], plan: Plan) -> Iterator[dict[str, Any]]:
    """The same events; a bar shows how far they have come, on a terminal that does not print them."""
    console = Console(stderr=True)
    if not console.is_terminal or sys.stdout.isatty():
        yield from events
        return
    first = date_of(plan.start // DAY)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("days", total=plan.days)
        for number, event in enumerate(events):
            if number % CHUNK == 0:
                progress.update(task, completed=(date.fromisoformat(event["time"][:10]) - first).days)
            yield event


def _time(text: str) -> int:
    """Epoch milliseconds of a date or of a time with an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UserError(f"--end {text}: write a date or a time such as {DEFAULT_END}", exit_code=2) from None
    if moment.tzinfo is None and len(text) > len("2026-01-01"):
        raise UserError(f"--end {text}: a time needs its offset, such as {DEFAULT_END}", exit_code=2)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _length(text: str) -> int:
    """Milliseconds of a duration such as 90s or 3d."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    if match is None:
        raise UserError(f"{text!r} is no duration: write 90s, 15m, 4h or 3d", exit_code=2)
    length = int(match[1]) * LENGTHS[match[2]]
    if length > LONGEST_DELAY:
        raise UserError(f"{text!r} is too long: an event may be late by 30d at most", exit_code=2)
    return length


def _rate(text: str) -> tuple[str, Decimal]:
    code, _, worth = text.partition("=")
    try:
        rate = Decimal(worth)
    except InvalidOperation:
        rate = Decimal(0)
    if not re.fullmatch("[A-Z]{3}", code) or not rate.is_finite() or rate <= 0:
        raise UserError(f"--rate {text}: write a currency and its worth, such as USD=0.92", exit_code=2)
    return code, rate


def _windows(texts: list[str] | None) -> tuple[str, ...]:
    chosen = tuple(part.strip() for text in texts or () for part in text.split(",")) or WINDOWS
    for window in chosen:
        try:
            span(window, 0)
        except ValueError as error:
            raise UserError(str(error), exit_code=2) from None
    return chosen
