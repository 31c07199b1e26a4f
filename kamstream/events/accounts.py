"""The profile of an account."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from .fields import Currency, Id, Money, Number, Payload, Text


class Target(Payload):
    """A goal agreed with the account: a KPI, a window, and the value to reach."""

    kpi: Text = Field(description="A KPI of the catalogue.")
    window: Text = Field(description="A window, as 90d or qtd.")
    target: Number = Field(description="The value to reach, in the KPI's unit (money: reporting currency).")


class AccountUpdated(Payload):
    """The full profile of an account, each time: what is left out is not known any more."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "name": "Aciérie du Nord", "kam_id": "kam-7", "segment": "industry", "tier": "strategic",
        "country": "FR", "category_spend_annual": 2000000, "currency": "EUR",
        "targets": [{"kpi": "conversion_rate", "window": "90d", "target": 0.4}],
    }  # fmt: skip

    name: Text = Field(description="The account's name.")
    kam_id: Id = Field(description="The key-account manager.")
    segment: Text | None = Field(default=None, description="The market segment.")
    tier: Text | None = Field(default=None, description="The service tier, as strategic.")
    country: Text | None = Field(default=None, description="The country, as FR.")
    category_spend_annual: Money | None = Field(
        default=None, description="What the account spends a year in our category, all suppliers together."
    )
    currency: Currency | None = Field(
        default=None, description="The currency of the spend; without one, the reporting currency."
    )
    targets: list[Target] = Field(default=[], description="Goals shared with the account.")
