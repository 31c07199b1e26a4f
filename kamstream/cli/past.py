"""A history for the commands that look back: a file of events, or the topics read again from their beginnings."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kamstream.cli.publish import opened, progress_bar, tell
from kamstream.engine import Config
from kamstream.engine.offline import Offline
from kamstream.engine.tables import TableChange
from kamstream.errors import UserError
from kamstream.events import Decoder, Event, Refusal
from kamstream.goals.deals import Deals
from kamstream.publish.files import lines_of
from kamstream.settings import Settings


@dataclass(frozen=True)
class History:
    """The values of a history at T, and its deals."""

    offline: Offline
    deals: Deals
    until: int | None

    @property
    def now(self) -> int:
        """T, in epoch milliseconds."""
        return self.offline.engine.time

    def take(self, event: Event) -> str:
        """Let an event in; the engine's verdict."""
        verdict = self.offline.apply(event)
        if verdict == "applied" and (self.until is None or event.time <= self.until):
            self.deals.take(event)
        return verdict

    def table(self, scope: str, id: str) -> TableChange:
        """The table of an id; a UserError where it has none."""
        table = self.offline.engine.table(scope, id)
        if table.gone:
            raise UserError(f"nothing is known of {scope} {id!r}")
        return table

    def counts(self, scope: str, id: str) -> Callable[[str, str | None], bool]:
        """Whether what an account's event credits to a person (None: its KAM) counts for an id."""
        if scope == "account":
            return lambda account, person: account == id
        if scope == "company":
            return lambda account, person: True

        def of_kam(account: str, person: str | None) -> bool:
            profile = self.offline.engine.profile(account)
            return (person or (profile.kam_id if profile else None)) == id

        return of_kam


def read(
    file: str | None,
    settings: Settings,
    config: Config,
    until: int | None = None,
    accepted: Callable[[Event], None] = lambda event: None,
) -> History:
    """A history, up to T: that of a file, or without one that of the topics. Refusals of a file go to stderr.

    ``accepted`` is told every event that counts.
    """
    history = History(Offline(config, until=until), Deals(config.terms()), until)
    if file is None:
        for event in _from_topics(settings):
            if history.take(event) == "applied":
                accepted(event)
    else:
        for number, event in _from_file(file, settings):
            verdict = history.take(event)
            if verdict == "applied":
                accepted(event)
            elif verdict == "too-late":
                tell(number, Refusal("too-late", f"earlier than the horizon before the newest of {event.account}"))
    history.offline.settle()
    return history


def at_each(events: Iterable[Event], config: Config, moments: Iterable[int]) -> Iterator[tuple[int, Offline]]:
    """The engine as it stood at each of some rising moments, from accepted events in any order."""
    offline, waiting = Offline(config), deque(sorted(events, key=lambda event: event.time))
    for moment in moments:
        while waiting and waiting[0].time <= moment:
            offline.apply(waiting.popleft())
        offline.engine.advance(moment)
        offline.step(evaluate=False)
        yield moment, offline


def _from_file(file: str, settings: Settings) -> Iterator[tuple[int, Event]]:
    decoder, now = Decoder(settings.decoding()), int(time.time() * 1000)
    with opened(file) as (stream, size), progress_bar(size) as on_line:
        for number, line in lines_of(stream):
            event = decoder.decode_line(line, now=now)
            if isinstance(event, Refusal):
                tell(number, event)
            else:
                yield number, event
            on_line(len(line) + 1)


def _from_topics(settings: Settings) -> Iterator[Event]:
    from kamstream.publish.replay import Replay  # noqa: PLC0415 (Kafka is slow to load and a file needs none)

    replay = Replay(settings)
    yield from replay.events(replay.bounds(), Decoder(settings.decoding()))


def shaped(settings: Settings, **changes: object) -> Config:
    """The settings' configuration for one partition with other windows or KPIs, under the same horizon."""
    try:
        return settings.config(partitions=1, horizon=settings.config().horizon, **changes)
    except ValueError as error:
        raise UserError(f"settings: {error}", exit_code=2) from None
