"""``kamstream alerts``: what fires, taking it on, silencing, and trying rules."""

import asyncio
import getpass
import json
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from kamstream.alerts import AlertRecord
from kamstream.alerts.load import RuleError
from kamstream.alerts.model import ALERT_MATCH
from kamstream.alerts.quantity import duration_ms, say, say_duration
from kamstream.alerts.trial import Tally, parse_cases, run_cases
from kamstream.alerts.trial import backtest as summed_up
from kamstream.errors import UserError
from kamstream.live import LiveReader, RedisAway, connect
from kamstream.notify import board
from kamstream.notify.actions import Acknowledgement, Action, SilenceAction
from kamstream.rulebook import read_rules
from kamstream.settings import Settings
from kamstream.windows import to_text

app = typer.Typer(no_args_is_help=True, help="Alerts that fire, and the rules they come from.")

SettingsFile = Annotated[Path | None, typer.Option("--settings", help="Settings file.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON lines.")]
By = Annotated[str | None, typer.Option(help="Who you are (default: your login name).")]


@app.command("list")
def list_alerts(*, as_json: AsJson = False, settings_file: SettingsFile = None) -> None:
    """List the alerts that fire, the newest first."""
    settings = Settings.load(settings_file)
    alerts = _active(settings)
    taken = _acknowledged(settings) if alerts else {}
    if as_json:
        for alert in alerts:
            said = json.loads(alert.to_json())
            ack = taken.get(alert.alert_id)
            print(json.dumps(said | {"acknowledged_by": ack.by if ack else None}, ensure_ascii=False))
        return
    rows = [_line(alert, taken.get(alert.alert_id), settings.reporting_currency) for alert in alerts]
    _table(("alert", "severity", "since", "value", "limit", "taken on", "what"), rows, none="No alert fires.")


@app.command()
def ack(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert, from the list.")],
    *,
    by: By = None,
    note: Annotated[str, typer.Option(help="What you are doing about it.")] = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take it back.")] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Take an alert on: no more reminders, no escalation."""
    settings = Settings.load(settings_file)
    if alert_id not in {alert.alert_id for alert in _active(settings)}:
        raise UserError(f"no alert {alert_id} fires")
    action = Acknowledgement(alert_id, by or getpass.getuser(), note, _now())
    _post(settings, action.key, None if undo else action)
    print(f"{alert_id} taken back" if undo else f"{alert_id} taken on by {action.by}")


@app.command()
def silence(
    match: Annotated[list[str] | None, typer.Argument(help="What is silenced: account=ACC-1 rule=...")] = None,
    *,
    lasting: Annotated[str, typer.Option("--for", help="How long: 30m, 4h, 2d.")] = "4h",
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    by: By = None,
    end: Annotated[str | None, typer.Option(help="End a silence, by its id.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Silence alerts for a time; without arguments, list the silences set by hand."""
    settings = Settings.load(settings_file)
    if end is not None:
        key = f"silence/{end}"
        if key not in _posted(settings):
            raise UserError(f"no silence {end}")
        _post(settings, key, None)
        print(f"{end} ended")
    elif match:
        action = _silence(match, lasting, reason, by or getpass.getuser())
        _post(settings, action.key, action)
        print(f"{action.silence_id} until {to_text(action.end)}")
    else:
        found = [one for one in _posted(settings).values() if isinstance(one, SilenceAction) and one.end > _now()]
        rows = [(one.silence_id, to_text(one.end), one.by, _said(one.match), one.reason) for one in found]
        _table(("silence", "until", "by", "what", "why"), rows, none="No silence is set.")


@app.command()
def check(file: Annotated[Path, typer.Argument(help="Alerts file.")], *, settings_file: SettingsFile = None) -> None:
    """Validate an alerts file: every mistake with its line."""
    from kamstream.notify.courier import can_send  # noqa: PLC0415 (Apprise is slow to load)

    # Variables are filled where the notifier runs; an address that holds one cannot be judged here.
    found = read_rules(Settings.load(settings_file), file, check_url=lambda url: "${" in url or can_send(url))
    counts = (len(found.rules), len(found.routes), len(found.managers), len(found.silences))
    print("{}: {} rules, {} routes, {} managers, {} silences".format(file, *counts))


@app.command("test")
def run_tests(
    file: Annotated[Path, typer.Argument(help="Alerts file.")],
    cases: Annotated[Path, typer.Argument(metavar="CASES.yml", help="Values at times, and the alerts expected.")],
    *,
    settings_file: SettingsFile = None,
) -> None:
    """Test rules: given these values at these times, expect these alerts."""
    ruleset = read_rules(Settings.load(settings_file), file)
    try:
        outcomes = run_cases(ruleset, parse_cases(cases.read_text(encoding="utf-8"), name=cases.name))
    except RuleError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"cannot read {cases}: {error.strerror}") from None
    for outcome in outcomes:
        print(f"{'FAILED' if outcome.differences else 'ok'}  {outcome.name}")
        for line in outcome.differences:
            print(f"        {line}")
    failed = sum(bool(outcome.differences) for outcome in outcomes)
    if failed:
        raise UserError(f"{failed} of {len(outcomes)} cases failed")


@app.command()
def backtest(
    file: Annotated[Path, typer.Argument(help="Alerts file.")],
    events: Annotated[str, typer.Argument(metavar="EVENTS.jsonl", help="Events, one a line; - is standard input.")],
    *,
    every: Annotated[str, typer.Option(help="Stream time between two evaluations.")] = "5m",
    as_json: AsJson = False,
    settings_file: SettingsFile = None,
) -> None:
    """Show what would have fired over a history: count, flaps, time to clear, per rule and per manager."""
    from kamstream.cli.history import replay  # noqa: PLC0415 (the engine is slow to load)

    settings = Settings.load(settings_file)
    every_ms = _duration(every)
    found = summed_up(lambda ruleset: replay(events, settings, ruleset, every_ms), read_rules(settings, file))
    groups = (("rule", found.rules), ("manager", found.managers))
    if as_json:
        for by, tallies in groups:
            for one in tallies:
                said = {"by": by, "name": one.name, "fired": one.fired, "active": one.active}
                print(json.dumps(said | {"flaps": one.flaps, "clear_s": one.clear_s}))
        return
    for by, tallies in groups:
        _table((by, "fired", "still active", "flaps", "time to clear"), [_tally(one) for one in tallies])


def _tally(one: Tally) -> tuple[str, ...]:
    clear = "-" if one.clear_s is None else say_duration(one.clear_s)
    return one.name, str(one.fired), str(one.active), str(one.flaps), clear


def _line(alert: AlertRecord, ack: Acknowledgement | None, currency: str) -> tuple[str, ...]:
    return (
        alert.alert_id,
        alert.severity,
        to_text(alert.since),
        say(alert.value, alert.unit, currency=currency),
        say(alert.threshold, alert.unit, currency=currency),
        ack.by if ack else "-",
        alert.summary,
    )


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], none: str = "") -> None:
    if not rows and none:
        print(none)
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _active(settings: Settings) -> list[AlertRecord]:
    try:
        return LiveReader(connect(settings.redis.url), settings.prefix).active_alerts()
    except RedisAway as error:
        raise UserError(str(error)) from error


def _acknowledged(settings: Settings) -> dict[str, Acknowledgement]:
    """Who took what on; without Kafka the list is still worth having."""
    try:
        found = _posted(settings).values()
    except UserError as error:
        typer.echo(f"who took them on is not known: {error}", err=True)
        return {}
    return {one.alert_id: one for one in found if isinstance(one, Acknowledgement)}


def _posted(settings: Settings) -> dict[str, Action]:
    return asyncio.run(board.posted(settings.kafka.bootstrap, settings.prefix))


def _post(settings: Settings, key: str, action: Action | None) -> None:
    asyncio.run(board.post(settings.kafka.bootstrap, settings.prefix, key, action))


def _silence(match: list[str], lasting: str, reason: str, by: str) -> SilenceAction:
    fields: dict[str, tuple[str, ...]] = {}
    for part in match:
        name, _, value = part.partition("=")
        if name not in ALERT_MATCH or not value:
            known = ", ".join(sorted(ALERT_MATCH))
            raise UserError(f"{part!r} is no match: write field=value with one of {known}", exit_code=2)
        fields[name] = (*fields.get(name, ()), value)
    now = _now()
    return SilenceAction(uuid.uuid4().hex[:8], by, fields, now, now + _duration(lasting), reason)


def _duration(text: str) -> int:
    try:
        found = duration_ms(text)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None
    if not found:
        raise UserError(f"{text!r} is no time at all", exit_code=2)
    return found


def _said(match: dict[str, Any]) -> str:
    return " ".join(f"{name}={','.join(values)}" for name, values in match.items())


def _now() -> int:
    return time.time_ns() // 1_000_000
