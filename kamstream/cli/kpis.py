"""`kamstream kpis`: the catalogue, and the live values from Redis."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from kamstream import windows
from kamstream.dashboard import format as fmt
from kamstream.dashboard.freshness import Freshness, judge
from kamstream.dashboard.rows import rows as rows_of
from kamstream.engine import Value
from kamstream.errors import UserError
from kamstream.kpis import CATALOGUE, Kpi, Shelf
from kamstream.live import LiveReader, LiveTable, Meta, RedisAway, TableId, Update, connect
from kamstream.live.layout import SCOPES
from kamstream.live.reader import STALE_MS
from kamstream.settings import Settings, chosen

app = typer.Typer(no_args_is_help=True, help="The KPI catalogue and the live values.")

Names = list[str] | None
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines.")]


@app.command("list")
def list_kpis(*, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """Print the catalogue: every KPI with its unit, its good direction, its windows and its meaning."""
    known = Settings.load(settings_file).windows
    if as_json:
        _print_json(_entry(kpi, known) for kpi in CATALOGUE)
        return
    caption = f"windows: {' '.join(known)}; now: the one window of a gauge; ahead: days that lie ahead"
    table = Table("KPI", "Unit", "Better", "Meaning", header_style="bold", caption=caption, box=box.SIMPLE_HEAD)
    table.columns[0].no_wrap = True
    for kpi in CATALOGUE:
        at = "now" if kpi.is_gauge else "ahead" if kpi.shelf is Shelf.AHEAD else kpi.fact_at
        table.add_row(kpi.name, kpi.unit, kpi.better, f"{kpi.description}; at: {at}")
    Console().print(table)


def _entry(kpi: Kpi, known: tuple[str, ...]) -> dict[str, Any]:
    """A KPI of the catalogue as it is printed."""
    return {
        "kpi": kpi.name,
        "unit": kpi.unit,
        "better": kpi.better,
        "windows": _windows_of(kpi, known),
        "description": kpi.description,
        "fact_at": kpi.fact_at,
    }


def _windows_of(kpi: Kpi, known: tuple[str, ...]) -> list[str]:
    """A gauge has the window ``now``, what lies ahead has windows of days, all else has all."""
    if kpi.is_gauge:
        return [windows.NOW]
    ahead = kpi.shelf is Shelf.AHEAD
    return [name for name in known if not ahead or windows.parse(name).unit == "d"]


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be shown; empty means all."""

    scopes: tuple[str, ...]
    ids: tuple[str, ...]
    kpis: tuple[str, ...]
    windows: tuple[str, ...]

    def tables(self, reader: LiveReader) -> list[LiveTable]:
        """The chosen tables as they stand in Redis, scope by scope."""
        return [table for scope in self.scopes for table in reader.tables(scope, self.ids or reader.ids(scope))]

    def rows(self, table: LiveTable) -> Iterator[dict[str, Any]]:
        """The chosen rows of a table."""
        return rows_of(table, kpis=self.kpis, windows=self.windows)

    def has(self, scope: str, id: str) -> bool:
        """Whether the tables of this id are chosen."""
        return scope in self.scopes and (not self.ids or id in self.ids)


@app.command()
def show(
    *,
    scope: Annotated[Names, typer.Option(help="account, kam or company; repeat it or use commas.")] = None,
    id_: Annotated[Names, typer.Option("--id", help="Only these ids.")] = None,
    kpi: Annotated[Names, typer.Option(help="Only these KPIs, or families such as response_time.")] = None,
    window: Annotated[Names, typer.Option(help="Only these windows; gauges come with any.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing changes until Ctrl-C.")] = False,
    as_json: AsJson = False,
    redis: Annotated[str | None, typer.Option(help="Redis URL (default: the settings').")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Print the live values from Redis."""
    settings = Settings.load(settings_file, redis=redis)
    if watch and "updates" not in settings.outputs:
        raise UserError("--watch follows the stream of updates, which the settings leave out (outputs)", exit_code=2)
    choice = _choice(scope, id_, kpi, window)
    reader = LiveReader(connect(settings.redis.url), settings.prefix)
    try:
        position = reader.last_update()
        tables = choice.tables(reader)
        feed = _feed(reader)
    except RedisAway as error:
        raise UserError(str(error)) from error
    missing = set(choice.ids) - {table.id for table in tables}
    if missing and not watch:
        raise UserError(f"no live table for {', '.join(sorted(missing))}")
    if as_json:
        if feed.state != "live":
            print(feed.banner, file=sys.stderr)
        for table in tables:
            _print_json(choice.rows(table))
        if watch:
            _follow_json(reader, choice, position)
        return
    console = Console()
    page = Page(choice, settings.reporting_currency)
    if watch:
        with Live(page.render(tables, feed), console=console, auto_refresh=False) as live:
            follow(reader, choice, lambda now, said: live.update(page.render(now, said), refresh=True))
    else:
        console.print(page.render(tables, feed))


def _choice(scope: Names, id_: Names, kpi: Names, window: Names) -> Choice:
    scopes, names, spans = _split(scope), _split(kpi), _split(window)
    for name in scopes:
        if name not in SCOPES:
            raise UserError(f"{name!r} is no scope: write account, kam or company", exit_code=2)
    try:
        kpis = tuple(one.name for one in chosen(names)) if names else ()
        spans = tuple(name if name == windows.NOW else windows.parse(name).name for name in spans)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None
    return Choice(scopes or SCOPES, _split(id_), kpis, spans)


def _split(values: Names) -> tuple[str, ...]:
    """Repeated options and lists with commas as one tuple.

    >>> _split(["7d,30d", "90d"])
    ('7d', '30d', '90d')
    """
    return tuple(part.strip() for value in values or () for part in value.split(",") if part.strip())


def _feed(reader: LiveReader, *, away_since: int | None = None) -> Freshness:
    healths = [] if away_since else reader.health()
    return judge(healths, now=_now(), stale_after=STALE_MS, away_since=away_since)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _print_json(rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        sys.stdout.buffer.write(msgspec.json.encode(row) + b"\n")
    sys.stdout.buffer.flush()


def _follow_json(reader: LiveReader, choice: Choice, position: str) -> None:
    """Every later change as a row of its own, until Ctrl-C."""
    try:
        while True:
            try:
                for update in reader.updates(position, 1000):
                    position = update.position
                    if choice.has(update.scope, update.id):
                        _print_json(choice.rows(_as_table(update)))
            except RedisAway as error:
                print(error, file=sys.stderr)
                time.sleep(1)
    except KeyboardInterrupt:
        return


def _as_table(update: Update) -> LiveTable:
    """An update as a table of one field, which is printed like any other."""
    values = {update.field: Value(update.new, update.n)}
    return LiveTable(update.scope, update.id, values, Meta(update.as_of, update.as_of, 0))


def follow(
    reader: LiveReader,
    choice: Choice,
    draw: Callable[[list[LiveTable], Freshness], None],
    *,
    until: Callable[[], bool] = lambda: False,
) -> None:
    """Draw the chosen tables again at every change, and at least once a second; ends with Ctrl-C or ``until``.

    The updates say which tables to read; while Redis is away the last ones read are drawn as stale.
    """
    tables: dict[TableId, LiveTable] = {}
    position, away_since = "", None
    try:
        while not until():
            try:
                if not position:
                    # The position first: what changes while the tables are read is read again.
                    position = reader.last_update()
                    tables = {(table.scope, table.id): table for table in choice.tables(reader)}
                changed = reader.updates(position, 1000)
                if changed:
                    position = changed[-1].position
                    _reread(reader, choice, tables, {(one.scope, one.id) for one in changed})
                away_since = None
                draw(list(tables.values()), _feed(reader))
            except RedisAway:
                # A Redis that comes back may count its updates anew: everything is read again.
                position, away_since = "", away_since or _now()
                draw(list(tables.values()), _feed(reader, away_since=away_since))
                time.sleep(1)
    except KeyboardInterrupt:
        return


def _reread(reader: LiveReader, choice: Choice, tables: dict[TableId, LiveTable], changed: set[TableId]) -> None:
    for scope in choice.scopes:
        ids = sorted(id for of, id in changed if of == scope and choice.has(of, id))
        for table in reader.tables(scope, ids):
            tables[table.scope, table.id] = table


class Page:
    """Tables as text for a terminal: one for each id, a line for each KPI, a column for each window."""

    def __init__(self, choice: Choice, currency: str) -> None:
        self._choice = choice
        self._currency = currency

    def render(self, tables: list[LiveTable], feed: Freshness) -> Group:
        """The page; a feed that is not live is said in its first line, and its values are dim."""
        parts: list[Table | Text] = []
        if feed.state != "live":
            parts.append(Text(feed.banner, style="bold yellow"))
        parts += [self.table(table, dim=feed.stale) for table in tables]
        if not tables:
            parts.append(Text("No live tables yet."))
        return Group(*parts)

    def table(self, table: LiveTable, *, dim: bool = False) -> Table:
        """One id's table; ``dim`` where its feed is stale."""
        rows = list(self._choice.rows(table))
        columns = list(dict.fromkeys(row["window"] for row in rows))
        # `now` first: gauges are what one looks at first.
        columns.sort(key=lambda name: name != windows.NOW)
        name = f" · {table.meta.name}" if table.meta.name else ""
        title = f"{table.scope} {table.id}{name} · {windows.to_text(table.meta.as_of)}"
        out = Table("KPI", title=Text(title), title_justify="left", header_style="bold")
        for column in columns:
            out.add_column(column, justify="right")
        cells: dict[str, dict[str, Text]] = {}
        for row in rows:
            shown = Text(fmt.text(row["value"], row["unit"], self._currency), style="dim" if dim else "")
            shown.append(f"  n {fmt.count(row['n'])}", style="dim")
            cells.setdefault(row["kpi"], {})[row["window"]] = shown
        for kpi, by_window in cells.items():
            out.add_row(kpi, *(by_window.get(column, Text("")) for column in columns))
        return out
