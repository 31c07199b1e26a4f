"""A few fault runs in every test run; ``python -m tests.faults`` does the rest."""

from collections.abc import Iterator

import pytest

from kamstream.local import ServiceError
from tests.faults.run import run
from tests.faults.scene import Plan
from tests.faults.world import World
from tests.support.servers import missing

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]

#: Kind and seed; kills at random moments have a test of their own, in tests/e2e.
SMOKE = (("points", 2), ("pause", 3), ("redis-flush", 4))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        made = World()
    except ServiceError as error:
        missing("kafka", str(error))
    with made:
        yield made


@pytest.mark.parametrize(("kind", "seed"), SMOKE)
def test_all_values_are_exact_after_faults(world: World, kind: str, seed: int) -> None:
    log: list[str] = []
    outcome = run(world, Plan(kind, seed, events=600, seconds=3.0), log.append)
    assert outcome.result == "exact", "\n".join(log)
