"""A TCP proxy on loopback whose links can be cut, slowed down, or left half open."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

CHUNK = 1 << 16


class Proxy:
    """Forwards connections to a port; runs in a thread of its own. Methods may be called from any thread."""

    def __init__(self, target: int = 0) -> None:
        self.target = target
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._delay = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._do(self._listen())

    # -- what can be done to the links

    def cut(self) -> None:
        """Close every connection and refuse new ones until ``heal``."""
        self._do(self._cut(refusing=True))

    def reset(self) -> None:
        """Close every connection; new ones are taken."""
        self._do(self._cut(refusing=False))

    def slow(self, seconds: float) -> None:
        """Hold every piece of data back for so long."""
        self._do(self._set(delay=seconds))

    def half_open(self) -> None:
        """Let connections stand, and new ones be made, but no byte come through."""
        self._do(self._set(flowing=False))

    def heal(self) -> None:
        """Forward as before; connections that were half open are reset, as a network does that comes back."""
        self._do(self._heal())

    def close(self) -> None:
        """Stop."""
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    # -- inside

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _set(self, *, delay: float = 0.0, flowing: bool = True) -> None:
        self._delay = delay
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _cut(self, *, refusing: bool) -> None:
        self._refusing = refusing
        for writer in list(self._writers):
            writer.transport.abort()

    async def _heal(self) -> None:
        if not self._flowing.is_set():
            await self._cut(refusing=False)
        self._refusing = False
        await self._set()

    async def _close(self) -> None:
        self._server.close()
        await self._cut(refusing=True)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, back}
        self._writers |= ends
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink, ends))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, ends: set[asyncio.StreamWriter]
    ) -> None:
        try:
            while data := await source.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._flowing.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            for writer in ends:
                writer.transport.abort()
            self._writers -= ends
