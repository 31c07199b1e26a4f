"""Sending events: validated first, keyed by account, acknowledged by all in-sync replicas."""

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata

from kamstream.events import CLOUDEVENTS_JSON, Decoder, Refusal, input_topics, murmur2, topic_of
from kamstream.publish.connection import PATIENCE as CONNECT_PATIENCE
from kamstream.publish.connection import broker_errors, partition_counts, servers
from kamstream.settings import Settings

HEADERS = [("content-type", CLOUDEVENTS_JSON.encode())]
# Records sent and not yet acknowledged; with the contract's 64 KiB a record this bounds the memory, and at
# the usual 300 bytes it is half a second of work.
WINDOW = 20_000
WINDOW_BYTES = 64 * 1024 * 1024
# How long a broker that went away may take to come back, in seconds.
PATIENCE = 30.0


class Publisher:
    """Publishes CloudEvents to the input topics.

    >>> with Publisher(settings) as publisher:                             # doctest: +SKIP
    ...     refusal = publisher.publish(b'{"specversion": "1.0", ...}')
    ...     if refusal:
    ...         print(refusal.code, refusal.detail)

    Each event is judged by the same decoder as in the worker. A refused one is not sent and comes back as a
    `Refusal`; an accepted one goes, byte for byte, to the partition of its account, by an idempotent
    producer with ``acks=all``. Sending is asynchronous: ``flush`` (or leaving the block) returns when
    everything is acknowledged and raises `BrokerError` when something could not be delivered; ``publish``
    raises it too, as soon as it is known. Memory is bounded: with too much on its way ``publish`` waits.
    Not to be shared between threads.
    """

    def __init__(
        self, settings: Settings, *, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        """Connect; ``clock`` (epoch seconds) bounds the events' times. BrokerError.

        No Kafka, or no topic, there.
        """
        self._bootstrap = settings.kafka.bootstrap
        self._prefix = settings.prefix
        self._clock = clock
        self._decoder = Decoder(settings.decoding())
        self._unacknowledged: deque[tuple[FutureRecordMetadata, int]] = deque()
        self._bytes = 0
        self._acknowledged = 0
        self._patience = patience
        self._partitions = partition_counts(self._bootstrap, input_topics(self._prefix))
        self._producer = connect(self._bootstrap, patience)
        self._homes: dict[str, tuple[bytes, int]] = {}

    @property
    def acknowledged(self) -> int:
        """How many events are known to be in Kafka; after ``flush`` all that ``publish`` accepted."""
        return self._acknowledged

    def publish(self, event: bytes) -> Refusal | None:
        """Send one event, a CloudEvent as JSON; None, or why it was refused and not sent."""
        decoded = self._decoder.decode_line(event, now=int(self._clock() * 1000))
        if isinstance(decoded, Refusal):
            return decoded
        topic = topic_of(decoded.type, self._prefix)
        key, hashed = self._homes.get(decoded.account) or self._home(decoded.account)
        while len(self._unacknowledged) >= WINDOW or self._bytes > WINDOW_BYTES:
            self._settle_oldest()
        with broker_errors(self._bootstrap):
            sent = self._producer.send(topic, event, key, headers=HEADERS, partition=hashed % self._partitions[topic])
        self._unacknowledged.append((sent, len(event)))
        self._bytes += len(event)
        return None

    def flush(self) -> None:
        """Wait until everything sent is acknowledged; BrokerError for the first that cannot be delivered."""
        while self._unacknowledged:
            self._settle_oldest()

    def close(self) -> None:
        """Flush and disconnect; the connection is closed even when the flush fails."""
        try:
            self.flush()
        finally:
            self._producer.close(timeout=1)

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            # What went wrong already is what the caller must see, not a second failure of the same broker.
            self._producer.close(timeout=1)

    def _settle_oldest(self) -> None:
        sent, size = self._unacknowledged.popleft()
        self._bytes -= size
        with broker_errors(self._bootstrap):
            # The producer gives up by itself; the margin is for it to say so.
            sent.get(timeout=self._patience + 5)
        self._acknowledged += 1

    def _home(self, account: str) -> tuple[bytes, int]:
        """The record key of an account and its hash; remembered, for the hash is the slow part."""
        if len(self._homes) >= 100_000:
            self._homes.clear()
        key = account.encode()
        self._homes[account] = home = (key, murmur2(key))
        return home


def connect(bootstrap: str, patience: float = PATIENCE) -> KafkaProducer:
    """A connected producer that never gives up order or an acknowledgement for speed."""
    with broker_errors(bootstrap):
        return KafkaProducer(
            bootstrap_servers=servers(bootstrap),
            client_id="kamstream",
            acks="all",
            enable_idempotence=True,
            # Larger batches: the cost of a batch is the client's limit long before the network is.
            linger_ms=20,
            batch_size=256 * 1024,
            max_request_size=8 * 1024 * 1024,
            # The patience must cover one request; the default of 30 s a request would not leave room.
            request_timeout_ms=min(10_000, int(patience * 500)),
            delivery_timeout_ms=int(patience * 1000),
            max_block_ms=int(CONNECT_PATIENCE * 1000),
            bootstrap_timeout_ms=int(CONNECT_PATIENCE * 1000),
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )
