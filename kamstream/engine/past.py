"""An engine over a whole log that is asked for its values at any T: what ``verify`` compares with.

>>> past = Past(Config(scopes=("company",)))
>>> past.settle(0)
>>> past.values("company", "all", 0)["open_tickets:now"]
Value(value=0, n=0)
"""

from collections.abc import Iterator

from kamstream.engine.config import Config
from kamstream.engine.engine import Engine
from kamstream.engine.plan import Plan
from kamstream.engine.scopes import ScopeId
from kamstream.engine.tables import Reader, Value
from kamstream.entities.fact import Profile
from kamstream.events import Event

#: Events after which sums are handed round, so that memory stays bounded.
BATCH = 5_000


class Past:
    """One engine that owns everything. ``until`` (epoch ms): accepted events later than that have no effect.

    Unlike ``Offline`` it computes no table before it is asked for one.
    """

    def __init__(self, config: Config, *, until: int | None = None) -> None:
        self._engine = Engine(config, until=until)
        self._plan = Plan(config)
        self._reader = Reader(self._plan)
        self._names = [field.name for field in self._plan.fields]
        self._until = until
        self._waiting = 0
        self._steps = 0

    @property
    def time(self) -> int:
        """T, in epoch milliseconds."""
        return self._engine.time

    def apply(self, event: Event) -> str:
        """Let an event in; see ``Engine.apply``."""
        verdict = self._engine.apply(event)
        self._waiting += 1
        if self._waiting >= BATCH:
            self._step()
        return verdict

    def settle(self, now: int | None = None) -> None:
        """Move T on to ``now`` (default: where it was asked for) and bring all sums up to date."""
        at = self._until if now is None else now
        if at is not None:
            self._engine.advance(at)
        self._step()

    def ids(self, scopes: tuple[str, ...]) -> Iterator[ScopeId]:
        """Every id of these scopes that has a table at T."""
        for scope, id in self._engine.ids():
            if scope in scopes and (scope == "account" or self.values(scope, id, self.time) is not None):
                yield scope, id

    def values(self, scope: str, id: str, at: int) -> dict[str, Value] | None:
        """The values that the facts known now give at T = ``at``; None where the id has no table.

        At the engine's own T they are exact. For an earlier T they are a good guess: facts that have been restated
        since, or that came later within the last pane, are those of now.
        """
        ledger = self._engine._ledger((scope, id))
        values, totals = self._reader.values(ledger, self._plan.frame(at), at)
        if not self._engine._qualifies((scope, id), totals):
            return None
        return dict(zip(self._names, values, strict=True))

    def profile(self, account: str) -> Profile | None:
        """The standing profile of an account."""
        return self._engine.profile(account)

    def _step(self) -> None:
        engine = self._engine
        self._waiting = 0
        self._steps += 1
        for _, key, payload in engine.flush(evaluate=False, most=0).rollups:
            engine.receive(key, payload, (1, self._steps))
        # What that dirtied would be stored by a worker; here it is let go.
        engine.flush(evaluate=False, most=0)
