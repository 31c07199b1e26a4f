"""Running one worker: from the check of its topics to a graceful end."""

import asyncio
import logging
import signal
import sys
from contextlib import suppress
from typing import NoReturn, cast

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from kamstream.errors import UserError
from kamstream.events.topics import TopicNames, topic_names
from kamstream.worker import collector
from kamstream.worker.app import WorkerApp, build_app
from kamstream.worker.config import Parts, WorkerConfig
from kamstream.worker.failstop import fail_stop, leave
from kamstream.worker.fleet import Fleet, Wiring
from kamstream.worker.flush import Flusher
from kamstream.worker.metrics import Metrics
from kamstream.worker.probes import Health, serving
from kamstream.worker.reading import open_reader
from kamstream.worker.sending import Sender
from kamstream.worker.timekeeper import Timekeeper
from kamstream.worker.topics import check_counts, copartitioned, every
from kamstream.worker.transport import CarrierConsumer, DurableProducer
from kamstream.worker.values import Rows
from kamstream.worker.watchdog import Watchdog

logger = logging.getLogger(__name__)

#: Seconds that Faust gets to leave the group; everything is durable by then.
PARTING = 20.0


async def serve(config: WorkerConfig, parts: Parts) -> None:
    """Run a worker until SIGTERM or SIGINT: then flush, commit, leave the group and return.

    UserError when topics are missing or do not fit. Anything that goes wrong later ends the process.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    loop.set_exception_handler(unhandled)
    names = topic_names(config.prefix)
    counts = await count_partitions(config.bootstrap, names)
    partitions = check_counts(names, counts, config.partitions)
    collector.tune()
    metrics = Metrics(CollectorRegistry())
    fleet = Fleet(config, parts, names, give_up, metrics)
    metrics.watch(fleet.all_facts)
    app = build_app(config, names, partitions, fleet, give_up)
    async with open_reader(config.bootstrap) as reader:
        # The first question about a topic takes most of a second: asked now, it is answered while Faust starts.
        warming = asyncio.create_task(reader.bounds([(topic, 0) for topic in copartitioned(names)]))
        producer = cast(DurableProducer, app.producer)
        await producer.maybe_start()
        sender = Sender(producer._ensure_producer())
        rows = Rows(parts.units, counts[names.kpis]) if config.tell_values else None
        flusher = Flusher(sender, names, reader, rows, metrics, parts.crash)
        fleet.wiring = Wiring(sender, reader, flusher, partitions, counts[names.dead_letters])
        timekeeper = Timekeeper(config, fleet, names, cast(CarrierConsumer, app.consumer))
        health = Health(lambda: timekeeper.beat, fleet.partitions, config.bootstrap, config.watchdog)
        with serving(config.metrics, metrics.registry, health):
            await run(app, fleet, timekeeper, config, asked)
        warming.cancel()


async def run(app: WorkerApp, fleet: Fleet, timekeeper: Timekeeper, config: WorkerConfig, asked: asyncio.Event) -> None:
    """Start Faust, go on until asked to stop, and part in good order."""
    watchdog = Watchdog(timekeeper, config.bootstrap, config.watchdog)
    starting = asyncio.create_task(start(app))
    keeping = asyncio.create_task(keep(timekeeper))
    watchdog.start()
    await asked.wait()
    logger.info("stopping: flush, commit, leave the group")
    watchdog.stop()
    starting.cancel()
    try:
        async with asyncio.timeout(PARTING):
            await app.stop()
            await fleet.stop()
    except TimeoutError:
        logger.warning("the group was not left in time; everything is durable all the same")
        leave(0)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def start(app: WorkerApp) -> None:
    """Start Faust; what fails there ends the process."""
    try:
        await app.start()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # a worker that did not start must not linger
        give_up(error)


async def keep(timekeeper: Timekeeper) -> None:
    """Run the timekeeper; what fails there ends the process."""
    try:
        await timekeeper.run()
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # without it nothing is flushed in time
        give_up(error)


async def count_partitions(bootstrap: str, names: TopicNames) -> dict[str, int]:
    """How many partitions each of our topics has; topics that do not exist are left out. UserError without a broker."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    drivers_own = logging.getLogger("aiokafka")
    drivers_own.disabled = True  # it would say the same as the error below, in its own words
    try:
        await producer.start()
    except KafkaError as error:
        await producer.stop()
        raise UserError(f"Kafka does not answer at {bootstrap}: {error}") from None
    finally:
        drivers_own.disabled = False
    try:
        cluster = await producer.client.fetch_all_metadata()
        found = {name: cluster.partitions_for_topic(name) for name in every(names)}
    finally:
        await producer.stop()
    return {name: len(numbers) for name, numbers in found.items() if numbers}


def give_up(reason: BaseException) -> NoReturn:
    """End the process: in one line where the user can help, else with the traceback."""
    if isinstance(reason, UserError):
        print(f"kamstream worker: {reason}", file=sys.stderr, flush=True)
        leave(reason.exit_code)
    fail_stop(reason)


def unhandled(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """A task nobody waits for has failed: log it as asyncio would."""
    loop.default_exception_handler(context)
