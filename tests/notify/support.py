"""What the notifier's tests share: records, rules, and a post office that takes notes."""

import dataclasses
from collections.abc import Mapping

from kamstream.alerts import AlertRecord, Ruleset, parse_rules
from kamstream.notify.case import Case
from kamstream.notify.courier import NotSentError
from kamstream.notify.desk import Desk, Key
from kamstream.notify.letter import Letter, Style, write

MINUTE = 60_000
HOUR = 60 * MINUTE
#: Tuesday 2026-11-24 12:00 UTC, 13:00 in Paris.
NOON = 1_795_521_600_000

FIRING = AlertRecord(
    "a1", "slow-first-response", "account", "ACC-1", "firing", 15120.0, 8, 14400.0, "first_response_time.p90",
    "7d", NOON - HOUR, NOON, "warning", "Acme: p90 first response 4h 12m over 7d (limit 4h)", "fire-held",
    unit="s", name="Acme", kam_id="kam-7",
)  # fmt: skip
RESOLVED = dataclasses.replace(FIRING, status="resolved", value=9000.0, at=NOON + HOUR, reason="cleared")


def firing(alert_id: str, **changes: object) -> AlertRecord:
    return dataclasses.replace(FIRING, alert_id=alert_id, **changes)  # type: ignore[arg-type]


def resolved(alert_id: str, **changes: object) -> AlertRecord:
    return dataclasses.replace(RESOLVED, alert_id=alert_id, **changes)  # type: ignore[arg-type]


def rules(text: str) -> Ruleset:
    return parse_rules(text, kpis={})


class Office:
    """A desk whose letters go out at once, except to addresses that are down; its clock is moved by hand."""

    def __init__(self, text: str) -> None:
        self.desk = Desk(rules(text))
        self.now = NOON
        self.down: set[str] = set()
        self.letters: list[tuple[str, str]] = []
        self.noted: dict[Key, bytes] = {}

    def take(self, *records: AlertRecord) -> None:
        for record in records:
            self.desk.take(0, record, self.now)

    def run_to(self, minute: float) -> list[str]:
        """Let time pass until so many minutes after noon; gives back `address: title` of what was sent."""
        end, before = NOON + round(minute * MINUTE), len(self.letters)
        while True:
            wake = self._round()
            if wake is None or wake > end:
                break
            self.now = wake
        self.now = end
        self._round()
        return [f"{url}: {title}" for url, title in self.letters[before:]]

    def _round(self) -> int | None:
        for _ in range(100):
            todo = self.desk.round(self.now)
            if not todo.letters:
                return todo.wake
            for url, notices in todo.letters.items():
                if url in self.down:
                    self.desk.failed(url, self.now)
                    continue
                self.letters.append((url, write(notices, notices[0].target.language, Style()).title))
                self.desk.sent(notices, self.now)
        raise AssertionError("it never comes to rest")


class Fake:
    """A courier and a book in one: it remembers, and refuses what is in `down`."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.sent: list[tuple[str, Letter]] = []
        self.notes: dict[Key, Case | None] = {}

    async def send(self, url: str, letter: Letter) -> None:
        if url in self.down:
            raise NotSentError("down")
        self.sent.append((url, letter))

    async def note(self, key: Key, case: Case | None) -> None:
        self.notes[key] = case

    def kept(self) -> Mapping[Key, Case]:
        return {key: case for key, case in self.notes.items() if case is not None}
