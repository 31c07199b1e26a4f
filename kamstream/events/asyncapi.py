"""The AsyncAPI 3.0 description of the topics: what kamstream receives and what it sends."""

from __future__ import annotations

from typing import Any, Final

from .catalogue import EVENT_TYPES, INPUT_TOPICS, topic_of
from .event import ErrorCode

VERSION: Final = "1.0.0"
PARTITIONS: Final = 8
DEAD_LETTER_BYTES: Final = 2 * 1024 * 1024
_BINDING: Final = "0.5.0"
_SCOPE: Final = {"enum": ["account", "kam", "company"]}
_NUMBER_OR_NULL: Final = {"type": ["number", "null"]}
_TEXT: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}

_INPUTS: Final = {
    "interactions": "Interactions, survey answers and milestones.",
    "deals": "Deals and contracts.",
    "tickets": "Support tickets.",
    "accounts": "Account profiles, the full one each time.",
}


def _object(description: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "required": list(properties),
        "properties": properties,
    }


KPI_ROW: Final = _object(
    "One value of one KPI.",
    {
        "scope": _SCOPE,
        "id": {"type": "string", "description": "The account, the person, or all."},
        "kpi": _TEXT,
        "window": {"type": "string", "description": "As 90d, qtd or now."},
        "value": {**_NUMBER_OR_NULL, "description": "null = no data."},
        "n": {"type": "integer", "description": "Denominator or sample count."},
        "unit": _TEXT,
        "as_of": _TIME,
    },
)

ALERT: Final = _object(
    "One step of an alert: it fires or is resolved.",
    {
        "alert_id": {"type": "string", "description": "The same alert always has the same id."},
        "rule": _TEXT,
        "scope": _SCOPE,
        "id": _TEXT,
        "status": {"enum": ["firing", "resolved"]},
        "value": _NUMBER_OR_NULL,
        "n": {"type": "integer"},
        "threshold": {"description": "The limit of the rule."},
        "kpi": _TEXT,
        "window": _TEXT,
        "since": {"description": "When it began, in stream time."},
        "at": {"description": "When this step happened, in stream time."},
        "severity": {"enum": ["info", "warning", "critical"]},
        "summary": _TEXT,
        "reason": {"type": "string", "description": "The named reason of the step."},
    },
)

DEAD_LETTER_HEADERS: Final = _object(
    "Why and from where; the headers of the original record are carried too.",
    {
        "kam-error": {"enum": [str(code) for code in ErrorCode]},
        "kam-detail": {"type": "string", "description": "A sentence for people."},
        "kam-topic": _TEXT,
        "kam-partition": _TEXT,
        "kam-offset": _TEXT,
        "kam-failed-at": _TEXT,
    },
)


def asyncapi(prefix: str = "kam") -> dict[str, Any]:
    """The document, for topics with ``prefix``; payloads of events refer to the schema files beside it."""
    channels = {name: _input_channel(name, prefix) for name in INPUT_TOPICS}
    channels |= {
        "kpis": _output_channel(f"{prefix}.kpis", "Published value changes, coalesced, at least once.", "kpi"),
        "alerts": _output_channel(f"{prefix}.alerts", "Alert transitions.", "alert"),
        "dead-letters": _output_channel(
            f"{prefix}.dead-letters",
            "Records that could not be applied, with their original key and bytes; one longer than the "
            "topic's limit is cut to 64 KiB and has the header kam-truncated.",
            "dead-letter",
            {"cleanup.policy": ["delete"], "retention.ms": -1, "max.message.bytes": DEAD_LETTER_BYTES},
        ),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "kamstream",
            "version": VERSION,
            "description": "CRM events in, KPI values and alerts out. One Kafka record is one CloudEvents 1.0 "
            "JSON object; the record's key is the account id, the attribute subject. "
            f"The prefix of the topics, here {prefix}, is a setting.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"kafka": {"host": "localhost:9092", "protocol": "kafka"}},
        "channels": channels,
        "operations": {
            **{_operation("receive", name): _action("receive", name) for name in _INPUTS},
            **{_operation("send", name): _action("send", name) for name in ("kpis", "alerts", "dead-letters")},
        },
        "components": {
            "messages": {
                **{kind.name: _event_message(kind.name) for kind in EVENT_TYPES},
                **_sent_messages(),
            },
            "schemas": {"kpi": KPI_ROW, "alert": ALERT, "dead-letter-headers": DEAD_LETTER_HEADERS},
        },
    }


def _ref(path: str) -> dict[str, str]:
    return {"$ref": path}


def _input_channel(name: str, prefix: str) -> dict[str, Any]:
    address = f"{prefix}.{name}"
    carried = [kind.name for kind in EVENT_TYPES if topic_of(kind.name, prefix) == address]
    return {
        "address": address,
        "description": f"{_INPUTS[name]} All input topics have the same partition count and are keyed alike; "
        "the partition is murmur2(key) mod count. Timestamps are the broker's (LogAppendTime).",
        "messages": {type: _ref(f"#/components/messages/{type}") for type in carried},
        "bindings": _topic(address, {"cleanup.policy": ["delete"], "retention.ms": -1}),
    }


def _output_channel(
    address: str, description: str, message: str, configuration: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "address": address,
        "description": description,
        "messages": {message: _ref(f"#/components/messages/{message}")},
        "bindings": _topic(address, configuration),
    }


def _topic(address: str, configuration: dict[str, Any] | None) -> dict[str, Any]:
    topic: dict[str, Any] = {"topic": address, "partitions": PARTITIONS}
    if configuration:
        topic["topicConfiguration"] = configuration
    return {"kafka": {**topic, "bindingVersion": _BINDING}}


def _operation(action: str, channel: str) -> str:
    return action + channel.title().replace("-", "")


def _action(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": _ref(f"#/channels/{channel}")}


def _keyed(description: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": description}, "bindingVersion": _BINDING}}


def _event_message(type: str) -> dict[str, Any]:
    return {
        "name": type,
        "title": type,
        "contentType": "application/cloudevents+json",
        "payload": _ref(f"./{type}.json"),
        "bindings": _keyed("The account id, the same as the attribute subject."),
    }


def _sent_messages() -> dict[str, Any]:
    return {
        "kpi": {
            "name": "kpi",
            "title": "A changed value",
            "contentType": "application/json",
            "payload": _ref("#/components/schemas/kpi"),
            "bindings": _keyed("The id of the scope."),
        },
        "alert": {
            "name": "alert",
            "title": "A step of an alert",
            "contentType": "application/json",
            "payload": _ref("#/components/schemas/alert"),
            "bindings": _keyed("The id of the scope."),
        },
        "dead-letter": {
            "name": "dead-letter",
            "title": "A refused record",
            "contentType": "application/octet-stream",
            "headers": _ref("#/components/schemas/dead-letter-headers"),
            "payload": {"description": "The bytes of the original record."},
            "bindings": _keyed("The key of the original record."),
        },
    }
