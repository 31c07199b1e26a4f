"""`kamstream publish`: events from a file, or from a pipe, into Kafka."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from kamstream.errors import UserError
from kamstream.events import Refusal
from kamstream.publish import Publisher, publish_file
from kamstream.settings import Settings


def publish(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl|-", help="Events, one a line; - is standard input.")],
    *,
    rate: Annotated[float | None, typer.Option(min=0.001, help="At most so many events a second.")] = None,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Validate events and publish them; refused ones are told on stderr, the rest goes on."""
    settings = Settings.load(settings_file)
    # The clock of the contract for a file: as it stood at the start.
    begun = time.time()
    with (
        opened(file) as (stream, size),
        progress_bar(size) as on_line,
        Publisher(settings, clock=lambda: begun) as publisher,
    ):
        done = publish_file(stream, publisher, on_refusal=tell, on_line=on_line, rate=rate)
    print(f"{done.accepted} accepted, {done.refused} refused")


def tell(number: int, refusal: Refusal) -> None:
    """One refusal as scripts expect it."""
    print(f"line {number}: {refusal.code}: {refusal.detail}", file=sys.stderr)


@contextmanager
def opened(file: str) -> Iterator[tuple[BinaryIO, int | None]]:
    """The stream and its size in bytes, None where that is unknown."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    try:
        stream = Path(file).open("rb")  # noqa: SIM115 (closed below; an error inside the block is not one of opening)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    with stream:
        try:
            yield stream, Path(file).stat().st_size or None
        except OSError as error:
            raise UserError(f"cannot read {file}: {error.strerror}") from None


@contextmanager
def progress_bar(size: int | None) -> Iterator[Callable[[int], None]]:
    """Something to tell the size of each line to; draws on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _size: None
        return
    columns = ("Publishing", BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=size)
        yield lambda step: progress.advance(task, step)
