"""The engine over a list of events: no broker, no Redis; what ``compute``, ``verify`` and the back-test run."""

from collections.abc import Iterator

from kamstream.engine.account import Journal
from kamstream.engine.config import SCOPES, Config
from kamstream.engine.engine import Engine, Flush
from kamstream.engine.scopes import ScopeId
from kamstream.engine.tables import TableChange
from kamstream.events import Event

#: Events after which an offline run hands on what changed, so that its memory stays bounded.
BATCH = 5_000


class Offline:
    """One engine that owns everything: its sums come back to itself.

    ``until`` gives the values as they were at that T (epoch ms); without it, T is the largest accepted event time.
    """

    def __init__(self, config: Config, *, until: int | None = None, journal: Journal | None = None) -> None:
        self.engine = Engine(config, until=until, journal=journal)
        self._until = until
        self._flushes = 0
        self._waiting = 0

    def apply(self, event: Event) -> str:
        """Let an event in; see ``Engine.apply``."""
        verdict = self.engine.apply(event)
        self._waiting += 1
        if self._waiting >= BATCH:
            self.step(evaluate=False)
        return verdict

    def step(self, *, evaluate: bool = True) -> Flush:
        """Hand over what changed, with the values of KAMs and the company up to date."""
        self._waiting = 0
        first = self.engine.flush(evaluate=False, most=0)
        self._flushes += 1
        for _, key, payload in first.rollups:
            self.engine.receive(key, payload, (1, self._flushes))
        return self.engine.flush(evaluate=evaluate)

    def settle(self) -> None:
        """Bring T to where it is asked for, and every value with it."""
        if self._until is not None:
            self.engine.advance(self._until)
        self.step(evaluate=False)

    def tables(self, scopes: tuple[str, ...] = SCOPES) -> Iterator[TableChange]:
        """The whole tables, in the order of scopes and ids."""
        ids: list[ScopeId] = [key for key in self.engine.ids() if key[0] in scopes]
        for scope, id in sorted(ids, key=lambda key: (SCOPES.index(key[0]), key[1])):
            table = self.engine.table(scope, id)
            if not table.gone:
                yield table
