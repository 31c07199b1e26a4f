"""Support tickets."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from .fields import Id, Payload, Text


class TicketOpened(Payload):
    """A ticket was opened; one opened by a customer starts a customer wait."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "ticket_id": "T-1001", "opened_by": "customer", "priority": "high", "channel": "email",
        "contact_id": "CON-12", "owner_id": "agent-3",
    }  # fmt: skip

    ticket_id: Id = Field(description="The ticket.")
    opened_by: Literal["customer", "agent"] = Field(default="customer", description="Who opened it.")
    priority: Literal["low", "normal", "high", "urgent"] = Field(default="normal", description="Its priority.")
    channel: Text | None = Field(default=None, description="How it came in.")
    contact_id: Id | None = Field(default=None, description="The contact at the account.")
    owner_id: Id | None = Field(default=None, description="The person credited.")


class TicketReplied(Payload):
    """Somebody wrote on a ticket."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"ticket_id": "T-1001", "by": "agent", "public": True}

    ticket_id: Id = Field(description="The ticket.")
    by: Literal["agent", "customer", "bot"] = Field(description="Who wrote; a bot answers nothing.")
    public: bool = Field(default=True, description="False for an internal note.")


class TicketAssigned(Payload):
    """A ticket has a new owner, who is credited with all of it."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"ticket_id": "T-1001", "owner_id": "agent-4"}

    ticket_id: Id = Field(description="The ticket.")
    owner_id: Id = Field(description="The person credited from now on.")


class TicketResolved(Payload):
    """A ticket was resolved."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"ticket_id": "T-1001"}

    ticket_id: Id = Field(description="The ticket.")


class TicketReopened(Payload):
    """A ticket is open again."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"ticket_id": "T-1001"}

    ticket_id: Id = Field(description="The ticket.")
