"""``kamstream why``: the facts behind a value, with the events that made them and the arithmetic."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from kamstream.cli.compute import feed, moment, wanted_scopes
from kamstream.engine.config import COMPANY_ID, Config
from kamstream.engine.engine import Engine
from kamstream.engine.offline import Offline
from kamstream.engine.why import BEFORE, BESIDE, WINDOW, Explanation, Line, Question, Standing, explain, kinds_of
from kamstream.engine.wording import amounts_of, arithmetic, figure
from kamstream.entities.fact import Record
from kamstream.errors import UserError
from kamstream.events import Decoder, murmur2
from kamstream.kpis import CATALOGUE, Kpi, Shelf
from kamstream.live import LiveReader, RedisAway, connect
from kamstream.publish.replay import Replay
from kamstream.settings import Settings
from kamstream.windows import NOW, Window, parse, to_text

TITLES = {WINDOW: "in the window", BEFORE: "in the previous window", BESIDE: "beside it"}


def why(
    *,
    scope: Annotated[str, typer.Option(help="account, kam or company.")] = "account",
    id_: Annotated[str, typer.Option("--id", help="The id; the company's is all.")] = "",
    field: Annotated[str, typer.Option(help="KPI and window, such as conversion_rate:90d or open_tickets:now.")],
    as_of: Annotated[str | None, typer.Option(help="T (default: that of the live table, else the last event).")] = None,
    file: Annotated[str | None, typer.Option(help="Events from a file, one a line, instead of the topics.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines: the value, then its facts.")] = False,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """List the facts behind a value; recomputing from them gives the value."""
    settings = Settings.load(settings_file)
    wanted_scopes([scope], settings)
    if not id_ and scope != "company":
        raise UserError("say whose value: --id", exit_code=2)
    if scope == "company" and id_ not in ("", COMPANY_ID):
        raise UserError(f"the company's id is {COMPANY_ID}, not {id_!r}", exit_code=2)
    question = ask(scope, id_ or COMPANY_ID, field)
    until = moment(as_of)
    standing = Standing(kinds_of(question.kpi))
    config = narrowed(settings, question)
    if file is not None:
        offline = Offline(config, until=until, journal=standing)
        feed(offline, file, settings)
    else:
        offline = from_topics(config, standing, settings, question, until)
    offline.settle()
    if not is_known(question, standing, offline.engine):
        raise UserError(f"no accepted event knows the {question.scope} {question.id} at {to_text(offline.engine.time)}")
    show(explain(question, standing, offline.engine), as_json=as_json)


def ask(scope: str, id: str, field: str) -> Question:
    """The question that a field's name asks; a UserError where there is no such field."""
    name, colon, span = field.rpartition(":")
    kpi = next((kpi for kpi in CATALOGUE if kpi.name == (name if colon else field)), None)
    if kpi is None:
        raise UserError(f"{name or field!r} is no KPI: see kamstream kpis list", exit_code=2)
    if kpi.is_gauge:
        if span != NOW:
            raise UserError(f"{kpi.name} has the window {NOW} only: write {kpi.name}:{NOW}", exit_code=2)
        return Question(scope, id, kpi, None)
    if not colon or span == NOW:
        raise UserError(f"name a window: {kpi.name}:90d", exit_code=2)
    return Question(scope, id, kpi, _window(kpi, span))


def _window(kpi: Kpi, span: str) -> Window:
    try:
        window = parse(span)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None
    if kpi.shelf == Shelf.AHEAD and not (window.unit == "d" and window.count):
        raise UserError(f"{kpi.name} looks days ahead: write {kpi.name}:90d", exit_code=2)
    return window


def narrowed(settings: Settings, question: Question) -> Config:
    """The settings' configuration, with this KPI and window only: any window may be asked about."""
    windows = (question.window,) if question.window else settings.config().windows[:1]
    try:
        return settings.config(
            kpis=(question.kpi,),
            windows=windows,
            horizon=settings.config().horizon,
            partitions=1,
            scopes=("account",),
            rules=(),
        )
    except ValueError as error:
        raise UserError(f"{question.field}: {error}", exit_code=2) from None


def from_topics(
    config: Config, standing: Standing, settings: Settings, question: Question, until: int | None
) -> Offline:
    """The engine after the topics; of an account only its partition is read."""
    if until is None:
        until = written_at(settings, question)
    offline = Offline(config, until=until, journal=standing)
    replay, decoder = Replay(settings), Decoder(settings.decoding())
    stretch = replay.bounds()
    if question.scope == "account":
        stretch = stretch.of([murmur2(question.id.encode()) % stretch.partitions])
    since = replay.provable_from(stretch)
    if since is not None:
        lost = "all of it" if since == -1 else f"what was before {to_text(since)}"
        print(f"note: the log has been shortened: {lost} cannot be told", file=sys.stderr)
    # Where T is not given, it is the newest event's, of whatever account.
    only = question.id if question.scope == "account" and until is not None else None
    for event in replay.events(stretch, decoder, account=only):
        offline.apply(event)
    return offline


def written_at(settings: Settings, question: Question) -> int | None:
    """The T of the live table, so that its value is what is explained; None without one."""
    try:
        reader = LiveReader(connect(settings.redis.url), settings.prefix)
        tables = reader.tables(question.scope, [question.id])
    except (RedisAway, UserError):
        return None
    return tables[0].meta.as_of if tables else None


def is_known(question: Question, standing: Standing, engine: Engine) -> bool:
    """Whether there is such an id at all: an account with an event, a person credited or named as KAM."""
    if question.scope == "company":
        return True
    if question.scope == "account":
        return not engine.table("account", question.id).gone
    profiles = (engine.profile(id) for _, id in engine.ids())
    return question.id in standing.people or any(profile and profile.kam_id == question.id for profile in profiles)


# -- output ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cause:
    """An event behind a fact."""

    type: str
    event: str
    time: str


def causes(line: Line) -> list[Cause]:
    """The events that made a fact, in their order."""
    return [_cause(record) for record in line.fact.because]


def _cause(record: Record) -> Cause:
    time, _, source, id, type_ = record[:5]
    return Cause(type_, f"{source}/{id}", to_text(time))


def rows(why: Explanation) -> Iterator[dict[str, Any]]:
    """As JSON objects: first the value and its arithmetic, then a row for each fact."""
    question, value = why.question, why.value
    kpi, _, window = question.field.rpartition(":")
    yield {
        "scope": question.scope,
        "id": question.id,
        "kpi": kpi,
        "window": window,
        "value": value.value,
        "n": value.n,
        "unit": question.kpi.unit,
        "as_of": to_text(why.time),
        "arithmetic": arithmetic(why),
    } | ({"exact": why.exact} if question.kpi.rank else {})
    for line in why.lines:
        yield {
            "part": line.part,
            "fact": line.fact.kind,
            "at": to_text(line.fact.time) if line.fact.time else None,
            "account": line.account,
            "credited": line.credited,
            "amounts": amounts_of(line),
            "decides": line.decides,
            "events": causes(line),
        }


def show(why: Explanation, *, as_json: bool) -> None:
    """Print JSON lines, or the arithmetic and a table for each part; in a pipe no line is broken."""
    if as_json:
        for row in rows(why):
            print(msgspec.json.encode(row).decode())
        return
    from rich.console import Console  # noqa: PLC0415 (slow to load, and scripts do not need it)
    from rich.table import Table  # noqa: PLC0415

    on_terminal = sys.stdout.isatty()
    console = Console(soft_wrap=not on_terminal, width=None if on_terminal else 1000, markup=False, highlight=False)
    question = why.question
    console.print(f"{question.scope} {question.id} {question.field} at {to_text(why.time)}")
    console.print(f"{arithmetic(why)} (n {why.value.n}, {question.kpi.unit})")
    for part, title in TITLES.items():
        lines = [line for line in why.lines if line.part == part]
        if not lines:
            continue
        console.print(f"\n{title}: {len(lines)}")
        table = Table(box=None if not on_terminal else _box(), pad_edge=False)
        for name in ("fact", "at", "account", "credited", "amounts", "events"):
            table.add_column(name)
        for line in lines:
            table.add_row(*_cells(line))
        console.print(table)


def _cells(line: Line) -> tuple[str, ...]:
    amounts = ", ".join(f"{name} {_text(amount)}" for name, amount in amounts_of(line).items())
    events = ", ".join(f"{cause.event} ({cause.type} {cause.time})" for cause in causes(line))
    kind = f"{line.fact.kind} <- decides" if line.decides else line.fact.kind
    return (
        kind,
        to_text(line.fact.time) if line.fact.time else "now",
        line.account,
        line.credited or "",
        amounts,
        events,
    )


def _text(amount: Any) -> str:
    if isinstance(amount, bool):
        return "yes" if amount else "no"
    return amount if isinstance(amount, str) else figure(amount)


def _box() -> Any:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415

    return SIMPLE_HEAD
