"""Trying rules before they go live: `alerts test` and the summary of `alerts backtest`. Pure.

A cases file says: given these values at these times, expect these alerts.

```yaml
cases:
  - name: a slow week fires after 30 minutes and clears below 3h
    rule: slow-first-response
    id: ACC-1                     # optional
    profile: {name: Acme, tier: strategic}   # optional; the rule's match is checked against it
    given:                        # values in the rule's own notation, null = no data; n defaults to 1000000
      - {at: 0m, value: 5h, n: 8}
      - {at: 2h, value: 2h}
      - {at: 3h, value: 6h, backfill: true}
    until: 4h                     # optional: time goes on to here
    expect:                       # all of them, in order; value and reason only where given
      - {at: 30m, status: firing}
      - {at: 2h, status: resolved, reason: cleared}
```
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from kamstream.alerts.life import State, Step, advance, due
from kamstream.alerts.lines import Document, show
from kamstream.alerts.load import RuleError
from kamstream.alerts.model import Duration, Entry, Text
from kamstream.alerts.quantity import quantity, say_duration
from kamstream.alerts.record import AlertRecord, make
from kamstream.alerts.rules import Rule, Ruleset

PLENTY = 1_000_000
#: An alert of the same rule and id that fires again so soon (ms) after its end is a flap.
FLAP_MS = 3_600_000


def _value(value: Any) -> float | None:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    return quantity(str(value))[0]


Number = Annotated[float | None, BeforeValidator(_value)]


class Given(Entry):
    """A value at a time."""

    at: Duration
    value: Number
    n: int = PLENTY
    backfill: bool = False


class Expected(Entry):
    """An alert record at a time."""

    at: Duration
    status: Literal["firing", "resolved"]
    value: Number = None
    reason: Text | None = None


class Case(Entry):
    """One case of the file."""

    name: Text
    rule: Text
    id: Text = "ACC-1"
    profile: dict[str, str] = Field(default_factory=dict)
    given: list[Given]
    until: Duration = 0
    expect: list[Expected] = Field(default_factory=list)


class _Cases(BaseModel):
    model_config = {"extra": "forbid"}
    cases: list[Case]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one case: `differences` is empty when all was as expected."""

    name: str
    differences: tuple[str, ...]


def parse_cases(text: str, *, name: str = "cases.yml") -> list[Case]:
    """Read a cases file; RuleError with every error and its line."""
    document = Document(text, None)
    problems = [f"{name}:{line}: {what}" for line, what in document.problems]
    if not problems:
        try:
            return _Cases.model_validate(document.data).cases
        except ValidationError as error:
            for detail in error.errors():
                what = detail["msg"].removeprefix("Value error, ")
                problems.append(f"{name}:{document.line(detail['loc'])}: {show(detail['loc'])}: {what}")
    raise RuleError(problems)


def run_cases(ruleset: Ruleset, cases: Iterable[Case]) -> list[Outcome]:
    """Play every case against its rule."""
    return [Outcome(case.name, tuple(_differences(ruleset, case))) for case in cases]


def _differences(ruleset: Ruleset, case: Case) -> Iterable[str]:
    rule = ruleset.rule(case.rule)
    if rule is None:
        yield f"there is no rule {case.rule!r}"
        return
    watched = rule.applies(rule.scope, case.id, case.profile)
    steps = play(rule, case.given, case.until) if watched else []
    came = [record for step in steps if (record := make(rule.scope, case.id, step))]
    for index in range(max(len(came), len(case.expect))):
        wanted = case.expect[index] if index < len(case.expect) else None
        got = came[index] if index < len(came) else None
        if wanted is None or got is None or not _same(wanted, got):
            yield f"expected {_say_wanted(wanted)}, got {_say_got(got)}"


def play(rule: Rule, given: Iterable[Given], until: int) -> list[Step]:
    """The steps that the values lead to; between them time passes and the last value stands."""
    state: State | None = None
    steps: list[Step] = []
    last: Given | None = None

    def call(value: Given, now: int) -> None:
        nonlocal state
        state, new = advance(rule, state, value.value, value.n, now, live=not value.backfill)
        steps.extend(new)

    def pass_time(end: int) -> None:
        while last is not None and (moment := due(rule, state)) is not None and moment < end:
            call(last, moment)

    for value in sorted(given, key=lambda one: one.at):
        pass_time(value.at)
        call(value, value.at)
        last = value
    pass_time(until + 1)
    return steps


def _same(wanted: Expected, got: AlertRecord) -> bool:
    return (
        (wanted.at, wanted.status) == (got.at, got.status)
        and wanted.reason in (None, got.reason)
        and wanted.value in (None, got.value)
    )


def _say_wanted(wanted: Expected | None) -> str:
    if wanted is None:
        return "nothing more"
    extra = [str(part) for part in (wanted.reason, wanted.value) if part is not None]
    return " ".join([wanted.status, "at", say_duration(wanted.at / 1000), *extra])


def _say_got(got: AlertRecord | None) -> str:
    if got is None:
        return "nothing more"
    return f"{got.status} at {say_duration(got.at / 1000)} {got.reason} {got.value}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a rule, or a manager's alerts, did over a history. `clear_s`: median time to clear, seconds."""

    name: str
    fired: int
    active: int
    flaps: int
    clear_s: float | None


@dataclass(frozen=True, slots=True)
class Backtest:
    """The whole history, by rule and by manager (`-`: no manager)."""

    rules: tuple[Tally, ...]
    managers: tuple[Tally, ...]


def backtest(replay: Callable[[Ruleset], Iterable[AlertRecord]], ruleset: Ruleset) -> Backtest:
    """What would have fired: `replay` runs a history through the engine with these rules."""
    lives: dict[str, list[AlertRecord]] = defaultdict(list)
    for record in replay(ruleset):
        lives[record.alert_id].append(record)
    alerts = list(lives.values())
    by_rule: dict[str, list[list[AlertRecord]]] = {rule.name: [] for rule in ruleset.rules}
    by_manager: dict[str, list[list[AlertRecord]]] = defaultdict(list)
    for alert in alerts:
        by_rule.setdefault(alert[0].rule, []).append(alert)
        by_manager[alert[0].kam_id or "-"].append(alert)
    return Backtest(_tallies(by_rule), _tallies(dict(sorted(by_manager.items()))))


def _tallies(groups: Mapping[str, list[list[AlertRecord]]]) -> tuple[Tally, ...]:
    return tuple(_tally(name, alerts) for name, alerts in groups.items())


def _tally(name: str, alerts: list[list[AlertRecord]]) -> Tally:
    ended = [alert for alert in alerts if alert[-1].status == "resolved"]
    ends: dict[tuple[str, str, str], int] = {}
    flaps = 0
    for alert in sorted(alerts, key=lambda one: one[0].at):
        who = (alert[0].rule, alert[0].scope, alert[0].id)
        flaps += who in ends and alert[0].at - ends[who] <= FLAP_MS
        if alert[-1].status == "resolved":
            ends[who] = alert[-1].at
    times = [(alert[-1].at - alert[0].at) / 1000 for alert in ended]
    return Tally(name, len(alerts), len(alerts) - len(ended), flaps, median(times) if times else None)
