"""Milestones of projects done together with the account."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .fields import Id, Instant, Payload


class MilestonePlanned(Payload):
    """A milestone was agreed: it opens the milestone."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "project_id": "PRJ-3", "milestone_id": "M2", "due_at": "2026-12-15T17:00:00+01:00",
        "owner_id": "kam-7",
    }  # fmt: skip

    project_id: Id = Field(description="The joint project.")
    milestone_id: Id = Field(description="The milestone within the project.")
    due_at: Instant = Field(description="When it is due, RFC 3339 with an offset.")
    owner_id: Id | None = Field(default=None, description="The person credited.")


class MilestoneCompleted(Payload):
    """A milestone was reached."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"project_id": "PRJ-3", "milestone_id": "M2"}

    project_id: Id = Field(description="The joint project.")
    milestone_id: Id = Field(description="The milestone within the project.")
