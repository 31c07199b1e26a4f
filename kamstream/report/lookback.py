"""What accepted events tell of the time before T: the previous window, histories, the alerts of a period.

Facts in panes are counted as they are known today, so that two windows can be compared; a value of the moment, and one
that needs more than its own window, is what it was then.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from kamstream.alerts import AlertRecord, Rule
from kamstream.engine import SCOPES, Config, Value
from kamstream.engine.offline import Offline
from kamstream.engine.past import Past
from kamstream.events import Event
from kamstream.goals.target import KPIS
from kamstream.kpis import Shelf
from kamstream.report.material import Earlier, LookBack
from kamstream.windows import DAY, HOUR, NOW, Window, parse

#: A chart has a point for each week of a year.
WEEKS = 52
WEEK = 7 * DAY


def shaped(config: Config, window: Window, fields: Iterable[str]) -> Config:
    """The configuration to look back with: only the windows in question, and panes kept for the one before."""
    needed = [window, *(parse(name) for name in {_window(field) for field in fields} - {NOW})]
    longest = max(needed, key=lambda one: one.longest_days())
    needed.append(parse(f"{2 * longest.longest_days() + 1}d"))
    if window.unit != "d":
        needed.append(parse(f"{2 * window.count}{window.unit}"))
    windows = tuple(dict.fromkeys(needed))
    probe = replace(config, windows=windows, horizon=0, partitions=1, rules=())
    return replace(probe, horizon=max(config.horizon, probe.horizon))


def look_back(
    events: Sequence[Event], config: Config, scope: str, id: str, now: int, window: Window, fields: Sequence[str]
) -> LookBack:
    """The previous window of an id and the histories of ``fields``, from accepted events in any order."""
    ordered = sorted(events, key=lambda event: event.time)
    if not ordered or ordered[0].time > now:
        return LookBack({}, {})
    begins, ends = ordered[0].time, window.panes(now)[0] * window.unit_ms - 1
    weeks = [moment for moment in range(now - WEEKS * WEEK, now + 1, WEEK) if moment >= begins]
    past, waiting = Past(shaped(config, window, fields)), deque(ordered)
    then: dict[str, Value] = {}
    histories: dict[str, list[tuple[float, float]]] = {field: [] for field in fields}
    for moment in sorted({*weeks, ends, now} if ends >= begins else {*weeks, now}):
        while waiting and waiting[0].time <= moment:
            past.apply(waiting.popleft())
        past.settle(moment)
        values = past.values(scope, id, moment) or {}
        if moment == ends:
            then = values
        if moment in weeks:
            for field, points in histories.items():
                _point(points, field, values.get(field), moment, begins)
    known = (past.values(scope, id, ends) or {}) if then else {}
    before = {field: Earlier(*(known if _is_summed(field) else then)[field]) for field in then}
    return LookBack(before, {field: points for field, points in histories.items() if points}, begins)


def watching(config: Config, rules: Sequence[Rule], scope: str) -> Config:
    """The configuration to look for the alerts of a scope with: only the windows that rules watch are computed.

    A KAM's review has the alerts of accounts too, the company's has all. All KPIs stay: an id is looked at when any
    of its values moves, also where a rule watches one that has never had a fact.
    """
    scopes = SCOPES[: SCOPES.index(scope) + 1]
    watched = tuple(rule for rule in rules if rule.scope in scopes)
    windows = {rule.window for rule in watched} - {NOW}
    return replace(
        config,
        scopes=tuple(one for one in scopes if any(rule.scope == one for rule in watched)),
        windows=tuple(window for window in config.windows if window.name in windows) or config.windows[:1],
        rules=watched,
        partitions=1,
    )


def alerts_since(events: Iterable[Event], config: Config, since: int, now: int) -> Iterator[AlertRecord]:
    """The transitions of alerts up to T: looked at after every event and every hour, daily before ``since``."""
    if not config.rules:
        return
    offline, ordered = Offline(config), sorted(events, key=lambda event: event.time)
    for event in ordered:
        if event.time > now:
            break
        last = offline.engine.time
        yield from _pass_time(offline, since, event.time)
        offline.apply(event)
        if last < since - WEEK:
            continue  # so far back only the daily look counts
        yield from offline.step().steps
    yield from _pass_time(offline, since, now)
    offline.engine.advance(now)
    yield from offline.step().steps


def _pass_time(offline: Offline, since: int, until: int) -> Iterator[AlertRecord]:
    if not offline.engine.time:
        return
    moment = offline.engine.time
    while True:
        every = HOUR if moment >= since - WEEK else DAY
        moment = (moment // every + 1) * every
        if moment >= until:
            return
        offline.engine.advance(moment)
        yield from offline.step().steps


def _point(points: list[tuple[float, float]], field: str, value: Value | None, moment: int, begins: int) -> None:
    """Add a point, unless there is no value or the events do not reach back over the whole window."""
    if value is None or value.value is None:
        return
    window = _window(field)
    if window != NOW and KPIS[_kpi(field)].shelf == Shelf.WINDOWED:
        there = parse(window)
        if there.panes(moment)[0] * there.unit_ms < begins // DAY * DAY:
            return
    points.append((moment / 1000, float(value.value)))


def _is_summed(field: str) -> bool:
    kpi = KPIS[_kpi(field)]
    return kpi.shelf == Shelf.WINDOWED and not kpi.previous


def _kpi(field: str) -> str:
    return field.rpartition(":")[0]


def _window(field: str) -> str:
    return field.rpartition(":")[2]
