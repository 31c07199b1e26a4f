"""Deals: through their stages to won or lost, sometimes reopened or put right afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from kamstream.simulate.ledger import Deal
from kamstream.simulate.offices import DAY, date_of
from kamstream.simulate.scene import Act, Life, Moment, Scene

PER_DAY = 0.012
STAGES = (("Qualify", 0.15), ("Develop", 0.35), ("Propose", 0.55), ("Negotiate", 0.8))
PRODUCTS = tuple(f"PRD-{number:02d}" for number in range(1, 25))
REASONS = ("price", "competitor", "budget", "timing", "no decision")


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The deals of an account that are opened on a day."""
    return scene.lives("DEAL", day, PER_DAY, life)


def life(scene: Scene, entity: str, opened: int) -> Iterator[Moment]:
    """One deal from its opening to its last correction."""
    owner = scene.company.kam_at(opened).id if scene.chance(0.92) else None
    amount = _amount(scene) if scene.chance(0.85) else None
    deal = Deal(scene.company.id, opened, owner, scene.company.currency, amount)
    yield Moment(opened, "deal.opened", _opening(scene, entity, deal))
    scene.ledger.deal(deal)
    time = yield from _stages(scene, entity, deal, opened)
    time = yield from _close(scene, entity, deal, time, favour=0.0)
    if scene.chance(0.05):
        time = _days_later(scene, time, 12)
        yield Moment(time, "deal.reopened", {"deal_id": entity})
        deal.was_reopened()
        time = yield from _close(scene, entity, deal, _days_later(scene, time, 10), favour=0.25)
    if deal.won and scene.chance(0.06):
        yield from _amend(scene, entity, deal, _days_later(scene, time, 8))


def _opening(scene: Scene, entity: str, deal: Deal) -> dict[str, object]:
    stage, probability = STAGES[0]
    data: dict[str, object] = {"deal_id": entity, "stage": stage}
    if deal.amount is not None:
        data |= {"amount": deal.amount / 100, "currency": deal.currency}
    if scene.chance(0.8):
        data["probability"] = probability
    if scene.chance(0.9):
        close = date_of(deal.opened // DAY) + timedelta(days=int(scene.rng.lognormvariate(4.0, 0.5)))
        data["expected_close_on"] = close.isoformat()
    if deal.owner is not None:
        data["owner_id"] = deal.owner
    return data


def _amount(scene: Scene) -> int:
    """Minor units; larger accounts buy more at once."""
    euros = 6_000 * scene.company.size**0.5 * scene.rng.lognormvariate(0.0, 0.9)
    # Quotes are round; some carry cents.
    return int(euros) * 100 if scene.chance(0.8) else int(euros * 100)


def _days_later(scene: Scene, time: int, days: float) -> int:
    """Some days on, at a working hour."""
    wait = int(scene.rng.lognormvariate(0.0, 0.6) * days * DAY)
    return scene.later(scene.company.kam_at(time).office, scene.pace.wait(time, wait), 0.5)


def _stages(scene: Scene, entity: str, deal: Deal, time: int) -> Act:
    """Forward step by step; amounts get clearer and a new manager takes the deal over."""
    for stage, probability in STAGES[1 : scene.rng.randrange(2, len(STAGES) + 1)]:
        time = _days_later(scene, time, 10)
        data: dict[str, object] = {"deal_id": entity, "stage": stage, "probability": probability}
        amount, owner = deal.amount, deal.owner
        if amount is None or scene.chance(0.3):
            amount = _amount(scene) if amount is None else int(amount * scene.rng.uniform(0.8, 1.15))
            data |= {"amount": amount / 100, "currency": deal.currency}
        kam = scene.company.kam_at(time).id
        if owner not in {None, kam}:
            owner = data["owner_id"] = kam
        yield Moment(time, "deal.updated", data)
        deal.amount, deal.owner = amount, owner
    return time


def _close(scene: Scene, entity: str, deal: Deal, time: int, favour: float) -> Act:
    time = _days_later(scene, time, 9)
    odds = 0.25 if scene.slump(time) else 0.55 + favour
    if not scene.chance(odds):
        data: dict[str, object] = {"deal_id": entity}
        if scene.chance(0.7):
            data["reason"] = scene.rng.choice(REASONS)
        yield Moment(time, "deal.lost", data)
        deal.was_lost(time)
        return time
    amount = deal.amount if deal.amount is not None else _amount(scene)
    cost = int(amount * scene.rng.uniform(0.45, 0.8)) if scene.chance(0.7) else None
    products = tuple(scene.rng.sample(PRODUCTS, scene.rng.choice((0, 1, 1, 2, 3))))
    data = {"deal_id": entity, "amount": amount / 100, "currency": deal.currency}
    if cost is not None:
        data["cost"] = cost / 100
    if products:
        data["products"] = list(products)
    yield Moment(time, "deal.won", data)
    deal.was_won(time, amount, cost, products)
    return time


def _amend(scene: Scene, entity: str, deal: Deal, time: int) -> Iterator[Moment]:
    """The order was a little larger or smaller than booked: its revenue is restated."""
    assert deal.amount is not None
    amount = int(deal.amount * scene.rng.uniform(0.85, 1.1))
    yield Moment(time, "deal.updated", {"deal_id": entity, "amount": amount / 100})
    deal.amount = amount
