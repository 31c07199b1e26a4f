"""From settings to a running worker: the real engine, decoder and live tables put together."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kamstream.engine import Engine
from kamstream.errors import UserError
from kamstream.events import Decoder, murmur2
from kamstream.kpis import CATALOGUE
from kamstream.live import (
    SCRIPTS,
    Layout,
    Link,
    LiveWriter,
    Options,
    Owner,
    Source,
    check_server,
    connect,
    note_recovering,
)
from kamstream.rulebook import read_rules
from kamstream.settings import Settings
from kamstream.worker import crash
from kamstream.worker.arenas import use_huge_pages
from kamstream.worker.config import Parts, Tables, WorkerConfig
from kamstream.worker.projection import Writer
from kamstream.worker.serve import serve

logger = logging.getLogger(__name__)


def run_worker(settings: Settings, environment: Mapping[str, str] = os.environ) -> None:
    """Run one worker until SIGTERM or SIGINT. UserError when it cannot start."""
    use_huge_pages()
    check_redis(settings.redis.url)
    config = config_of(settings)
    parts = real_parts(settings, environment)
    asyncio.run(serve(config, parts))


def config_of(settings: Settings) -> WorkerConfig:
    """What the settings say of how to run."""
    return WorkerConfig(
        bootstrap=settings.kafka.bootstrap,
        prefix=settings.prefix,
        partitions=settings.partitions if "partitions" in settings.model_fields_set else None,
        clock=settings.clock,
        flush_interval=settings.flush_interval_seconds,
        redis_interval=settings.redis_interval_seconds,
        tick=settings.tick_seconds,
        instance_id=settings.instance_id,
        tell_values="kpis" in settings.outputs,
        metrics=settings.metrics,
    )


def real_parts(settings: Settings, environment: Mapping[str, str]) -> Parts:
    """Engine, decoder and writers as the settings say. UserError when the alerts file is wrong."""
    rules = read_rules(settings).rules
    configs: dict[int, Any] = {}

    def engine(partition: int, partitions: int) -> Engine:
        if partitions not in configs:
            configs[partitions] = settings.config(partitions=partitions, rules=rules)
        return Engine(configs[partitions], partition=partition)

    try:
        crash_point = crash.from_environment(environment)
    except ValueError as error:
        raise UserError(str(error), exit_code=2) from None
    writer, recovering = live_tables(settings)
    board = settings.board()
    return Parts(
        engine=engine,
        decoder=Decoder(settings.decoding()),
        writer=writer,
        board=board if "scorecards" in settings.outputs else None,
        recovering=recovering,
        units={kpi.name: kpi.unit for kpi in CATALOGUE},
        crash=crash_point,
    )


def live_tables(settings: Settings) -> tuple[Callable[[int, int, int, Tables], Writer], Callable[[int], None]]:
    """What makes the live writer of a partition, and what notes that one recovers: one connection, in one thread."""
    link = Link(settings.redis.url, SCRIPTS)
    layout = Layout(settings.prefix)
    options = Options(settings.rank_fields, settings.history_fields)
    if "updates" not in settings.outputs:
        options = replace(options, updates_cap=0)
    worker = f"{socket.gethostname()}-{os.getpid()}"

    def make(partition: int, epoch: int, partitions: int, tables: Tables) -> Writer:
        def owns(scope: str, id: str) -> bool:
            return murmur2(id.encode()) % partitions == partition

        return LiveWriter(link, layout, Owner(partition, epoch, worker), Source(tables, owns), options)

    def recovering(partition: int) -> None:
        note_recovering(link, layout, worker, partition, time.time())

    return make, recovering


def check_redis(url: str) -> None:
    """UserError when Redis would evict or is too old; one that does not answer now may come later."""
    try:
        connect(url, timeout=2.0).close()
    except UserError as error:
        if error.exit_code == 2:
            raise
        logger.warning("%s; the live tables will be written when it does", error)
        return
    check_server(url)
