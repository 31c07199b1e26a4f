"""Profiles: the full record of an account on the first day, again at each change of manager."""

from __future__ import annotations

from collections.abc import Iterator

from kamstream.simulate.offices import DAY, MINUTE
from kamstream.simulate.scene import Life, Moment, Scene


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """All the profiles an account will have are one life that begins on the first day."""
    if day == scene.world.plan.start // DAY:
        yield Life(f"PRF-{scene.company.number}", life(scene))


def life(scene: Scene) -> Iterator[Moment]:
    """The first profile, loaded in the first hour, then one for each manager who comes."""
    company, plan = scene.company, scene.world.plan
    spend = int(400_000 * company.size * scene.rng.lognormvariate(0.0, 0.4)) if scene.chance(0.8) else None
    time = plan.start
    for since, kam in company.kams:
        time = max(time + 1, since) + scene.rng.randrange(50 * MINUTE)
        yield Moment(time, "account.updated", _profile(scene, kam.id, spend))
        scene.ledger.managed(company.id, kam.id)


def _profile(scene: Scene, kam: str, spend: int | None) -> dict[str, object]:
    company = scene.company
    data: dict[str, object] = {
        "name": company.name,
        "kam_id": kam,
        "segment": company.segment,
        "tier": company.tier,
        "country": company.office.country,
        "targets": _targets(scene),
    }
    if spend is not None:
        data |= {"category_spend_annual": spend, "currency": company.currency}
    return data


def _targets(scene: Scene) -> list[dict[str, object]]:
    """What the client and the team agreed on; the smallest accounts have no such paper."""
    company = scene.company
    if company.tier == "growth":
        return []
    return [
        {"kpi": "revenue", "window": "365d", "target": round(30_000 * company.size, -3)},
        {"kpi": "first_response_time.mean", "window": "30d", "target": 4 * 3600},
    ]
