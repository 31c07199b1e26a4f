"""The notifier's desk: the open cases, acknowledgements and silences, and what is to be done next.

It knows no network; the clock is an argument. Cases are kept by the partition of `kam.alerts` they came from.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import structs

from kamstream.alerts.record import AlertRecord
from kamstream.alerts.rules import Ruleset
from kamstream.notify.actions import Acknowledgement, Action
from kamstream.notify.case import Case, fold, tell
from kamstream.notify.plan import Kind, Moment, Notice, plan

#: A closed case is remembered so long (ms): a record that a crashed worker repeats is recognised.
REMEMBERED_MS = 7 * 86_400_000
#: Addresses that are down are tried again after this long, doubling up to the second (ms).
FIRST_WAIT_MS, LONGEST_WAIT_MS = 5_000, 300_000


class Key(NamedTuple):
    """Where a case lives."""

    partition: int
    alert_id: str


@dataclass(frozen=True, slots=True)
class Round:
    """What can be done now: letters by address, cases to note without a word, and when to look again."""

    letters: dict[str, list[Notice]]
    changed: dict[Key, Case | None]
    wake: int | None


@dataclass(slots=True)
class _Trouble:
    until: int
    wait: int


@dataclass(slots=True)
class Desk:
    """Everything the notifier has in mind.

    `sending` are the addresses with a letter under way; cases of `leaving` partitions begin nothing new.
    """

    ruleset: Ruleset
    cases: dict[Key, Case] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    sending: set[str] = field(default_factory=set)
    leaving: set[int] = field(default_factory=set)
    _troubles: dict[str, _Trouble] = field(default_factory=dict)
    first_wait_ms: int = FIRST_WAIT_MS

    def take(self, partition: int, record: AlertRecord, now: int) -> tuple[Key, Case] | None:
        """A record has come in: the changed case, or None when it says nothing new."""
        key = Key(partition, record.alert_id)
        case = self.cases.get(key)
        after = fold(case, record, now)
        if after is None or after is case:
            return None
        self.cases[key] = after
        return key, after

    def forget(self, partitions: Iterable[int]) -> None:
        """These partitions are another notifier's now."""
        gone = set(partitions)
        self.leaving -= gone
        self.cases = {key: case for key, case in self.cases.items() if key.partition not in gone}

    def act(self, key: str, action: Action | None) -> None:
        """Somebody acknowledged or silenced, or took it back (None)."""
        if action is None:
            self.actions.pop(key, None)
        else:
            self.actions[key] = action

    def round(self, now: int) -> Round:
        """What is due now; addresses that are being sent to, or wait after a failure, are left for later."""
        here = {key: case for key, case in self.cases.items() if key.partition not in self.leaving}
        notices = plan(self._moment(now), here.values())
        changed = self._close(now, here, notices)
        letters: dict[str, list[Notice]] = {}
        times: list[int] = []
        for notice in notices:
            url, due = notice.target.url, notice.due
            if notice.kind is Kind.MUTED:
                continue
            trouble = self._troubles.get(url)
            due = max(due, trouble.until) if trouble else due
            if due > now:
                times.append(due)
            elif url not in self.sending:
                letters.setdefault(url, []).append(notice)
        return Round(letters, changed, min(times, default=None))

    def sent(self, notices: Iterable[Notice], now: int) -> dict[Key, Case]:
        """These notices were delivered: the cases to note."""
        changed = {}
        for notice in notices:
            self._troubles.pop(notice.target.url, None)
            for key in self._keys(notice):
                # What was said is what the notice knew; the case may have gone on since.
                said = tell(notice.case, notice.target.key, now).told[notice.target.key]
                case = self.cases[key]
                changed[key] = self.cases[key] = structs.replace(case, told={**case.told, notice.target.key: said})
        return changed

    def failed(self, url: str, now: int) -> int:
        """The address did not take it: when (ms) it is tried again."""
        before = self._troubles.get(url)
        wait = min(before.wait * 2, LONGEST_WAIT_MS) if before else self.first_wait_ms
        self._troubles[url] = _Trouble(now + wait, wait)
        return now + wait

    def _moment(self, now: int) -> Moment:
        acks = {a.alert_id: a for a in self.actions.values() if isinstance(a, Acknowledgement)}
        silences = tuple(a.silence for a in self.actions.values() if not isinstance(a, Acknowledgement))
        return Moment(now, self.ruleset, acks, silences)

    def _keys(self, notice: Notice) -> list[Key]:
        wanted = notice.case.firing.alert_id
        return [key for key in self.cases if key.alert_id == wanted]

    def _close(self, now: int, here: dict[Key, Case], notices: list[Notice]) -> dict[Key, Case | None]:
        """Close what is over and told to everybody; drop what has been closed long enough."""
        open_ids = {n.case.firing.alert_id for n in notices if n.kind is not Kind.MUTED}
        changed: dict[Key, Case | None] = {}
        for key, case in here.items():
            if case.closed is not None:
                if now - case.closed > REMEMBERED_MS:
                    changed[key] = None
                    del self.cases[key]
            elif case.resolved is not None and key.alert_id not in open_ids:
                changed[key] = self.cases[key] = structs.replace(case, closed=now)
        return changed
