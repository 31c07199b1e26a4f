"""Live tables against the log: which values, ids and sets differ, and which were merely caught in motion."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kamstream.engine import Config, Value
from kamstream.engine.past import Past
from kamstream.entities.fact import Profile
from kamstream.events import Decoder
from kamstream.events.partition import murmur2
from kamstream.live import LiveReader, LiveTable
from kamstream.live.layout import number
from kamstream.publish.replay import Replay, Stretch
from kamstream.settings import Settings

#: What a difference is about: a scope (or ``portfolio``, ``rank:<field>``) and an id.
Key = tuple[str, str]
NOTHING = "nothing"
#: Engines that are run side by side over one reading of the topics.
SIDE_BY_SIDE = {"account": 200, "kam": 4, "company": 4}
#: What time alone moves between two writes.
MOVING = "oldest_wait:now"
#: What is said of something that is not there.
ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One thing that Redis and the log do not agree on; ``at`` is the T (ms) that the log was asked for."""

    scope: str
    id: str
    field: str
    redis: str
    log: str
    at: int


@dataclass(frozen=True)
class Suspect:
    """What differed at one look; ``mark`` changes whenever Redis was written since."""

    mark: object
    differences: list[Difference]


@dataclass
class Look:
    """What one look at the tables gave: what differed, and how many values were compared of each id."""

    suspects: dict[Key, Suspect]
    compared: dict[Key, int]


@dataclass(frozen=True)
class Choice:
    """What is compared; no ids means all, and the sets, too."""

    scopes: tuple[str, ...]
    ids: frozenset[str] = frozenset()

    def has(self, id: str) -> bool:
        """Whether an id is meant."""
        return not self.ids or id in self.ids

    @property
    def sets(self) -> bool:
        """Whether portfolios and rankings are looked at."""
        return "account" in self.scopes and not self.ids


class Comparison:
    """Compares what Redis holds with an engine over the log (``past``), which is brought to the newest T seen."""

    def __init__(self, settings: Settings, past: Past, reader: LiveReader, choice: Choice) -> None:
        self._config = settings.config(partitions=1)
        self._settings = settings
        self._past = past
        self._reader = reader
        self._choice = choice

    def look(self, now: int, exact: "Exact", only: frozenset[Key] | None = None) -> Look:
        """Compare everything, or only some keys; ``now`` is a T (ms) that the worker has reached."""
        found, queue = Look({}, {}), list[LiveTable]()
        accounts: dict[str, LiveTable] = {}
        for scope in self._choice.scopes:
            indexed = {id for id in self._reader.ids(scope) if self._choice.has(id)}
            tables = self._tables(scope, indexed | self._expected(scope), only)
            now = max([now, *(table.meta.as_of for table in tables.values())])
            self._past.settle(now)
            expected = self._expected(scope)
            for id in sorted(expected | indexed | tables.keys()):
                if only is None or (scope, id) in only:
                    self._one(found, queue, (scope, id), tables.get(id), id in indexed, id in expected)
            accounts = tables if scope == "account" else accounts
        for table in exact.still_different(queue):
            found.suspects[table.scope, table.id] = Suspect(table.meta.version, exact.differences(table))
        if self._choice.sets:
            self._portfolios(found, only)
            self._rankings(found, accounts, only)
        return found

    def _expected(self, scope: str) -> set[str]:
        return {id for _, id in self._past.ids((scope,)) if self._choice.has(id)}

    def _tables(self, scope: str, ids: set[str], only: frozenset[Key] | None) -> dict[str, LiveTable]:
        if only is not None:
            # A ranking is compared with the tables of its ids.
            ids = {id for kind, id in only if kind == scope or (scope == "account" and kind.startswith("rank:"))}
        return {table.id: table for table in self._reader.tables(scope, sorted(ids))}

    def _one(
        self, found: Look, queue: list[LiveTable], key: Key, table: LiveTable | None, indexed: bool, expected: bool
    ) -> None:
        """Compare one id, first at the newest T, then at the table's own."""
        at = self._past.time
        mark = None if table is None else table.meta.version
        if table is None or not expected or not indexed:
            there = [("(table)", table is not None), ("(index)", indexed)]
            wrong = [
                Difference(*key, what, "there" if is_there else ABSENT, "there" if expected else ABSENT, at)
                for what, is_there in there
                if is_there != expected
            ]
            if wrong:
                found.suspects[key] = Suspect((mark, indexed), wrong)
            return
        values = self._past.values(*key, at) or {}
        found.compared[key] = len(values)
        wrong = [*differences(table, values, at, moving=False), *self._words(table)]
        if wrong:
            found.suspects[key] = Suspect(mark, wrong)
        elif any(differences(table, self._past.values(*key, table.meta.as_of) or {}, table.meta.as_of)):
            queue.append(table)

    def _words(self, table: LiveTable) -> Iterator[Difference]:
        """The words of the profile beside an account's table."""
        if table.scope != "account":
            return
        profile = self._past.profile(table.id) or Profile("", "")
        for word in ("name", "kam_id", "segment", "tier"):
            said, true = getattr(table.meta, word) or "", getattr(profile, word) or ""
            if said != true:
                yield Difference(table.scope, table.id, word, said or NOTHING, true or NOTHING, self._past.time)

    def _portfolios(self, found: Look, only: frozenset[Key] | None) -> None:
        owned: dict[str, set[str]] = defaultdict(set)
        for _, id in self._past.ids(("account",)):
            profile = self._past.profile(id)
            if profile:
                owned[profile.kam_id].add(id)
        kams = {*owned, *self._reader.ids("kam")}
        for kam in sorted(kams):
            key = ("portfolio", kam)
            if only is not None and key not in only:
                continue
            there = self._reader.portfolio(kam)
            wrong = set(there) ^ owned[kam]
            if wrong:
                found.suspects[key] = Suspect(
                    tuple(there), [self._membership(key, id, id in there) for id in sorted(wrong)]
                )

    def _rankings(self, found: Look, tables: Mapping[str, LiveTable], only: frozenset[Key] | None) -> None:
        """Rankings hold what the tables say, which are compared with the log themselves."""
        at = self._past.time
        for field in self._settings.rank_fields:
            ranked: dict[str, float | int] = dict(self._reader.rank(field, 0))
            for id in sorted(ranked.keys() | tables.keys()):
                key = (f"rank:{field}", id)
                if only is not None and key not in only:
                    continue
                value = tables[id].values.get(field) if id in tables else None
                true = None if value is None or value.value is None else float(value.value)
                if ranked.get(id) != true:
                    said = number(ranked[id]) if id in ranked else ABSENT
                    wanted = ABSENT if true is None else number(true)
                    mark = tables[id].meta.version if id in tables else None
                    found.suspects[key] = Suspect((mark, said), [Difference(*key, field, said, wanted, at)])

    def _membership(self, key: Key, id: str, there: bool) -> Difference:
        return Difference(*key, id, "there" if there else ABSENT, ABSENT if there else "there", self._past.time)


class Exact:
    """Asks the log for the tables as they were at their own ``as_of``: one engine for each, run side by side."""

    def __init__(self, config: Config, replay: Replay, decoder: Decoder, stretch: Stretch) -> None:
        self._config = config
        self._replay = replay
        self._decoder = decoder
        self.stretch = stretch
        self._found: dict[Key, list[Difference]] = {}

    def differences(self, table: LiveTable) -> list[Difference]:
        """What was found of a table."""
        return self._found[table.scope, table.id]

    def still_different(self, tables: Sequence[LiveTable]) -> Iterator[LiveTable]:
        """Those whose values are not those of the log at their ``as_of``."""
        by_scope: dict[str, dict[int, list[LiveTable]]] = defaultdict(lambda: defaultdict(list))
        for table in tables:
            by_scope[table.scope][table.meta.as_of].append(table)
        for scope, by_time in by_scope.items():
            moments, step = sorted(by_time), SIDE_BY_SIDE[scope]
            for at in range(0, len(moments), step):
                yield from self._run(scope, {moment: by_time[moment] for moment in moments[at : at + step]})

    def _run(self, scope: str, groups: Mapping[int, Sequence[LiveTable]]) -> Iterator[LiveTable]:
        config = replace(self._config, scopes=(scope,), rules=())
        engines = {moment: Past(config, until=moment) for moment in groups}
        stretch, listeners = self.stretch, None
        if scope == "account":
            listeners = defaultdict[str, list[Past]](list)
            for moment, tables in groups.items():
                for table in tables:
                    listeners[table.id].append(engines[moment])
            stretch = stretch.of(murmur2(id.encode()) % stretch.partitions for id in listeners)
        everyone = list(engines.values())
        for event in self._replay.events(stretch, self._decoder):
            for engine in everyone if listeners is None else listeners.get(event.account, ()):
                engine.apply(event)
        for moment, tables in groups.items():
            engines[moment].settle()
            for table in tables:
                values = engines[moment].values(table.scope, table.id, moment) or {}
                wrong = list(differences(table, values, moment))
                if wrong:
                    self._found[table.scope, table.id] = wrong
                    yield table


def differences(table: LiveTable, values: Mapping[str, Value], at: int, *, moving: bool = True) -> Iterator[Difference]:
    """Where a table is not what the log says; without ``moving`` a wait may have grown on since it was written."""
    for field in sorted(values.keys() | table.values.keys()):
        said, true = table.values.get(field), values.get(field)
        if not same(said, true, moved=field == MOVING and not moving):
            yield Difference(table.scope, table.id, field, shown(said), shown(true), at)


def same(said: Value | None, true: Value | None, *, moved: bool = False) -> bool:
    """Whether two values and their n are equal to the last digit; of a moved one only whether it is null.

    >>> same(Value(3, 2), Value(3.0, 2)), same(Value(None, 0), Value(0, 0))
    (True, False)
    >>> same(Value(1.5, 1), Value(9.5, 1), moved=True), same(Value(None, 1), Value(9.5, 1), moved=True)
    (True, False)
    """
    if said is None or true is None or said.n != true.n:
        return said is true
    if said.value is None or true.value is None:
        return said.value is true.value
    return moved or number(said.value) == number(true.value)


def shown(value: Value | None) -> str:
    """A value for people.

    >>> shown(Value(0.625, 8)), shown(Value(None, 0)), shown(None)
    ('0.625 (n 8)', 'null (n 0)', 'absent')
    """
    if value is None:
        return ABSENT
    return f"{'null' if value.value is None else number(value.value)} (n {value.n})"
