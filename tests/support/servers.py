"""A real Kafka and a real Redis for tests: Docker's where an engine answers, else local ones."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from kamstream.local import local_services


def required(what: str) -> bool:
    """Whether ``KAMSTREAM_REQUIRE`` (a comma-separated list) names ``what``."""
    return what in os.environ.get("KAMSTREAM_REQUIRE", "").replace(" ", "").split(",")


def missing(what: str, reason: str) -> None:
    """Skip the test, or fail it where ``KAMSTREAM_REQUIRE`` names ``what``: no green run without it."""
    if required(what):
        pytest.fail(f"{what} is required (KAMSTREAM_REQUIRE) and not there: {reason}")
    pytest.skip(f"no {what}: {reason}")


def docker_answers() -> bool:
    """Whether a Docker engine can be used from here."""
    try:
        import docker
        from docker.errors import DockerException
    except ImportError:
        return False
    try:
        client = docker.from_env(timeout=3)
        client.ping()
    except (DockerException, OSError):
        return False
    client.close()
    return True


@contextmanager
def kafka_address() -> Iterator[str]:
    """The address of a broker: ``KAMSTREAM_KAFKA``, else a container, else a local one."""
    with ExitStack() as stack:
        if "KAMSTREAM_KAFKA" not in os.environ and docker_answers():
            from testcontainers.kafka import KafkaContainer

            broker = stack.enter_context(KafkaContainer("apache/kafka:4.3.1").with_kraft())
            yield broker.get_bootstrap_server()
        else:
            services = stack.enter_context(local_services(redis=False))
            assert services.bootstrap is not None
            yield services.bootstrap


@contextmanager
def redis_address() -> Iterator[str]:
    """The URL of a Redis: ``KAMSTREAM_REDIS``, else a container, else a local one."""
    with ExitStack() as stack:
        if "KAMSTREAM_REDIS" not in os.environ and docker_answers():
            from testcontainers.redis import RedisContainer

            container = stack.enter_context(RedisContainer("redis:7.4-alpine"))
            yield f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
        else:
            services = stack.enter_context(local_services(kafka=False))
            assert services.redis_url is not None
            yield services.redis_url
