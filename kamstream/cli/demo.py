"""``kamstream demo`` and ``kamstream up``: the whole system on this machine, with and without traffic."""

import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from kamstream.alerts import AlertRecord
from kamstream.alerts.quantity import say
from kamstream.errors import UserError
from kamstream.live import LiveReader, RedisAway, connect
from kamstream.local.services import Services
from kamstream.local.system import System, running_parts, running_services
from kamstream.publish import Publisher
from kamstream.publish.topics import create
from kamstream.settings import Settings
from kamstream.simulate import history, live

ACCOUNTS, DAYS, SEED = 40, 200, 7
#: Seconds between two looks at the alerts.
LOOK = 0.5

Data = Annotated[Path | None, typer.Option(help="Keep the data here (default: thrown away).")]


def demo(
    *,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop by itself after so many seconds.")] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page in a browser.")] = False,
    accounts: Annotated[int, typer.Option(min=5, max=2000, help="How many key accounts.")] = ACCOUNTS,
    seed: Annotated[int, typer.Option(help="Another seed, another portfolio.")] = SEED,
    data: Data = None,
) -> None:
    """Run everything here with simulated CRM traffic, and print the alerts as they fire and resolve."""
    rules = str(files("kamstream.simulate").joinpath("demo-alerts.yml"))
    with _until_stopped(), _system(data, {"KAMSTREAM_ALERTS_FILE": rules, "KAMSTREAM_CLOCK": "wall"}) as system:
        settings = Settings.load()
        with Traffic(settings, accounts, seed) as traffic:
            watch = Watch(LiveReader(connect(settings.redis.url), settings.prefix), system, traffic)
            watch.first_values()
            if system.dashboard and not no_browser and sys.stdout.isatty():
                webbrowser.open(system.dashboard)
            watch.alerts(seconds)


def up(*, data: Data = None) -> None:
    """Run everything here, without traffic, until Ctrl-C."""
    with _until_stopped(), _system(data, {}) as system:
        _tell("Publish with: kamstream publish FILE.jsonl   (Ctrl-C stops it all)")
        while True:
            _check(system)
            time.sleep(LOOK)


class Traffic:
    """The simulated CRM: a history that ends now, then live traffic, in a thread until the block is left."""

    def __init__(self, settings: Settings, accounts: int, seed: int) -> None:
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._stopped = threading.Event()
        self._settings = settings
        self._accounts = accounts
        self._seed = seed
        self.published = 0
        self.error: Exception | None = None

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._publish()
        except Exception as error:  # kept, and raised where the demo runs
            self.error = error

    def _publish(self) -> None:
        end = datetime.now(UTC)
        encode = msgspec.json.Encoder().encode
        with Publisher(self._settings) as publisher:
            for event in history(self._accounts, DAYS, end, self._seed):
                self._send(publisher, encode(event))
                if self._stopped.is_set():
                    return
            publisher.flush()
            start = datetime.now(UTC)
            for due, event in live(self._accounts, DAYS, end, self._seed, start=start):
                ahead = (due - datetime.now(UTC)) / timedelta(seconds=1)
                if ahead > 0:
                    publisher.flush()
                    self._stopped.wait(ahead)
                if self._stopped.is_set():
                    return
                self._send(publisher, encode(event))

    def _send(self, publisher: Publisher, event: bytes) -> None:
        refusal = publisher.publish(event)
        if refusal:
            raise UserError(f"the simulator made a bad event: {refusal.code}: {refusal.detail}")
        self.published += 1


class Watch:
    """Shows what happens: the first values, then each alert that fires or resolves."""

    def __init__(self, reader: LiveReader, system: System, traffic: Traffic) -> None:
        self._reader = reader
        self._system = system
        self._traffic = traffic
        self._told: set[tuple[str, str]] = set()

    def first_values(self) -> None:
        """Wait until the company's table has a revenue, and say so."""
        begun = time.monotonic()
        while True:
            self._check()
            with suppress(RedisAway):
                for table in self._reader.tables("company", ["all"]):
                    revenue = table.values.get("revenue:90d")
                    if revenue is not None and revenue.n:
                        shown = say(revenue.value, "money", currency=Settings.load().reporting_currency)
                        waited = time.monotonic() - begun
                        _tell(f"first values after {waited:.1f} s: revenue of 90 days {shown}, {revenue.n} deals")
                        return
            time.sleep(0.1)

    def alerts(self, seconds: float | None) -> None:
        """Print every alert that fires or resolves, for so long."""
        end = time.monotonic() + seconds if seconds else None
        while end is None or time.monotonic() < end:
            self._check()
            with suppress(RedisAway):
                for record in reversed(self._reader.alert_log(200)):
                    self._show(record)
            time.sleep(LOOK)
        _tell(f"{self._traffic.published:,} events published; that was the demo")

    def _show(self, record: AlertRecord) -> None:
        key = (record.alert_id, record.status)
        heard_of = record.status == "firing" or (record.alert_id, "firing") in self._told
        if record.deliver and heard_of and key not in self._told:
            self._told.add(key)
            clock = datetime.fromtimestamp(record.at / 1000, UTC).astimezone().strftime("%H:%M:%S")
            what = record.summary
            if record.status == "resolved":
                lasted = say((record.at - record.since) / 1000, "s")
                what = f"{record.name or record.id}: {record.rule} is over, after {lasted}"
            print(f"{record.status:<8} {clock}  {record.severity:<8} {what}", flush=True)

    def _check(self) -> None:
        if self._traffic.error:
            raise self._traffic.error
        _check(self._system)


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the block in order, and that is no error."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        yield


@contextmanager
def _system(data: Path | None, environment: dict[str, str]) -> Iterator[System]:
    """The whole system, its addresses told."""
    with running_services(data, environment) as services:
        _addresses(services)
        create(Settings.load())
        with running_parts(services, data, dashboard=True, on_start=_starting()) as system:
            if system.dashboard:
                _tell(f"Dashboard {system.dashboard}")
            yield system


def _addresses(services: Services) -> None:
    _tell(f"Kafka     {services.bootstrap}")
    _tell(f"Redis     {services.redis_url}")


def _starting() -> Callable[[str], None]:
    console = Console(stderr=True)

    def tell(name: str) -> None:
        if console.is_terminal:
            console.print(f"[dim]starting the {name}[/dim]")

    return tell


def _check(system: System) -> None:
    ended = system.ended()
    if ended is not None:
        raise UserError(f"the {ended.name} ended: {ended.last_words()}")


def _tell(text: str) -> None:
    print(text, flush=True)
