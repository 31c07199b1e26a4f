"""Having the broker compact the topics of a run at once, which it does by itself only after hours."""

from collections import Counter

from kafka.admin import ConfigResource, ConfigResourceType

from kamstream.events.topics import TopicNames
from kamstream.publish.connection import admin_client
from kamstream.publish.topics import COMPACT
from tests.faults.truth import read_topic

#: Segments are closed after so long (ms); only closed ones are compacted.
SEGMENT_MS = 500
EAGER = {"segment.ms": str(SEGMENT_MS), "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0"}


def compacted_topics(names: TopicNames) -> tuple[str, ...]:
    """The topics of the worker's own that are compacted."""
    return names.changelog, names.rollups, names.time


def compact_at_once(bootstrap: str, names: TopicNames) -> None:
    """Drop every row that a later one replaces, as soon as the cleaner comes by."""
    _configure(bootstrap, names, EAGER)


def compact_as_made(bootstrap: str, names: TopicNames) -> None:
    """Keep what is younger than a day, as ``topics create`` has it: a zombie's rows can be repaired first."""
    _configure(bootstrap, names, COMPACT)


def dropped(bootstrap: str, topic: str) -> int:
    """How many records before the last one are missing from a topic's partitions."""
    kept, last = Counter[int](), dict[int, int]()
    for record in read_topic(bootstrap, (topic,)):
        kept[record.partition] += 1
        last[record.partition] = record.offset
    return sum(last[partition] + 1 - kept[partition] for partition in last)


def _configure(bootstrap: str, names: TopicNames, configs: dict[str, str]) -> None:
    with admin_client(bootstrap) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, dict(configs)) for name in compacted_topics(names)]
        )
