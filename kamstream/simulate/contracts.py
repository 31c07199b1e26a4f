"""Contracts: in force from the first day, renewed year by year, changed in value, ended by a few."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from kamstream.simulate.offices import DAY, EPOCH, HOUR, date_of
from kamstream.simulate.scene import Life, Moment, Scene

YEAR = timedelta(days=365)


def begin(scene: Scene, day: int) -> Iterator[Life]:
    """The contracts that an account brings along on the first day, and, rarely, a new one."""
    if day == scene.world.plan.start // DAY:
        for number in range(1, 2 + int(scene.company.size > 6)):
            loaded = scene.world.plan.start + scene.rng.randrange(HOUR, 3 * HOUR)
            age = scene.rng.randrange(1, 330)
            yield _contract(scene, f"CTR-{scene.company.number}-{number}", loaded, date_of(day - age))
    elif scene.count(day, 0.0004):
        signed = scene.moment(day)
        yield _contract(scene, f"CTR-{scene.company.number}-{date_of(day):%y%m%d}", signed, date_of(day + 7))


def _contract(scene: Scene, entity: str, signed: int, starts: date) -> Life:
    return Life(entity, life(scene, entity, signed, starts))


def life(scene: Scene, entity: str, signed: int, starts: date) -> Iterator[Moment]:
    """One contract from its start to its end, if that comes."""
    value = int(20_000 * scene.company.size * scene.rng.lognormvariate(0.0, 0.5))
    ends = starts + YEAR
    yield Moment(signed, "contract.started", _terms(scene, entity, signed, (starts, ends), value))
    time = signed
    while True:
        if scene.chance(0.3):
            time = _before(scene, ends, 60, time)
            value = int(value * scene.rng.uniform(0.8, 1.3))
            yield Moment(time, "contract.changed", {"contract_id": entity, "annual_value": value})
        time = _before(scene, ends, 30, time)
        if scene.chance(0.3 if scene.slump(time) else 0.08):
            yield Moment(time, "contract.ended", {"contract_id": entity, "ended_on": ends.isoformat()})
            return
        ends += YEAR
        renewal: dict[str, object] = {"contract_id": entity, "ends_on": ends.isoformat()}
        if scene.chance(0.6):
            value = int(value * scene.rng.uniform(0.95, 1.12))
            renewal["annual_value"] = value
        yield Moment(time, "contract.renewed", renewal)


def _terms(scene: Scene, entity: str, signed: int, term: tuple[date, date], value: int) -> dict[str, object]:
    return {
        "contract_id": entity,
        "starts_on": term[0].isoformat(),
        "ends_on": term[1].isoformat(),
        "annual_value": value,
        "currency": scene.company.currency,
        "owner_id": scene.company.kam_at(signed).id,
    }


def _before(scene: Scene, ends: date, days: int, earliest: int) -> int:
    """A working hour some days before the end, but after what was last said."""
    wanted = ((ends - EPOCH).days - scene.rng.randrange(days // 2, days)) * DAY
    return scene.later(scene.company.kam_at(wanted).office, max(wanted, earliest), 1.0)
