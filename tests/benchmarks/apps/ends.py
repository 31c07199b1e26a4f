"""Where the input topics end when an app starts: up to there it catches up."""

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec


def ends_of(bootstrap: str, topics: list[str], partitions: int = 8) -> dict[tuple[str, int], int]:
    """Topic and partition to the offset after the last record."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    asked = {TopicPartition(topic, number): OffsetSpec.LATEST for topic in topics for number in range(partitions)}
    answer = admin.list_partition_offsets(asked)
    admin.close()
    return {(tp.topic, tp.partition): result.offset for tp, result in answer.items()}
