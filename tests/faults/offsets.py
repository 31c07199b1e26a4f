"""Setting the offsets that a consumer group has committed to something else."""

from random import Random

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from kamstream.events.topics import app_id, topic_names


def reset_offsets(bootstrap: str, prefix: str, how: str, dice: Random) -> None:
    """Commit ``earliest``, ``latest`` or ``random`` places for the worker's group, which must have no members."""
    names = topic_names(prefix)
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, group_id=app_id(prefix), enable_auto_commit=False, metrics_enabled=False
    )
    try:
        tps = [
            TopicPartition(topic, number)
            for topic in (*names.inputs, names.rollups, names.time)
            for number in consumer.partitions_for_topic(topic)
        ]
        consumer.assign(tps)
        ends = consumer.end_offsets(tps)
        places = {"earliest": lambda end: 0, "latest": lambda end: end, "random": lambda end: dice.randint(0, end)}
        consumer.commit({tp: OffsetAndMetadata(places[how](ends[tp]), "", -1) for tp in tps})
    except KafkaError:
        pass  # a member that was killed is still counted as one: the group keeps what it has
    finally:
        consumer.close()
