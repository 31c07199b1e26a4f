"""``kamstream compute``: the engine over a file, no Kafka, no Redis."""

import csv
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from kamstream.cli.kpis import Choice, Page
from kamstream.cli.publish import opened, progress_bar, tell
from kamstream.engine import SCOPES
from kamstream.engine.offline import Offline
from kamstream.engine.tables import Row, TableChange, rows_of
from kamstream.errors import UserError
from kamstream.events import Decoder, Refusal
from kamstream.kpis import CATALOGUE
from kamstream.live import LiveTable, Meta
from kamstream.publish.files import lines_of
from kamstream.settings import Settings, chosen
from kamstream.windows import to_ms


def compute(
    file: Annotated[str, typer.Argument(metavar="FILE.jsonl|-", help="Events, one a line; - is standard input.")],
    *,
    as_of: Annotated[str | None, typer.Option(help="The values as they were then (default: the last event).")] = None,
    windows: Annotated[list[str] | None, typer.Option(help="Windows such as 30d,92d.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="account, kam, company.")] = None,
    kpi: Annotated[list[str] | None, typer.Option(help="KPIs, or families such as response_time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Rows as JSON lines.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Rows as CSV.")] = False,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Compute the KPIs of a file of events, as the worker would."""
    if as_json and as_csv:
        raise UserError("choose --json or --csv", exit_code=2)
    settings = Settings.load(settings_file, windows=listed(windows), scopes=listed(scope))
    kpis, until = wanted_kpis(kpi, settings), moment(as_of)
    offline = run(file, settings, until, kpis)
    tables = offline.tables(settings.scopes)
    if not as_json and not as_csv:
        draw(tables, kpis, settings.reporting_currency)
        return
    rows = (row for table in tables for row in rows_of(table) if row.kpi in kpis)
    if as_json:
        write_json(rows)
    else:
        write_csv(rows)


def run(file: str, settings: Settings, until: int | None, kpis: frozenset[str] = frozenset()) -> Offline:
    """The engine after all events of a file; refusals are told on stderr as they come.

    ``kpis`` are kept besides those of the settings: which KAMs have rows depends on what is kept, not on what is shown.
    """
    kept = {kpi.name for kpi in settings.chosen_kpis()} | kpis
    config = settings.config(partitions=1, kpis=tuple(kpi for kpi in CATALOGUE if kpi.name in kept))
    offline = Offline(config, until=until)
    feed(offline, file, settings)
    offline.settle()
    return offline


def feed(offline: Offline, file: str, settings: Settings) -> None:
    """Let the events of a file in; refused ones are told on stderr as they come."""
    decoder, now = Decoder(settings.decoding()), int(time.time() * 1000)
    with opened(file) as (stream, size), progress_bar(size) as on_line:
        for number, line in lines_of(stream):
            event = decoder.decode_line(line, now=now)
            if isinstance(event, Refusal):
                tell(number, event)
            elif offline.apply(event) == "too-late":
                tell(number, Refusal("too-late", f"earlier than the horizon before the newest of {event.account}"))
            on_line(len(line) + 1)


def write_json(rows: Iterable[Row]) -> None:
    """Rows as JSON lines."""
    encode = msgspec.json.Encoder().encode
    for row in rows:
        sys.stdout.buffer.write(encode(row) + b"\n")


def write_csv(rows: Iterable[Row]) -> None:
    """Rows as CSV, with a line of names first."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(Row.__struct_fields__)
    writer.writerows(msgspec.structs.astuple(row) for row in rows)


def draw(tables: Iterable[TableChange], kpis: frozenset[str], currency: str) -> None:
    """A table per id for a person: a line for each KPI, a column for each window."""
    page, console = Page(Choice((), (), tuple(kpis), ()), currency), Console()
    for table in tables:
        name = table.profile.name if table.profile else None
        meta = Meta(table.as_of, table.as_of, 0, name)
        console.print(page.table(LiveTable(table.scope, table.id, dict(table.values), meta)))


def listed(values: Iterable[str] | None) -> tuple[str, ...] | None:
    """Options that may be repeated and hold commas, as one list; None for none."""
    if not values:
        return None
    return tuple(part.strip() for value in values for part in value.split(",") if part.strip())


def wanted_scopes(values: list[str] | None, settings: Settings) -> tuple[str, ...]:
    """The scopes asked for, in their order; a UserError where one is unknown."""
    scopes = listed(values) or settings.scopes
    for scope in scopes:
        if scope not in SCOPES:
            raise UserError(f"{scope!r} is no scope: write account, kam or company", exit_code=2)
    return tuple(scope for scope in SCOPES if scope in scopes)


def wanted_kpis(values: list[str] | None, settings: Settings) -> frozenset[str]:
    """The names of the KPIs asked for; a UserError where one is unknown."""
    try:
        return frozenset(kpi.name for kpi in chosen(listed(values) or settings.kpis, settings.options))
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None


def moment(text: str | None) -> int | None:
    """Epoch milliseconds of ``--as-of``; a UserError where it is no time."""
    if text is None:
        return None
    try:
        return to_ms(text)
    except ValueError:
        raise UserError(f"--as-of {text!r} is no time: write 2026-11-24T14:20:00Z", exit_code=2) from None
