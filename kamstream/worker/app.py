"""The Faust app: settings, six agents, one table; built when a worker starts, never at import."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
from yarl import URL

from kamstream.events.topics import TopicNames, app_id
from kamstream.worker import parcels
from kamstream.worker.config import WorkerConfig
from kamstream.worker.fleet import Fleet
from kamstream.worker.recovery import FleetTables
from kamstream.worker.topics import copartitioned, sources
from kamstream.worker.transport import CarrierConsumer, CarrierSchema, CarrierTransport, Load, Receipt

#: Carriers that wait in an agent's channel at most; each holds what a fetch brought of the agent's topic.
CHANNEL = 8
#: With more records than this applied, others get their turn before the next partition's are.
MANY = 250
#: Seconds between commits; the watermark is what counts, this is how fresh the lag display is.
COMMIT = 0.5
#: Seconds for which a busy thread may keep others waiting. With Python's 5 ms every answer of Redis, and every fetch,
#: would wait so long for the event loop.
SWITCH = 0.001


class WorkerApp(faust.App):
    """Faust's app with the fleet behind it."""

    progress: Fleet
    names: TopicNames
    end_process: Callable[[BaseException], NoReturn]

    def _new_transport(self) -> CarrierTransport:
        return CarrierTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> CarrierTransport:
        return CarrierTransport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """Nothing is kept on disk."""

    async def crash(self, reason: BaseException) -> NoReturn:
        """Any part of Faust that breaks ends the process."""
        self.give_up(reason)

    def give_up(self, reason: BaseException) -> NoReturn:
        """End the process."""
        self.end_process(reason)

    async def take_over(self, numbers: frozenset[int]) -> None:
        """Called by the recovery after each assignment."""
        await self.progress.take_over(numbers)

    @property
    def copartitioned(self) -> Iterable[str]:
        """The topics that must be assigned together."""
        return copartitioned(self.names)

    def is_input(self, topic: str) -> bool:
        """Whether a topic carries events."""
        return topic in self.names.inputs


def build_app(
    config: WorkerConfig, names: TopicNames, partitions: int, fleet: Fleet, give_up: Callable[[BaseException], NoReturn]
) -> WorkerApp:
    """An app ready to be started in the running event loop."""
    sys.setswitchinterval(SWITCH)
    app = WorkerApp(
        app_id(config.prefix),
        broker=[URL(f"kafka://{address.strip()}") for address in config.bootstrap.split(",")],
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / app_id(config.prefix)),
        web_enabled=False,
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        TableManager=FleetTables,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=config.session_timeout,
        broker_heartbeat_interval=min(2.0, config.session_timeout / 4),
        broker_commit_interval=COMMIT,
        broker_max_poll_records=config.fetch_records,
        stream_buffer_maxsize=CHANNEL,
        stream_recovery_delay=0.0,
        producer_linger=0.0,
        producer_max_batch_size=parcels.LIMIT,
        producer_max_request_size=4 << 20,
        # With a name the member is a static one, and aiokafka sends no LeaveGroup.
        consumer_group_instance_id=config.instance_id,
    )
    app.names, app.progress, app.end_process = names, fleet, give_up
    # The rows never pass through this table: it keeps Faust's assignor co-partitioning everything.
    app.Table("state", partitions=partitions)
    for topic in sources(names):
        declare_agent(app, fleet, topic)
    app.finalize()
    return app


def declare_agent(app: WorkerApp, fleet: Fleet, topic: str) -> None:
    """An agent that hands what a topic's carriers hold to the fleet; the flushes acknowledge it."""

    async def agent(stream: Any) -> None:
        async for event in stream.noack().events():
            load: Load = event.value
            receipt = Receipt(event, len(load))
            # A carrier waits until what it carried is durable; the bytes of its records need not wait with it.
            while load:
                tp, records = load.pop(0)
                if not await fleet.take(tp.topic, tp.partition, records, receipt):
                    at = fleet.next_offset(tp.topic, tp.partition)
                    if at is not None:
                        await cast(CarrierConsumer, app.consumer).seek_again(tp, at)
                many = len(records) > MANY
                del records
                if many:
                    await asyncio.sleep(0)

    app.agent(app.topic(topic, schema=CarrierSchema()), name=f"kamstream.worker.{topic}")(agent)
