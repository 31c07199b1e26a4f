"""The core job: the events that every contender of the benchmarks gets, byte for byte the same.

50 % of the events are ticket life cycles, 30 % threads, 20 % deals, over 120 days of event time; 1 % arrive twice,
1 % up to two days late. The stream is made from a seed, one life at a time, merged by arrival.

    python -m tests.benchmarks.corejob --events 2000000 --accounts 2000 > core.jsonl
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random

#: What the core job keeps: KPIs, windows, scopes.
KPIS = (
    "first_response_time.mean",
    "first_response_time.p90",
    "response_time.mean",
    "resolution_rate",
    "conversion_rate",
    "revenue",
    "interaction_frequency",
)
WINDOWS = ("24h", "7d", "30d", "90d", "365d")
SCOPES = ("account",)

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 120
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Shares of lives that make the wanted shares of events: events of a life are 4.8, 5 and 3.2 on average.
_LIVES = (("ticket", 50 / 4.8), ("thread", 30 / 5), ("deal", 20 / 3.2))

Step = tuple[int, str, str]  # event time in ms since the start, type, data as JSON text


def events(count: int, accounts: int, seed: int = 1, days: int = DAYS) -> Iterator[tuple[str, bytes]]:
    """``count`` records in the order of their arrival, as (account, CloudEvents JSON)."""
    random = Random(seed)
    per_life = sum(share * size for (_, share), size in zip(_LIVES, (4.8, 5, 3.2), strict=True)) / sum(
        share for _, share in _LIVES
    )
    gap = days * DAY / (count / per_life)  # from the beginning of a life to that of the next
    waiting: list[tuple[int, int, str, bytes]] = []
    begun, number, made = 0.0, 0, 0
    while made < count:
        begins = int(begun)
        while waiting and waiting[0][0] <= begins:
            if made == count:
                return
            _, _, account, line = heappop(waiting)
            made += 1
            yield account, line
        number += 1
        _add(waiting, random, accounts, begins, number)
        begun += random.expovariate(1 / gap)


def _add(waiting: list[tuple[int, int, str, bytes]], random: Random, accounts: int, begins: int, number: int) -> None:
    """Put the events of a new life among those that are still to arrive."""
    account = f"ACC-{random.randrange(accounts):06d}"
    kind = random.choices([name for name, _ in _LIVES], [share for _, share in _LIVES])[0]
    for place, (at, type_, data) in enumerate(_STEPS[kind](random, begins, number)):
        line = (
            f'{{"specversion":"1.0","id":"{kind[0]}{number}-{place}","source":"crm","type":"{type_}",'
            f'"subject":"{account}","time":"{_text(at)}","data":{data}}}'
        ).encode()
        arrival = at
        chance = random.random()
        if chance < 0.01:
            arrival += random.randrange(2 * DAY)
        elif chance < 0.02:
            heappush(waiting, (at + random.randrange(HOUR), -8 * number - place, account, line))
        heappush(waiting, (arrival, 8 * number + place, account, line))


def _ticket(random: Random, at: int, number: int) -> Iterator[Step]:
    """Opened by a customer, answered once to thrice with the customer's words in between, resolved; few reopened."""
    ticket = f'"ticket_id":"T{number}"'
    priority = random.choice(("low", "normal", "high"))
    yield at, "ticket.opened", f'{{{ticket},"priority":"{priority}","owner_id":"agent-{number % 40}"}}'
    for turn in range(random.choice((1, 1, 2))):
        if turn:
            at += _span(random, 5 * HOUR)
            yield at, "ticket.replied", f'{{{ticket},"by":"customer"}}'
        at += _span(random, 2 * HOUR)
        yield at, "ticket.replied", f'{{{ticket},"by":"agent"}}'
    at += _span(random, 9 * HOUR)
    yield at, "ticket.resolved", f"{{{ticket}}}"
    if random.random() < 0.35:
        at += _span(random, DAY)
        yield at, "ticket.reopened", f"{{{ticket}}}"
        at += _span(random, 3 * HOUR)
        yield at, "ticket.replied", f'{{{ticket},"by":"agent"}}'
        at += _span(random, 3 * HOUR)
        yield at, "ticket.resolved", f"{{{ticket}}}"


def _thread(random: Random, at: int, number: int) -> Iterator[Step]:
    """Two to eight messages, mostly by turns."""
    inbound = random.random() < 0.6
    for place in range(random.randint(2, 8)):
        direction = "inbound" if inbound else "outbound"
        yield (
            at,
            "interaction.logged",
            f'{{"interaction_id":"I{number}-{place}","direction":"{direction}","channel":"email",'
            f'"thread_id":"H{number}","contact_id":"C{number % 7}","owner_id":"kam-{number % 40}"}}',
        )
        at += _span(random, 8 * HOUR)
        if random.random() < 0.85:
            inbound = not inbound


def _deal(random: Random, at: int, number: int) -> Iterator[Step]:
    """Opened with an amount, now and then amended, won or lost after days or weeks."""
    deal, owner = f'"deal_id":"D{number}"', f'"owner_id":"kam-{number % 40}"'
    amount = random.randrange(1_000, 90_000) + random.choice((0, 0.5, 0.99))
    yield at, "deal.opened", f'{{{deal},"amount":{amount},"currency":"EUR","stage":"Proposal",{owner}}}'
    for _ in range(random.choice((0, 1, 1, 2, 2))):
        at += _span(random, 5 * DAY)
        yield at, "deal.updated", f'{{{deal},"probability":0.{random.randrange(1, 10)}}}'
    at += _span(random, 9 * DAY)
    if random.random() < 0.6:
        yield at, "deal.won", f'{{{deal},"amount":{amount},"currency":"EUR","products":["P{number % 9}"]}}'
    else:
        yield at, "deal.lost", f'{{{deal},"reason":"price"}}'


_STEPS = {"ticket": _ticket, "thread": _thread, "deal": _deal}


def _span(random: Random, mean: int) -> int:
    return 1_000 + int(random.expovariate(1 / mean))


def _text(at: int) -> str:
    there = START + timedelta(milliseconds=at)
    return f"{there:%Y-%m-%dT%H:%M:%S}.{at % 1000:03d}Z"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    write = sys.stdout.buffer.write
    for _, line in events(chosen.events, chosen.accounts, chosen.seed):
        write(line + b"\n")


if __name__ == "__main__":
    main()
