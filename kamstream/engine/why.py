"""Why a value is what it is: the facts behind it, the events that made them, and the arithmetic.

journal = Standing(kinds_of(kpi))
offline = Offline(config, until=as_of, journal=journal)      # apply events, settle
explain(Question("account", "ACC-1", kpi, window), journal, offline.engine)
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from kamstream import sketch
from kamstream.engine.engine import Engine
from kamstream.engine.tables import Value
from kamstream.entities.fact import FOR_ACCOUNT, FOR_PERSON, Fact
from kamstream.kpis import Kpi, Reading, Shelf, Sums, Total
from kamstream.windows import DAY, NOW, Window

#: Where a fact counts: in the window itself, in the previous one, or among the KPI's second sums.
WINDOW, BEFORE, BESIDE = "window", "before", "beside"
#: The KAM of an account, by its id; None without a profile.
KamOf = Callable[[str], str | None]


class Standing:
    """The facts that count, as an engine's journal: by kind, each with its account.

    ``kinds`` limits it to what is asked about; None keeps all. ``people`` are all who were ever credited.
    """

    def __init__(self, kinds: Iterable[str] | None = None) -> None:
        self._kinds = None if kinds is None else frozenset(kinds)
        self._facts: dict[str, dict[tuple[str, Fact], int]] = defaultdict(dict)
        self.people: set[str] = set()

    def __call__(self, account: str, fact: Fact, sign: int) -> None:
        """Note that a fact counts from now on (``sign`` 1), or no more (-1)."""
        if fact.person is not None:
            self.people.add(fact.person)
        if self._kinds is not None and fact.kind not in self._kinds:
            return
        facts, key = self._facts[fact.kind], (account, fact)
        count = facts.get(key, 0) + sign
        if count:
            facts[key] = count
        else:
            del facts[key]

    def of(self, kind: str) -> Iterator[tuple[str, Fact]]:
        """The facts of a kind with their accounts; two that are alike come twice."""
        for key, count in self._facts[kind].items():
            for _ in range(count):
                yield key


def kinds_of(kpi: Kpi) -> frozenset[str]:
    """The kinds of facts that a KPI is made of."""
    return frozenset({kpi.sums.fact} | ({kpi.beside.fact} if kpi.beside else set()))


@dataclass(frozen=True, slots=True)
class Question:
    """Which value is asked about; ``window`` is None for a gauge, ``place`` its place in the settings."""

    scope: str
    id: str
    kpi: Kpi
    window: Window | None
    place: int = 0

    @property
    def field(self) -> str:
        """The field of the live table."""
        return f"{self.kpi.name}:{self.window.name if self.window else NOW}"


@dataclass(frozen=True, slots=True)
class Line:
    """A fact behind a value: in which part, of which account, to whose credit, and what it adds.

    ``credited`` is who is credited at T (of a fact without an owner the KAM of the account). ``added`` are the
    integers that go into the sums. ``decides`` marks the fact at a percentile's rank, or the longest wait.
    """

    part: str
    account: str
    fact: Fact
    credited: str | None
    added: tuple[int, ...]
    spread: int | None
    decides: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A value with everything that it comes from; ``exact`` is a percentile's own, without the sketch (seconds)."""

    question: Question
    time: int
    value: Value
    lines: list[Line]
    reading: Reading
    exact: float | None = None


def explain(question: Question, standing: Standing, engine: Engine) -> Explanation:
    """The facts behind a value at the engine's T, and the value recomputed from them alone."""
    kpi, now = question.kpi, engine.time

    def kam_of(account: str) -> str | None:
        profile = engine.profile(account)
        return profile.kam_id if profile else None

    lines = list(_lines(WINDOW, kpi.sums, question, standing, kam_of, now))
    before = list(_lines(BEFORE, kpi.sums, question, standing, kam_of, now)) if kpi.previous else []
    beside = list(_lines(BESIDE, kpi.beside, question, standing, kam_of, now)) if kpi.beside else []
    reading = Reading(
        total(lines, kpi.sums), total(before, kpi.sums), total(beside, kpi.beside or kpi.sums), question.window, now
    )
    value = Value(kpi.value(reading), kpi.n(reading))
    place = _deciding(lines, kpi)
    exact = None
    if place is not None:
        there = lines[place]
        lines[place] = replace(there, decides=True)
        exact = (there.spread or 0) / 1000 if kpi.rank else None
    return Explanation(question, now, value, [*lines, *before, *beside], reading, exact)


def total(lines: Sequence[Line], sums: Sums) -> Total:
    """The sums over lines, as a ledger keeps them."""
    spread: dict[int, int] = {}
    for line in lines:
        if line.spread is not None:
            key = line.spread if sums.shelf == Shelf.WAITS else sketch.bucket(line.spread)
            spread[key] = spread.get(key, 0) + 1
    amounts = tuple(sum(line.added[place] for line in lines) for place in range(sums.width))
    return Total(len(lines), amounts, spread)


def credited(account: str, fact: Fact, kam_of: KamOf) -> str | None:
    """Whom a fact credits at T: its own person, else the KAM of its account."""
    if fact.credit == FOR_ACCOUNT:
        return None
    return fact.person if fact.person is not None else kam_of(account)


def counts_for(question: Question, account: str, fact: Fact, kam_of: KamOf) -> bool:
    """Whether a fact counts for an id, as the engine posts it."""
    if question.scope == "kam":
        return credited(account, fact, kam_of) == question.id
    return fact.credit != FOR_PERSON and (question.scope == "company" or account == question.id)


def _lines(part: str, sums: Sums, question: Question, standing: Standing, kam_of: KamOf, now: int) -> Iterator[Line]:
    """The facts of one part, in the order of their time."""
    found = []
    for account, fact in standing.of(sums.fact):
        if not counts_for(question, account, fact, kam_of) or not _is_held(part, sums, question, fact, now):
            continue
        added = sums.amounts(fact)
        if added is None:
            continue
        spread = sums.spread(fact) if sums.spread else None
        if sums.shelf == Shelf.WAITS:
            spread = fact.time
        found.append(Line(part, account, fact, credited(account, fact, kam_of), added, spread))
    found.sort(key=lambda line: (line.fact.time, line.account, *_first(line.fact)))
    yield from found


def _first(fact: Fact) -> tuple[int, int, str, str]:
    time, rank, source, id = fact.because[0][:4]
    return time, rank, source, id


def _is_held(part: str, sums: Sums, question: Question, fact: Fact, now: int) -> bool:
    """Whether a fact lies where this part of the value looks."""
    window = question.window
    if sums.shelf in (Shelf.NOW, Shelf.WAITS) or window is None:
        return True
    if sums.shelf == Shelf.PER_WINDOW:
        return fact.label == str(question.place)
    if sums.shelf == Shelf.AHEAD:
        return 0 <= fact.time // DAY - now // DAY < window.count
    first, last = window.previous(now) if part == BEFORE else window.panes(now)
    return first <= fact.time // window.unit_ms <= last


def _deciding(lines: Sequence[Line], kpi: Kpi) -> int | None:
    """The line at the nearest rank of a percentile, or the longest wait; None of other KPIs and of no lines."""
    if not lines or not (kpi.rank or kpi.shelf == Shelf.WAITS):
        return None
    order = sorted(range(len(lines)), key=lambda place: lines[place].spread or 0)
    # Of a wait the spread is when it began: the first is the longest.
    return order[-(-len(order) * kpi.rank // 100) - 1] if kpi.rank else order[0]
