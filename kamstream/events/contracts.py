"""Contracts and their terms."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .fields import Currency, Day, Id, Money, Payload

_VALUE = "Money a year in major units of the contract's currency, at most 2 decimals."


class ContractStarted(Payload):
    """A contract was made."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "contract_id": "C-5", "starts_on": "2026-01-01", "ends_on": "2027-12-31", "annual_value": 48000,
        "currency": "EUR", "owner_id": "kam-7",
    }  # fmt: skip

    contract_id: Id = Field(description="The contract.")
    starts_on: Day = Field(description="The first day in force.")
    ends_on: Day | None = Field(default=None, description="The last day in force; without one it has no end.")
    annual_value: Money = Field(description=_VALUE)
    currency: Currency = Field(description="ISO 4217 code of three upper-case letters.")
    owner_id: Id | None = Field(default=None, description="The person credited.")


class ContractRenewed(Payload):
    """A contract was renewed: its end moves, its value may change."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"contract_id": "C-5", "ends_on": "2028-12-31", "annual_value": 51000}

    contract_id: Id = Field(description="The contract.")
    ends_on: Day | None = Field(default=None, description="The new last day; without one there is no end.")
    annual_value: Money | None = Field(default=None, description=_VALUE)


class ContractChanged(Payload):
    """The value of a contract changed from this event's day on."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"contract_id": "C-5", "annual_value": 53500}

    contract_id: Id = Field(description="The contract.")
    annual_value: Money = Field(description=_VALUE)


class ContractEnded(Payload):
    """A contract ended early or late: the last day in force is set."""

    EXAMPLE: ClassVar[dict[str, Any]] = {"contract_id": "C-5", "ended_on": "2027-06-30"}

    contract_id: Id = Field(description="The contract.")
    ended_on: Day = Field(description="The last day in force.")
