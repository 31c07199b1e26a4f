"""The event contract: models, decoding with its error codes, types and their topics, partitions."""

from .catalogue import (
    BY_NAME,
    EVENT_TYPES,
    INPUT_TOPICS,
    EventType,
    input_topics,
    topic_index,
    topic_of,
    type_rank,
)
from .decode import CLOUDEVENTS_JSON, MAX_BYTES, Decoder
from .envelope import is_account
from .event import ErrorCode, Event, Refusal, Rules
from .make import make_event
from .partition import murmur2
from .structs import DATA, Target

__all__ = [
    "BY_NAME",
    "CLOUDEVENTS_JSON",
    "DATA",
    "EVENT_TYPES",
    "INPUT_TOPICS",
    "MAX_BYTES",
    "Decoder",
    "ErrorCode",
    "Event",
    "EventType",
    "Refusal",
    "Rules",
    "Target",
    "input_topics",
    "is_account",
    "make_event",
    "murmur2",
    "topic_index",
    "topic_of",
    "type_rank",
]
