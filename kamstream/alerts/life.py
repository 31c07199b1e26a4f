"""The life of an alert for one rule and one id: ok → pending → firing → ok, in stream time.

    state, steps = advance(rule, state, value, n, now, live=True)

`state` is None or a small struct that round-trips JSON (`encode`, `decode`); the same object comes back when
nothing changed. Times are epoch milliseconds of stream time and must not go back.

- Between two calls the last reading is taken to have held: a `for` or `keep_firing_for` that ran out in
  between steps at its own time, not at the call's. A caller that did not watch in between (it caught up)
  says `gap=True`: then what ran out counts only if the new value agrees.
- No data (a null value, or fewer than `min_n` samples) under `no_data: keep` leaves a firing alert as it is,
  but ends a pending one: an alert never begins on samples the rule calls too few.
- A step that is not `live` (a backfill event caused it, or a tick before the id's next live event) has the
  reason `backfill` and is not delivered; an alert that still fires at the next live call is given out again,
  to be delivered.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from kamstream.alerts.rules import Face, Rule


class Status(StrEnum):
    """What a step leads to; only firing and resolved become records."""

    PENDING = "pending"
    OK = "ok"
    FIRING = "firing"
    RESOLVED = "resolved"


class Reason(StrEnum):
    """Why a step was taken."""

    FIRE_BEGAN = "fire-began"
    FIRE_ENDED = "fire-ended"
    FIRE_HELD = "fire-held"
    CLEARED = "cleared"
    NO_DATA = "no-data"
    BACKFILL = "backfill"
    STILL_FIRING = "still-firing"
    RULE_CHANGED = "rule-changed"
    RULE_REMOVED = "rule-removed"
    NO_MATCH = "no-match"
    ID_GONE = "id-gone"


class State(msgspec.Struct, frozen=True, array_like=True):
    """What is remembered between calls.

    `key` is the stream time that names the alert: the firing one's, else the last one's (-1: none).
    """

    status: Status
    rule: str
    since: int
    key: int
    value: float | int | None
    n: int
    live: bool
    told: bool = False
    clearing: int | None = None
    face: Face | None = None


class Step(NamedTuple):
    """One transition: when, to what, why, and what it is told with."""

    status: Status
    at: int
    reason: Reason
    value: float | int | None
    n: int
    since: int
    key: int
    face: Face

    @property
    def recorded(self) -> bool:
        """Whether it is an alert record; pending and back are the engine's own affair."""
        return self.status in (Status.FIRING, Status.RESOLVED)


def encode(state: State) -> bytes:
    """The state as JSON."""
    return msgspec.json.encode(state)


def decode(row: bytes) -> State:
    """The state that `encode` wrote; msgspec.DecodeError when it is not one."""
    return msgspec.json.decode(row, type=State)


def due(rule: Rule, state: State | None) -> int | None:
    """The next stream time at which time alone takes a step, or None."""
    if state is None or state.rule != rule.fingerprint:
        return None
    if state.status is Status.PENDING:
        return state.since + rule.for_ms
    if state.status is Status.FIRING and state.clearing is not None:
        return state.clearing + rule.keep_firing_ms
    return None


def advance(
    rule: Rule,
    state: State | None,
    value: float | int | None,
    n: int,
    now: int,
    *,
    live: bool,
    gap: bool = False,
) -> tuple[State | None, tuple[Step, ...]]:
    """Take the steps that lead from the last call to `value` at `now`."""
    turn = _Turn(rule, value, n, now, live)
    if state is not None and state.rule != rule.fingerprint:
        state, ended = close(state, now, Reason.RULE_CHANGED, live=live)
        turn.steps.extend(ended)
    state = turn.deliver(turn.evaluate(turn.catch_up(state, gap)))
    return state, tuple(turn.steps)


def close(state: State | None, now: int, reason: Reason, *, live: bool) -> tuple[State | None, tuple[Step, ...]]:
    """End whatever goes on, because the rule or the id is gone; `reason` says which.

    A state that comes back only remembers the last alert's name; store it as any other.
    """
    if state is None or state.status is not Status.FIRING or state.face is None:
        return (_rest(state, now) if state else None), ()
    why = reason if live else Reason.BACKFILL
    step = Step(Status.RESOLVED, now, why, state.value, state.n, state.since, state.key, state.face)
    return _rest(state, now), (step,)


def _rest(state: State, now: int) -> State | None:
    # An old alert's name is remembered only while a new one could still get the same.
    if state.key < now:
        return None
    return state if state.status is Status.OK else State(Status.OK, state.rule, 0, state.key, None, 0, state.live)


class _Turn:
    """One call of `advance`: a reading at a time, and the steps it leads to."""

    def __init__(self, rule: Rule, value: float | int | None, n: int, now: int, live: bool) -> None:
        self.rule = rule
        self.value, self.n = value, n
        self.now, self.live = now, live
        self.steps: list[Step] = []
        self.no_data = value is None or n < rule.min_n
        if value is None or n < rule.min_n:
            self.fires, self.clears = rule.no_data == "fire", rule.no_data == "resolve"
        else:
            self.fires = rule.fire.holds(value)
            self.clears = rule.clear.holds(value) if rule.clear else not self.fires

    def catch_up(self, state: State | None, gap: bool) -> State | None:
        """The step whose time came before `now`, while the last reading still held."""
        moment = due(self.rule, state)
        if state is None or moment is None or moment >= self.now:
            return state
        agrees = self.fires if state.status is Status.PENDING else self.clears
        if gap and not agrees:
            return state
        # The new value is the fresher news when it says the same; else the record shows the one that held.
        value, n = (self.value, self.n) if agrees else (state.value, state.n)
        no_data = value is None or n < self.rule.min_n
        step = self.fire if state.status is Status.PENDING else self.resolve
        return step(state, Step(Status.OK, moment, self.why(no_data, state), value, n, 0, 0, self.rule.face))

    def evaluate(self, state: State | None) -> State | None:
        """The reading at `now` itself."""
        if state is None or state.status is Status.OK:
            if not self.fires:
                return state and _rest(state, self.now)
            last = state.key if state else -1
            state = State(Status.PENDING, self.rule.fingerprint, self.now, last, self.value, self.n, self.live)
            if self.rule.for_ms:
                self.steps.append(self.here(state, Status.PENDING, Reason.FIRE_BEGAN))
        if state.live != self.live:
            state = replace(state, live=self.live)
        return self.pend(state) if state.status is Status.PENDING else self.hold(state)

    def pend(self, state: State) -> State | None:
        """A pending alert fires, waits on, or comes to nothing."""
        if not self.fires:
            reason = Reason.NO_DATA if self.no_data else Reason.FIRE_ENDED
            self.steps.append(self.here(state, Status.OK, reason))
            return _rest(state, self.now)
        if self.now < state.since + self.rule.for_ms:
            return state
        return self.fire(state, self.here(state, Status.FIRING, self.why(self.no_data, state)))

    def hold(self, state: State) -> State | None:
        """A firing alert goes on, starts to clear, or ends."""
        undecided = self.no_data and self.rule.no_data == "keep"
        if undecided and state.clearing is not None:
            # The last reading stands: what was clearing goes on clearing.
            step = self.here(state, Status.RESOLVED, self.why(False, state))
            over = self.now >= state.clearing + self.rule.keep_firing_ms
            return self.resolve(state, step._replace(value=state.value, n=state.n)) if over else state
        if not self.clears:
            return state if state.clearing is None else replace(state, clearing=None)
        if state.clearing is None:
            state = replace(state, clearing=self.now, value=self.value, n=self.n)
        if self.now < (state.clearing or 0) + self.rule.keep_firing_ms:
            return state
        return self.resolve(state, self.here(state, Status.RESOLVED, self.why(self.no_data, state)))

    def fire(self, state: State, step: Step) -> State:
        """Pending becomes firing, as the step says."""
        # Stream time can stand still while late events come in: a second alert needs a name of its own.
        key = max(state.since + self.rule.for_ms, state.key + 1)
        self.steps.append(step._replace(status=Status.FIRING, since=state.since, key=key))
        return replace(
            state,
            status=Status.FIRING,
            key=key,
            value=step.value,
            n=step.n,
            told=state.live,
            face=self.rule.face,
        )

    def resolve(self, state: State, step: Step) -> State | None:
        """Firing ends, as the step says."""
        self.steps.append(step._replace(status=Status.RESOLVED, since=state.since, key=state.key))
        return _rest(state, step.at)

    def deliver(self, state: State | None) -> State | None:
        """What fired unheard, by backfill, is given out when it still fires at a live call."""
        if state is None or state.status is not Status.FIRING or state.told or not self.live:
            return state
        self.steps.append(self.here(state, Status.FIRING, Reason.STILL_FIRING))
        return replace(state, told=True)

    def why(self, no_data: bool, state: State) -> Reason:
        """The reason of a firing or resolving step."""
        if not state.live:
            return Reason.BACKFILL
        if no_data:
            return Reason.NO_DATA
        return Reason.FIRE_HELD if state.status is Status.PENDING else Reason.CLEARED

    def here(self, state: State, status: Status, reason: Reason) -> Step:
        """A step at `now` with the value read."""
        return Step(status, self.now, reason, self.value, self.n, state.since, state.key, self.rule.face)
