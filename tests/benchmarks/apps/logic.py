"""The core job in plain Python for the contenders that are not kamstream: facts of entities, sums in panes, values.

An entity is its events, sorted; its facts are derived from all of them, the old ones are taken back and the new ones
added. Panes are lists of eleven sums and, at the end, a mapping of first response times' buckets to counts.
"""

from bisect import insort
from decimal import Decimal
from math import ceil, log
from typing import Any

import redis

HOUR, DAY = 3_600_000, 86_400_000
KPIS = (
    "first_response_time.mean",
    "first_response_time.p90",
    "response_time.mean",
    "resolution_rate",
    "conversion_rate",
    "revenue",
    "interaction_frequency",
)
WINDOWS = (("24h", 1), ("7d", 7), ("30d", 30), ("90d", 90), ("365d", 365))
FIELDS = tuple(f"{kpi}:{window}" for kpi in KPIS for window, _ in WINDOWS)
RANKS = {"opened": 0, "updated": 1, "replied": 2, "logged": 2, "reopened": 3, "resolved": 4, "won": 4, "lost": 4}
FIRST, RESPONSE, TICKET, CLOSED, WON, INTERACTION = 0, 2, 4, 6, 8, 10
SUMS = 11

Fact = tuple[int, int, int]  # where its sums are, time, amount
_GROWTH = 1.0185
_LOG, _BASE = log(_GROWTH), log(1000)


def entity_of(type: str, data: dict[str, Any]) -> str | None:
    """The key of the entity that an event belongs to."""
    family = type.partition(".")[0]
    if family == "interaction":
        thread = data.get("thread_id")
        return None if thread is None or data.get("automated") else f"h{thread}"
    return f"{family[0]}{data[f'{family}_id']}"


def record_of(type: str, at: int, id: str, data: dict[str, Any]) -> list[Any]:
    """What an entity keeps of an event: time, rank, id, what happened, and by whom or how much."""
    what = type.partition(".")[2]
    if what == "logged":
        detail: Any = data["direction"] == "inbound"
    elif what == "replied":
        detail = data["by"] if data.get("public", True) else "nobody"
    elif type == "ticket.opened":
        detail = data.get("opened_by", "customer")
    else:
        amount = data.get("amount")
        detail = None if amount is None else round(amount * 100)
    return [at, RANKS[what], id, what, detail]


def facts_of(key: str, records: list[list[Any]]) -> list[Fact]:
    """The facts of an entity."""
    if key[0] == "h":
        return _thread(records)
    opening = next((place for place, record in enumerate(records) if record[3] == "opened"), None)
    if opening is None:
        return []
    return (_ticket if key[0] == "t" else _deal)(records[opening], records[opening + 1 :])


def _ticket(opened: list[Any], records: list[list[Any]]) -> list[Fact]:
    facts: list[Fact] = []
    by_customer = opened[4] == "customer"
    waits = opened[0] if by_customer else None
    replied = resolved = False
    for at, _, _, what, who in records:
        if what == "replied":
            if who == "customer":
                waits = at if waits is None else waits
            elif who == "agent":
                if by_customer and not replied:
                    facts.append((FIRST, at, at - opened[0]))
                replied = True
                if waits is not None:
                    facts.append((RESPONSE, at, at - waits))
                    waits = None
        elif what == "resolved":
            resolved, waits = True, None
        elif what == "reopened":
            resolved, waits = False, at if waits is None else waits
    facts.append((TICKET, opened[0], int(resolved)))
    return facts


def _deal(opened: list[Any], records: list[list[Any]]) -> list[Fact]:
    amount, closing = opened[4], None
    for record in records:
        what = record[3]
        if what == "opened":
            continue
        amount = amount if record[4] is None else record[4]
        closing = record if what in ("won", "lost") else None if what == "reopened" else closing
    if closing is None:
        return []
    won = closing[3] == "won"
    return [(CLOSED, closing[0], int(won)), *([(WON, closing[0], amount or 0)] if won else [])]


def _thread(records: list[list[Any]]) -> list[Fact]:
    facts: list[Fact] = []
    waits = None
    for at, _, _, _, inbound in records:
        if inbound:
            waits = at if waits is None else waits
        elif waits is not None:
            facts.append((RESPONSE, at, at - waits))
            waits = None
    return facts


def changes(key: str, records: list[list[Any]], record: list[Any]) -> list[tuple[Fact, int]]:
    """Let an event into its entity: the facts to take back (-1) and to add (1)."""
    before = facts_of(key, records)
    insort(records, record)
    after = facts_of(key, records)
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    return [*((fact, -1) for fact in before[same:]), *((fact, 1) for fact in after[same:])]


def bucket(ms: int) -> int:
    """The bucket of a duration, 1.85 % wide."""
    return max(ms, 0) if ms <= 1000 else 1000 + ceil((log(ms) - _BASE) / _LOG)


def new_pane() -> list[Any]:
    """A pane in which nothing counts."""
    return [*([0] * SUMS), {}]


def post(pane: list[Any], fact: Fact, sign: int) -> None:
    """Add a fact to a pane, or take it back."""
    place, _, amount = fact
    pane[place] += sign
    if place == INTERACTION:
        return
    pane[place + 1] += sign * amount
    if place == FIRST:
        number = str(bucket(amount))
        count = pane[SUMS].get(number, 0) + sign
        if count:
            pane[SUMS][number] = count
        else:
            del pane[SUMS][number]


def values_of(hours: dict[int, list[Any]], days: dict[int, list[Any]], now: int) -> list[float | int | None]:
    """The values of all fields at T = ``now``."""
    columns = []
    for name, length in WINDOWS:
        panes, here, count = (hours, now // HOUR, 24) if name == "24h" else (days, now // DAY, length)
        columns.append(_values(_sum(panes, here - count + 1, here), length))
    return [column[kpi] for kpi in range(len(KPIS)) for column in columns]


def _sum(panes: dict[int, list[Any]], first: int, last: int) -> list[Any]:
    total = new_pane()
    spread = total[SUMS]
    for number, pane in panes.items():
        if first <= number <= last:
            for place in range(SUMS):
                total[place] += pane[place]
            for key, count in pane[SUMS].items():
                spread[key] = spread.get(key, 0) + count
    return total


def _values(total: list[Any], days: int) -> tuple[float | int | None, ...]:
    def quotient(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    return (
        quotient(total[1], 1000 * total[0]),
        _percentile(total[SUMS]),
        quotient(total[3], 1000 * total[2]),
        quotient(total[5], total[4]),
        quotient(total[7], total[6]),
        total[9] / 100,
        total[INTERACTION] * 7 / days,
    )


def _percentile(spread: dict[str, int]) -> float | None:
    place = -(-sum(spread.values()) * 90 // 100)
    for number in sorted(map(int, spread)):
        place -= spread[str(number)]
        if place <= 0:
            upper = 1000 * _GROWTH ** (number - 1000)
            return (number if number <= 1000 else round(2 * upper / (1 + _GROWTH))) / 1000
    return None


class Tables:
    """Writes values to Redis in one pipeline; only what changed."""

    def __init__(self, url: str, prefix: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._prefix = prefix
        self._written: dict[str, list[float | int | None]] = {}

    def write(self, rows: list[tuple[str, list[float | int | None]]]) -> None:
        """Write some accounts' values."""
        pipe = self._client.pipeline(transaction=False)
        for account, values in rows:
            before = self._written.get(account, [None] * len(FIELDS))
            moved = [(name, new) for name, new, old in zip(FIELDS, values, before, strict=True) if new != old]
            key = f"{self._prefix}:kpi:account:{{{account}}}"
            if there := {name: number(new) for name, new in moved if new is not None}:
                pipe.hset(key, mapping=there)
            if gone := [name for name, new in moved if new is None]:
                pipe.hdel(key, *gone)
            self._written[account] = values
            if len(pipe) > 1000:
                pipe.execute()
        pipe.execute()


def number(value: float) -> str:
    """Plain decimal without an exponent, shortest digits."""
    text = repr(value)
    if "e" in text:
        return format(Decimal(text), "f")
    return text.removesuffix(".0")


class Dirty:
    """The accounts whose values changed, and when they may be written: once it has caught up, once a second."""

    def __init__(self, ends: dict[tuple[str, int], int]) -> None:
        self._left = {place: end for place, end in ends.items() if end}
        self.ids: set[str] = set()
        self.time = 0
        self._scanned = 0

    def add(self, id: str, at: int) -> None:
        """An account changed by an event of this time."""
        self.ids.add(id)
        self.time = max(self.time, at)

    def passed(self, topic: str, partition: int, offset: int) -> None:
        """A record was processed."""
        if self._left and self._left.get((topic, partition), offset + 2) <= offset + 1:
            del self._left[topic, partition]

    def take(self, everyone: set[str]) -> set[str]:
        """What is to be written now; all of them when T has reached another hour."""
        if self._left:
            return set()
        hour = self.time // HOUR
        taken, self.ids = (everyone | self.ids if hour != self._scanned else self.ids), set()
        self._scanned = hour
        return taken
