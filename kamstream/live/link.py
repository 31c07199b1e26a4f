"""One connection to Redis that carries whole pipelines, packed in C and answered as a list."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hiredis
import redis
from redis.exceptions import InvalidResponse, RedisError, ResponseError

from kamstream.errors import UserError
from kamstream.live.dumps import Kind
from kamstream.live.errors import RedisAway

#: Bytes read from the socket at a time.
READ = 1 << 16
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Packed:
    """Commands as they go over the wire, and how many they are."""

    data: bytes
    count: int


#: A command: its name and arguments, or some commands packed already.
Command = tuple[str | int | bytes, ...] | Packed


class Link:
    """A lazily opened connection; every failure surfaces as ``RedisAway`` and closes it.

    ``scripts`` maps a name to Lua source; they are loaded with each connection; ``sha[name]`` calls them.
    For one thread at a time. Socket waits release the GIL and end after ``timeout`` seconds.
    """

    def __init__(self, url: str, scripts: Mapping[str, str] | None = None, *, timeout: float = 5.0) -> None:
        # RESP2 keeps replies the same for every server version.
        pool = redis.ConnectionPool.from_url(
            url, protocol=2, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        self._connection: Any = pool.make_connection()
        self._scripts = dict(scripts or {})
        self._open = False
        self._reader: Any = None
        #: Replies to what was told that are still to be read.
        self._unread = 0
        self.sha: dict[str, str] = {}
        #: In which forms this server takes whole hashes, best first; None: not tried since it was connected.
        self.dumps: list[Kind] | None = None

    def ask(self, commands: Iterable[Command]) -> list[Any]:
        """Send the commands in one go and return their replies; an error reply raises ``RedisAway``."""
        with self._opened():
            count = self._send(commands)
            return self._replies(count)

    def tell(self, commands: Iterable[Command]) -> None:
        """Send commands whose replies nobody waits for; what is wrong with them the next call raises."""
        with self._opened():
            self._unread += self._send(commands)

    def settle(self) -> None:
        """Wait until everything told was done."""
        with self._opened():
            self._replies(0)

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._open = False
        self._connection.disconnect()

    def open(self) -> None:
        """Connect now, so that ``sha`` is filled."""
        if not self._open:
            with self._opened():
                pass

    @contextmanager
    def _opened(self) -> Iterator[None]:
        try:
            if not self._open:
                self._connect()
            yield
        except ResponseError as error:
            # Replies after this one are unread: the connection is of no more use.
            self.close()
            raise RedisAway(f"Redis refused: {error}") from error
        except (RedisError, OSError) as error:
            self.close()
            raise RedisAway(f"Redis is away: {error}") from error
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        self._connection.connect()
        # What the connection had to ask is answered: from here on replies are read here, many at a time.
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=ResponseError, encoding="utf-8", notEnoughData=_MISSING
        )
        self._unread, self.dumps = 0, None
        names = list(self._scripts)
        replies = self._replies(self._send([("SCRIPT", "LOAD", self._scripts[name]) for name in names]))
        self.sha = dict(zip(names, replies, strict=True))
        self._open = True

    def _send(self, commands: Iterable[Command]) -> int:
        """Pieces go out while the next ones are still being made, so that Redis works at the same time."""
        count = 0
        for piece, commands_in_it in pack(commands):
            self._connection.send_packed_command([piece], check_health=False)
            count += commands_in_it
        return count

    def _replies(self, count: int) -> list[Any]:
        """The next replies, after those that nobody waited for."""
        behind, self._unread = self._unread, 0
        gets, replies, missing = self._reader.gets, list[Any](), count + behind
        while missing:
            reply = gets()
            if reply is _MISSING:
                data = self._connection._sock.recv(READ)
                if not data:
                    raise ConnectionError("it closed the connection")
                self._reader.feed(data)
                continue
            missing -= 1
            replies.append(reply)
        return answered(replies)[behind:]


def answered(replies: list[Any]) -> list[Any]:
    """Replies without errors among them: the first one is raised."""
    for reply in replies:
        if type(reply) is list:  # EXEC answers errors inside its list
            answered(reply)
        elif isinstance(reply, ResponseError):
            raise reply
    return replies


def exchange(connection: Any, commands: Iterable[Command]) -> list[Any]:
    """Send the commands over an open connection of the redis package, and read their replies.

    The first error reply is raised as ``ResponseError``; the replies after it are then still unread.
    """
    count = 0
    for piece, commands_in_it in pack(commands):
        connection.send_packed_command([piece])
        count += commands_in_it
    return answered([connection.read_response() for _ in range(count)])


def pack(commands: Iterable[Command]) -> Iterator[tuple[bytes, int]]:
    """The wire form of the commands in pieces of about 32 kilobytes, with the number of commands in each."""
    chunk: list[bytes] = []
    size = count = 0
    for command in commands:
        if isinstance(command, Packed):
            packed, count = command.data, count + command.count
        else:
            # The stub knows tuples of one argument only.
            packed, count = hiredis.pack_command(command), count + 1  # type: ignore[arg-type]
        chunk.append(packed)
        size += len(packed)
        if size > 32_768:
            yield b"".join(chunk), count
            chunk, size, count = [], 0, 0
    if chunk:
        yield b"".join(chunk), count


def check_server(url: str) -> None:
    """Refuse a Redis that would lose or reject what the worker writes; ``UserError`` with one line.

    It must be 6.2 or later and must not evict: no reader could tell an evicted table from a removed one.
    """
    client = connect(url)
    try:
        info = {**client.info("server"), **client.info("memory")}
    except RedisError as error:
        raise UserError(f"Redis at {shown(url)} does not tell its settings: {error}") from error
    finally:
        client.close()
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < (6, 2):
        raise UserError(f"Redis at {shown(url)} is {version}, 6.2 or later is needed")
    policy = info.get("maxmemory_policy")
    if policy != "noeviction":
        raise UserError(
            f"Redis at {shown(url)} has maxmemory-policy {policy}: set it to noeviction, "
            "else live tables would vanish silently"
        )


def connect(url: str, *, timeout: float = 5.0) -> "redis.Redis":
    """A client that has answered once; ``UserError`` with one line when Redis does not answer."""
    try:
        client = redis.Redis.from_url(
            url, protocol=2, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout
        )
        client.ping()
    except ValueError as error:
        raise UserError(f"{shown(url)!r} is no Redis address: {error}", exit_code=2) from error
    except (RedisError, OSError) as error:
        raise UserError(f"Redis at {shown(url)} does not answer: {error}") from error
    return client


def shown(url: str) -> str:
    """The URL without user and password.

    >>> shown("redis://joe:secret@db:6379/0")
    'redis://db:6379/0'
    """
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://{tail}" if at and "://" in head else url
