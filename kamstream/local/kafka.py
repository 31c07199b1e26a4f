"""A real Apache Kafka on this machine, without Docker: one KRaft node on free ports of 127.0.0.1."""

import base64
import re
import shutil
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from kamstream.local.jars import KAFKA_VERSION, cache_dir, class_path, locked
from kamstream.local.java import Java, find_java
from kamstream.local.server import GRACE, Server, ServiceError, folder_for, free_port, started

# A laptop's broker: small heap, small buffers, nothing replicated, no wait for more members of a group.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # A killed broker cannot register again before its former session is over; the default is 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.segment.bytes": "67108864",
    # Each partition maps two index files of this size; the default of 10 MB is for larger segments.
    "log.index.size.max.bytes": "1048576",
    # The default of 128 MB would be a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": "16777216",
    "num.network.threads": "2",
    "num.io.threads": "4",
}
HEAP = "-Xmx512m"
# One core more for the broker's clients: the other collectors bring threads of their own.
COLLECTOR = "-XX:+UseSerialGC"
# Seconds within which a broker must answer, and end after its first run: patient, for a machine may be busy.
START = 120.0
TRAINING = 180.0


def start_kafka(data_dir: Path | None = None) -> Server:
    """A running broker; its ``address`` is the bootstrap server. 1 s; the first time on a machine 20 s.

    The first time fetches the jars and trains the cache from which Java starts quickly. ServiceError when
    there is no Java, no network, or the broker does not come up.
    """
    java, cache = find_java(), cache_dir()
    with locked(cache):
        classes = class_path(cache)
        template = prepare(java, classes, cache)
    folder, temporary = folder_for("kafka", data_dir)
    return started(lambda: configure(java, classes, folder, template, temporary=temporary), timeout=START)


def configure(
    java: Java,
    classes: str,
    folder: Path,
    template: Path | None,
    *,
    temporary: bool,
    train: Path | None = None,
) -> Server:
    """A broker that is ready to be started in ``folder``, which is given a node's first files if it has none.

    ``template`` are such files from an earlier format; without it Kafka's own tool makes them. ``train`` is
    the file into which Java writes its cache of loaded classes when this broker stops.
    """
    port, controller = free_port(), free_port()
    address = f"127.0.0.1:{port}"
    settings = {
        **SETTINGS,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://{address},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://{address}",
        "log.dirs": str(folder / "logs"),
    }
    properties = folder / "server.properties"
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    run = [str(java.path), HEAP, COLLECTOR, "-cp", classes]
    if not (folder / "logs" / "meta.properties").exists():
        if template is None:
            format_folder(run, properties)
        else:
            copy_template(template, folder / "logs")
    if train is not None:
        run.insert(1, f"-XX:AOTCacheOutput={train}")
    elif template is not None and filled(aot := aot_file(java, template.parent)):
        # Java checks that the cache fits it and the jars, and does without where it does not.
        run[1:1] = [f"-XX:AOTCache={aot}", "-Xlog:aot=off,aot+resolve=off"]
    command = [*run, "kafka.Kafka", str(properties)]
    return Server(
        "kafka",
        address,
        command,
        folder,
        ready=lambda: answers(address),
        temporary=temporary,
        # Java writes its cache while it ends.
        grace=GRACE if train is None else TRAINING,
    )


def prepare(java: Java, classes: str, cache: Path) -> Path | None:
    """Once per machine: the first files of a node and, where Java can keep one, the cache of loaded classes.

    Saves two thirds of every later start. Returns the folder with the node's files. The caller holds
    ``locked``.
    """
    template = cache / f"kafka-{KAFKA_VERSION}.node"
    aot = aot_file(java, cache)
    if template.exists() and (aot.exists() or not java.has_aot_cache):
        return template
    folder = Path(tempfile.mkdtemp(prefix="kamstream-kafka-first-"))
    try:
        train = folder / "classes.aot" if java.has_aot_cache else None
        server = configure(java, classes, folder, None, temporary=True, train=train)
        fresh = folder / "fresh"
        shutil.copytree(folder / "logs", fresh)
        if train is not None:
            server.start(TRAINING)
            server.stop()
            # An empty file says that this Java does not write one, so that not every start tries again.
            train.touch()
            shutil.move(train, aot)
        shutil.rmtree(template, ignore_errors=True)
        shutil.move(fresh, template)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return template


def aot_file(java: Java, cache: Path) -> Path:
    """Where the cache of loaded classes of this Java lies; it fits this very runtime only."""
    runtime = uuid.uuid5(uuid.NAMESPACE_URL, str(java.path)).hex[:8]
    return cache / f"kafka-{KAFKA_VERSION}-java-{java.release}-{runtime}.aot"


def filled(file: Path) -> bool:
    """Whether there is such a file and something in it."""
    return file.exists() and file.stat().st_size > 0


def format_folder(run: list[str], properties: Path) -> None:
    """Let Kafka's own tool write a node's first files."""
    tool = [*run, "kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c", str(properties)]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise ServiceError(f"Kafka cannot format {properties.parent}: {words[-1] if words else 'no reason given'}")


def copy_template(template: Path, logs: Path) -> None:
    """A node's first files, with a cluster id of its own: no two local brokers are taken for one."""
    shutil.copytree(template, logs)
    meta = logs / "meta.properties"
    meta.write_text(re.sub(r"cluster\.id=.*", f"cluster.id={new_cluster_id()}", meta.read_text()))


def new_cluster_id() -> str:
    """A random UUID in Kafka's notation; none that begins like an option, which Kafka's tool would take it for."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return made


def answers(address: str) -> bool:
    """Whether a broker listens there and its controller has let it take part."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
        admin = KafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5000)
    except (OSError, KafkaError):
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except (OSError, KafkaError):
        return False
    finally:
        admin.close()
