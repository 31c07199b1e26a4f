"""The names of all topics, and of the headers a dead letter carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .catalogue import input_topics

# What a dead letter says about itself; all other headers are the original's own.
ERROR: Final = "kam-error"
DETAIL: Final = "kam-detail"
TOPIC: Final = "kam-topic"
PARTITION: Final = "kam-partition"
OFFSET: Final = "kam-offset"
FAILED_AT: Final = "kam-failed-at"  # RFC 3339, UTC
TIMESTAMP: Final = "kam-timestamp"  # the original's Kafka timestamp, ms: the topic stamps its own
TRUNCATED: Final = "kam-truncated"  # the original's size in bytes where only its first 64 KiB are kept
DEAD_LETTER_HEADERS: Final = frozenset({ERROR, DETAIL, TOPIC, PARTITION, OFFSET, FAILED_AT, TIMESTAMP, TRUNCATED})


@dataclass(frozen=True)
class TopicNames:
    """Every topic of one installation; `inputs` in the order of `topic_index`."""

    inputs: tuple[str, ...]
    kpis: str
    alerts: str
    dead_letters: str
    rollups: str
    time: str
    changelog: str
    notices: str
    alert_actions: str


def app_id(prefix: str = "kam") -> str:
    """The worker's application id, also its consumer group."""
    return f"{prefix}-worker"


def topic_names(prefix: str = "kam") -> TopicNames:
    """The topics of an installation.

    >>> topic_names("crm").dead_letters, topic_names().changelog
    ('crm.dead-letters', 'kam-worker-state-changelog')
    """
    return TopicNames(
        inputs=input_topics(prefix),
        kpis=f"{prefix}.kpis",
        alerts=f"{prefix}.alerts",
        dead_letters=f"{prefix}.dead-letters",
        rollups=f"{prefix}.rollups",
        time=f"{prefix}.time",
        changelog=f"{app_id(prefix)}-state-changelog",
        notices=f"{prefix}.notices",
        alert_actions=f"{prefix}.alert-actions",
    )
