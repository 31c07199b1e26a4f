"""``kamstream scorecard`` and ``kamstream goals``: how an account, a KAM or the company does against what is wanted."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from kamstream.cli.compute import moment
from kamstream.cli.past import History, at_each, read
from kamstream.dashboard import format as fmt
from kamstream.errors import UserError
from kamstream.events import Event
from kamstream.goals import Board
from kamstream.goals.target import KPIS
from kamstream.settings import Settings
from kamstream.windows import DAY, parse

Scope = Annotated[str, typer.Option(help="account, kam or company.")]
Id = Annotated[str | None, typer.Option("--id", help="The account or KAM; the company has the id all.")]
File = Annotated[str | None, typer.Option(metavar="FILE.jsonl|-", help="Events, instead of the live tables in Redis.")]
AsOf = Annotated[str | None, typer.Option(help="With --file: as it was then (default: the last event).")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON.")]
SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file.")]


def scorecard(
    *,
    scope: Scope = "company",
    id_: Id = None,
    file: File = None,
    as_of: AsOf = None,
    months: Annotated[int, typer.Option(min=0, help="With --file: also the score at the ends of so many months.")] = 0,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Show the balanced scorecard of an id: its score, and what each measure contributes to it."""
    settings, id = Settings.load(settings_file), wanted_id(scope, id_)
    board = settings.board()
    if months:
        _show_months(settings, board, file, as_of, scope, id, months, as_json=as_json)
        return
    if file is None:
        card = _stored(settings, scope, id)
    else:
        history, values = _past(settings, board, file, as_of, scope, id)
        card = board.scorecard(scope, id, values, history.now)
    if as_json:
        print(json.dumps(card, ensure_ascii=False))
        return
    for line in card_lines(card, settings.reporting_currency):
        print(line)


def goals(
    *,
    scope: Scope = "company",
    id_: Id = None,
    file: File = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Show the goals of an id: value, target, attainment, and where a month, quarter or year is heading."""
    settings, id = Settings.load(settings_file), wanted_id(scope, id_)
    board = settings.board()
    if file is None:
        rows = _stored_goals(settings, scope, id)
    else:
        history, values = _past(settings, board, file, as_of, scope, id)
        profile = history.offline.engine.profile(id) if scope == "account" else None
        rows = [one.said() for one in board.progress(scope, id, values, profile, history.now)]
    if as_json:
        for row in rows:
            print(json.dumps({"scope": scope, "id": id} | _finite(row), ensure_ascii=False))
        return
    if not rows:
        print(f"{scope} {id} has no goals: write [[targets]] in the settings, or targets in account.updated.")
    for row in rows:
        print(goal_line(row, settings.reporting_currency))


def month_ends(now: int, months: int) -> list[int]:
    """The last milliseconds of the months before T's, the earliest first, and T itself.

    >>> from kamstream.windows import to_ms, to_text
    >>> [to_text(end) for end in month_ends(to_ms("2026-02-10T12:00:00Z"), 2)]
    ['2025-12-31T23:59:59.999Z', '2026-01-31T23:59:59.999Z', '2026-02-10T12:00:00Z']
    """
    ends, month = [now], parse("mtd")
    for _ in range(months):
        ends.append(month.panes(ends[-1])[0] * DAY - 1)
    return ends[::-1]


def _show_months(
    settings: Settings,
    board: Board,
    file: str | None,
    as_of: str | None,
    scope: str,
    id: str,
    months: int,
    *,
    as_json: bool,
) -> None:
    if file is None:
        raise UserError("--months needs --file: Redis keeps the score of now", exit_code=2)
    events: list[Event] = []
    config = settings.config(partitions=1)
    history = read(file, settings, config, moment(as_of), events.append)
    history.table(scope, id)
    for _, offline in at_each(events, config, month_ends(history.now, months)):
        table = offline.engine.table(scope, id)
        card = board.scorecard(scope, id, table.values, table.as_of)
        if as_json:
            print(json.dumps(card, ensure_ascii=False))
            continue
        parts = ", ".join(f"{one['name']} {_points(one['score'])}" for one in card["perspectives"])
        print(f"{card['as_of']:<26}{_points(card['score']):>6}  ({parts})")


def wanted_id(scope: str, id: str | None) -> str:
    """The id asked for; a UserError where scope and id do not fit."""
    if scope not in ("account", "kam", "company"):
        raise UserError(f"{scope!r} is no scope: write account, kam or company", exit_code=2)
    if scope == "company":
        return "all"
    if id is None:
        raise UserError(f"name the {scope} with --id", exit_code=2)
    return id


def card_lines(card: dict[str, Any], currency: str) -> Iterator[str]:
    """A scorecard as text: a line for each measure, with its share of the weight and its contribution."""
    yield f"{card['scope']} {card['id']}, {card['as_of']}: {_points(card['score'])} of 100"
    for one in card["perspectives"]:
        yield f"\n{one['name']:<44}{_points(one['score']):>8}  contributes {_points(one['contribution'])}"
        for measure in one["measures"]:
            unit = KPIS[measure["kpi"]].unit
            value, worst, best = (fmt.text(measure[name], unit, currency) for name in ("value", "worst", "best"))
            name = f"{measure['kpi']}:{measure['window']}"
            share = f"weight {measure['share']:.1%}" if measure["share"] is not None else "left out"
            says = f"{value} ({worst} .. {best})"
            yield f"  {name:<42}{_points(measure['score']):>8}  {says:<42} {share}, {_points(measure['contribution'])}"


def goal_line(row: dict[str, Any], currency: str) -> str:
    """A goal as a line of text."""
    unit = KPIS[row["kpi"]].unit
    value, target = (fmt.text(row[name], unit, currency) for name in ("value", "target"))
    attained = row["attainment"]
    reached = "no value" if row["value"] is None else "beyond measure" if attained is None else f"{attained:.1%}"
    line = f"{row['kpi'] + ':' + row['window']:<36} {value} of {target}, attained {reached}"
    if row["pace"] is not None:
        line += f", heading for {fmt.text(row['pace'], unit, currency)}"
    return line + (", shared with the client" if row["shared"] else "")


def _points(score: float | None) -> str:
    return "–" if score is None else f"{score:.1f}"


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity: an attainment beyond measure is null, and ``met`` is true."""
    return {name: None if value in (float("inf"), float("-inf")) else value for name, value in row.items()}


def _past(
    settings: Settings, board: Board, file: str, as_of: str | None, scope: str, id: str
) -> tuple[History, dict[str, tuple[float | int | None, int]]]:
    history = read(file, settings, settings.config(partitions=1), moment(as_of))
    return history, {field: (value.value, value.n) for field, value in history.table(scope, id).values.items()}


def _stored(settings: Settings, scope: str, id: str) -> dict[str, Any]:
    _need_scorecards(settings)
    card = _live(settings, lambda reader: reader.scorecard(scope, id))
    if card is None:
        raise UserError(f"Redis has no scorecard of {scope} {id!r}; with --file it is computed from events")
    return dict(card)


def _stored_goals(settings: Settings, scope: str, id: str) -> list[dict[str, Any]]:
    _need_scorecards(settings)
    return list(_live(settings, lambda reader: reader.goals(scope, id)))


def _need_scorecards(settings: Settings) -> None:
    if "scorecards" not in settings.outputs:
        raise UserError(
            "the settings leave scorecards and goals out of Redis (outputs); with --file they are computed from events"
        )


def _live(settings: Settings, ask: Any) -> Any:
    from kamstream.live import LiveReader, RedisAway, connect  # noqa: PLC0415 (a file needs no Redis)

    try:
        return ask(LiveReader(connect(settings.redis.url), settings.prefix))
    except RedisAway as error:
        raise UserError(str(error)) from error
