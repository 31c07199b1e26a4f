"""Real servers: they come back with their data, and nothing survives the process that started them."""

import os
import select
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from kamstream.errors import UserError
from kamstream.local import Server, ServiceError, local_services, start_kafka, start_redis
from kamstream.local.kafka import new_cluster_id
from kamstream.local.redis import answers
from kamstream.local.server import LAUNCHER
from tests.support.servers import missing

STARTER = """
import sys
from kamstream.local import start_kafka, start_redis
servers = [{"kafka": start_kafka, "redis": start_redis}[name]() for name in sys.argv[1:]]
for server in servers:
    print(server.pid, server._launcher.pid, server.folder, flush=True)
sys.stdin.read()
"""


def ended(pid: int, seconds: float = 30.0) -> bool:
    """Whether a process ends in time; the kernel tells, nothing is polled."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([watched], [], [], seconds)
    os.close(watched)
    return bool(ready)


def say(url: str, command: str) -> str:
    """What a Redis answers to an inline command."""
    host, port = url.removeprefix("redis://").split("/")[0].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(4096).decode()


@pytest.fixture(scope="module")
def own_kafka() -> Iterator[Server]:
    """A broker that a test may kill."""
    try:
        server = start_kafka()
    except UserError as error:
        missing("kafka", str(error))
    yield server
    server.close()


@pytest.fixture
def own_redis() -> Iterator[Server]:
    """A Redis that a test may kill."""
    try:
        server = start_redis()
    except UserError as error:
        missing("redis", str(error))
    yield server
    server.close()


@pytest.mark.integration
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_redis_comes_back_at_its_address_with_its_data(own_redis: Server, way: str) -> None:
    assert say(own_redis.address, "SET account ACC-1") == "+OK\r\n"
    before = own_redis.pid
    getattr(own_redis, way)()
    assert own_redis.pid is None
    own_redis.start()
    assert own_redis.pid != before
    assert say(own_redis.address, "GET account") == "$5\r\nACC-1\r\n"


@pytest.mark.integration
@pytest.mark.parametrize("way", ["stop", "kill"])
def test_kafka_comes_back_at_its_address_with_its_topics(own_kafka: Server, prefix: str, way: str) -> None:
    with KafkaAdminClient(bootstrap_servers=own_kafka.address) as admin:
        admin.create_topics({prefix: {"num_partitions": 3}}, wait_for_metadata=True)
    getattr(own_kafka, way)()
    own_kafka.start()
    with KafkaAdminClient(bootstrap_servers=own_kafka.address) as admin:
        [topic] = admin.describe_topics([prefix])
    assert len(topic["partitions"]) == 3


@pytest.mark.integration
def test_the_local_kafka_makes_no_topic_by_accident(own_kafka: Server, prefix: str) -> None:
    producer = KafkaProducer(bootstrap_servers=own_kafka.address, max_block_ms=1000)
    with producer, pytest.raises(KafkaError):
        producer.send(prefix, b"x").get(timeout=5)
    with KafkaAdminClient(bootstrap_servers=own_kafka.address) as admin:
        assert prefix not in admin.list_topics()


@pytest.mark.integration
def test_a_paused_server_is_silent_and_goes_on_afterwards(own_redis: Server) -> None:
    port = int(own_redis.address.split(":")[2].split("/")[0])
    own_redis.pause()
    assert not answers(port)
    own_redis.resume()
    assert answers(port)


@pytest.mark.integration
def test_a_paused_server_is_stopped_in_order_not_killed(own_redis: Server) -> None:
    pid = own_redis.pid
    assert pid is not None
    own_redis.pause()
    own_redis.stop()
    assert ended(pid, 0)
    assert "Redis is now ready to exit" in own_redis.log.read_text()


@pytest.mark.integration
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("name", ["redis", "kafka"])
def test_a_parent_that_dies_leaves_no_process_and_no_folder(name: str, how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    line = parent.stdout.readline().decode().split()
    if not line:
        missing(name, parent.communicate()[1].decode().strip().splitlines()[-1])
    server, launcher, folder = int(line[0]), int(line[1]), Path(line[2])
    assert folder.is_dir()
    parent.send_signal(how)
    parent.wait()
    assert ended(server)
    assert ended(launcher)
    assert not folder.exists()


@pytest.mark.integration
def test_a_server_does_not_outlive_its_launcher(own_redis: Server) -> None:
    assert own_redis._launcher is not None
    pid = own_redis.pid
    assert pid is not None
    own_redis._launcher.kill()
    assert ended(pid)


@pytest.mark.integration
def test_data_in_a_given_folder_outlives_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAMSTREAM_REDIS", raising=False)
    with local_services(tmp_path, kafka=False) as services:
        assert services.redis_url is not None
        say(services.redis_url, "SET kept yes")
    with local_services(tmp_path, kafka=False) as services:
        assert services.redis_url is not None
        assert say(services.redis_url, "GET kept") == "$3\r\nyes\r\n"


def test_addresses_in_the_environment_are_used_and_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KAMSTREAM_KAFKA", "broker:9092")
    monkeypatch.setenv("KAMSTREAM_REDIS", "redis://store:6379/0")
    with local_services() as services:
        assert (services.bootstrap, services.redis_url) == ("broker:9092", "redis://store:6379/0")
        assert (services.kafka, services.redis) == (None, None)
        assert services.exports() == [
            "export KAMSTREAM_KAFKA=broker:9092",
            "export KAMSTREAM_REDIS=redis://store:6379/0",
        ]


def a_server(folder: Path, script: str, *, ready: bool = False) -> Server:
    return Server("toy", "nowhere", [sys.executable, "-c", script], folder, ready=lambda: ready, temporary=False)


def test_a_server_that_ends_at_once_is_one_line_with_its_last_words_and_its_log(tmp_path: Path) -> None:
    server = a_server(tmp_path, "import sys; sys.exit('no room on the disk')")
    with pytest.raises(ServiceError, match=r"^toy did not start: no room on the disk \(log: .*toy\.log\)$"):
        server.start()
    assert server.pid is None


def test_a_server_that_never_answers_is_stopped_and_told(tmp_path: Path) -> None:
    server = a_server(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ServiceError, match=r"toy did not answer within 0\.3 s \(log: "):
        server.start(timeout=0.3)
    assert ended(int((tmp_path / "toy.pid").read_text()), 0)


def test_a_server_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    script = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    place = (tmp_path / "pid", "KEEP", tmp_path)
    launcher = subprocess.Popen(
        [sys.executable, LAUNCHER, str(os.getpid()), *place, "0.2", sys.executable, "-c", script],
        stdout=subprocess.PIPE,
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"deaf\n"
    launcher.terminate()
    assert launcher.wait(10) == 128 + signal.SIGKILL
    launcher.stdout.close()


def test_no_cluster_id_looks_like_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's tool takes it as the argument after ``-t``; one in 64 begins with a dash."""
    ids = iter([uuid.UUID(int=0xF8 << 120), uuid.UUID(int=0xFB << 120), uuid.UUID(int=7)])
    monkeypatch.setattr("kamstream.local.kafka.uuid.uuid4", lambda: next(ids))
    assert new_cluster_id() == "AAAAAAAAAAAAAAAAAAAABw"
