"""The truth: KPI values that follow from what the simulator itself made happen.

Nothing here reads an event. Each record of the ledger knows its own first reply, its closing, its amount;
this module places those facts in windows and works out the figures in the plainest way, without the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from kamstream.simulate.facts import MEASURES, Fact
from kamstream.simulate.folds import Fold, Outcome
from kamstream.simulate.ledger import Ledger
from kamstream.simulate.offices import DAY, HOUR, MINUTE
from kamstream.simulate.wire import rfc3339

WINDOWS = ("24h", "7d", "30d", "90d", "365d")
UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}

Id = tuple[str, str]
"""A scope and an id in it."""


class Span(NamedTuple):
    """A window at a time: facts from `begin` on count, over so many days."""

    window: str
    begin: int
    days: Fraction

    def outcome(self, fold: Fold, facts: Sequence[tuple[int, Any]]) -> Outcome:
        return fold([sample for at, sample in facts if at >= self.begin], self.days)


def span(window: str, now: int) -> Span:
    """The n panes ending with the one that contains `now`; a ValueError for anything else than `<n>m|h|d`.

    >>> span("2d", 3 * DAY + 5).begin // DAY
    2
    """
    number, unit = window[:-1], window[-1:]
    if unit not in UNITS or not (number.isascii() and number.isdigit() and int(number) > 0):
        raise ValueError(f"{window!r} is no window: write a number and m, h or d, such as 30d")
    length = UNITS[unit]
    return Span(window, (now // length - int(number) + 1) * length, Fraction(int(number) * length, DAY))


def rows(ledger: Ledger, windows: Sequence[str] = WINDOWS) -> Iterator[dict[str, Any]]:
    """One row per KPI, id and window as of the largest event time, in the form of kpis.md."""
    spans = [span(window, ledger.end) for window in windows]
    as_of = rfc3339(ledger.end).replace(".000Z", "Z")
    ids = _ids(ledger, min((each.begin for each in spans), default=0))
    for measure in MEASURES:
        facts = _by_id(ledger, measure.facts(ledger))
        gauge = [Span("now", 0, Fraction(0))]
        for scope, identity in ids:
            for each in gauge if measure.gauge else spans:
                value, n = each.outcome(measure.fold, facts.get((scope, identity), ()))
                yield {
                    "scope": scope,
                    "id": identity,
                    "kpi": measure.kpi,
                    "window": each.window,
                    "value": value,
                    "n": n,
                    "unit": measure.unit,
                    "as_of": as_of,
                }


def _credited(ledger: Ledger, fact: Fact) -> str | None:
    """The person of a fact: its owner, else the account's standing manager."""
    return fact.owner or ledger.kams.get(fact.account)


def _by_id(ledger: Ledger, facts: Iterable[Fact]) -> dict[Id, list[tuple[int, Any]]]:
    """Facts as (time, sample) under each id they count for."""
    found: dict[Id, list[tuple[int, Any]]] = defaultdict(list)
    for fact in facts:
        entry = (fact.at, fact.sample)
        found["company", "all"].append(entry)
        found["account", fact.account].append(entry)
        person = _credited(ledger, fact)
        if person is not None:
            found["kam", person].append(entry)
    return found


def _ids(ledger: Ledger, since: int) -> list[Id]:
    """The company, every account, and every person who manages one or is credited with a fact still held."""
    people = {ledger.kams[account] for account in ledger.accounts if account in ledger.kams}
    for measure in MEASURES:
        for fact in measure.facts(ledger):
            person = _credited(ledger, fact)
            if person is not None and (measure.gauge or fact.at >= since):
                people.add(person)
    accounts = [("account", account) for account in sorted(ledger.accounts)]
    return [("company", "all"), *accounts, *(("kam", person) for person in sorted(people))]
