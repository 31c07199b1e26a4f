"""A Redis of one's own for fault tests, and small worlds to write from."""

from collections.abc import Iterator

import pytest

from kamstream.local import start_redis
from kamstream.local.server import Server, ServiceError
from tests.support.servers import missing


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A real Redis that this test alone may stop, empty and fill."""
    try:
        server = start_redis()
    except ServiceError as error:
        missing("redis", str(error))
    yield server
    server.close()
