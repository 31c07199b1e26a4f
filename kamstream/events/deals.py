"""Deals, from the opportunity to its closing."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .fields import Currency, Day, Id, Money, Payload, Probability, Text

_AMOUNT = "Money in major units of `currency`, at most 2 decimals."
_CURRENCY = "ISO 4217 code of three upper-case letters; without one, the reporting currency."


class DealOpened(Payload):
    """An opportunity was opened."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "deal_id": "D-88", "amount": 12500.5, "currency": "EUR", "stage": "Proposal", "probability": 0.4,
        "expected_close_on": "2027-01-31", "owner_id": "kam-7",
    }  # fmt: skip

    deal_id: Id = Field(description="The deal.")
    amount: Money | None = Field(default=None, description=_AMOUNT)
    currency: Currency | None = Field(default=None, description=_CURRENCY)
    stage: Text | None = Field(default=None, description="The stage; the settings give its probability.")
    probability: Probability | None = Field(default=None, description="The chance of winning, 0..1.")
    expected_close_on: Day | None = Field(default=None, description="The day the closing is expected.")
    owner_id: Id | None = Field(default=None, description="The person credited.")


class DealUpdated(Payload):
    """A deal changed; only what is given changes."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"deal_id": "D-88", "stage": "Negotiation", "probability": 0.7}

    deal_id: Id = Field(description="The deal.")
    amount: Money | None = Field(default=None, description=_AMOUNT)
    currency: Currency | None = Field(default=None, description=_CURRENCY)
    stage: Text | None = Field(default=None, description="The stage's name.")
    probability: Probability | None = Field(default=None, description="The chance of winning, 0..1.")
    expected_close_on: Day | None = Field(default=None, description="The day the closing is expected.")
    owner_id: Id | None = Field(default=None, description="The person credited from now on.")


class DealWon(Payload):
    """A deal was won."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "deal_id": "D-88", "amount": 11990, "currency": "EUR", "cost": 7200.25, "products": ["P-1", "P-9"],
        "owner_id": "kam-7",
    }  # fmt: skip

    deal_id: Id = Field(description="The deal.")
    amount: Money = Field(description=_AMOUNT)
    currency: Currency = Field(description="ISO 4217 code of three upper-case letters.")
    cost: Money | None = Field(default=None, description="What it cost, in the same currency.")
    products: list[Id] = Field(default=[], description="Ids of the products sold.")
    owner_id: Id | None = Field(default=None, description="The person credited.")


class DealLost(Payload):
    """A deal was lost."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"deal_id": "D-88", "reason": "price"}

    deal_id: Id = Field(description="The deal.")
    reason: Text | None = Field(default=None, description="Why, in words.")


class DealReopened(Payload):
    """A closed deal is open again."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"deal_id": "D-88"}

    deal_id: Id = Field(description="The deal.")
