"""``kamstream forecast``: what open deals promise, and what closed deals teach about it."""

import json
import os
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kamstream.cli.compute import moment
from kamstream.cli.goals import AsJson, Id, Scope, SettingsFile, wanted_id
from kamstream.cli.past import History, read, shaped
from kamstream.cli.settingsfile import with_table
from kamstream.dashboard import format as fmt
from kamstream.errors import UserError
from kamstream.goals import Goal
from kamstream.goals.forecast import Ahead, Overdue, ahead, overdue
from kamstream.goals.learn import PRIOR, Calibration, Stage, calibrate
from kamstream.goals.learn import learn as learned
from kamstream.kpis.portfolio import WEIGHTED_PIPELINE
from kamstream.kpis.sales import REVENUE
from kamstream.settings import FILE, Settings
from kamstream.windows import parse, to_text

app = typer.Typer(no_args_is_help=True, help="The sales forecast, and how good it has been.")

File = Annotated[str | None, typer.Option(metavar="FILE.jsonl|-", help="Events, instead of the topics in Kafka.")]
AsOf = Annotated[str | None, typer.Option(help="As it was then (default: the last event of a file, or now).")]


@app.command()
def show(
    *,
    scope: Scope = "company",
    id_: Id = None,
    file: File = None,
    as_of: AsOf = None,
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Show the weighted pipeline by window ahead, beside the same days a year before and the target."""
    settings, id = Settings.load(settings_file), wanted_id(scope, id_)
    windows = [name for name in settings.windows if parse(name).unit == "d" and parse(name).count]
    if not windows:
        raise UserError("the settings have no window of days, such as 30d, to look ahead", exit_code=2)
    history = _history(settings, file, as_of, windows)
    values, counts = history.table(scope, id).values, history.counts(scope, id)
    goals = {goal.field: goal for goal in _goals(settings, history, scope, id)}
    rows = [
        ahead(
            name,
            history.now,
            values[f"weighted_pipeline:{name}"],
            history.deals,
            counts,
            goals.get(f"weighted_pipeline:{name}") or goals.get(f"revenue:{name}"),
        )
        for name in windows
    ]
    late = overdue(history.deals, counts, history.now)
    if as_json:
        for row in rows:
            print(json.dumps({"scope": scope, "id": id, "as_of": to_text(history.now)} | asdict(row)))
        for deal in late:
            print(json.dumps({"overdue": asdict(deal)}, ensure_ascii=False))
        return
    print(f"{scope} {id}, {to_text(history.now)}")
    for line in (*_ahead_lines(rows, settings.reporting_currency), *_overdue_lines(late, settings.reporting_currency)):
        print(line)


@app.command()
def learn(
    *,
    file: File = None,
    as_of: AsOf = None,
    prior: Annotated[int, typer.Option(min=0, help="Closed deals that the default of one half weighs as much as.")] = (
        PRIOR
    ),
    write: Annotated[bool, typer.Option("--write", help="Write them into the settings file.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Learn the probability of each stage from the deals that closed after having been in it."""
    settings = Settings.load(settings_file)
    history = _history(settings, file, as_of, settings.windows)
    stages = learned(history.deals.closed(), prior)
    if not stages:
        raise UserError("no closed deal has been in a stage")
    lines = ["[stage_probabilities]", *stage_lines(stages)]
    kept = sorted(set(settings.stage_probabilities) - {stage.name for stage in stages})
    lines += [f"{json.dumps(name)} = {float(settings.stage_probabilities[name])}" for name in kept]
    print("\n".join(lines))
    if write:
        write_table(settings_file or Path(FILE), "stage_probabilities", lines)


@app.command()
def calibration(
    *, file: File = None, as_of: AsOf = None, as_json: AsJson = False, settings_file: SettingsFile = None
) -> None:
    """Compare the last probability of closed deals with how many of them were won."""
    settings = Settings.load(settings_file)
    history = _history(settings, file, as_of, settings.windows)
    found = calibrate(history.deals.closed(), settings.stage_probabilities)
    if as_json:
        for one in found.classes:
            said = {"from": float(one.low), "to": float(one.high), "deals": one.deals}
            print(json.dumps(said | {"expected": one.expected, "won": one.won}))
        return
    for line in calibration_lines(found):
        print(line)


def stage_lines(stages: Sequence[Stage]) -> Iterator[str]:
    """Stages as lines of TOML, each with what it was learned from."""
    for stage in stages:
        yield f"{json.dumps(stage.name, ensure_ascii=False)} = {stage.rounded}  # {stage.won} of {stage.closed} won"


def calibration_lines(found: Calibration) -> Iterator[str]:
    """The calibration as a table: what was expected and what came, by class of probability."""
    yield f"{'probability':<14}{'deals':>7}{'expected':>10}{'won':>8}"
    for one in found.classes:
        if one.deals and one.expected is not None and one.won is not None:
            between = f"{float(one.low):.0%} to {float(one.high):.0%}"
            yield f"{between:<14}{one.deals:>7}{one.expected:>10.1%}{one.won:>8.1%}"
    said = (
        "no closed deals" if found.brier is None else f"mean squared error {found.brier:.3f} (0.25 = always one half)"
    )
    yield f"{found.deals} closed deals: {said}"


def write_table(path: Path, name: str, lines: Sequence[str]) -> None:
    """Put a table into a settings file in place of the one it has; the file is replaced whole, or not at all."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    try:
        after = with_table(before, name, lines)
        tomllib.loads(after)
    except (ValueError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{path}: {error}") from None
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(after)
    if path.is_file():
        Path(temporary).chmod(path.stat().st_mode & 0o777)
    Path(temporary).replace(path)
    typer.echo(f"written to {path}", err=True)


def _history(settings: Settings, file: str | None, as_of: str | None, windows: Sequence[str]) -> History:
    until = moment(as_of)
    if until is None and file is None:
        until = int(time.time() * 1000)
    config = shaped(settings, windows=tuple(parse(name) for name in windows), kpis=(REVENUE, WEIGHTED_PIPELINE))
    return read(file, settings, config, until)


def _goals(settings: Settings, history: History, scope: str, id: str) -> tuple[Goal, ...]:
    profile = history.offline.engine.profile(id) if scope == "account" else None
    return settings.board().goals(scope, id, profile)


def _ahead_lines(rows: Sequence[Ahead], currency: str) -> Iterator[str]:
    yield f"{'ahead':<8}{'weighted pipeline':>20}{'deals':>7}{'a year before':>20}{'target':>20}"
    for row in rows:
        pipeline, before = fmt.text(row.pipeline, "money", currency), fmt.text(row.year_before, "money", currency)
        target = "–" if row.target is None else fmt.text(row.target, "money", currency)
        reached = f"  {row.attainment:.1%}" if row.attainment is not None else ""
        yield f"{row.window:<8}{pipeline:>20}{row.deals:>7}{before:>20}{target:>20}{reached}"


def _overdue_lines(late: Sequence[Overdue], currency: str) -> Iterator[str]:
    if not late:
        return
    yield f"\noverdue ({len(late)}): open, though expected to close before today"
    for deal in late:
        amount = "no amount" if deal.amount is None else fmt.text(deal.amount, "money", currency)
        stage, owner = deal.stage or "no stage", deal.owner or "its KAM"
        yield f"  {deal.expected_on}  {deal.account}/{deal.deal}, {amount} at {deal.probability:.0%}, {stage}, {owner}"
