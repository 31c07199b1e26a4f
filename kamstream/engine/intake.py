"""The intake of a partition: an event finds its account and moves T on; what is due by T falls due."""

from heapq import heapify, heappop, heappush

from kamstream.engine.account import Account, Journal, Shared
from kamstream.engine.plan import Plan
from kamstream.engine.scopes import Scopes
from kamstream.engine.store import restored
from kamstream.entities.fact import Terms
from kamstream.events import Event

#: A time that never comes.
FAR = 2**62


class Intake:
    """The accounts of a partition.

    ``touched`` are those that anything happened to since ``collected``. Accepted events later than ``until`` have no
    effect.
    """

    __slots__ = ("_due_at", "_dues", "_plan", "_turns_at", "_until", "accounts", "shared", "touched")

    def __init__(self, plan: Plan, scopes: Scopes, terms: Terms, journal: Journal | None, until: int | None) -> None:
        self._plan: Plan = plan
        self._until: int = FAR if until is None else until
        #: An account, or its rows: keys without its prefix, each followed by its value.
        self.accounts: dict[str, Account | list[bytes]] = {}
        self.touched: list[Account] = []
        #: When entities fall due, of which account, by their keys; when the next does; when the next frame begins.
        self._dues: list[tuple[int, str, str]] = []
        self._due_at: int = FAR
        self.shared: Shared = Shared(plan, scopes, terms, self.schedule, journal)
        self._turns_at: int = self.shared.frame.until

    def apply(self, event: Event) -> str:
        """Let an event in: ``applied``, ``duplicate`` or ``too-late``; only the first moves anything."""
        shared, id = self.shared, event.account
        account = self.accounts.get(id)
        if not isinstance(account, Account):
            account = self.accounts[id] = Account(id, shared) if account is None else restored(id, account, shared)
        kind = shared.kinds[event.type]
        verdict = account.judge(event, kind)
        if verdict != "applied":
            return verdict
        if not account.touched:
            account.touched = True
            self.touched.append(account)
        time: int = event.time
        if time > shared.now:
            if time > self._until:
                return verdict
            self.advance(time)
        account.take(event, kind)
        return verdict

    def advance(self, now: int) -> None:
        """Move T on to ``now``; never back."""
        shared = self.shared
        if now <= shared.now:
            return
        shared.now = now
        if now >= self._turns_at:
            self._turn(now)
        if now >= self._due_at:
            self._let_fall_due(now)

    def schedule(self, due: int, account: str, key: str) -> None:
        """Have an entity of an account fall due."""
        heappush(self._dues, (due, account, key))
        self._due_at = self._dues[0][0]

    def account(self, id: str) -> Account | None:
        """An account by its id."""
        account = self.accounts.get(id)
        if account is None or isinstance(account, Account):
            return account
        account = self.accounts[id] = restored(id, account, self.shared)
        return account

    def restore(self, now: int, accounts: dict[str, list[bytes]], dues: list[tuple[int, str, str]]) -> None:
        """Take over T, the rows of accounts and what is due."""
        self.shared.now = now
        self._turn(now)
        self.accounts.update(accounts)
        self._dues += dues
        heapify(self._dues)
        self._due_at = self._dues[0][0] if self._dues else FAR

    def collected(self) -> None:
        """The rows of all accounts that something happened to are written."""
        self.touched = []

    def _turn(self, now: int) -> None:
        frame = self._plan.frame(now)
        self.shared.turn(frame)
        self._turns_at = frame.until

    def _let_fall_due(self, now: int) -> None:
        dues = self._dues
        while dues and dues[0][0] <= now:
            _, id, key = heappop(dues)
            account = self.account(id)
            if account is not None and account.fall_due(key):
                account.by_source = account.by_id = None
                if not account.touched:
                    account.touched = True
                    self.touched.append(account)
        self._due_at = dues[0][0] if dues else FAR


__all__ = ["FAR", "Intake"]
