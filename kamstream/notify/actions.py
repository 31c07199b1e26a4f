"""What people do about alerts: acknowledge them, silence them. One compacted topic, `kam.alert-actions`.

Key `ack/<alert id>` or `silence/<id>`; an empty value takes it back. The command line and the dashboard write
it, every notifier reads it from the beginning.
"""

from typing import TYPE_CHECKING

import msgspec
import structlog

from kamstream.alerts.rules import Silence

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer


log = structlog.get_logger(__name__)


class Acknowledgement(msgspec.Struct, frozen=True, tag="ack", tag_field="type"):
    """Somebody took an alert on: no more repeats, no escalation. `at` is epoch ms."""

    alert_id: str
    by: str
    note: str
    at: int

    @property
    def key(self) -> str:
        """Where it stands in the topic."""
        return f"ack/{self.alert_id}"


class SilenceAction(msgspec.Struct, frozen=True, tag="silence", tag_field="type"):
    """A silence that somebody set by hand; times are epoch ms."""

    silence_id: str
    by: str
    match: dict[str, tuple[str, ...]]
    begin: int
    end: int
    reason: str

    @property
    def key(self) -> str:
        """Where it stands in the topic."""
        return f"silence/{self.silence_id}"

    @property
    def silence(self) -> Silence:
        """The same as the rules know it."""
        return Silence(self.match, self.begin, self.end, self.reason)


Action = Acknowledgement | SilenceAction
_DECODER: msgspec.json.Decoder[Action] = msgspec.json.Decoder(Action)


def topic(prefix: str) -> str:
    """The name of the topic."""
    return f"{prefix}.alert-actions"


def encode(action: Action) -> bytes:
    """The action as JSON."""
    return msgspec.json.encode(action)


def decode(value: bytes) -> Action:
    """The action that `encode` wrote; msgspec.MsgspecError when it is not one."""
    return _DECODER.decode(value)


def read(key: bytes | None, value: bytes | None) -> tuple[str, Action | None]:
    """Key and action of a record; what cannot be read counts as taken back, and is logged."""
    name = (key or b"").decode(errors="replace")
    try:
        return name, None if value is None else decode(value)
    except msgspec.MsgspecError as error:
        log.error("action left aside", key=name, error=str(error))
        return name, None


async def publish(producer: "AIOKafkaProducer", prefix: str, key: str, action: Action | None) -> None:
    """Write an action, or take it back (None); returns when the broker has it."""
    value = None if action is None else encode(action)
    await producer.send_and_wait(topic(prefix), value, key=key.encode())
