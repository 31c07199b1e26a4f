"""Fixtures for everybody: a real Kafka, a real Redis, and a topic prefix that no other test uses."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from kamstream.errors import UserError
from tests.support.servers import kafka_address, missing, redis_address


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
