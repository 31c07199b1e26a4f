"""Connections to the broker, and the broker's troubles as one clear line."""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kafka import KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError, UnknownTopicOrPartitionError, for_code

from kamstream.errors import UserError

# Seconds within which a broker must answer at first.
PATIENCE = 10.0


class BrokerError(UserError):
    """Kafka cannot be reached or refused something."""


@contextmanager
def broker_errors(bootstrap: str) -> Iterator[None]:
    """Turns what kafka-python raises inside the block into a `BrokerError` that names the broker."""
    # kafka-python logs each failed attempt as well; without this the command line would show both.
    logger = logging.getLogger("kafka")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    try:
        yield
    except KafkaTimeoutError as error:
        raise BrokerError(f"no answer from Kafka at {bootstrap}") from error
    except KafkaError as error:
        words = " ".join(str(error).split())
        raise BrokerError(f"Kafka at {bootstrap}: {words[:300]}") from error


def servers(bootstrap: str) -> list[str]:
    """The addresses in a comma-separated list of ``host:port``, the port optional; UserError for others.

    >>> servers("kafka-1:9092, kafka-2")
    ['kafka-1:9092', 'kafka-2']
    """
    found = [part.strip() for part in bootstrap.split(",") if part.strip()]
    if not found or any(" " in part or (":" in part and not part.rsplit(":", 1)[1].isdigit()) for part in found):
        raise UserError(f"not an address of Kafka (host:port): {bootstrap!r}", exit_code=2)
    return found


@contextmanager
def admin_client(bootstrap: str, patience: float = PATIENCE) -> Iterator[KafkaAdminClient]:
    """A connected admin client for the length of the block; BrokerError after ``patience`` seconds without one."""
    with broker_errors(bootstrap):
        admin = KafkaAdminClient(
            bootstrap_servers=servers(bootstrap),
            client_id="kamstream",
            bootstrap_timeout_ms=int(patience * 1000),
        )
        try:
            yield admin
        finally:
            admin.close()


@contextmanager
def reader(bootstrap: str) -> Iterator[KafkaConsumer]:
    """A consumer without a group, for reading partitions of one's own choice; commits nothing."""
    with broker_errors(bootstrap):
        consumer = KafkaConsumer(
            bootstrap_servers=servers(bootstrap),
            client_id="kamstream",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            bootstrap_timeout_ms=int(PATIENCE * 1000),
        )
        try:
            yield consumer
        finally:
            consumer.close()


def partition_counts(bootstrap: str, topics: Iterable[str]) -> dict[str, int]:
    """How many partitions each topic has; BrokerError, naming the cure, for one that is not there."""
    with admin_client(bootstrap) as admin:
        described = admin.describe_topics(list(topics))
    for topic in described:
        if topic["error_code"] == UnknownTopicOrPartitionError.errno:
            raise BrokerError(f"there is no topic {topic['name']} at {bootstrap}: run kamstream topics create")
        if topic["error_code"]:
            raise BrokerError(f"Kafka at {bootstrap}: {topic['name']}: {for_code(topic['error_code']).__name__}")
    return {topic["name"]: len(topic["partitions"]) for topic in described}
