"""Alerts inside the engine: the life of every (rule, id), its steps, and the outbox that makes them durable."""

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush

from kamstream.alerts import AlertRecord, Reason, Rule, State, Status, Step, advance, close, due, make
from kamstream.alerts.life import decode as decode_state
from kamstream.alerts.life import encode as encode_state
from kamstream.engine.rows import decode, encode
from kamstream.engine.tables import Value
from kamstream.entities.fact import Profile

Key = tuple[str, str, str]  # rule, scope, id


class Alarms:
    """The states of all alerts of a partition's ids, and the records not yet known to be told."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._by_scope: dict[str, list[Rule]] = {}
        for rule in self._rules.values():
            self._by_scope.setdefault(rule.scope, []).append(rule)
        self._states: dict[Key, State] = {}
        self._changed: set[Key] = set()
        self._due: list[tuple[int, Key]] = []
        self._outbox: list[AlertRecord] = []
        self._told: list[int] = []
        self._next = 0

    @property
    def watched(self) -> frozenset[str]:
        """The fields that some rule watches."""
        return frozenset(rule.field for rule in self._rules.values())

    def rules_of(self, scope: str) -> list[Rule]:
        """The rules of a scope."""
        return self._by_scope.get(scope, [])

    def evaluate(
        self,
        scope: str,
        id: str,
        values: Mapping[str, Value],
        now: int,
        *,
        profile: Profile | None,
        live: bool,
        gap: bool = False,
    ) -> None:
        """Take the steps of an id's alerts at T = ``now``; ``values`` by field."""
        for rule in self._by_scope.get(scope, ()):
            key = (rule.name, scope, id)
            state = self._states.get(key)
            if not rule.applies(scope, id, attributes(profile)):
                if state is not None:
                    self._store(key, *close(state, now, Reason.NO_MATCH, live=live), profile)
                continue
            value = values[rule.field]
            after, steps = advance(rule, state, value.value, value.n, now, live=live, gap=gap)
            if after is not state or steps:
                self._store(key, after, steps, profile)

    def gone(self, scope: str, id: str, now: int, live: bool) -> None:
        """End the alerts of an id that no longer qualifies."""
        for rule in self._by_scope.get(scope, ()):
            key = (rule.name, scope, id)
            if key in self._states:
                self._store(key, *close(self._states[key], now, Reason.ID_GONE, live=live), None)

    def falling_due(self, now: int) -> set[tuple[str, str]]:
        """The ids with an alert that time alone moves by ``now``."""
        ids = set()
        while self._due and self._due[0][0] <= now:
            _, (rule, scope, id) = heappop(self._due)
            if rule in self._rules and self._states.get((rule, scope, id)) is not None:
                ids.add((scope, id))
        return ids

    def active(self, profiles: Mapping[str, Profile | None]) -> list[AlertRecord]:
        """The alerts that are firing, as they were told last; ``profiles`` by account."""
        records = []
        for (_, scope, id), state in self._states.items():
            if state.status is Status.FIRING and state.face:
                why = Reason.STILL_FIRING if state.told else Reason.BACKFILL
                step = Step(Status.FIRING, state.key, why, state.value, state.n, state.since, state.key, state.face)
                records.append(_record(scope, id, step, profiles.get(id)))
        return records

    def collect(self, rows: dict[bytes, bytes | None]) -> list[AlertRecord]:
        """Add the changed rows, and return the records to be told; the rows of those told before are dropped."""
        for key in self._changed:
            state = self._states.get(key)
            rows[b"L" + encode(key)] = encode_state(state) if state is not None else None
        self._changed.clear()
        for number in self._told:
            rows[b"O%d" % number] = None
        self._told = []
        records, self._outbox = self._outbox, []
        for record in records:
            rows[b"O%d" % self._next] = record.to_json()
            self._told.append(self._next)
            self._next += 1
        return records

    def restore(self, key: bytes, value: bytes) -> None:
        """Set an alert's state as it was stored."""
        rule, scope, id = decode(key)
        state = decode_state(value)
        self._states[rule, scope, id] = state
        self._watch((rule, scope, id), state)

    def restore_outbox(self, number: int, value: bytes) -> None:
        """A record of the last flush, which may not have been told."""
        self._outbox.append(AlertRecord.from_json(value))
        self._told.append(number)
        self._next = max(self._next, number + 1)

    def drop_removed(self, now: int) -> None:
        """End the alerts of rules that are no more."""
        for key in [key for key in self._states if key[0] not in self._rules]:
            self._store(key, *close(self._states[key], now, Reason.RULE_REMOVED, live=True), None)

    def _store(self, key: Key, state: State | None, steps: Iterable[Step], profile: Profile | None) -> None:
        if state is None:
            self._states.pop(key, None)
        else:
            self._states[key] = state
            self._watch(key, state)
        self._changed.add(key)
        for step in steps:
            if step.recorded:
                self._outbox.append(_record(key[1], key[2], step, profile))

    def _watch(self, key: Key, state: State) -> None:
        rule = self._rules.get(key[0])
        moment = due(rule, state) if rule else None
        if moment is not None:
            heappush(self._due, (moment, key))


def attributes(profile: Profile | None) -> dict[str, str | None]:
    """What a rule's ``match`` may ask of an account."""
    if profile is None:
        return {}
    return {
        "name": profile.name, "kam_id": profile.kam_id, "segment": profile.segment,
        "tier": profile.tier, "country": profile.country,
    }  # fmt: skip


def _record(scope: str, id: str, step: Step, profile: Profile | None) -> AlertRecord:
    name, kam = (profile.name, profile.kam_id) if profile else (None, None)
    record = make(scope, id, step, name=name, kam_id=kam)
    if record is None:
        raise ValueError(f"a step that leads to {step.status} is no record")
    return record
