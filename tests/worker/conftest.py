"""A bench per test."""

from collections.abc import Iterator

import pytest

from tests.worker.support.bench import Bench


@pytest.fixture
def bench(kafka: str, prefix: str) -> Iterator[Bench]:
    """Topics of its own, and workers that are gone afterwards."""
    made = Bench(kafka, prefix)
    made.create_topics()
    yield made
    made.close()
