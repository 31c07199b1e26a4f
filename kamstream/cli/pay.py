"""``kamstream pay``: a KAM's variable pay of a period, every step to the cent, and what if deals came in."""

import json
import re
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from kamstream.cli.compute import listed, moment
from kamstream.cli.past import History, read, shaped
from kamstream.errors import UserError
from kamstream.events import Decoder, Refusal
from kamstream.goals.card import problem
from kamstream.goals.pay import Outcome, PayGoal, PayPlan, Statement, half_up, money, settle
from kamstream.goals.periods import Period
from kamstream.goals.periods import period as period_of
from kamstream.goals.target import KPIS
from kamstream.settings import Settings
from kamstream.windows import NOW, parse, to_text

_IF = re.compile(r"(.+)=(?:(lost)|won(?::(\d+(?:\.\d{1,2})?))?)")


def pay(
    *,
    kam: Annotated[str, typer.Option(help="Whose pay.")],
    period: Annotated[str, typer.Option(help="2026Q4, 2026-11 or 2026.")],
    what_if: Annotated[
        list[str] | None, typer.Option("--what-if", help="Open deals as they may end: D1=won,D2=lost,D3=won:12000.")
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE.jsonl|-", help="Events, instead of the topics in Kafka.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="As known then (default: the period's end, or now).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Work out variable pay: base salary × share × payout of the goals attained."""
    settings = Settings.load(settings_file)
    try:
        of, plan = period_of(period), settings.pay.plan(kam)
        deals = [supposed(text) for text in listed(what_if) or ()]
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None
    goals = [complete(goal, of, kam, settings) for goal in plan.goals]
    until = _until(of, as_of)
    history = read(file, settings, _config(settings, goals), until)
    before = settle(plan, of, _outcomes(history, kam, goals))
    after = _suppose(settings, history, deals, plan, of, goals) if deals else None
    if as_json:
        said: dict[str, Any] = {"as_of": to_text(until), "final": until == of.end - 1} | before.said()
        print(json.dumps(said | ({"what_if": after.said()} if after else {}), ensure_ascii=False))
        return
    for line in _text(before, after, until, settings.reporting_currency):
        print(line)


def supposed(text: str) -> tuple[str, str, float | None]:
    """Deal, ``won`` or ``lost``, amount, of ``D1=won:12000``; a ValueError says how it is written.

    >>> supposed("D1=won:12000"), supposed("D2=lost")
    (('D1', 'won', 12000.0), ('D2', 'lost', None))
    """
    match = _IF.fullmatch(text)
    if not match:
        raise ValueError(f"--what-if {text!r}: write D1=won, D1=won:12000 or D1=lost")
    return match[1], match[2] or "won", float(match[3]) if match[3] else None


def complete(goal: PayGoal, of: Period, kam: str, settings: Settings) -> tuple[PayGoal, str, Fraction]:
    """A goal with its window (the period's own by default) and its target (that of the settings by default)."""
    gauge = goal.kpi in KPIS and KPIS[goal.kpi].is_gauge
    window = goal.window or (NOW if gauge else of.window)
    try:
        windows = () if window == NOW else (parse(window),)
    except ValueError as error:
        raise UserError(f"settings: pay: {error}", exit_code=2) from None
    if wrong := problem(goal.kpi, window, KPIS, windows):
        raise UserError(f"settings: pay: {wrong}", exit_code=2)
    if goal.target is not None:
        return goal, window, goal.target
    for one in settings.targets:
        if (one.scope, one.id, one.kpi, one.window) == ("kam", kam, goal.kpi, window) and one.target > 0:
            return goal, window, one.target
    raise UserError(
        f"settings: pay: {goal.kpi} has no target: write it there, or under [[targets]] for kam {kam}, {window}",
        exit_code=2,
    )


def _until(of: Period, as_of: str | None) -> int:
    """T of the statement: what is asked for, else now, but not after the period's end."""
    at = moment(as_of)
    at = int(time.time() * 1000) if at is None else at
    if at < of.start:
        raise UserError(f"{of.says()} has not begun by {to_text(at)}")
    return min(at, of.end - 1)


def _config(settings: Settings, goals: list[tuple[PayGoal, str, Fraction]]) -> Any:
    windows = dict.fromkeys(window for _, window, _ in goals if window != NOW)
    kpis = {goal.kpi for goal, _, _ in goals}
    return shaped(
        settings,
        windows=tuple(parse(name) for name in windows),
        kpis=tuple(kpi for kpi in KPIS.values() if kpi.name in kpis),
        scopes=("kam",),
    )


def _outcomes(history: History, kam: str, goals: list[tuple[PayGoal, str, Fraction]]) -> list[Outcome]:
    values = history.table("kam", kam).values
    return [
        Outcome(goal, window, _exact(values[f"{goal.kpi}:{window}"].value, goal.kpi), target)
        for goal, window, target in goals
    ]


def _exact(value: float | int | None, kpi: str) -> Fraction | None:
    """A value as an exact number: money in whole cents, else the decimal number that is shown."""
    if value is None:
        return None
    exact = Fraction(repr(value))
    return Fraction(half_up(exact * 100), 100) if KPIS[kpi].unit == "money" else exact


def _suppose(
    settings: Settings,
    history: History,
    deals: list[tuple[str, str, float | None]],
    plan: PayPlan,
    of: Period,
    goals: list[tuple[PayGoal, str, Fraction]],
) -> Statement:
    """The statement if open deals had been won or lost at T."""
    decoder = Decoder(settings.decoding())
    for number, (name, verb, amount) in enumerate(deals):
        line = json.dumps(_ending(settings, history, name, verb, amount) | {"id": f"what-if-{number}"})
        event = decoder.decode_line(line.encode(), now=history.now)
        if isinstance(event, Refusal):
            raise UserError(f"--what-if {name}: {event.detail}")
        if history.take(event) != "applied":
            raise UserError(f"--what-if {name}: the newest event of {event.account} is too far ahead of T")
    history.offline.settle()
    return settle(plan, of, _outcomes(history, plan.kam, goals))


def _ending(settings: Settings, history: History, name: str, verb: str, amount: float | None) -> dict[str, Any]:
    """The event that would end a deal; a UserError where it has ended, or has no amount."""
    try:
        key, deal = history.deals.find(name)
    except ValueError as error:
        raise UserError(f"--what-if {name}: {error}") from None
    if deal.closing is not None:
        raise UserError(f"--what-if {name}: the deal stands {deal.closing[4].partition('.')[2]}")
    data: dict[str, Any] = {"deal_id": key.deal}
    if verb == "won":
        if amount is None and deal.amount is None:
            raise UserError(f"--what-if {name}: the deal has no amount: write {name}=won:12000")
        worth = amount if amount is not None else (deal.amount or 0) / 100
        data |= {"amount": worth, "currency": deal.currency or settings.reporting_currency}
    return {
        "specversion": "1.0",
        "source": "kamstream pay",
        "type": f"deal.{verb}",
        "subject": key.account,
        "time": to_text(history.now),
        "data": data,
    }


def _text(before: Statement, after: Statement | None, until: int, currency: str) -> Iterator[str]:
    yield from before.lines()
    if until < before.period.end - 1:
        yield f"as of {to_text(until)}: the period is not over"
    if after:
        yield ""
        yield "what if:"
        yield from after.lines()
        difference = after.cents - before.cents
        yield f"{'difference':<24}  {'+' if difference >= 0 else ''}{money(difference)}"
    yield f"all amounts in {currency}"
