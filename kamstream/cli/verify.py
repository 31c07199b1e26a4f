"""``kamstream verify``: replays the topics and compares every value in Redis with what the log says."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from kamstream.cli.comparison import Choice, Comparison, Difference, Exact, Key, Suspect
from kamstream.cli.compute import listed, wanted_scopes
from kamstream.engine.past import Past
from kamstream.errors import UserError
from kamstream.events import Decoder
from kamstream.live import Health, LiveReader, RedisAway, connect
from kamstream.publish.replay import Replay, Stretch
from kamstream.settings import Settings
from kamstream.windows import to_text

#: How often what differs is looked at again before it is called busy.
LOOKS = 6
#: Seconds between two looks at the worker's health; seconds until it is missed.
POLL, MISSED = 0.2, 10.0


def verify(
    *,
    scope: Annotated[list[str] | None, typer.Option(help="account, kam, company; repeat it or use commas.")] = None,
    id_: Annotated[list[str] | None, typer.Option("--id", help="Only these ids.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a worker may make no progress.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON lines: differences, then the summary.")] = False,
    settings_file: Annotated[Path | None, typer.Option("--settings", help="Settings file.")] = None,
) -> None:
    """Prove that the live tables in Redis are what the log says; exit 1 and a list on any difference.

    Needs a running worker and its settings. Under traffic, ids that keep changing are listed as busy: they were
    neither found equal nor different.
    """
    settings = Settings.load(settings_file)
    scopes = tuple(name for name in wanted_scopes(scope, settings) if name in settings.scopes)
    choice = Choice(scopes, frozenset(listed(id_) or ()))
    try:
        with progress_bar() as on_record:
            verified = Verification(settings, choice, timeout, on_record).run()
    except RedisAway as error:
        raise UserError(str(error)) from error
    show(verified, as_json=as_json)
    if verified.differences:
        raise typer.Exit(1)
    if choice.ids and not verified.ids and not verified.busy:
        raise UserError(f"neither Redis nor the log knows {', '.join(sorted(choice.ids))}")


@dataclass
class Verified:
    """What came of it: ids and values that were compared, what differs, what stayed busy, and notes for people."""

    ids: int = 0
    values: int = 0
    differences: list[Difference] = field(default_factory=list)
    busy: list[Key] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def everything_differs(self) -> bool:
        """Whether not one id is as the log says."""
        return 0 < self.ids <= len({(each.scope, each.id) for each in self.differences if ":" not in each.scope})


class Verification:
    """One run: replay, wait for the worker, compare, look again at what differs."""

    def __init__(
        self, settings: Settings, choice: Choice, timeout: float, on_record: Callable[[int, int], None]
    ) -> None:
        self._settings = settings
        self._on_record = on_record
        self._replay = Replay(settings)
        self._decoder = Decoder(settings.decoding())
        self._reader = LiveReader(connect(settings.redis.url), settings.prefix)
        self._past = Past(settings.config(partitions=1, rules=()))
        self._comparison = Comparison(settings, self._past, self._reader, choice)
        self._worker = Worker(self._reader, self._replay, timeout)

    def run(self) -> Verified:
        """Do all of it; a UserError where no worker is there or it does not get on."""
        done = Verified()
        stretch = self._replay.bounds()
        done.notes += self._shortened(stretch)
        self._apply(stretch)
        now = self._worker.wait(stretch, self._past.time)
        exact = Exact(self._settings.config(partitions=1), self._replay, self._decoder, stretch)
        look = self._comparison.look(now, exact)
        suspects, compared = look.suspects, look.compared
        for _ in range(LOOKS):
            if not suspects:
                break
            self._pause()
            newer = self._replay.bounds()
            self._apply(newer.after(stretch))
            stretch = newer
            exact.stretch = Stretch(newer.partitions, newer.begins, newer.ends, newer.begins)
            now = self._worker.wait(stretch, self._past.time)
            look = self._comparison.look(now, exact, frozenset(suspects))
            compared |= look.compared
            suspects = settle(done, suspects, look.suspects)
        done.busy = sorted(suspects)
        done.differences.sort(key=lambda each: (each.scope, each.id, each.field))
        counted = {key: count for key, count in compared.items() if key not in suspects}
        missing = {(each.scope, each.id) for each in done.differences if each.scope in self._settings.scopes}
        done.ids, done.values = len(counted.keys() | missing), sum(counted.values())
        return done

    def _apply(self, stretch: Stretch) -> None:
        size = stretch.size
        for event in self._replay.events(stretch, self._decoder):
            self._past.apply(event)
            self._on_record(1, size)
        self._past.settle()

    def _pause(self) -> None:
        """Longer than a worker takes to write what it has applied."""
        settings = self._settings
        time.sleep(2 * (settings.flush_interval_seconds + settings.redis_interval_seconds))

    def _shortened(self, stretch: Stretch) -> list[str]:
        if not stretch.shortened:
            return []
        since = self._replay.provable_from(stretch)
        places = ", ".join(f"{topic}[{partition}]" for topic, partition in stretch.shortened[:3])
        more = f" and {len(stretch.shortened) - 3} more" if len(stretch.shortened) > 3 else ""
        what = "nothing can be proven" if since == -1 else f"nothing from before {to_text(since or 0)} can be proven"
        return [f"the log has been shortened ({places}{more}): {what}"]


def settle(done: Verified, before: dict[Key, Suspect], after: dict[Key, Suspect]) -> dict[Key, Suspect]:
    """What differs still and was not written since goes to ``done``; the rest, caught in motion, is given back."""
    left: dict[Key, Suspect] = {}
    for key, suspect in after.items():
        if key in before and before[key].mark == suspect.mark:
            done.differences += suspect.differences
        else:
            left[key] = suspect
    return left


class Worker:
    """Waits for the workers, by what they say in Redis of their health and commit in Kafka."""

    def __init__(
        self,
        reader: LiveReader,
        replay: Replay,
        timeout: float,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._reader = reader
        self._replay = replay
        self._timeout = timeout
        self._now = now
        self._pause = pause

    def wait(self, stretch: Stretch, until: int) -> int:
        """Wait until every partition has passed the ends and T = ``until``; the lowest T (ms) of all.

        A row counts once it has been written twice since the call: then all that it says is younger than the ends.
        UserError when nothing gets on for the timeout.
        """
        words: dict[tuple[str, int], set[int]] = {}
        moved_at, best = self._now(), None
        while True:
            rows = self._reader.health()
            for row in rows:
                words.setdefault((row.worker, row.partition), set()).add(row.at)
            fresh = {row.partition: row for row in rows if len(words[row.worker, row.partition]) > 2}
            missing = [number for number in range(stretch.partitions) if number not in fresh]
            if not missing and self._passed(fresh.values(), stretch, until):
                return min(row.time or 0 for row in fresh.values())
            # Getting on means: more partitions speak, fewer records are left.
            state = (len(missing), sum(row.lag for row in fresh.values()))
            if best is None or state < best:
                moved_at, best = self._now(), state
            patience = self._timeout if words else min(self._timeout, MISSED)
            if self._now() - moved_at > patience:
                raise UserError(complaint(missing, fresh.values(), until, self._now() - moved_at))
            self._pause(POLL)

    def _passed(self, rows: Iterable[Health], stretch: Stretch, until: int) -> bool:
        ready = all(row.state == "live" and (row.time or 0) >= until for row in rows)
        # Under traffic there is always some lag; what was committed says whether these ends are behind.
        return ready and (all(row.lag == 0 for row in rows) or self._replay.passed(stretch))


def complaint(missing: list[int], rows: Iterable[Health], until: int, waited: float) -> str:
    """Why there is nothing to compare with, in one line."""
    if missing:
        numbers = ", ".join(map(str, missing[:8])) + (" and more" if len(missing) > 8 else "")
        return f"no worker reports on partition {numbers} (waited {waited:.0f} s): start one with kamstream worker"
    for row in rows:
        where = f"the worker {row.worker} has not passed the ends of the topics: partition {row.partition}"
        if row.lag or row.state != "live":
            return f"{where} is {row.state}, {row.lag} records behind, no progress for {waited:.0f} s"
        if (row.time or 0) < until:
            return f"{where} stands at {to_text(row.time or 0)}, the log at {to_text(until)}"
    return f"the worker makes no progress for {waited:.0f} s"


def show(verified: Verified, *, as_json: bool) -> None:
    """Print the differences, what stayed busy, and the summary; notes go to stderr."""
    for note in verified.notes:
        print(f"note: {note}", file=sys.stderr)
    summary = f"{verified.ids} ids, {verified.values} values compared, {len(verified.differences)} differences"
    if verified.busy:
        summary += f", {len(verified.busy)} busy (not compared)"
    if as_json:
        for line in _json_lines(verified):
            print(msgspec.json.encode(line).decode())
    else:
        for each in verified.differences:
            where = f"{each.scope} {each.id} {each.field}"
            # Rankings are held against the tables, and those against the log.
            witness = "its table" if each.scope.startswith("rank:") else "the log"
            print(f"{where}: Redis says {each.redis}, {witness} says {each.log} (at {to_text(each.at)})")
        for kind, id in verified.busy:
            print(f"busy: {kind} {id} changed at every look")
        print(summary)
    if verified.everything_differs:
        print(
            "every id differs: verify must run with the settings of the worker"
            " (reporting_currency, rates, horizon, windows, kpis, stage_probabilities, prefix)",
            file=sys.stderr,
        )


def _json_lines(verified: Verified) -> Iterator[dict[str, Any]]:
    for each in verified.differences:
        yield {**asdict(each), "at": to_text(each.at)}
    for kind, id in verified.busy:
        yield {"scope": kind, "id": id, "busy": True}
    counts = {"differences": len(verified.differences), "busy": len(verified.busy)}
    yield {"ids": verified.ids, "values": verified.values, **counts}


class progress_bar:  # noqa: N801 - used as a function
    """Something to tell how many records were read, of how many; draws on a terminal only."""

    def __enter__(self) -> Callable[[int, int], None]:
        self._bar: Progress | None = None
        if not sys.stderr.isatty():
            return lambda step, total: None
        columns = ("Replaying", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
        bar.start()
        task = bar.add_task("")
        return lambda step, total: bar.update(task, advance=step, total=total)

    def __exit__(self, *_: object) -> None:
        if self._bar:
            self._bar.stop()
