"""Satisfaction surveys."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .fields import Id, Payload, Score


class SurveyAnswered(Payload):
    """A contact answered the question how likely a recommendation is (NPS)."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"survey_id": "NPS-2026-Q4", "score": 9, "contact_id": "CON-12"}

    survey_id: Id = Field(description="The survey; a reference, not a key: every answer counts.")
    score: Score = Field(description="A whole number, 0 (not at all likely) to 10 (extremely likely).")
    contact_id: Id | None = Field(default=None, description="Who answered.")
    owner_id: Id | None = Field(default=None, description="The person credited.")
