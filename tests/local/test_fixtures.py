"""The fixtures that all integration tests build on."""

import socket

import pytest
from kafka import KafkaAdminClient

pytestmark = pytest.mark.integration


def test_the_kafka_fixture_is_a_broker_that_answers(kafka: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    assert len(admin.describe_cluster()["brokers"]) == 1
    admin.close()


def test_the_redis_fixture_is_a_server_that_answers(redis_url: str) -> None:
    host, port = redis_url.removeprefix("redis://").split("/")[0].split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(16) == b"+PONG\r\n"


def test_a_prefix_tells_its_test_and_is_new_each_time(prefix: str, request: pytest.FixtureRequest) -> None:
    assert prefix.startswith("a-prefix-tells-its-test")
    assert len(prefix) <= 49
