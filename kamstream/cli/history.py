"""A file of events through the engine with rules, for the back-test: what would have fired."""

import time
from collections.abc import Iterator

from kamstream.alerts import AlertRecord, Ruleset
from kamstream.cli.publish import opened, progress_bar, tell
from kamstream.engine.offline import Offline
from kamstream.events import Decoder, Event, Refusal
from kamstream.publish.files import lines_of
from kamstream.settings import Settings

#: Events after which rules are evaluated even if stream time stands still; below the engine's own batch.
MOST = 2_000


def replay(file: str, settings: Settings, ruleset: Ruleset, every_ms: int) -> Iterator[AlertRecord]:
    """The alert records of a history, rules being evaluated every `every_ms` of stream time, as a tick would."""
    offline = Offline(settings.config(partitions=1, rules=ruleset.rules))
    waiting = 0
    for event in _events(file, settings):
        last = offline.engine.time
        if last:
            for moment in range((last // every_ms + 1) * every_ms, event.time, every_ms):
                offline.engine.advance(moment)
                yield from offline.step().steps
                waiting = 0
        offline.apply(event)
        waiting += 1
        if waiting >= MOST:
            yield from offline.step().steps
            waiting = 0
    yield from offline.step().steps


def _events(file: str, settings: Settings) -> Iterator[Event]:
    decoder, now = Decoder(settings.decoding()), int(time.time() * 1000)
    with opened(file) as (stream, size), progress_bar(size) as on_line:
        for number, line in lines_of(stream):
            event = decoder.decode_line(line, now=now)
            if isinstance(event, Refusal):
                tell(number, event)
            else:
                yield event
            on_line(len(line) + 1)
