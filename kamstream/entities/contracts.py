"""Contracts: when they are in force and what they are worth a year, on any day.

All contracts of an account form one book, since retention asks for the account as a whole. Days are counted from
the epoch. A contract is in force on day d when it has started and has no end or ends on d or later; the end that
stands at T holds for every day asked about, only the value is dated.
"""

from collections.abc import Sequence

from kamstream.entities.fact import FOR_ALL, Context, Derived, Fact, Record, is_cut_off
from kamstream.entities.money import convert
from kamstream.events import Event
from kamstream.windows import DAY, Window, next_period_start


def record(event: Event, rank: int) -> Record:
    """What the book keeps of an event; the contract's id comes first after the head."""
    data = event.data
    head = (event.time, rank, event.source, event.id, event.type, data.contract_id)
    match event.type:
        case "contract.started":
            return (*head, data.starts_on, data.ends_on, data.annual_value, data.currency, data.owner_id)
        case "contract.renewed":
            return (*head, data.ends_on, data.annual_value)
        case "contract.changed":
            return (*head, data.annual_value)
    return (*head, data.ended_on)


class Contract:
    """A contract as far as its events have been read; ``values`` are (first day, annual value), in order."""

    __slots__ = (
        "before",
        "currency",
        "cut_off",
        "ended",
        "ends_on",
        "owner",
        "records",
        "starts_on",
        "values",
    )

    def __init__(self, started: Record) -> None:
        self.starts_on: int = started[6]
        self.ends_on: int | None = started[7]
        self.values: list[tuple[int | None, int]] = [(None, started[8])]
        self.currency: str | None = started[9]
        self.owner: str | None = started[10]
        self.records: list[Record] = [started]
        self.before: int = started[0]
        self.ended = False
        self.cut_off = False

    def read(self, record: Record, horizon: int) -> None:
        """Take in the next event, unless the contract ended more than one horizon before it."""
        if record[4] == "contract.started":
            return  # a second opening has no effect at all
        self.cut_off = self.cut_off or is_cut_off(self.ended, self.before, record[0], horizon)
        if self.cut_off:
            return
        self.before = record[0]
        self.records.append(record)
        day = record[0] // DAY
        if record[4] == "contract.renewed":
            self.ends_on, self.ended = record[6], False
            if record[7] is not None:
                self.values.append((day, record[7]))
        elif record[4] == "contract.changed":
            self.values.append((day, record[6]))
        else:
            self.ends_on, self.ended = record[6], True

    def in_force(self, day: int) -> bool:
        """Whether it is in force on a day, by the terms standing now."""
        return self.starts_on <= day and (self.ends_on is None or day <= self.ends_on)

    def value(self, day: int) -> int:
        """Its annual value on a day, in minor units of its own currency."""
        return next(value for since, value in reversed(self.values) if since is None or since <= day)

    def turning_days(self) -> set[int]:
        """The days on which its being in force or its value may change."""
        days = {since for since, _ in self.values if since is not None} | {self.starts_on}
        return days if self.ends_on is None else days | {self.ends_on + 1}


def read(records: Sequence[Record], horizon: int) -> list[Contract]:
    """The contracts of a book that have begun, from all its events in their order."""
    contracts: dict[str, Contract] = {}
    for record in records:
        contract = contracts.get(record[5])
        if contract is not None:
            contract.read(record, horizon)
        elif record[4] == "contract.started":
            contracts[record[5]] = Contract(record)
    return list(contracts.values())


def ended_before(records: Sequence[Record], border: int, day: int, horizon: int) -> set[str]:
    """The ids of contracts that ended, or never began, whose last event is earlier than ``border`` (ms) and that
    were in force before ``day`` only.
    """
    last = {record[5]: record[0] for record in records}
    old = {id for id, time in last.items() if time < border}
    if not old:
        return old
    for contract in read([record for record in records if record[5] in old], horizon):
        over = contract.ended and contract.ends_on is not None and max(contract.ends_on, contract.starts_on) < day
        if not over:
            old.discard(contract.records[0][5])
    return old


def derive(records: Sequence[Record], context: Context) -> Derived:
    """Durations of contracts with an end, once started, and the account's retention in every window.

    Amounts of ``retention`` (label: the window's place): 1 where still in force, annual value then, now, and the
    smaller of the two, in minor reporting units; only of accounts with a contract in force before the window.
    """
    contracts = read(records, context.terms.horizon)
    today = context.now // DAY
    facts: list[Fact] = []
    dues: list[int] = []
    for contract in contracts:
        if contract.ends_on is None:
            continue
        if contract.starts_on > today:
            dues.append(contract.starts_on * DAY)
        else:
            days = contract.ends_on - contract.starts_on
            because = tuple(contract.records)
            facts.append(Fact("contract", contract.starts_on * DAY, contract.owner, (days,), "", FOR_ALL, because))
    for place, window in enumerate(context.terms.windows):
        facts += _retention(contracts, place, window, context)
    turning = sorted(set().union(*(contract.turning_days() for contract in contracts)))
    dues += _turns(turning, context)
    return Derived(facts, min(dues, default=None))


def _retention(contracts: Sequence[Contract], place: int, window: Window, context: Context) -> list[Fact]:
    then_day, today = window.day_before(context.now), context.now // DAY
    then = [contract for contract in contracts if contract.in_force(then_day)]
    if not then:
        return []
    now = [contract for contract in contracts if contract.in_force(today)]
    value_then = sum(_home(contract, then_day, context) for contract in then)
    value_now = sum(_home(contract, today, context) for contract in now)
    amounts = (1 if now else 0, value_then, value_now, min(value_then, value_now))
    because = tuple(record for contract in {*then, *now} for record in contract.records)
    return [Fact("retention", 0, None, amounts, str(place), FOR_ALL, tuple(sorted(because)))]


def _home(contract: Contract, day: int, context: Context) -> int:
    terms, at = context.terms, contract.starts_on * DAY
    return convert(contract.value(day), contract.currency, at, terms.reporting_currency, terms.rates)


def _turns(turning: Sequence[int], context: Context) -> list[int]:
    """When, after T, T's day or the day before a window's start next reaches one of the turning days."""
    today = context.now // DAY
    dues = [day * DAY for day in turning if day > today][:1]
    for window in context.terms.windows:
        before = window.day_before(context.now)
        following = next((day for day in turning if day > before), None)
        if following is None:
            continue
        if window.count:
            dues.append(((following + 1) * DAY // window.unit_ms + window.count - 1) * window.unit_ms)
        else:
            start = next_period_start(before + 1, window.name)
            while start - 1 < following:
                start = next_period_start(start, window.name)
            dues.append(start * DAY)
    return dues
