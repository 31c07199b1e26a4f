"""Deals, contracts -> facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.reference.facts import World, owner_of, with_effect
from tests.reference.money import convert, decimal, minor
from tests.reference.parse import Ev, days
from tests.reference.settings import DAY


def deal(world: World, events: Sequence[Ev]) -> None:
    """kpis.md: the table, "Deals"."""
    counted = with_effect(events, "opened", ["won", "lost"], ["reopened"], world.settings.horizon_ms)
    if not counted:
        return
    opening, account, owner = counted[0], counted[0].account, owner_of(counted)
    latest: dict[str, Any] = {}  # "each the last one given"
    closing: Ev | None = None
    lost: dict[str, Any] = {}
    for event in counted:
        verb = event.type.split(".")[1]
        for name in ("amount", "currency", "stage", "probability", "expected_close_on"):
            if name in event.data:
                latest[name] = event.data[name]
        if verb in ("won", "lost"):
            closing = event  # "The closing of a deal is its last deal.won or deal.lost"
            lost = dict(latest)  # "An update after a loss does not change the lost amount."
        elif verb == "reopened":
            closing = None  # "deal.reopened makes a closed deal open again."

    verb = closing.type.split(".")[1] if closing else "open"
    world.add("deal", account, owner, opening.time, won=verb == "won")
    if closing is not None:
        terms = latest if verb == "won" else lost
        amount = money(world, terms.get("amount"), terms.get("currency"), closing.time)
        world.add("closing", account, owner, closing.time, won=verb == "won", amount=amount)
        if verb == "won":
            cost = money(world, closing.data.get("cost"), closing.data["currency"], closing.time)
            world.add(
                "win", account, owner, closing.time, amount=amount, cost=cost, ms=closing.time - opening.time,
                products=closing.data.get("products", []), order=closing.order,
            )  # fmt: skip
    elif "expected_close_on" in latest:
        # "A pipeline deal without a probability takes its stage's from the settings, else 0.5; one without
        #  an amount counts 0."
        probability = latest.get("probability")
        if probability is None:
            probability = world.settings.stage_probabilities.get(latest.get("stage", ""), 0.5)
        close_on = days(latest["expected_close_on"])
        amount = money(world, latest.get("amount"), latest.get("currency"), close_on * DAY)
        world.add(
            "pipeline deal", account, owner, world.now, close_on=close_on,
            worth=(amount or 0) * decimal(probability),
        )  # fmt: skip


def money(world: World, amount: Any, currency: str | None, at: int) -> int | None:
    """Minor units of the reporting currency; "with no currency it is the reporting one"."""
    if amount is None:
        return None
    return convert(minor(amount), currency or world.settings.reporting_currency, at, world.settings)


def first_products(world: World) -> None:
    """new_products: "first in the order of the winning events among all deals standing won at T, also before
    the window; the credit is that deal's"."""
    seen: set[tuple[str, str]] = set()
    for win in sorted((f for f in world.facts if f.kind == "win"), key=lambda f: f.what["order"]):
        for product in win.what["products"]:
            if (win.account, product) not in seen:
                seen.add((win.account, product))
                world.add("new product", win.account, win.person, win.at, product=product)


def contract(world: World, events: Sequence[Ev]) -> None:
    """kpis.md "Contracts": one fact "contract" with its terms as they stand at T."""
    counted = with_effect(events, "started", ["ended"], ["renewed"], world.settings.horizon_ms)
    if not counted:
        return
    opening = counted[0]
    starts_on = days(opening.data["starts_on"])
    ends_on = days(opening.data["ends_on"]) if "ends_on" in opening.data else None
    values: list[tuple[int | None, int]] = []  # (from which day on, annual value); the first holds since ever
    for event in counted:
        verb = event.type.split(".")[1]
        if "annual_value" in event.data:
            value = money(world, event.data["annual_value"], opening.data["currency"], starts_on * DAY)
            assert value is not None
            values.append((None if event is opening else event.time // DAY, value))
        if verb == "renewed":
            # "moves the end"; "A renewal without ends_on takes the end away."
            ends_on = days(event.data["ends_on"]) if "ends_on" in event.data else None
        elif verb == "ended":
            ends_on = days(event.data["ended_on"])  # "sets the last day in force"
    world.add(
        "contract", opening.account, owner_of(counted), starts_on * DAY,
        starts_on=starts_on, ends_on=ends_on, values=values,
    )  # fmt: skip
