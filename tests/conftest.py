"""Fixtures for everybody: a real Kafka, a real Redis, and a topic prefix that no other test uses."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from kamstream.errors import UserError
from kamstream.native import COMPILED
from tests.support.servers import kafka_address, missing, redis_address


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "compiled: is about the compiled forms, alone or beside the Python ones")


def pytest_report_header() -> str:
    return f"compiled forms: {'in use' if COMPILED else 'not in use; tests/engine/test_compiled.py tests a built copy'}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take what is about the compiled forms out of a run without them."""
    if not COMPILED:
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("compiled")])
        items[:] = [item for item in items if not item.get_closest_marker("compiled")]


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """The bootstrap address of a real broker, one for the session; use ``prefix`` for topics of your own."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(kafka_address())
        except UserError as error:
            missing("kafka", str(error))
        yield address


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """The URL of a real Redis, one for the session; keys start with ``prefix``, so nothing needs flushing."""
    with ExitStack() as stack:
        try:
            address = stack.enter_context(redis_address())
        except UserError as error:
            missing("redis", str(error))
        yield address


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A topic and key prefix of this test alone, telling which test it was (letters, digits and ``-``)."""
    name = "".join(letter if letter.isalnum() else "-" for letter in request.node.name.removeprefix("test_"))
    return f"{name[:40].strip('-').lower()}-{uuid.uuid4().hex[:8]}"
