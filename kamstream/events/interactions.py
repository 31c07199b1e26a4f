"""Interactions between the team and an account's people: mails, calls, meetings."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .fields import Id, Number, Payload


class InteractionLogged(Payload):
    """An interaction with the account took place.

    Inbound ones that are not automated and belong to a thread start a customer wait, outbound ones answer it.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "interaction_id": "MAIL-7731", "direction": "inbound", "channel": "email",
        "contact_id": "CON-12", "thread_id": "TH-402", "owner_id": "kam-7",
    }  # fmt: skip

    interaction_id: Id = Field(description="The CRM's id of the interaction; a reference, not a key.")
    direction: Literal["inbound", "outbound"] = Field(description="inbound = from the customer.")
    channel: Literal["email", "phone", "meeting", "chat", "visit", "social", "other"] = Field(
        description="How it took place."
    )
    contact_id: Id | None = Field(default=None, description="The contact at the account.")
    thread_id: Id | None = Field(
        default=None, description="The conversation it belongs to; without one it neither waits nor answers."
    )
    automated: bool = Field(default=False, description="Sent by a machine: counts as no interaction.")
    duration_seconds: Number | None = Field(default=None, description="How long it took, in seconds.")
    owner_id: Id | None = Field(default=None, description="The person credited.")
