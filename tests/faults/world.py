"""The servers of the harness: a broker that workers reach through a proxy, a Redis likewise."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

import redis

from kamstream.local import Server, start_redis
from kamstream.local.jars import cache_dir, class_path, locked
from kamstream.local.java import find_java
from kamstream.local.kafka import START, configure, prepare
from kamstream.local.server import free_port
from tests.faults.proxy import Proxy

#: The broker's cleaner rests for so long (ms) where there was nothing to compact.
CLEANER_MS = 200


class World:
    """Kafka and Redis for all runs of a session, each with a straight address and one through a proxy."""

    def __init__(self) -> None:
        with ExitStack() as stack:
            self.kafka_proxy = Proxy()
            stack.callback(self.kafka_proxy.close)
            self.kafka = start_broker(self.kafka_proxy)
            stack.callback(self.kafka.close)
            self.redis = start_redis()
            stack.callback(self.redis.close)
            self.redis_proxy = Proxy(int(self.redis.address.rpartition(":")[2].partition("/")[0]))
            stack.callback(self.redis_proxy.close)
            self._stack = stack.pop_all()

    @property
    def kafka_through_proxy(self) -> str:
        """The bootstrap address behind which every answer leads through the proxy again."""
        return f"127.0.0.1:{self.kafka_proxy.port}"

    @property
    def redis_through_proxy(self) -> str:
        """The URL that leads through the proxy."""
        return f"redis://127.0.0.1:{self.redis_proxy.port}/0"

    def redis_client(self) -> "redis.Redis":
        """A client of its own, straight to the server."""
        return redis.Redis.from_url(self.redis.address, protocol=2, decode_responses=True, socket_timeout=5)

    def heal(self) -> None:
        """Make everything work again, whatever was done to it."""
        self.kafka_proxy.heal()
        self.redis_proxy.heal()
        for server in (self.kafka, self.redis):
            if server.pid is None:
                server.start()
            else:
                server.resume()
        self.redis_client().config_set("maxmemory", 0)

    def __enter__(self) -> "World":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def start_broker(proxy: Proxy) -> Server:
    """A broker with a second listener that it advertises at the proxy's port."""
    java, cache = find_java(), cache_dir()
    with locked(cache):
        classes = class_path(cache)
        template = prepare(java, classes, cache)
    folder = Path(tempfile.mkdtemp(prefix="kamstream-kafka-"))
    server = configure(java, classes, folder, template, temporary=True)
    proxy.target = free_port()
    properties = folder / "server.properties"
    changed = []
    for line in properties.read_text().splitlines():
        name, _, value = line.partition("=")
        if name == "listeners":
            value += f",PROXIED://127.0.0.1:{proxy.target}"
        elif name == "advertised.listeners":
            value += f",PROXIED://127.0.0.1:{proxy.port}"
        elif name == "listener.security.protocol.map":
            value += ",PROXIED:PLAINTEXT"
        changed.append(f"{name}={value}\n")
    changed.append("inter.broker.listener.name=PLAINTEXT\n")
    # The cleaner looks round every 15 s by default; a topic that asks for it is compacted at once here.
    changed.append(f"log.cleaner.backoff.ms={CLEANER_MS}\n")
    properties.write_text("".join(changed))
    try:
        server.start(START)
    except BaseException:
        server.discard()
        raise
    return server
