"""``kamstream report``: a review of an account, a KAM or the company for a meeting, as one HTML page."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from kamstream.alerts import AlertRecord, Ruleset
from kamstream.cli.compute import moment
from kamstream.cli.goals import AsOf, File, Id, Scope, SettingsFile, wanted_id
from kamstream.cli.past import History, read
from kamstream.engine import Value
from kamstream.engine.offline import Offline
from kamstream.entities.fact import Profile
from kamstream.errors import UserError
from kamstream.events import Decoder, Event, murmur2
from kamstream.goals.deals import Deals
from kamstream.report import (
    LANGUAGES,
    Earlier,
    LookBack,
    Material,
    Subject,
    alerts_since,
    concerns,
    lives,
    look_back,
    open_deals,
    outlooks,
    page,
    still_active,
    watching,
)
from kamstream.rulebook import read_rules
from kamstream.settings import Settings
from kamstream.windows import Window, parse, to_text

#: A review without a window of its own looks back over the one nearest to a quarter.
QUARTER_DAYS = 90
#: Transitions of alerts that are read from the live log, which keeps about so many.
LOG = 10_000
#: Live histories are drawn over a year.
YEAR_S = 366 * 86_400


@dataclass(frozen=True)
class Request:
    """Whom a review is about, and over which window."""

    settings: Settings
    scope: str
    id: str
    window: Window
    rules: Ruleset


@dataclass(frozen=True)
class Live:
    """What the live tables say. ``before`` and ``histories`` are of the few fields whose history is kept."""

    now: int
    values: dict[str, Value]
    name: str | None
    kam_id: str | None
    segment: str | None
    tier: str | None
    card: dict[str, Any] | None
    goals: list[dict[str, Any]]
    back: LookBack
    active: list[AlertRecord]
    log: list[AlertRecord]


def report(
    *,
    scope: Scope = "account",
    id_: Id = None,
    lang: Annotated[str, typer.Option(help="Language of the page: en or fr.")] = "en",
    out: Annotated[
        str | None, typer.Option(metavar="FILE.html|-", help="Where to write it (default: a name that tells whom).")
    ] = None,
    window: Annotated[str | None, typer.Option(help="The review's window (default: the one nearest to 90d).")] = None,
    file: File = None,
    as_of: AsOf = None,
    only_redis: Annotated[
        bool, typer.Option("--only-redis", help="Do not read the topics: no single deals, fewer comparisons.")
    ] = False,
    settings_file: SettingsFile = None,
) -> None:
    """Write a review pack for a meeting: scorecard, targets, trends, alerts, forecast, on one page that prints well."""
    settings, id = Settings.load(settings_file), wanted_id(scope, id_)
    if lang not in LANGUAGES:
        raise UserError(f"--lang {lang!r}: write {' or '.join(LANGUAGES)}", exit_code=2)
    if as_of is not None and file is None:
        raise UserError("--as-of needs --file: Redis keeps the values of now", exit_code=2)
    request = Request(settings, scope, id, wanted_window(settings, window), read_rules(settings))
    material = from_live(request, topics=not only_redis) if file is None else from_file(request, file, moment(as_of))
    text = page(material, lang)
    if out == "-":
        sys.stdout.write(text)
        return
    print(write(text, Path(out or file_name(scope, id, material.as_of))))


def wanted_window(settings: Settings, name: str | None) -> Window:
    """The window asked for, which the settings must have; without one, the rolling one nearest to a quarter."""
    if name is None:
        rolling = [window for window in map(parse, settings.windows) if window.count] or [parse(settings.windows[0])]
        return min(rolling, key=lambda one: abs(one.longest_days() - QUARTER_DAYS))
    if name not in settings.windows:
        known = " ".join(settings.windows)
        raise UserError(f"--window {name!r} is not among the settings' windows: {known}", exit_code=2)
    return parse(name)


def file_name(scope: str, id: str, now: int) -> str:
    """A name for the page that no id can lead elsewhere.

    >>> file_name("account", "A/../1 b", 0)
    'review-account-A-1-b-1970-01-01.html'
    """
    return f"review-{scope}-{re.sub('[^A-Za-z0-9_]+', '-', id).strip('-') or 'x'}-{to_text(now)[:10]}.html"


def write(text: str, path: Path) -> Path:
    """Write the page; a UserError where that cannot be."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    return path


def from_file(request: Request, file: str, until: int | None) -> Material:
    """The material out of a file of events, as they were at T."""
    settings, scope, id = request.settings, request.scope, request.id
    events: list[Event] = []

    def keep(event: Event) -> None:
        if scope != "account" or event.account == id:
            events.append(event)

    history = read(file, settings, settings.config(partitions=1), until, keep)
    table = history.table(scope, id)
    profile = history.offline.engine.profile(id) if scope == "account" else None
    board = settings.board()
    goals = [one.said() for one in board.progress(scope, id, table.values, profile, history.now)]
    since = request.window.panes(history.now)[0] * request.window.unit_ms
    past = (history.deals, history.counts(scope, id))
    rules = watching(settings.config(partitions=1), request.rules.rules, scope)
    name_of = names(history)
    steps = [
        replace(one, name=name_of(one.id) or one.name) if one.scope == "account" else one
        for one in alerts_since(events, rules, since, history.now)
        if concerns(one, scope, id)
    ]
    return Material(
        subject=subject(request, profile=profile),
        as_of=history.now,
        window=request.window,
        currency=settings.reporting_currency,
        values=table.values,
        card=board.scorecard(scope, id, table.values, history.now),
        goals=goals,
        back=_look_back(request, events, history.now),
        alerts=lives(still_active(steps), steps, since),
        outlooks=outlooks(settings.windows, table.values, goals, past, history.now),
        deals=open_deals(*past, name_of, history.now),
    )


def from_live(request: Request, *, topics: bool) -> Material:
    """The material out of the live tables, and out of the topics what those do not keep, where they can be read."""
    settings, scope, id = request.settings, request.scope, request.id
    live = read_live(request)
    past, back, deals, profile = None, live.back, None, None
    found = _from_topics(request, live.now) if topics else None
    if found is not None:
        history, events = found
        past, profile = (history.deals, history.counts(scope, id)), history.offline.engine.profile(id)
        looked = _look_back(request, events, live.now)
        back = replace(looked, histories={**looked.histories, **live.back.histories})
        deals = open_deals(*past, names(history), live.now)
    since = request.window.panes(live.now)[0] * request.window.unit_ms
    return Material(
        subject=subject(request, live=live, profile=profile),
        as_of=live.now,
        window=request.window,
        currency=settings.reporting_currency,
        values=live.values,
        card=live.card,
        goals=live.goals,
        back=back,
        alerts=lives(live.active, live.log, since),
        outlooks=outlooks(settings.windows, live.values, live.goals, past, live.now),
        deals=deals,
    )


def names(history: History) -> Callable[[str], str | None]:
    """Gives an account's name."""

    def name(account: str) -> str | None:
        profile = history.offline.engine.profile(account)
        return profile.name if profile else None

    return name


def subject(request: Request, *, live: Live | None = None, profile: Profile | None = None) -> Subject:
    """Whom the review is about, by the names that are known."""
    scope, id, managers = request.scope, request.id, request.rules.managers

    def manager(kam_id: str | None) -> str | None:
        return managers[kam_id].name if kam_id is not None and kam_id in managers else kam_id

    if scope == "company":
        return Subject(scope, id, "")
    if scope == "kam":
        return Subject(scope, id, manager(id) or id)
    said = live or profile
    if said is None:
        return Subject(scope, id, id)
    country = profile.country if profile else None
    return Subject(scope, id, said.name or id, manager(said.kam_id), said.segment, said.tier, country)


def read_live(request: Request) -> Live:
    """The live tables of an id; a UserError where it has none, or Redis does not answer."""
    from kamstream.live import LiveReader, RedisAway, connect  # noqa: PLC0415 (a file needs no Redis)

    settings, scope, id = request.settings, request.scope, request.id
    if "scorecards" not in settings.outputs:
        raise UserError(
            "the settings leave scorecards and goals out of Redis (outputs); with --file the review is made from events"
        )
    try:
        reader = LiveReader(connect(settings.redis.url), settings.prefix)
        tables = reader.tables(scope, [id])
        if not tables:
            raise UserError(f"Redis has no table of {scope} {id!r}; with --file the review is made from events")
        table = tables[0]
        now = max([table.meta.as_of, *(health.time for health in reader.health() if health.time is not None)])
        points = {field: reader.history(scope, id, field) for field in settings.history_fields}
        active = [record for record in reader.active_alerts() if concerns(record, scope, id)]
        log = [record for record in reader.alert_log(LOG) if concerns(record, scope, id)]
        card, goals = reader.scorecard(scope, id), reader.goals(scope, id)
    except RedisAway as error:
        raise UserError(str(error)) from error
    meta, back = table.meta, kept(points, request.window, now)
    return Live(now, table.values, meta.name, meta.kam_id, meta.segment, meta.tier, card, goals, back, active, log)


def kept(points: Mapping[str, Sequence[tuple[int, float | int]]], window: Window, now: int) -> LookBack:
    """What the live histories tell: the value before the window began, and a year of points to draw."""
    ends = window.panes(now)[0] * window.unit_ms // 1000 - 1
    before: dict[str, Earlier] = {}
    for field, line in points.items():
        if field.rpartition(":")[2] in (window.name, "now"):
            earlier = [value for start, value in line if start <= ends]
            if earlier:
                before[field] = Earlier(earlier[-1], None)
    year = {field: [point for point in line if point[0] >= now / 1000 - YEAR_S] for field, line in points.items()}
    return LookBack(before, {field: line for field, line in year.items() if line})


def _look_back(request: Request, events: Sequence[Event], now: int) -> LookBack:
    settings, computed = request.settings, {kpi.name for kpi in request.settings.chosen_kpis()}
    fields = [field for field in settings.history_fields if field.rpartition(":")[0] in computed]
    config = settings.config(partitions=1)
    return look_back(events, config, request.scope, request.id, now, request.window, fields)


def _from_topics(request: Request, now: int) -> tuple[History, list[Event]] | None:
    """What the topics hold of an id up to T; None, and a word on stderr, where Kafka does not answer."""
    from kamstream.publish.replay import Replay  # noqa: PLC0415 (Kafka is slow to load and a file needs none)

    settings, scope, id = request.settings, request.scope, request.id
    config = settings.config(partitions=1)
    history, events = History(Offline(config, until=now), Deals(config.terms()), now), list[Event]()
    try:
        replay = Replay(settings)
        stretch = replay.bounds()
        if scope == "account":
            stretch = stretch.of([murmur2(id.encode()) % stretch.partitions])
        only = id if scope == "account" else None
        for event in replay.events(stretch, Decoder(settings.decoding()), account=only):
            if history.take(event) == "applied":
                events.append(event)
    except UserError as error:
        typer.echo(f"single deals and some comparisons are left out: {error}", err=True)
        return None
    history.offline.settle()
    return history, events
